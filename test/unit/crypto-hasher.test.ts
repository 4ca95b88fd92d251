/** Who gets which hash when, with a stand-in for RandomX whose hashes take as long as the test wants. */
import { afterEach, describe, expect, it } from 'vitest'
import { HashCache } from '../../src/crypto/hash-cache.ts'
import type { CacheMaker } from '../../src/crypto/randomx-engine.ts'
import { RandomXHasher, type RandomXHasherOptions } from '../../src/crypto/randomx-hasher.ts'
import { POW_CACHED_HASHES, POW_DATASET_PIECE_ITEMS } from '../../src/params/limits.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { FakeRandomX, headerOf } from '../../testkit/randomx.ts'

const KNOWN = { header: headerOf('known'), hash: sha3_256(headerOf('known')) }
const hashers: RandomXHasher[] = []
afterEach(async () => {
  for (const hasher of hashers.splice(0)) await hasher.close()
})

function hasherOn(fake: FakeRandomX, options: Partial<RandomXHasherOptions> = {}): RandomXHasher {
  const hasher = new RandomXHasher({
    key: new Uint8Array(1),
    known: undefined,
    find: async () => fake,
    threads: 1,
    fullDataset: false,
    availableBytes: () => 1e12,
    notice: () => undefined,
    ...options,
  })
  hashers.push(hasher)
  return hasher
}

/** Everything goes on until it waits for the stand-in. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** One hash after the other ends, until none runs. */
async function endAll(fake: FakeRandomX): Promise<void> {
  for (await settled(); fake.running > 0; await settled()) fake.endOne()
}

const headers = (text: string): Uint8Array[] => text.split(' ').map(headerOf)
const hashes = (text: string): Uint8Array[] => headers(text).map(sha3_256)

async function slowHasher(options: Partial<RandomXHasherOptions> = {}) {
  const fake = new FakeRandomX()
  const hasher = hasherOn(fake, options)
  await hasher.ready()
  fake.isSlow = true
  return { fake, hasher }
}

describe('the order of hashes', () => {
  it('is that of the headers, however many run at once', async () => {
    const { fake, hasher } = await slowHasher({ threads: 3 })
    const hashed = hasher.hash(headers('a b c d e'), false)
    await settled()
    expect(fake.running).toBe(3)
    await endAll(fake)
    expect(await hashed).toEqual(hashes('a b c d e'))
  })

  it('puts urgent ones first, and lets the others go on beside them', async () => {
    const { fake, hasher } = await slowHasher()
    const all = [hasher.hash(headers('a b c'), false)]
    await settled()
    all.push(hasher.hash(headers('u v w x y z'), true))
    await endAll(fake)
    expect(fake.begun.join(' ')).toBe('a u v w b x y z c')
    await Promise.all(all)
  })

  it('lets those who ask for many take turns', async () => {
    const { fake, hasher } = await slowHasher()
    const all = ['a1 a2 a3', 'b1 b2 b3'].map((text) => hasher.hash(headers(text), false))
    await endAll(fake)
    expect(fake.begun.join(' ')).toBe('a1 a2 b1 a3 b2 b3')
    await Promise.all(all)
  })

  it('makes urgent what was not', async () => {
    const { fake, hasher } = await slowHasher()
    const all = [hasher.hash(headers('a b c d'), false)]
    await settled()
    all.push(hasher.hash(headers('d'), true))
    await endAll(fake)
    expect(fake.begun.join(' ')).toBe('a d b c')
    expect(await Promise.all(all)).toEqual([hashes('a b c d'), hashes('d')])
  })
})

describe('equal headers', () => {
  it('are hashed once, and everybody gets an array of his own', async () => {
    const { fake, hasher } = await slowHasher()
    const all = [hasher.hash(headers('a b a'), false), hasher.hash(headers('b a'), true)]
    await endAll(fake)
    const [first = [], second = []] = await Promise.all(all)
    expect(fake.begun.join(' ')).toBe('a b')
    first[0]?.fill(0)
    expect(first[2]).toEqual(sha3_256(headerOf('a')))
    expect(second).toEqual(hashes('b a'))
  })

  it('are not hashed again', async () => {
    const { fake, hasher } = await slowHasher()
    const hashed = hasher.hash(headers('a b'), false)
    await endAll(fake)
    await hashed
    expect(await hasher.hash(headers('b a'), false)).toEqual(hashes('b a'))
    expect(fake.begun).toHaveLength(2)
  })

  it('are forgotten when there are too many, those first that nobody asked for', () => {
    const cache = new HashCache()
    const hash = new Uint8Array(32)
    for (let i = 0; i < POW_CACHED_HASHES; i++) cache.put(`${i}`, hash)
    expect(cache.get('0')).toEqual(hash)
    cache.put('one more', hash)
    expect(cache.get('1')).toBeUndefined()
    expect(cache.get('0')).toEqual(hash)
    expect(cache.get('2')).toEqual(hash)
  })
})

describe('a hash that fails', () => {
  it('rejects whoever waits, and the next one is tried anew', async () => {
    const { fake, hasher } = await slowHasher()
    fake.hasMachineMemory = false
    const error = await hasher.hash(headers('a b'), false).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(UserError)
    const scan = hasher.scan({ header: headerOf('s'), startNonce: 0, count: 9, target: new Uint8Array(32) })
    await expect(scan).rejects.toThrow(/2 MiB more memory/)
    fake.hasMachineMemory = true
    const hashed = hasher.hash(headers('a b'), false)
    await endAll(fake)
    expect(await hashed).toEqual(hashes('a b'))
  })
})

describe('closing', () => {
  it('rejects what waits, and gives memory back after what runs', async () => {
    const { fake, hasher } = await slowHasher({ threads: 2 })
    const hashed = hasher.hash(headers('a b c'), false).catch(String)
    const scanned = hasher.scan({
      header: headerOf('s'),
      startNonce: 0,
      count: 9,
      target: new Uint8Array(32),
    })
    await settled()
    const closed = hasher.close()
    expect(await hashed).toMatch(/closed/)
    expect(await scanned).toBeUndefined()
    expect([fake.lightMachines, fake.caches]).toEqual([2, 1])
    await endAll(fake)
    await closed
    expect([fake.lightMachines, fake.caches]).toEqual([0, 0])
    expect(fake.begun).toHaveLength(2)
    await expect(hasher.hash(headers('a'), false)).rejects.toThrow(/closed/)
    expect(hasher.mode).toBe('randomx (closed)')
  })

  it('waits for a start that is under way', async () => {
    const fake = new FakeRandomX()
    let start: (fake: CacheMaker) => void = () => undefined
    const hasher = hasherOn(fake, { find: () => new Promise((resolve) => (start = resolve)) })
    const hashed = hasher.hash(headers('a'), true).catch(String)
    const closed = hasher.close()
    start(fake)
    await closed
    expect(await hashed).toMatch(/closed/)
    expect(fake.caches).toBe(0)
  })

  it('loads nothing that was never needed', async () => {
    const fake = new FakeRandomX()
    const find = () => Promise.reject(new Error('not to be called'))
    await hasherOn(fake, { find }).close()
    expect(fake.caches).toBe(0)
  })
})

describe('a library that is not there, or not right', () => {
  it('is looked for again by the next hash', async () => {
    const fake = new FakeRandomX()
    let isThere = false
    const find = async () => {
      if (!isThere) throw new UserError('not there')
      return fake
    }
    const hasher = hasherOn(fake, { find, known: KNOWN })
    await expect(hasher.hash(headers('a'), true)).rejects.toThrow(UserError)
    expect(hasher.mode).toBe('randomx missing')
    isThere = true
    expect(await hasher.hash(headers('a'), true)).toEqual(hashes('a'))
    expect(hasher.mode).toBe('randomx light')
  })

  it('is not used while memory is short', async () => {
    const fake = new FakeRandomX()
    fake.hasCacheMemory = false
    const hasher = hasherOn(fake)
    await expect(hasher.hash(headers('a'), true)).rejects.toThrow(/^RandomX needs 256 MiB/)
    expect(hasher.mode).toBe('randomx (too little memory)')
    fake.hasCacheMemory = true
    expect(await hasher.hash(headers('a'), true)).toEqual(hashes('a'))
  })

  it('is tested before it is used, and not used if it is wrong', async () => {
    const fake = new FakeRandomX()
    fake.isWrong = true
    const hasher = hasherOn(fake, { known: KNOWN })
    for (const text of ['a', 'b']) {
      const error = await hasher.hash(headers(text), true).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(UserError)
      expect(String(error)).toMatch(/another hash of this chain's first block.*install librandomx/)
    }
    expect(fake.begun).toEqual(['known'])
    expect(hasher.mode).toBe('randomx (wrong hashes)')
  })
})

describe('the full data set', () => {
  const PIECES = 4
  const ITEMS = POW_DATASET_PIECE_ITEMS * PIECES - 1

  async function building(options: Partial<RandomXHasherOptions> = {}) {
    const notices: string[] = []
    const fake = new FakeRandomX(ITEMS)
    const hasher = hasherOn(fake, { fullDataset: true, notice: (line) => notices.push(line), ...options })
    fake.isSlow = true
    await hasher.ready()
    return { fake, hasher, notices }
  }

  it('is built between hashes, used when it is whole, and given back', async () => {
    const { fake, hasher } = await building()
    await settled()
    expect(hasher.mode).toBe('randomx full (building 0 %)')
    const hashed = hasher.hash(headers('u'), true)
    await settled()
    fake.endOne()
    await settled()
    expect(hasher.mode).toBe('randomx full (building 25 %)')
    await endAll(fake)
    await hashed
    expect(fake.begun).toEqual(['fill', 'u', 'fill', 'fill', 'fill'])
    expect(hasher.mode).toBe('randomx full')

    const fast = hasher.hash(headers('a'), true)
    await endAll(fake)
    await fast
    expect([fake.fullMachines, fake.lightMachines, fake.filled.size]).toEqual([1, 0, ITEMS])

    hasher.setFullDataset(false)
    await settled()
    expect([hasher.mode, fake.fullMachines, fake.datasets]).toEqual(['randomx light', 0, 0])
    const slow = hasher.hash(headers('b'), true)
    await endAll(fake)
    expect(await slow).toEqual(hashes('b'))
  })

  it('is given up and begun again as it is wanted', async () => {
    const { fake, hasher } = await building({ threads: 2 })
    await settled()
    hasher.setFullDataset(false)
    await endAll(fake)
    expect([fake.begun.length, fake.datasets, hasher.mode]).toEqual([2, 0, 'randomx light'])
    hasher.setFullDataset(true)
    await settled()
    hasher.setFullDataset(false)
    hasher.setFullDataset(true)
    await endAll(fake)
    expect([fake.begun.length, fake.datasets, hasher.mode]).toEqual([4 + PIECES, 1, 'randomx full'])
  })

  it('is not kept if it is no longer wanted when it is whole', async () => {
    const { fake, hasher } = await building({ threads: 2 })
    const hashed = hasher.hash(headers('a b c d e f g h i j k l'), true)
    for (await settled(); fake.filled.size < ITEMS; await settled()) fake.endOne()
    // A hash on the other thread holds it up.
    expect(hasher.mode).toBe('randomx full (building 100 %)')
    hasher.setFullDataset(false)
    await endAll(fake)
    await hashed
    expect([fake.datasets, hasher.mode]).toEqual([0, 'randomx light'])
  })

  it.each([
    ['memory is short', { availableBytes: () => 2.5e9 }, () => undefined],
    ['the system has no memory', {}, (fake: FakeRandomX) => (fake.hasDatasetMemory = false)],
  ])('stays away where %s, and a line says so', async (_, options, prepare) => {
    const fake = new FakeRandomX(ITEMS)
    prepare(fake)
    const notices: string[] = []
    const hasher = hasherOn(fake, { fullDataset: true, notice: (line) => notices.push(line), ...options })
    expect(await hasher.hash(headers('a'), true)).toEqual(hashes('a'))
    expect(notices).toEqual(['RandomX stays light: full needs 2.7 GB of free memory'])
    expect(hasher.mode).toBe('randomx light (full needs 2.7 GB of free memory)')
    await hasher.ready()
    expect(notices).toHaveLength(1)
  })

  it('stays away where filling it fails', async () => {
    const { fake, hasher, notices } = await building({ threads: 3 })
    fake.fillError = new Error('no luck')
    await endAll(fake)
    expect(notices).toEqual(['RandomX stays light: no luck'])
    expect([fake.datasets, hasher.mode]).toEqual([0, 'randomx light (no luck)'])
  })

  it('does not keep anybody from closing', async () => {
    const { fake, hasher } = await building({ threads: 2 })
    await settled()
    const closed = hasher.close()
    await endAll(fake)
    await closed
    expect([fake.caches, fake.datasets, fake.filled.size]).toEqual([0, 0, 2 * POW_DATASET_PIECE_ITEMS])
  })
})
