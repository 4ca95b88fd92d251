/** CHECKLOCKTIMEVERIFY and CHECKSEQUENCEVERIFY: what a script demands of its transaction's locks (BIP 65, BIP 112). */
import type { Transaction } from '../wire/transaction.ts'
import { decodeScriptNumber } from './script-number.ts'

/** Below it a lock time is a height, from it on Unix seconds (chain 10). */
export const LOCK_TIME_THRESHOLD = 500_000_000
/** A sequence that switches all locks of its input off. */
export const FINAL_SEQUENCE = 0xffff_ffff
/** With this bit a sequence is no relative lock. */
export const SEQUENCE_DISABLED = 0x8000_0000
/** With this bit a relative lock counts time, otherwise blocks. */
export const SEQUENCE_BY_TIME = 0x0040_0000
export const SEQUENCE_AMOUNT = 0xffff
/** Versions below know no relative locks. */
export const RELATIVE_LOCKS_VERSION = 2

/** Is the transaction locked at least until the time or height in `element`? */
export function lockTimeReached(
  element: Uint8Array,
  { lockTime, inputs }: Transaction,
  index: number,
): boolean {
  const wanted = decodeScriptNumber(element)
  if (wanted === undefined || wanted < 0 || wanted > lockTime) return false
  const isSameKind = wanted < LOCK_TIME_THRESHOLD === lockTime < LOCK_TIME_THRESHOLD
  return isSameKind && inputs[index]?.sequence !== FINAL_SEQUENCE
}

/** Is the input locked relative to the output that it spends, for at least what `element` says? */
export function sequenceReached(
  element: Uint8Array,
  { version, inputs }: Transaction,
  index: number,
): boolean {
  const wanted = decodeScriptNumber(element)
  if (wanted === undefined || wanted < 0) return false
  if (hasBit(wanted, SEQUENCE_DISABLED)) return true
  const sequence = inputs[index]?.sequence ?? FINAL_SEQUENCE
  // Versions count as unsigned here: a negative one is a large one.
  if (version >>> 0 < RELATIVE_LOCKS_VERSION || hasBit(sequence, SEQUENCE_DISABLED)) return false
  const isSameKind = hasBit(wanted, SEQUENCE_BY_TIME) === hasBit(sequence, SEQUENCE_BY_TIME)
  return isSameKind && (wanted & SEQUENCE_AMOUNT) <= (sequence & SEQUENCE_AMOUNT)
}

function hasBit(value: number, bit: number): boolean {
  return (value & bit) !== 0
}
