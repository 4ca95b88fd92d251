import { describe, expect, it } from 'vitest'
import {
  addWork,
  difficultyOfBits,
  encodeTarget,
  fixSignBit,
  hashMeetsBits,
  MAX_WORK,
  targetOfBits,
  workOfBits,
} from '../../src/chain/compact-bits.ts'
import { bitsFault, easedTarget, requiredBits } from '../../src/chain/difficulty.ts'
import type { DifficultyRule } from '../../src/params/chain-params.ts'
import { mainnet, regtest, testnet } from '../../src/params/networks.ts'
import { chainOf, Point } from '../../testkit/chain-points.ts'
import { loadChainRules } from '../../testkit/vectors.ts'

const vectors = loadChainRules()
const number = (hex: string): number => Number.parseInt(hex, 16)
const big = (hex: string): bigint => BigInt(`0x${hex}`)
const mainnetRule = mainnet.chain.difficulty
if (mainnetRule.kind !== 'schedule') throw new TypeError('mainnet has a schedule')

/** A hash, in wire order, that is this number. */
function hashOf(value: bigint): Uint8Array {
  const hash = new Uint8Array(32)
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) hash[i] = Number(rest & 0xffn)
  return hash
}

describe('compact targets', () => {
  it.each(vectors.compact)('reads, writes and weighs $bits', ({ bits, target, encode, fix, work }) => {
    expect(targetOfBits(number(bits))).toBe(big(target))
    expect(encodeTarget(big(target))).toBe(number(encode))
    expect(fixSignBit(number(encode))).toBe(number(fix))
    expect(workOfBits(number(bits))).toBe(big(work))
  })

  it.each(vectors.compact)('lets hashes below $bits pass, and no others', ({ bits, target }) => {
    const limit = big(target)
    expect(hashMeetsBits(hashOf(limit), number(bits))).toBe(false)
    expect(hashMeetsBits(hashOf(limit + 1n), number(bits))).toBe(false)
    expect(hashMeetsBits(hashOf(limit === 0n ? 0n : limit - 1n), number(bits))).toBe(limit > 0n)
    expect(hashMeetsBits(hashOf(0n), number(bits))).toBe(limit > 0n)
  })

  it('has difficulties relative to 0x1f060000', () => {
    expect(difficultyOfBits(0x1f06_0000)).toBe(1)
    expect(difficultyOfBits(0x1e01_fffe).toFixed(8)).toBe('768.01171893')
    expect(difficultyOfBits(0)).toBe(0)
    expect(difficultyOfBits(0x2100_0001)).toBe(0)
  })

  it('adds work up to the largest number and no further', () => {
    expect(addWork(1n, 2n)).toBe(3n)
    expect(addWork(MAX_WORK, 1n)).toBe(MAX_WORK)
  })
})

describe('periodic retargets', () => {
  /** The target behind a whole interval that took `actual` seconds. */
  function retarget(height: number, interval: number, bits: number, actual: number): number | undefined {
    const first = new Point(undefined, 1_000_000_000, bits, height - interval)
    const parent = new Point(first, (1_000_000_000 + actual) % 2 ** 32, bits, height - 1)
    return requiredBits(mainnetRule, parent, 0)
  }

  it.each(vectors.retarget)('goes from $bits in $actual s to $result', (vector) => {
    const { bits, actual, timespan, factor, result, result_fixed: fixed } = vector
    // The height is the one at which the network has this interval and factor.
    const [height, interval] = timespan === 2_016 * 240 ? [2_016, 2_016] : [18_720, 360]
    expect(factor).toBe(height === 2_016 ? 4 : 2)
    expect(retarget(height, interval, number(bits), actual)).toBe(number(height === 2_016 ? result : fixed))
  })

  it('takes a time of zero for the wanted one', () => {
    expect(retarget(2_016, 2_016, 0x1e01_fffe, 0)).toBe(0x1e01_fffe)
  })
})

describe('the emergency rule', () => {
  it.each(vectors.eda)('eases $bits by $steps steps', ({ bits, steps, encode, fix }) => {
    const eased = encodeTarget(easedTarget(targetOfBits(number(bits)), steps))
    expect(eased).toBe(number(encode))
    expect(fixSignBit(eased)).toBe(number(fix))
  })
})

describe('ASERT', () => {
  const { anchor, cases } = vectors.asert
  const anchorPoint = new Point(undefined, anchor.time, number(anchor.bits), anchor.height)

  it.each(cases)('asks for $next_bits at $parent_time behind $parent_height', (vector) => {
    const { parent_height: height, parent_time: time, next_bits: next } = vector
    const parent =
      height === anchor.height ? anchorPoint : new Point(anchorPoint, time, number(anchor.bits), height)
    expect(requiredBits(mainnetRule, parent, 0)).toBe(number(next))
  })
})

describe('other rules', () => {
  it('has one target on regtest and a range on the v1.0 testnet', () => {
    const parent = chainOf(1)
    const rules: Record<string, DifficultyRule> = {
      fixed: regtest.chain.difficulty,
      range: testnet.chain.difficulty,
    }
    const { fixed, range } = rules
    if (fixed === undefined || range === undefined) throw new TypeError('rules')
    expect(requiredBits(fixed, parent, 0)).toBe(0x207f_ffff)
    expect(bitsFault(fixed, parent, 0x207f_ffff, 0)).toBe(false)
    expect(bitsFault(fixed, parent, 0x207f_fffe, 0)).toBe(true)
    expect(requiredBits(range, parent, 0)).toBeUndefined()
    const verdicts = [0x1d00_fffe, 0x1d00_ffff, 0x1e80_0000, 0x1f0f_ffff, 0x1f10_0000]
    expect(verdicts.map((bits) => bitsFault(range, parent, bits, 0))).toEqual([
      true,
      false,
      false,
      false,
      true,
    ])
  })
})
