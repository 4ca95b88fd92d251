/** Memory of the real library: used only as long as it is there, given back only once nobody uses it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RandomXCache } from '../../src/crypto/randomx-ffi.ts'
import { findRandomX } from '../../src/crypto/randomx-library.ts'

const HEADER = new Uint8Array(80)

async function newCache(): Promise<RandomXCache> {
  const cache = await (await findRandomX()).createCache(Buffer.from('any'))
  if (cache === undefined) throw new Error('no memory')
  return cache
}

describe('RandomX memory', () => {
  let cache: RandomXCache
  beforeAll(async () => {
    cache = await newCache()
  })
  afterAll(() => cache.free())

  it('is a machine with one hash at a time, which is not freed meanwhile', async () => {
    const machine = cache.createMachine()
    const hashed = machine?.hash(HEADER)
    await expect(machine?.hash(HEADER)).rejects.toThrow(/one hash at a time/)
    expect(() => machine?.free()).toThrow(/while it is used/)
    expect(await hashed).toHaveLength(32)
    machine?.free()
    machine?.free()
    await expect(machine?.hash(HEADER)).rejects.toThrow(/after it was given back/)
  })

  it('is a cache that stays while a machine or a data set uses it', () => {
    const machine = cache.createMachine()
    const dataset = cache.allocateDataset()
    expect(() => cache.free()).toThrow(/while it is used/)
    machine?.free()
    expect(() => cache.free()).toThrow(/while it is used/)
    dataset?.free()
  })

  it('is a data set that stays while it is filled or a machine uses it', async () => {
    const dataset = cache.allocateDataset()
    if (dataset === undefined) throw new Error('no memory')
    expect(dataset.itemCount).toBe(34_078_719)
    const filled = [dataset.fill(0, 500), dataset.fill(dataset.itemCount - 500, 500)]
    expect(() => dataset.free()).toThrow(/while it is used/)
    await Promise.all(filled)
    await expect(dataset.fill(dataset.itemCount - 500, 501)).rejects.toThrow(RangeError)
    const machine = dataset.createMachine()
    expect(() => dataset.free()).toThrow(/while it is used/)
    machine?.free()
    dataset.free()
    expect(() => dataset.createMachine()).toThrow(/after it was given back/)
  })

  it('is not used for what is no header', async () => {
    const machine = cache.createMachine()
    await expect(machine?.hash(new Uint8Array(81))).rejects.toThrow(RangeError)
    machine?.free()
  })
})

describe('the library', () => {
  it('is another one if it lacks the functions', async () => {
    await expect(findRandomX('libc.so.6')).rejects.toThrow(
      /^the library RandomX can't be loaded from libc\.so\.6: Cannot find function 'randomx_\w+'[^\n]*$/,
    )
  })
})
