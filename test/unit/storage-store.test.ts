/** What every store answers, on a disk or in memory. */
import { afterEach, describe, expect, it } from 'vitest'
import type { BlockPosition } from '../../src/chain/io.ts'
import type { ChainStore } from '../../src/storage/chain-store.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import {
  appendOf,
  ask,
  briefly,
  commitOf,
  foundIn,
  getText,
  pairsOf,
  placeAfter,
  readBlocks,
  StoreLab,
  sampleBlock,
} from '../../testkit/stores.ts'

const lab = new StoreLab()
afterEach(() => lab.close())

const kinds: readonly [string, () => Promise<ChainStore>][] = [
  ['on a disk', () => lab.open(lab.newDir())],
  ['in memory', async () => memoryChainStore()],
]

describe.each(kinds)('a store %s', (_, open) => {
  it('gets what was committed, in the order of the keys asked for', async () => {
    const store = await open()
    await ask(store, commitOf({ a: '1', b: '2', c: '3' }))
    await ask(store, commitOf({ b: undefined, c: 'three' }))
    expect(await getText(store, 'c', 'b', 'a', 'x')).toEqual(['three', undefined, '1', undefined])
    expect(await getText(store)).toEqual([])
  })

  it('keeps values of all lengths under keys of all bytes', async () => {
    const store = await open()
    const every = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')
    const value = Uint8Array.from({ length: 20_000 }, (_, i) => i % 251)
    const changes = [
      { key: every, value },
      { key: 'empty', value: new Uint8Array(0) },
    ]
    await ask(store, { kind: 'commit', changes, sync: true })
    const values = await ask<(Uint8Array | undefined)[]>(store, { kind: 'get', keys: [every, 'empty'] })
    expect(values).toEqual([value, new Uint8Array(0)])
    expect(Buffer.isBuffer(values[0])).toBe(false)
  })

  it('does with later changes to what it was given nothing', async () => {
    const store = await open()
    const value = Uint8Array.of(1, 2, 3)
    await ask(store, { kind: 'commit', changes: [{ key: 'k', value }], sync: false })
    value.fill(9)
    const read = () => ask<(Uint8Array | undefined)[]>(store, { kind: 'get', keys: ['k'] })
    const [first] = await read()
    expect(first).toEqual(Uint8Array.of(1, 2, 3))
    first?.fill(7)
    expect(await read()).toEqual([Uint8Array.of(1, 2, 3)])
  })

  it('lists what begins with a prefix, by ascending bytes', async () => {
    const store = await open()
    await ask(
      store,
      commitOf({ 'h\xff': '3', h: '0', 'h\xff\xff': '4', 'h\x00': '1', 'h\x80': '2', i: '-', g: '-' }),
    )
    expect((await pairsOf(store, 'h')).map(([key]) => key)).toEqual([
      'h',
      'h\x00',
      'h\x80',
      'h\xff',
      'h\xff\xff',
    ])
    expect((await pairsOf(store, 'h\xff')).map(([key]) => key)).toEqual(['h\xff', 'h\xff\xff'])
    expect(await pairsOf(store)).toHaveLength(7)
    expect(await pairsOf(store, 'x')).toEqual([])
  })

  it('lists the rows as they were when the listing began', async () => {
    const store = await open()
    const many = Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`k${10_000 + i}`, `${i}`]))
    await ask(store, commitOf(many))
    let seen = 0
    for await (const batch of store.scan('k')) {
      expect(batch.length).toBeLessThanOrEqual(1_000)
      seen += batch.length
      await ask(store, commitOf({ k12400: undefined, k99999: 'new' }))
    }
    expect(seen).toBe(2_500)
    expect((await pairsOf(store, 'k99999')).length).toBe(1)
  })

  it('reads blocks by position, and nothing where there is none', async () => {
    const store = await open()
    const samples = [sampleBlock(1, 300), sampleBlock(2, 0), sampleBlock(3, 90_000)]
    let last: BlockPosition | undefined
    const positions: BlockPosition[] = []
    for (const sample of samples) {
      last = placeAfter(last, sample.block.payload.length)
      positions.push(last)
      await ask(store, appendOf(last, sample))
    }
    const nowhere = [
      { file: 0, offset: 1, length: 300 },
      { file: 0, offset: 0, length: 299 },
      { file: 0, offset: 1_000_000, length: 300 },
      { file: 7, offset: 0, length: 300 },
      { file: 0, offset: 0, length: 0xffff_ffff },
    ]
    const blocks = await readBlocks(store, [...positions, ...nowhere].reverse())
    const wanted = [...samples.map(({ block }) => block), ...nowhere.map(() => undefined)]
    expect(blocks.reverse().map(briefly)).toEqual(wanted.map(briefly))
    expect(Buffer.isBuffer(blocks[0]?.payload)).toBe(false)
  })

  it('sees all that was asked for before, answered or not', async () => {
    const store = await open()
    const sample = sampleBlock(1)
    const position = placeAfter(undefined, 300)
    const results = [
      store.perform(appendOf(position, sample)),
      store.perform({ kind: 'read', positions: [position], verify: true }),
      store.perform(commitOf({ a: '1' }, true)),
      store.perform({ kind: 'get', keys: ['a'] }),
      store.perform(commitOf({ a: '2' })),
      store.perform({ kind: 'get', keys: ['a'] }),
      store.perform({ kind: 'deleteFiles', files: [0] }),
      store.perform({ kind: 'read', positions: [position], verify: true }),
    ]
    const values = (await Promise.all(results)).map((result) => result.ok && result.value)
    expect(values[1]).toEqual([sample.block])
    expect(values[3]).toEqual([Uint8Array.of(0x31)])
    expect(values[5]).toEqual([Uint8Array.of(0x32)])
    expect(values[7]).toEqual([undefined])
  })

  it('writes over what a crash left behind the last block', async () => {
    const store = await open()
    const [first, lost, second] = [sampleBlock(1, 500), sampleBlock(2, 400), sampleBlock(3, 100)]
    const one = placeAfter(undefined, 500)
    const two = placeAfter(one, 400)
    await ask(store, appendOf(one, first))
    await ask(store, appendOf(two, lost))
    await ask(store, appendOf({ ...two, length: 100 }, second))
    expect(await readBlocks(store, [one, two, { ...two, length: 100 }])).toEqual([
      first.block,
      undefined,
      second.block,
    ])
    expect((await foundIn(store)).map(({ hash }) => hash)).toEqual([first.hash, second.hash])
  })

  it('deletes files, and says how large it is', async () => {
    const store = await open()
    const positions = [0, 1, 2].map((file) => placeAfter(undefined, 1_000, file))
    for (const [i, position] of positions.entries())
      await ask(store, appendOf(position, sampleBlock(i, 1_000)))
    expect((await store.size()).blockBytes).toBe(3 * 1_048)
    await ask(store, { kind: 'deleteFiles', files: [1, 5] })
    const read = await readBlocks(store, positions)
    expect(read.map((block) => block !== undefined)).toEqual([true, false, true])
    await ask(store, commitOf({ a: '1' }))
    const size = await store.size()
    expect(size.blockBytes).toBe(2 * 1_048)
    expect(size.storeBytes).toBeGreaterThan(1)
  })

  it('finds all blocks in the files, with their positions', async () => {
    const store = await open()
    const expected: unknown[] = []
    for (const file of [0, 3]) {
      let last: BlockPosition | undefined
      for (const [i, length] of [200, 1_500_000, 0, 3_000].entries()) {
        const sample = sampleBlock(10 * file + i, length)
        last = placeAfter(last, length, file)
        await ask(store, appendOf(last, sample))
        expected.push([last, sample.hash, briefly(sample.block)])
      }
    }
    const found = (await foundIn(store)).map(({ position, hash, block }) => [position, hash, briefly(block)])
    expect(found).toEqual(expected)
  })

  it('refuses a block that does not fit its place', async () => {
    const store = await open()
    const result = await store.perform(appendOf(placeAfter(undefined, 299), sampleBlock(1, 300)))
    expect(result).toEqual({ ok: false, error: 'a block of 300 bytes does not fit its place of 299' })
  })

  it('does what it was asked before it closes, and nothing after', async () => {
    const store = await open()
    const asked = [store.perform(commitOf({ a: '1' })), store.perform({ kind: 'get', keys: ['a'] })]
    await Promise.all([store.close(), store.close()])
    expect((await Promise.all(asked)).map(({ ok }) => ok)).toEqual([true, true])
    expect(await store.perform({ kind: 'get', keys: ['a'] })).toEqual({
      ok: false,
      error: 'the store of the chain is closed',
    })
  })
})
