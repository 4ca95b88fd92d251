/** Rules of the chain for any numbers and bytes: nothing throws, nothing is taken for what it is not. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBody } from '../../src/chain/block-body.ts'
import {
  difficultyOfBits,
  encodeTarget,
  fixSignBit,
  hashMeetsBits,
  targetOfBits,
  workOfBits,
} from '../../src/chain/compact-bits.ts'
import { requiredBits } from '../../src/chain/difficulty.ts'
import { merkleRoot } from '../../src/chain/merkle.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { encodeBlockTransactions } from '../../src/wire/block.ts'
import { bytes, hash, transaction } from '../../testkit/arbitraries.ts'
import { bodyOf, coinbase, headerOf, input, transaction as made } from '../../testkit/bodies.ts'
import { Point } from '../../testkit/chain-points.ts'
import { randomFromSeed } from '../../testkit/fuzz.ts'
import { damage } from '../../testkit/mutation.ts'

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
/** Of a size that has a meaning, so that most draws are targets. */
const bits = fc.oneof(
  u32,
  fc.tuple(fc.integer({ min: 1, max: 32 }), fc.nat({ max: 0xff_ffff })).map(([s, m]) => s * 0x100_0000 + m),
)
const target = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 255n - 1n }), fc.nat({ max: 254 }))
  .map(([t, n]) => t >> BigInt(n))

function numberOf(wireHash: Uint8Array): bigint {
  return wireHash.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

describe('compact targets', () => {
  it('lose less than one part in 2^15 when they are written and put right', () => {
    fc.assert(
      fc.property(target, (t) => {
        const back = targetOfBits(fixSignBit(encodeTarget(t)))
        expect(back <= t && (t - back) << 15n <= t).toBe(true)
      }),
    )
  })

  it('that were read are written the same, but for the sign bit and what is left of small ones', () => {
    fc.assert(
      fc.property(bits, (b) => {
        const t = targetOfBits(b)
        expect(targetOfBits(fixSignBit(encodeTarget(t)))).toBe(t)
      }),
    )
  })

  it('are met by hashes that are less, as whole numbers', () => {
    const near = fc.tuple(bits, fc.bigInt({ min: -2n, max: 2n })).map(([b, d]) => {
      const t = targetOfBits(b) + d
      const value = t < 0n ? 0n : t
      return { b, h: Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)) }
    })
    const any = fc.record({ b: bits, h: hash })
    fc.assert(
      fc.property(fc.oneof(near, any), ({ b, h }) => {
        expect(hashMeetsBits(h, b)).toBe(numberOf(h) < targetOfBits(b))
      }),
      { numRuns: 500 },
    )
  })

  it('count as more work the smaller they are, if they are well-formed', () => {
    // Below a size of 7, which no chain comes near, work goes beyond 256 bits.
    const wellFormed = fc
      .tuple(fc.integer({ min: 7, max: 32 }), fc.integer({ min: 0x8000, max: 0x7f_ffff }))
      .map(([size, mantissa]) => size * 0x100_0000 + mantissa)
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        const [harder, easier] = targetOfBits(a) <= targetOfBits(b) ? [a, b] : [b, a]
        expect(workOfBits(harder) >= workOfBits(easier)).toBe(true)
        expect(difficultyOfBits(harder)).toBeGreaterThanOrEqual(difficultyOfBits(easier))
      }),
      { numRuns: 500 },
    )
  })

  it('count as work that fits 256 bits', () => {
    fc.assert(
      fc.property(bits, (b) => {
        expect(workOfBits(b) >= 0n && workOfBits(b) < 2n ** 256n).toBe(true)
      }),
    )
  })
})

describe('the schedule of mainnet', () => {
  const rule = mainnet.chain.difficulty
  if (rule.kind !== 'schedule') throw new TypeError('mainnet has a schedule')
  const heights = fc.oneof(
    fc.integer({ min: 0, max: 60_000 }),
    fc.constantFrom(2_015, 7_033, 18_499, 18_719, 20_519, 23_039, 24_499),
  )

  it('has one target for any history, within its bounds once there was a retarget or ASERT', () => {
    fc.assert(
      fc.property(heights, u32, u32, u32, bits, bits, (height, t0, t1, t2, b0, b1) => {
        // Ancestors that nobody looks at are left out; the oldest stands for all before.
        const first = new Point(undefined, t0, b0, 0)
        const parent = height === 0 ? first : new Point(first, t1, b1, height)
        const required = requiredBits(rule, parent, t2)
        expect(required).toBe(requiredBits(rule, parent, t2))
        expect(required !== undefined && Number.isInteger(required) && required >= 0).toBe(true)
        if (height >= 23_039) {
          expect(required).toBeGreaterThanOrEqual(rule.minBits)
          expect(required).toBeLessThanOrEqual(rule.maxBits)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('a merkle root', () => {
  const ids = fc.uniqueArray(hash, { minLength: 1, maxLength: 40, comparator: bytesEqual })

  it('of different transactions was not made by repeating some', () => {
    fc.assert(
      fc.property(ids, (list) => {
        expect(merkleRoot(list).mutated).toBe(false)
      }),
    )
  })

  it('is shared by the lists with repeated tails, and by no others', () => {
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 40 }), (list, tail) => {
        const longer = [...list, ...list.slice(-tail)]
        const [a, b] = [merkleRoot(list), merkleRoot(longer)]
        if (bytesEqual(a.root, b.root)) expect(b.mutated).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('tells every repetition that keeps it', () => {
    // The tail of a level whose number of nodes is odd can be repeated without a change of the root.
    for (let n = 1; n <= 33; n++) {
      const list = Array.from({ length: n }, (_, i) => new Uint8Array(32).fill(i + 1))
      for (let width = 1; width < n; width *= 2) {
        if (Math.ceil(n / width) % 2 === 0 || n % width !== 0) continue
        const longer = [...list, ...list.slice(-width)]
        expect(merkleRoot(longer)).toEqual({ root: merkleRoot(list).root, mutated: true })
      }
    }
  })
})

describe('a body', () => {
  const { chain } = regtest
  const first = coinbase(chain, 5)

  it('of any bytes does no harm', () => {
    fc.assert(
      fc.property(bytes(300), fc.option(fc.nat({ max: 10 }), { nil: undefined }), (data, height) => {
        expect(parseBody(chain, headerOf([first]), data, height).ok).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('of any transactions is read back, or broken for a reason that has a name', () => {
    fc.assert(
      fc.property(fc.array(transaction, { maxLength: 4 }), (others) => {
        const block = [first, ...others]
        const data = encodeBlockTransactions(block)
        const body = parseBody({ ...chain, trustedHeight: 9 }, headerOf(block), data, 5)
        if (body.ok) {
          expect(body.value.transactions.map((t) => data.subarray(t.start, t.end))).toHaveLength(block.length)
          expect(encodeBlockTransactions(body.value.transactions.map((t) => t.transaction))).toEqual(data)
        } else expect(['bad-txns-duplicate', 'bad-cb-multiple']).toContain(body.error.code)
      }),
    )
  })

  it('that was damaged says nothing against its header', () => {
    const block = [first, ...[1, 2, 3].map((n) => made({ inputs: [input({ previousIndex: n })] }))]
    const [data, header] = [bodyOf(block), headerOf(block)]
    for (let seed = 0; seed < 2_000; seed++) {
      const damaged = damage(randomFromSeed(seed), data)
      const body = parseBody(chain, header, damaged, 5)
      if (bytesEqual(damaged, data)) expect(body.ok).toBe(true)
      else expect(body).toMatchObject({ ok: false, error: { blames: 'body' } })
    }
  })
})
