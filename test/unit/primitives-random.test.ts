import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/primitives/bytes.ts'
import { RandomSource } from '../../src/primitives/random.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'

const seeded = (n: number): RandomSource => new RandomSource(new Uint8Array(32).fill(n))
const draws = (random: RandomSource, n = 50): number[] => Array.from({ length: n }, () => random.u32())

describe('RandomSource', () => {
  it('is determined by its seed', () => {
    expect(draws(seeded(1))).toEqual(draws(seeded(1)))
    expect(draws(seeded(1))).not.toEqual(draws(seeded(2)))
  })

  it('is SHA3-256 of the seed and a counter', () => {
    const random = seeded(7)
    const out = new DataView(new ArrayBuffer(64))
    for (let i = 0; i < 16; i++) out.setUint32(4 * i, random.u32(), true)
    const block = (counter: number): string =>
      toHex(sha3_256(Uint8Array.from({ length: 40 }, (_, i) => (i < 32 ? 7 : i === 32 ? counter : 0))))
    expect(toHex(new Uint8Array(out.buffer))).toBe(block(0) + block(1))
  })

  it('does not depend on the caller keeping the seed', () => {
    const seed = new Uint8Array(32).fill(3)
    const random = new RandomSource(seed)
    seed.fill(9)
    expect(draws(random)).toEqual(draws(seeded(3)))
  })

  it.each([0, 31, 33])('refuses a seed of %i bytes', (length) => {
    expect(() => new RandomSource(new Uint8Array(length))).toThrow(RangeError)
  })

  it('forks generators that differ by room and not by what was drawn before', () => {
    const parent = seeded(1)
    const before = draws(parent.fork('pool'))
    parent.u64()
    expect(draws(parent.fork('pool'))).toEqual(before)
    const others = [
      parent,
      parent.fork('sync'),
      parent.fork(''),
      parent.fork('pool').fork('pool'),
      seeded(2).fork('pool'),
    ]
    const texts = [before, ...others.map((random) => draws(random))].map((numbers) => numbers.join())
    expect(new Set(texts).size).toBe(texts.length)
  })

  it('is not disturbed by its forks', () => {
    const parent = seeded(4)
    const child = parent.fork('room')
    const first = draws(parent, 5)
    draws(child, 100)
    expect([...first, ...draws(parent, 5)]).toEqual(draws(seeded(4), 10))
  })

  it('draws within bounds and reaches both ends', () => {
    const random = seeded(5)
    for (const bound of [1, 2, 3, 7, 1_000_003, 2 ** 32]) {
      for (let i = 0; i < 300; i++) {
        const n = random.below(bound)
        expect(Number.isInteger(n) && n >= 0 && n < bound).toBe(true)
      }
    }
    expect(new Set(Array.from({ length: 200 }, () => random.below(4)))).toEqual(new Set([0, 1, 2, 3]))
    for (let i = 0; i < 300; i++) {
      const unit = random.unit()
      expect(unit >= 0 && unit < 1).toBe(true)
    }
  })

  it('draws 64 bits, and nonces that are never zero nor repeated', () => {
    const random = seeded(6)
    const nonces = Array.from({ length: 500 }, () => random.nonce())
    expect(new Set(nonces).size).toBe(500)
    expect(nonces.every((nonce) => nonce > 0n && nonce < 1n << 64n)).toBe(true)
    expect(nonces.some((nonce) => nonce >> 63n === 1n)).toBe(true)
  })
})
