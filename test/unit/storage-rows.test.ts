/** Rows that a disk has changed: found when they are read, or before LevelDB may stumble over them. */
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { crc32c, maskedCrc32c } from '../../src/storage/crc32c.ts'
import { isLogSound, isTableSound } from '../../src/storage/database-check.ts'
import { decodeRow, encodeRow } from '../../src/storage/row-check.ts'
import { damagedText, storeErrorText } from '../../src/storage/store-error.ts'
import { ask, commitOf, getText, pairsOf, StoreLab } from '../../testkit/stores.ts'

const lab = new StoreLab()
afterEach(() => lab.close())

/** Reproducible, and nothing that repeats. */
const noise = (seed: number, length: number): string => {
  let text = ''
  for (let x = seed; text.length < length; ) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) & 0x7fff_ffff
    text += String.fromCharCode(33 + ((x >> 16) % 90))
  }
  return text
}

/** A folder whose store was closed with all rows in a table: opening moves them there. */
async function tableDir(): Promise<string> {
  const dir = lab.newDir()
  const store = await lab.open(dir)
  const rows = Array.from({ length: 600 }, (_, i) => [`key ${1_000 + i}`, noise(i, 100)] as const)
  await ask(store, commitOf(Object.fromEntries(rows), true))
  await store.close()
  await (await lab.open(dir)).close()
  return dir
}

const filesOf = (dir: string, suffix: string): string[] =>
  readdirSync(join(dir, 'chainstate'))
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(dir, 'chainstate', name))

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  // A slice of a Buffer would be the same memory.
  const copy = Uint8Array.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0x10
  return copy
}

describe('a row', () => {
  it('has the layout that docs/STORAGE.md describes', () => {
    const { key, value } = encodeRow('k\xff', Uint8Array.of(1, 2, 3))
    expect([...key]).toEqual([0x6b, 0xff])
    const check = Buffer.alloc(4)
    check.writeUInt32LE(crc32(Uint8Array.of(0x6b, 0xff, 1, 2, 3)))
    expect([...value]).toEqual([1, 2, 3, ...check])
  })

  it('is the one that was written, or none', () => {
    const { key, value } = encodeRow('key', Uint8Array.of(1, 2, 3))
    expect(decodeRow(key, value)).toEqual(Uint8Array.of(1, 2, 3))
    for (let at = 0; at < value.length; at++) expect(decodeRow(key, flipped(value, at))).toBeUndefined()
    for (let at = 0; at < key.length; at++) expect(decodeRow(flipped(key, at), value)).toBeUndefined()
    for (let n = 0; n < value.length; n++) expect(decodeRow(key, value.subarray(0, n))).toBeUndefined()
  })
})

describe('CRC-32C', () => {
  it('is the one of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e)
    expect(crc32c(new TextEncoder().encode('xx123456789xx'), 2, 11)).toBe(0xe306_9283)
  })

  it('is masked as LevelDB does', () => {
    expect(maskedCrc32c(new Uint8Array(32), 0, 32)).toBe(
      (((0x8a91_36aa >>> 15) | (0x8a91_36aa << 17)) + 0xa282_ead8) >>> 0,
    )
  })
})

describe('a table', () => {
  it('is sound as LevelDB wrote it, and not with any byte changed', async () => {
    const [path = ''] = filesOf(await tableDir(), '.ldb')
    const table = readFileSync(path)
    expect(isTableSound(table)).toBe(true)
    // The last bytes are places and a magic, with padding between that nobody reads.
    for (let at = 0; at < table.length - 48; at += 61) expect(isTableSound(flipped(table, at))).toBe(false)
    for (let at = table.length - 8; at < table.length; at++)
      expect(isTableSound(flipped(table, at))).toBe(false)
    for (let length = 0; length < table.length; length += 997)
      expect(isTableSound(table.subarray(0, length))).toBe(false)
  })

  it('that is damaged keeps a store from opening, before LevelDB reads it', async () => {
    const dir = await tableDir()
    const [path = ''] = filesOf(dir, '.ldb')
    const table = readFileSync(path)
    writeFileSync(path, Buffer.from(table).fill(0, 8_192, 12_288))
    const name = path.slice(path.lastIndexOf('/') + 1)
    const text = `can't use ${dir}: ${damagedText(`${name} is damaged`)}`
    await expect(lab.open(dir)).rejects.toThrow(text)
    await expect(lab.open(dir)).rejects.toThrow(text)
    expect(await pairsOf(await lab.open(dir, { reindex: true }))).toEqual([])
  })

  it('that a kill left unfinished, or that is not needed any more, keeps no store from opening', async () => {
    const dir = await tableDir()
    const [path = ''] = filesOf(dir, '.ldb')
    const table = readFileSync(path)
    // As LevelDB numbers its files: the next one is begun, an old one was not deleted yet.
    const paths = ['000099', '000001'].map((name) => join(dir, 'chainstate', `${name}.ldb`))
    for (const each of paths) writeFileSync(each, table.subarray(0, table.length / 2))
    const store = await lab.open(dir)
    expect(await getText(store, 'key 1301')).toEqual([noise(301, 100)])
    expect(filesOf(dir, '.ldb')).not.toContain(paths[0])
  })

  /** Starts the store until nothing is merged any more: what a start merges is taken away by the next. */
  async function settledTables(dir: string): Promise<string[]> {
    let before: string[] = []
    for (;;) {
      await (await lab.open(dir)).close()
      const paths = filesOf(dir, '.ldb')
      if (paths.join() === before.join()) return paths
      before = paths
    }
  }

  it('is on the list of those that count as long as it does', async () => {
    const dir = lab.newDir()
    // Each start moves what was committed before to a table; many of them are merged, and move to other levels.
    for (let round = 0; round < 12; round++) {
      const store = await lab.open(dir)
      const rows = Array.from({ length: 200 }, (_, i) => [`key ${i * 12 + round}`, noise(i, 100)] as const)
      await ask(store, commitOf(Object.fromEntries(rows), true))
      await store.close()
    }
    const paths = await settledTables(dir)
    // Every table that is left counts: one with a bit changed is found, whichever it is.
    expect(paths.length).toBeLessThan(12)
    for (const path of paths) {
      const table = readFileSync(path)
      writeFileSync(path, flipped(table, 100))
      await expect(lab.open(dir)).rejects.toThrow(`${path.slice(path.lastIndexOf('/') + 1)} is damaged`)
      writeFileSync(path, table)
    }
    expect(await pairsOf(await lab.open(dir))).toHaveLength(2_400)
  })

  it('in which a value changes answers with an error, never with the value', async () => {
    const dir = await tableDir()
    const [path = ''] = filesOf(dir, '.ldb')
    const at = readFileSync(path).indexOf(noise(300, 100).slice(0, 50))
    expect(at).toBeGreaterThan(0)
    const store = await lab.open(dir)
    const file = openSync(path, 'r+')
    writeSync(file, 'another', at + 20)
    closeSync(file)
    const error = damagedText('a row is not what was written')
    expect(await store.perform({ kind: 'get', keys: ['key 1300'] })).toEqual({ ok: false, error })
    expect(await getText(store, 'key 1301')).toEqual([noise(301, 100)])
    await expect(pairsOf(store)).rejects.toThrow(error)
  })
})

describe('a log', () => {
  async function log(): Promise<Uint8Array> {
    const dir = lab.newDir()
    const store = await lab.open(dir)
    for (let i = 0; i < 100; i++) await ask(store, commitOf({ [`key ${i}`]: noise(i, 1_200) }))
    await ask(store, commitOf({ large: noise(1, 90_000) }))
    await store.close()
    const [path = ''] = filesOf(dir, '.log')
    return readFileSync(path)
  }

  it('is sound as LevelDB wrote it, and wherever it is torn', async () => {
    const bytes = await log()
    expect(bytes.length).toBeGreaterThan(200_000)
    expect(isLogSound(bytes)).toBe(true)
    expect(isLogSound(new Uint8Array(0))).toBe(true)
    for (let length = 1; length < bytes.length; length += 997)
      expect(isLogSound(bytes.subarray(0, length))).toBe(true)
    for (let length = 1; length < bytes.length; length += 9_973) {
      expect(isLogSound(Buffer.from(bytes).fill(0, length)), `zeros from ${length}`).toBe(true)
    }
  })

  it('is sound with a part missing of its last commit, which nobody was told had worked', async () => {
    const bytes = await log()
    const hole = Buffer.from(bytes).fill(0, bytes.length - 60_000, bytes.length - 50_000)
    expect(isLogSound(hole)).toBe(true)
  })

  it('is not sound where later commits follow the damage', async () => {
    const bytes = await log()
    for (let at = 10; at < 80_000; at += 1_001) expect(isLogSound(flipped(bytes, at)), `at ${at}`).toBe(false)
    expect(isLogSound(Buffer.from(bytes).fill(0, 32_768, 65_536))).toBe(false)
  })
})

describe('an error of a store', () => {
  it.each([
    ['LEVEL_IO_ERROR', 'IO error: /x/000005.log: No space left on device', 'no space left on the disk'],
    ['LEVEL_IO_ERROR', 'IO error: /x/000005.log: File too large', 'the file would be larger than allowed'],
    ['LEVEL_IO_ERROR', 'IO error: /x/LOCK: Permission denied', 'permission denied'],
    ['LEVEL_IO_ERROR', 'IO error: /x: Odd thing', 'IO error: /x: Odd thing'],
    ['LEVEL_CORRUPTION', 'Corruption: bad block', damagedText('bad block')],
    [
      'LEVEL_IO_ERROR',
      'IO error: /x/000005.ldb: No such file or directory',
      damagedText('/x/000005.ldb: No such file or directory'),
    ],
    ['ENOSPC', 'ENOSPC: no space left on device, write', 'no space left on the disk'],
  ])('is told in words: %s %s', (code, message, text) => {
    expect(storeErrorText(Object.assign(new Error(message), { code }))).toBe(text)
  })
})
