/**
 * Which compact target a block must have, by the rule of its chain (difficulty 4). Everything is computed from the
 * block's ancestors; only the emergency rule looks at the block's own time.
 */
import type { AsertPeriod, DifficultyRule, RetargetPeriod } from '../params/chain-params.ts'
import { clampBits, encodeTarget, fixSignBit, targetOfBits } from './compact-bits.ts'

/** A block on a chain, as far as these rules look at it. */
export interface ChainPoint {
  readonly height: number
  /** Unix seconds. */
  readonly time: number
  readonly bits: number
  readonly parent: ChainPoint | undefined
  /** The block of this chain at that height; undefined above this one or below 0. */
  ancestor(height: number): ChainPoint | undefined
}

type Schedule = Extract<DifficultyRule, { kind: 'schedule' }>

/** Is this target wrong for the block behind `parent` with that time, in Unix seconds? */
export function bitsFault(rule: DifficultyRule, parent: ChainPoint, bits: number, time: number): boolean {
  if (rule.kind === 'range') return bits < rule.minBits || bits > rule.maxBits
  return bits !== requiredBits(rule, parent, time)
}

/** The only target that the block behind `parent` may have; undefined if the rule leaves a choice. */
export function requiredBits(rule: DifficultyRule, parent: ChainPoint, time: number): number | undefined {
  if (rule.kind === 'fixed') return rule.bits
  return rule.kind === 'range' ? undefined : scheduledBits(rule, parent, time)
}

/** Has a block of this height another target if it comes later? Then whoever changes its time must ask again. */
export function bitsFollowTime(rule: DifficultyRule, height: number): boolean {
  if (rule.kind !== 'schedule' || periodAt(rule.asert, height) !== undefined) return false
  const period = periodAt(rule.periods, height)
  return period?.emergencyBlocks !== undefined && height % period.intervalBlocks !== 0
}

function scheduledBits(rule: Schedule, parent: ChainPoint, time: number): number {
  const height = parent.height + 1
  const asert = periodAt(rule.asert, height)
  if (asert !== undefined) return asertBits(rule, asert, parent)
  const period = periodAt(rule.periods, height)
  if (period === undefined) return parent.bits
  if (height % period.intervalBlocks === 0) return retargetBits(rule, period, parent)
  return emergencyBits(rule, period, parent, time)
}

/** The last one that has begun. */
function periodAt<P extends { readonly fromHeight: number }>(
  periods: readonly P[],
  height: number,
): P | undefined {
  return periods.findLast(({ fromHeight }) => fromHeight <= height)
}

function retargetBits(rule: Schedule, period: RetargetPeriod, parent: ChainPoint): number {
  const { intervalBlocks, factor } = period
  const first = ancestorOf(parent, parent.height + 1 - intervalBlocks)
  const wanted = intervalBlocks * rule.spacingSeconds
  // As unsigned 32-bit numbers: time that went backwards counts as very long.
  const measured = (parent.time - first.time) >>> 0 || wanted
  const actual = Math.min(Math.max(measured, Math.floor(wanted / factor)), wanted * factor)
  const target = (targetOfBits(parent.bits) * BigInt(actual)) / BigInt(wanted)
  const bits = clampBits(encodeTarget(target), rule.minBits, rule.maxBits)
  // Here the bounds come first and the sign bit second; in the emergency rule it is the other way round.
  return period.fixesSignBit ? fixSignBit(bits) : bits
}

/** After a long gap the target grows by a quarter for each further wait, up to this often. */
const MAX_EMERGENCY_STEPS = 20

function emergencyBits(rule: Schedule, period: RetargetPeriod, parent: ChainPoint, time: number): number {
  if (period.emergencyBlocks === undefined) return parent.bits
  const wait = period.emergencyBlocks * rule.spacingSeconds
  const gap = time - parent.time
  if (gap <= wait) return parent.bits
  const steps = Math.min(Math.floor((gap - wait) / wait) + 1, MAX_EMERGENCY_STEPS)
  const bits = encodeTarget(easedTarget(targetOfBits(parent.bits), steps))
  return clampBits(period.fixesSignBit ? fixSignBit(bits) : bits, rule.minBits, rule.maxBits)
}

/** A target after so many steps of the emergency rule. */
export function easedTarget(target: bigint, steps: number): bigint {
  let eased = target
  for (let i = 0; i < steps; i++) eased = (eased * 5n) / 4n
  return eased
}

const FRACTION_BITS = 16n
const ONE = 1n << FRACTION_BITS
const MAX_SHIFT = 255n
const TARGET_BITS = 256

/** Fixed-point approximation of 65536 · 2^(fraction / 65536). */
function powerOfTwo(fraction: bigint): bigint {
  const cubic = 195_766_423_245_049n * fraction + 971_821_376n * fraction ** 2n + 5_127n * fraction ** 3n
  return ONE + ((cubic + 2n ** 47n) >> 48n)
}

function asertBits(rule: Schedule, { anchorHeight }: AsertPeriod, parent: ChainPoint): number {
  const anchor = ancestorOf(parent, anchorHeight)
  const ideal = BigInt(rule.spacingSeconds) * BigInt(parent.height - anchor.height + 1)
  // Division truncates towards zero, the shift rounds down: both matter for negative exponents.
  const late = BigInt(parent.time - anchor.time) - ideal
  const exponent = (late * ONE) / BigInt(rule.halfLifeSeconds)
  const shifts = exponent >> FRACTION_BITS
  const factor = powerOfTwo(exponent - (shifts << FRACTION_BITS))
  if (shifts > MAX_SHIFT) return rule.maxBits
  if (shifts < -MAX_SHIFT) return rule.minBits
  const base = (targetOfBits(anchor.bits) * factor) >> FRACTION_BITS
  // What is shifted out is gone, so a chain that is weeks late gets the hardest target (difficulty 4.3).
  const target = shifts >= 0n ? BigInt.asUintN(TARGET_BITS, base << shifts) : base >> -shifts
  if (target === 0n) return rule.minBits
  return clampBits(fixSignBit(encodeTarget(target)), rule.minBits, rule.maxBits)
}

function ancestorOf(point: ChainPoint, height: number): ChainPoint {
  const ancestor = point.ancestor(height)
  if (ancestor === undefined) throw new RangeError(`no block ${height} below block ${point.height}`)
  return ancestor
}
