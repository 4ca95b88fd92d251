/** The search for a nonce, and SHA3 as proof of work. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPowHasher, hashThreads } from '../../src/crypto/create-pow-hasher.ts'
import { isBelow, withNonce } from '../../src/crypto/nonce-scan.ts'
import type { PowHasher } from '../../src/crypto/pow-hasher.ts'
import { RandomXHasher } from '../../src/crypto/randomx-hasher.ts'
import { RateMeter } from '../../src/crypto/rate-meter.ts'
import { hashToHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { FakeRandomX, headerOf } from '../../testkit/randomx.ts'
import { hex, loadProofOfWork } from '../../testkit/vectors.ts'

const HEADER = headerOf('search')
const ALL = new Uint8Array(32).fill(0xff)
const NONE = new Uint8Array(32)
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A target that one of `n` hashes meets. */
function oneOf(n: number): Uint8Array {
  const target = new Uint8Array(32)
  new DataView(target.buffer).setUint32(28, Math.floor(2 ** 32 / n), true)
  return target
}

/** What a search must find. */
function firstNonce(startNonce: number, count: number, target: Uint8Array): number | undefined {
  for (let nonce = startNonce; nonce < startNonce + count; nonce++) {
    if (isBelow(sha3_256(withNonce(HEADER, nonce)), target)) return nonce
  }
  return undefined
}

// The stand-in for RandomX hashes by SHA3, so both must find the same.
function randomx(fake = new FakeRandomX()): PowHasher {
  return new RandomXHasher({
    key: new Uint8Array(1),
    known: undefined,
    find: async () => fake,
    threads: 3,
    fullDataset: false,
    availableBytes: () => 0,
    notice: () => undefined,
  })
}

const kinds: readonly (readonly [string, () => PowHasher])[] = [
  ['SHA3', () => createPowHasher({ algorithm: { kind: 'sha3' } })],
  ['RandomX', () => randomx()],
]

describe.each(kinds)('a search with %s', (_, create) => {
  const hasher = create()

  it('finds the lowest nonce, or none', async () => {
    const range = fc.record({
      startNonce: fc.integer({ min: 0, max: 2 ** 32 - 300 }),
      count: fc.integer({ min: 0, max: 300 }),
      n: fc.integer({ min: 1, max: 300 }),
    })
    const property = fc.asyncProperty(range, async ({ startNonce, count, n }) => {
      const target = oneOf(n)
      const found = await hasher.scan({ header: HEADER, startNonce, count, target })
      expect(found).toBe(firstNonce(startNonce, count, target))
    })
    await fc.assert(property, { numRuns: 30 })
  })

  it('tells how many hashes it tried', async () => {
    let tried = 0
    const count = (hashes: number): void => {
      tried += hashes
    }
    await hasher.scan({ header: HEADER, startNonce: 0, count: 2_500, target: NONE }, { tried: count })
    expect(tried).toBe(2_500)
    tried = 0
    await hasher.scan({ header: HEADER, startNonce: 9, count: 1, target: ALL }, { tried: count })
    expect(tried).toBe(1)
  })

  it('tries the last nonce there is, and does not begin again', async () => {
    const range = { header: HEADER, startNonce: 2 ** 32 - 1, count: 1 }
    expect(await hasher.scan({ ...range, target: ALL })).toBe(2 ** 32 - 1)
    await expect(hasher.scan({ ...range, count: 2, target: ALL })).rejects.toThrow(RangeError)
  })

  it.each([
    { startNonce: -1, count: 1 },
    { startNonce: 0.5, count: 1 },
    { startNonce: 0, count: -1 },
    { startNonce: 0, count: Number.NaN },
  ])('refuses $startNonce and $count', async (range) => {
    await expect(hasher.scan({ header: HEADER, target: ALL, ...range })).rejects.toThrow(RangeError)
    const short = { header: HEADER.subarray(1), startNonce: 0, count: 1, target: ALL }
    await expect(hasher.scan(short)).rejects.toThrow(RangeError)
  })

  it('ends when it is told to, or was before it began', async () => {
    const range = { header: HEADER, startNonce: 0, count: 2 ** 32, target: NONE }
    const controller = new AbortController()
    const found = hasher.scan(range, { signal: controller.signal })
    await settled()
    controller.abort()
    expect(await found).toBeUndefined()
    expect(await hasher.scan(range, { signal: controller.signal })).toBeUndefined()
  })

  it('ends with the hasher', async () => {
    const other = create()
    const found = other.scan({ header: HEADER, startNonce: 0, count: 2 ** 32, target: NONE })
    await settled()
    await other.close()
    expect(await found).toBeUndefined()
    await expect(other.scan({ header: HEADER, startNonce: 0, count: 1, target: ALL })).rejects.toThrow(
      /closed/,
    )
  })
})

describe('a search on several threads', () => {
  it('waits for lower nonces that are under way', async () => {
    const fake = new FakeRandomX()
    const hasher = randomx(fake)
    await hasher.ready()
    // Two neighbours that both fit.
    const target = oneOf(2)
    const fits = (nonce: number): boolean => firstNonce(nonce, 1, target) === nonce
    let startNonce = 0
    while (!fits(startNonce) || !fits(startNonce + 1)) startNonce++
    fake.isSlow = true
    const found = hasher.scan({ header: HEADER, startNonce, count: 9, target })
    await settled()
    fake.endLast()
    fake.endLast()
    await settled()
    fake.endOne()
    expect(await found).toBe(startNonce)
    await hasher.close()
  })

  it.each([1, 2])('takes no more than it may: %i of three', async (threads) => {
    const fake = new FakeRandomX()
    const hasher = randomx(fake)
    await hasher.ready()
    fake.isSlow = true
    let tried = 0
    const found = hasher.scan(
      { header: HEADER, startNonce: 0, count: 7, target: NONE },
      { threads, tried: (hashes) => (tried += hashes) },
    )
    for (await settled(); fake.running > 0; await settled()) {
      expect(fake.running).toBe(Math.min(threads, 7 - tried))
      fake.endOne()
    }
    expect(await found).toBeUndefined()
    expect(fake.begun).toHaveLength(7)
    expect(tried).toBe(7)
    await hasher.close()
  })

  it('stands back for other hashes', async () => {
    const fake = new FakeRandomX()
    const hasher = randomx(fake)
    await hasher.ready()
    fake.isSlow = true
    const found = hasher.scan({ header: HEADER, startNonce: 0, count: 3, target: NONE })
    await settled()
    const hashed = hasher.hash([headerOf('a'), headerOf('b')], false)
    for (await settled(); fake.running > 0; await settled()) fake.endOne()
    await Promise.all([found, hashed])
    expect(fake.begun.slice(3)).toEqual(['a', 'b'])
    await hasher.close()
  })
})

it.each([
  [2, undefined, 2],
  [16, undefined, 3],
  [16, '17', 16],
  [8, '4', 3],
  [1, '1', 1],
  [16, 'many', 3],
  [500, '1024', 128],
])('on %i processors with a pool of %s threads %i hashes are made at once', (processors, pool, threads) => {
  expect(hashThreads(processors, pool)).toBe(threads)
})

describe('SHA3', () => {
  it('gives the first block of regtest its hash', async () => {
    const hasher = createPowHasher({ algorithm: { kind: 'sha3' } })
    const { header, hash } = loadProofOfWork().regtest
    expect((await hasher.hash([hex(header)], false)).map(hashToHex)).toEqual([hash])
    expect(hasher.mode).toBe('sha3')
    await hasher.close()
    await expect(hasher.hash([hex(header)], false)).rejects.toThrow(/closed/)
  })
})

describe('the rate', () => {
  it('is that of the last 10 to 20 seconds', () => {
    let nowMs = 500
    const meter = new RateMeter(() => nowMs)
    expect(meter.perSecond).toBe(0)
    const work = (seconds: number, perSecond: number): void => {
      for (let i = 0; i < seconds; i++) {
        meter.add(perSecond)
        nowMs += 1_000
      }
    }
    work(4, 7)
    expect(meter.perSecond).toBe(7)
    work(26, 7)
    expect(meter.perSecond).toBe(7)
    work(20, 70)
    expect(meter.perSecond).toBe(70)
    nowMs += 4_000
    expect(meter.perSecond).toBe(50)
    nowMs += 6_000
    expect(meter.perSecond).toBe(0)
    nowMs += 100_000
    work(5, 3)
    expect(meter.perSecond).toBe(1)
  })
})
