import { describe, expect, it } from 'vitest'
import {
  addWork,
  difficultyOfBits,
  encodeTarget,
  fixSignBit,
  hashMeetsBits,
  MAX_WORK,
  targetBytes,
  targetOfBits,
  workOfBits,
} from '../../src/chain/compact-bits.ts'
import { bitsFault, bitsFollowTime, easedTarget, requiredBits } from '../../src/chain/difficulty.ts'
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
    expect(targetBytes(number(bits))).toEqual(hashOf(big(target)))
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

describe("the heights at which mainnet's rules change", () => {
  const START = 1_700_000_000
  const DAY = 86_400

  /** The target at `height`, `gap` seconds behind a parent with these bits. */
  function bitsAfter(height: number, bits: number, gap: number): number | undefined {
    return requiredBits(mainnetRule, new Point(undefined, START, bits, height - 1), START + gap)
  }

  /** The target at a retarget, with these bits before, when the interval took `times` as long as it should. */
  function bitsRetargeted(height: number, interval: number, bits: number, times: number): number | undefined {
    const first = new Point(undefined, START, bits, height - interval)
    const parent = new Point(first, START + interval * 240 * times, bits, height - 1)
    return requiredBits(mainnetRule, parent, parent.time + 240)
  }

  it('1: the target of genesis is that of its parent', () => {
    expect(bitsAfter(1, 0x1e01_fffe, 300 * DAY)).toBe(0x1e01_fffe)
  })

  it('7,034: long gaps ease', () => {
    const bits = 0x1e00_ffff
    expect([7_033, 7_034].map((height) => bitsAfter(height, bits, DAY * 30))).toEqual([bits, 0x1e56_bc1f])
    const gaps = [1_440, 1_441, 2_879, 2_880, 4_320]
    expect(gaps.map((gap) => bitsAfter(7_034, bits, gap))).toEqual([
      bits,
      0x1e01_3ffe,
      0x1e01_3ffe,
      0x1e01_8ffe,
      encodeTarget(easedTarget(targetOfBits(bits), 3)),
    ])
    // Time that goes backwards is no gap.
    expect(bitsAfter(7_034, bits, -DAY)).toBe(bits)
  })

  it('8,064: a retarget looks at no gap', () => {
    const first = new Point(undefined, START, 0x1e00_ffff, 8_064 - 2_016)
    const parent = new Point(first, START + 2_016 * 240, 0x1e00_ffff, 8_063)
    expect(requiredBits(mainnetRule, parent, parent.time + DAY)).toBe(0x1dff_ff00)
  })

  it('18,500: the sign bit is put right', () => {
    const bits = 0x1d66_ffff
    expect([18_499, 18_500].map((height) => bitsAfter(height, bits, 1_441))).toEqual([
      0x1d80_bffe, 0x1e00_80bf,
    ])
  })

  it('18,500: the interval becomes 360 and the factor 2', () => {
    const bits = 0x1e00_7fff
    expect(bitsRetargeted(18_144, 2_016, bits, 10)).toBe(0x1e01_fffc)
    // A multiple of 360 below the fork is none of 2,016.
    expect(bitsRetargeted(18_360, 360, bits, 10)).toBe(bits)
    expect(bitsRetargeted(18_720, 360, bits, 10)).toBe(0x1e00_fffe)
    // A multiple of both looks back 360.
    expect(bitsRetargeted(20_160, 360, bits, 10)).toBe(0x1e00_fffe)
    expect(bitsRetargeted(20_160, 360, bits, 0.1)).toBe(0x1d3f_ff80)
  })

  it('20,520: the factor is 4 again, and gaps count from 15 blocks on', () => {
    const bits = 0x1e00_7fff
    expect(bitsRetargeted(20_520, 360, bits, 10)).toBe(0x1e01_fffc)
    const gaps = [1_441, 3_600, 3_601, 7_200]
    const eased = [1, 2].map((n) => fixSignBit(encodeTarget(easedTarget(targetOfBits(bits), n))))
    expect(bitsAfter(20_519, bits, 1_441)).toBe(eased[0])
    expect(gaps.map((gap) => bitsAfter(20_521, bits, gap))).toEqual([bits, bits, ...eased])
  })

  it('23,040: ASERT, from the block before', () => {
    const parent = chainOf(1, { from: 23_039, time: START, bits: 0x1d34_ab12 })
    expect(bitsAfter(23_039, 0x1d34_ab12, 240)).toBe(0x1d34_ab12)
    expect(requiredBits(mainnetRule, parent, START + DAY)).toBe(0x1d34_6a92)
    // The time of the block itself does not count.
    expect(requiredBits(mainnetRule, parent, START)).toBe(0x1d34_6a92)
  })

  it('24,500: ASERT from another block', () => {
    const anchor = new Point(undefined, START, 0x1d34_ab12, 23_039)
    const late = new Point(anchor, START + 240 * 1_459 + 34_560, 0x1d34_ab12, 24_498)
    expect(requiredBits(mainnetRule, late, 0)).toBe(0x1d68_d4bb)
    const next = new Point(late, late.time + 240, 0x1d68_d4bb, 24_499)
    expect(requiredBits(mainnetRule, next, 0)).toBe(
      requiredBits(mainnetRule, new Point(undefined, next.time, 0x1d68_d4bb, 24_499), 0),
    )
    expect(requiredBits(mainnetRule, next, 0)).not.toBe(0x1d68_d4bb)
  })

  it('follows the time of the block itself from 7,034 to 23,039, but not where there is a retarget', () => {
    const heights = [1, 7_033, 7_034, 8_063, 8_064, 18_500, 18_719, 18_720, 20_520, 23_039, 23_040, 50_000]
    const following = heights.filter((height) => bitsFollowTime(mainnetRule, height))
    expect(following).toEqual([7_034, 8_063, 18_500, 18_719, 23_039])
    for (const { difficulty } of [regtest.chain, testnet.chain])
      expect(bitsFollowTime(difficulty, 7_034)).toBe(false)
  })

  it('keeps within its bounds', () => {
    expect(bitsRetargeted(2_016, 2_016, 0x1d00_ffff, 0.25)).toBe(0x1d00_ffff)
    expect(bitsRetargeted(2_016, 2_016, 0x1f0f_ffff, 4)).toBe(0x1f0f_ffff)
    expect(bitsAfter(7_034, 0x1f0f_ffff, DAY)).toBe(0x1f0f_ffff)
    // Numbers are compared, not targets: one that reads as less than the easiest is above it.
    expect(bitsAfter(7_034, 0x1f7f_ffff, 1_441)).toBe(0x1f0f_ffff)
  })

  it('says when the block that a rule needs is not there, for that is our mistake', () => {
    const empty = { ...chainOf(1, { from: 2_015 }), ancestor: () => undefined }
    expect(() => requiredBits(mainnetRule, empty, 0)).toThrow(RangeError)
  })
})
