/** Files of blocks: records, what is read at once, damage, and what a disk that fails does to them. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BLOCK_RECORD_OVERHEAD, type BlockPosition } from '../../src/chain/io.ts'
import { MAX_OPEN_BLOCK_FILES } from '../../src/params/limits.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { decodeRecordHeader, encodeRecordHeader } from '../../src/storage/block-record.ts'
import type { ChainStore } from '../../src/storage/chain-store.ts'
import { planReads } from '../../src/storage/read-plan.ts'
import { FlakyFiles } from '../../testkit/flaky-files.ts'
import {
  appendOf,
  ask,
  briefly,
  commitOf,
  foundIn,
  getText,
  placeAfter,
  readBlocks,
  StoreLab,
  sampleBlock,
} from '../../testkit/stores.ts'

const MARK = { magic: 0x0403_0201, secret: Uint8Array.from({ length: 16 }, (_, i) => 7 * i) }
const lab = new StoreLab()
afterEach(() => lab.close())

/** Blocks of these lengths, one behind the other in file 0. */
async function fill(store: ChainStore, lengths: readonly number[], file = 0): Promise<BlockPosition[]> {
  const positions: BlockPosition[] = []
  for (const [i, length] of lengths.entries()) {
    const position = placeAfter(positions.at(-1), length, file)
    positions.push(position)
    await ask(store, appendOf(position, sampleBlock(i, length)))
  }
  return positions
}

const fileOf = (dir: string, file = 0): string => join(dir, `blocks/blk0000${file}.dat`)

const change = (path: string, work: (bytes: Buffer) => Uint8Array): void =>
  writeFileSync(path, work(readFileSync(path)))

const flip = (path: string, at: number): void =>
  change(path, (bytes) => bytes.fill((bytes[at] ?? 0) ^ 4, at, at + 1))

describe('a record', () => {
  it('has the layout that docs/STORAGE.md describes', () => {
    const { hash, block } = sampleBlock(1, 5)
    const header = encodeRecordHeader(MARK, hash, block)
    expect(header.length).toBe(BLOCK_RECORD_OVERHEAD)
    const view = new DataView(header.buffer)
    expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)]).toEqual([
      0x0403_0201,
      5,
      block.checksum,
    ])
    expect(toHex(header.subarray(16))).toBe(toHex(hash))
    const check = sha3_256(Uint8Array.from([...MARK.secret, ...header.subarray(0, 12), ...hash]))
    expect(toHex(header.subarray(12, 16))).toBe(toHex(check.subarray(0, 4)))
    expect(decodeRecordHeader(MARK, header)).toEqual({ length: 5, checksum: block.checksum, hash })
  })

  it('is not taken for one with any bit changed, of another network or store, or cut', () => {
    const { hash, block } = sampleBlock(1, 5)
    const header = encodeRecordHeader(MARK, hash, block)
    for (let bit = 0; bit < 8 * header.length; bit++) {
      const other = header.slice()
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeRecordHeader(MARK, other)).toBeUndefined()
    }
    expect(decodeRecordHeader({ ...MARK, magic: 1 }, header)).toBeUndefined()
    expect(decodeRecordHeader({ ...MARK, secret: new Uint8Array(16) }, header)).toBeUndefined()
    expect(decodeRecordHeader(MARK, header.subarray(0, 47))).toBeUndefined()
  })

  it('does not claim more than a block can have', () => {
    const payload = { length: 33_554_433 } as Uint8Array
    const header = encodeRecordHeader(MARK, sampleBlock(1).hash, { payload, checksum: 0 })
    expect(decodeRecordHeader(MARK, header)).toBeUndefined()
  })
})

describe('planReads', () => {
  const at = (file: number, offset: number, length: number): BlockPosition => ({ file, offset, length })

  it('reads neighbours at once, in whatever order they are asked for', () => {
    const spans = planReads([at(0, 600, 100), at(1, 0, 50), at(0, 0, 100), at(0, 148, 100), at(0, 0, 100)])
    expect(spans).toEqual([
      { file: 0, start: 0, end: 748, members: [2, 4, 3, 0] },
      { file: 1, start: 0, end: 98, members: [1] },
    ])
  })

  it('reads apart what lies far apart, or is too much together', () => {
    const far = planReads([at(0, 0, 100), at(0, 148 + 16_384, 100), at(0, 60_000, 100)])
    expect(far.map(({ members }) => members)).toEqual([[0, 1], [2]])
    const much = planReads([at(0, 0, 700_000), at(0, 700_048, 300_000), at(0, 1_000_096, 300_000)])
    expect(much.map(({ members }) => members)).toEqual([[0, 1], [2]])
    expect(planReads([at(0, 0, 4_000_000), at(0, 4_000_048, 10)]).length).toBe(2)
  })

  it('leaves out what can not be a block', () => {
    expect(planReads([at(0, 0, 33_554_433)])).toEqual([])
    expect(planReads([])).toEqual([])
  })
})

describe('damage', () => {
  it.each([
    ['in the magic', 0],
    ['in the length', 4],
    ['in the checksum', 9],
    ['in the check', 12],
    ['in the hash', 40],
  ])('%s of a record loses that block alone', async (_, at) => {
    const dir = lab.newDir()
    const store = await lab.open(dir)
    const positions = await fill(store, [300, 300, 300])
    flip(fileOf(dir), 348 + at)
    for (const verify of [true, false]) {
      const blocks = await readBlocks(store, positions, verify)
      expect(blocks.map((block) => block !== undefined)).toEqual([true, false, true])
    }
    expect((await foundIn(store)).map(({ position }) => position.offset)).toEqual([0, 696])
  })

  it('in a payload shows where it is verified, and when the files are searched', async () => {
    const dir = lab.newDir()
    const store = await lab.open(dir)
    const positions = await fill(store, [300, 300, 300])
    flip(fileOf(dir), 500)
    const present = async (verify: boolean): Promise<boolean[]> =>
      (await readBlocks(store, positions, verify)).map((block) => block !== undefined)
    expect(await present(true)).toEqual([true, false, true])
    expect(await present(false)).toEqual([true, true, true])
    expect((await foundIn(store)).map(({ position }) => position.offset)).toEqual([0, 696])
  })

  it('at the end of a file, by whatever cut, loses the last block alone', async () => {
    const dir = lab.newDir()
    const store = await lab.open(dir)
    const positions = await fill(store, [300, 300])
    for (const length of [695, 396, 395, 349]) {
      truncateSync(fileOf(dir), length)
      expect((await readBlocks(store, positions)).map((block) => block !== undefined)).toEqual([true, false])
      expect((await foundIn(store)).length).toBe(1)
    }
    truncateSync(fileOf(dir), 0)
    expect(await readBlocks(store, positions)).toEqual([undefined, undefined])
    expect(await foundIn(store)).toEqual([])
  })

  it('does not keep later blocks from being found, also across pieces and between magics', async () => {
    const dir = lab.newDir()
    const store = await lab.open(dir)
    const positions = await fill(store, [1_500_000, 600_000, 900_000])
    const magic = readFileSync(fileOf(dir)).subarray(0, 4)
    // The first is gone, and full of what looks like the beginning of a record.
    change(fileOf(dir), (bytes) => {
      bytes.fill(magic, 0, 1_500_048)
      bytes.write('junk', 0)
      return bytes
    })
    expect((await foundIn(store)).map(({ position }) => position)).toEqual(positions.slice(1))
    // Something was put in between.
    change(fileOf(dir), (bytes) =>
      Buffer.concat([
        bytes.subarray(0, 1_500_048),
        Buffer.from('\x01\x02'),
        magic,
        bytes.subarray(1_500_048),
      ]),
    )
    const found = await foundIn(store)
    expect(found.map(({ position }) => position.offset)).toEqual([1_500_054, 2_100_102])
    expect(briefly(found[1]?.block)).toBe(briefly(sampleBlock(2, 900_000).block))
  })
})

describe('a disk that fails', () => {
  async function flaky(): Promise<{ store: ChainStore; files: FlakyFiles; dir: string }> {
    const files = new FlakyFiles()
    const dir = lab.newDir()
    return { store: await lab.open(dir, { openFile: files.openFile }), files, dir }
  }

  it('does less than asked: the rest follows', async () => {
    const { store, files } = await flaky()
    for (const mostBytes of [1, 47, 48, 49, 200]) {
      files.mostBytes = mostBytes
      const [position] = await fill(store, [150])
      expect(await readBlocks(store, position === undefined ? [] : [position])).toEqual([
        sampleBlock(0, 150).block,
      ])
    }
  })

  it('is full: the write fails and every one after it, reading goes on, a new start works', async () => {
    const { store, files, dir } = await flaky()
    const [first] = await fill(store, [300])
    await ask(store, commitOf({ a: '1' }, true))
    files.mostBytes = 100
    files.fault = (call, _, position) => (call === 'write' && position > 500 ? 'ENOSPC' : undefined)
    const next = { file: 0, offset: 348, length: 300 }
    const failure = { ok: false, error: 'no space left on the disk' }
    // Asked for at once, as if the block were certain to be written.
    const asked = [
      store.perform(appendOf(next, sampleBlock(7))),
      store.perform(commitOf({ a: '2' }, true)),
      store.perform({ kind: 'deleteFiles', files: [0] }),
    ]
    expect(await Promise.all(asked)).toEqual([failure, failure, failure])
    files.fault = () => undefined
    expect(await store.perform(commitOf({ a: '3' }))).toEqual(failure)
    expect(await getText(store, 'a')).toEqual(['1'])
    expect((await readBlocks(store, [first ?? next, next])).map(briefly)).toEqual([
      briefly(sampleBlock(0, 300).block),
      undefined,
    ])
    await store.close()
    const again = await lab.open(dir)
    expect(await getText(again, 'a')).toEqual(['1'])
    await ask(again, appendOf(next, sampleBlock(7)))
    await ask(again, commitOf({ a: '4' }, true))
    expect(await readBlocks(again, [next])).toEqual([sampleBlock(7).block])
  })

  it('can not sync a block: no row that must last is written', async () => {
    const { store, files, dir } = await flaky()
    await ask(store, commitOf({ a: '1' }, true))
    await fill(store, [300])
    files.fault = (call) => (call === 'datasync' ? 'EIO' : undefined)
    const failure = { ok: false, error: 'the disk can neither read nor write there' }
    expect(await store.perform(commitOf({ a: '2' }, true))).toEqual(failure)
    files.fault = () => undefined
    // What a failed sync has lost is not known, so it is not tried again.
    expect(await store.perform(commitOf({ a: '3' }, true))).toEqual(failure)
    await store.close()
    expect(await getText(await lab.open(dir), 'a')).toEqual(['1'])
  })

  it('has a bad spot: the blocks beside it are read', async () => {
    const { store, files } = await flaky()
    const positions = await fill(store, [300, 300, 300, 9_000, 300])
    const read = async (): Promise<boolean[]> =>
      (await readBlocks(store, positions)).map((block) => block !== undefined)
    files.fault = (call, _, position) => (call === 'read' && position <= 348 ? 'EIO' : undefined)
    expect(await read()).toEqual([false, false, true, true, true])
    files.fault = (call, _, position) => (call === 'read' && position < 4_096 ? 'EIO' : undefined)
    expect((await foundIn(store)).map(({ position }) => position)).toEqual(positions.slice(4))
    files.fault = () => undefined
    expect((await foundIn(store)).length).toBe(5)
  })

  it('is out of descriptors: that is an error, no missing block', async () => {
    const { store, files } = await flaky()
    const positions = await fill(store, [300])
    files.fault = (call) => (call === 'open' ? 'EMFILE' : undefined)
    expect(await store.perform({ kind: 'read', positions, verify: false })).toEqual({
      ok: false,
      error: 'too many open files',
    })
    files.fault = () => undefined
    expect((await readBlocks(store, positions)).map(briefly)).toEqual([briefly(sampleBlock(0, 300).block)])
  })
})

describe('open files', () => {
  it('are few, whatever is read, and none when the store is closed', async () => {
    const files = new FlakyFiles()
    const store = await lab.open(lab.newDir(), { openFile: files.openFile })
    const positions = Array.from({ length: 40 }, (_, file) => placeAfter(undefined, 50, file))
    for (const position of positions) await ask(store, appendOf(position, sampleBlock(position.file, 50)))
    for (let round = 0; round < 2; round++)
      expect((await readBlocks(store, positions)).map(briefly)).toEqual(
        positions.map(({ file }) => briefly(sampleBlock(file, 50).block)),
      )
    expect(files.mostOpen).toBeLessThanOrEqual(MAX_OPEN_BLOCK_FILES + 2)
    expect(files.openCount).toBeGreaterThan(MAX_OPEN_BLOCK_FILES / 2)
    await store.close()
    expect(files.openCount).toBe(0)
  })

  it('are read from where they are, and opened again after they were deleted', async () => {
    const files = new FlakyFiles()
    const store = await lab.open(lab.newDir(), { openFile: files.openFile })
    const [position = placeAfter(undefined, 0)] = await fill(store, [300])
    const many = Array.from({ length: 20 }, () => readBlocks(store, [position]))
    const deleted = ask(store, { kind: 'deleteFiles', files: [0] })
    expect((await Promise.all(many)).flat().every((block) => block !== undefined)).toBe(true)
    await deleted
    expect(await readBlocks(store, [position])).toEqual([undefined])
    expect(files.openCount).toBe(0)
    await ask(store, appendOf(position, sampleBlock(9)))
    expect(await readBlocks(store, [position])).toEqual([sampleBlock(9).block])
  })

  it('are synced before rows that must last, when the next one begins, and after a crash', async () => {
    const files = new FlakyFiles()
    const dir = lab.newDir()
    const store = await lab.open(dir, { openFile: files.openFile })
    const syncs = (): string[] =>
      files.calls
        .splice(0)
        .filter((call) => call.startsWith('datasync'))
        .map((call) => call.replace(/\d{6}\.log/, 'log'))
    await fill(store, [300, 300])
    await ask(store, commitOf({ a: '1' }))
    expect(syncs()).toEqual([])
    await ask(store, commitOf({ a: '2' }, true))
    // LevelDB syncs the log that it writes to; the commit before may be in another one.
    expect(syncs()).toEqual(['datasync blk00000.dat', 'datasync log'])
    await ask(store, commitOf({ a: '3' }, true))
    expect(syncs()).toEqual([])
    await ask(store, appendOf({ file: 0, offset: 696, length: 300 }, sampleBlock(3)))
    await ask(store, appendOf({ file: 1, offset: 0, length: 300 }, sampleBlock(4)))
    expect(syncs()).toEqual(['datasync blk00000.dat'])
    await store.close()
    expect(syncs()).toEqual([])
    const again = await lab.open(dir, { openFile: files.openFile })
    expect(syncs()).toEqual(['datasync blk00001.dat'])
    // Rows that nobody asked to make last do so after some megabytes, and their blocks before them.
    await ask(again, appendOf({ file: 1, offset: 348, length: 300 }, sampleBlock(5)))
    for (let i = 0; i < 3; i++) await ask(again, commitOf({ [`big${i}`]: 'x'.repeat(1_500_000) }))
    expect(syncs()).toEqual(['datasync blk00001.dat', 'datasync log'])
  })
})
