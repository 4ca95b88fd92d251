/** How large a payment gets and what it must cost (chain 5.3, 5.4). An input with its signature is what counts: 5.3 kB. */
import { MAX_TRANSACTION_BYTES, MIN_OUTPUT_VALUE } from '../chain/transaction-rules.ts'
import { MAX_FEE, MIN_FEE, MIN_FEE_PER_BYTE } from '../params/limits.ts'
import { LEGACY_SCRIPT_SIG_BYTES } from '../script/script-sig.ts'

/** Outpoint, length, scriptSig, sequence. */
export const INPUT_BYTES = 36 + 3 + LEGACY_SCRIPT_SIG_BYTES + 4
/** Value, length, P2PKH. */
export const OUTPUT_BYTES = 8 + 1 + 25
/** Version and lock time. */
const FIXED_BYTES = 8
/** Ions per byte: half of the largest fee for the smallest payment. */
const MAX_RATE = 1_000
/** What is beside the inputs at the most: counts, two outputs. */
const REST_BYTES = FIXED_BYTES + 3 + 1 + 2 * OUTPUT_BYTES

/** More do not fit into a transaction. */
export const MAX_PAYMENT_INPUTS = Math.floor((MAX_TRANSACTION_BYTES - REST_BYTES) / INPUT_BYTES)

/** Of a signed transaction that spends and pays P2PKH outputs. */
export function paymentBytes(inputs: number, outputs: number): number {
  return (
    FIXED_BYTES + countBytes(inputs) + inputs * INPUT_BYTES + countBytes(outputs) + outputs * OUTPUT_BYTES
  )
}

/**
 * In ions, at so many ions per byte: never less than the network takes, and so much less than its most that what is too
 * small for change can be added.
 */
export function paymentFee(bytes: number, feeRate: number): number {
  return Math.min(Math.max(MIN_FEE, costOf(bytes, feeRate)), MAX_FEE - 2 * MIN_OUTPUT_VALUE)
}

/** What these bytes of a payment cost, in ions. */
export function costOf(bytes: number, feeRate: number): number {
  return Math.ceil(bytes * Math.min(Math.max(feeRate, MIN_FEE_PER_BYTE), MAX_RATE))
}

function countBytes(count: number): number {
  return count < 0xfd ? 1 : 3
}
