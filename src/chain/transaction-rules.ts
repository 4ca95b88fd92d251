/**
 * Rules of single transactions: those that need nothing but the transaction (chain 5.2, as recommended there for new
 * nodes), and locks, which need its place (chain 5.3). Every amount that passes is a whole number of ions below
 * 2^53.
 */

import { bytesEqual } from '../primitives/bytes.ts'
import {
  FINAL_SEQUENCE,
  LOCK_TIME_THRESHOLD,
  RELATIVE_LOCKS_VERSION,
  SEQUENCE_AMOUNT,
  SEQUENCE_BY_TIME,
  SEQUENCE_DISABLED,
} from '../script/locks.ts'
import { isDataCarrier, p2pkhHash } from '../script/templates.ts'
import type { Transaction, TransactionOutput } from '../wire/transaction.ts'
import { type Fault, fault } from './faults.ts'
import { hashKey } from './header-node.ts'

/** Ions in a DIL. */
export const COIN = 100_000_000
/** All coins there can be, in ions. */
export const MAX_MONEY = 21_000_000 * COIN
/** Least value of an output that can be spent, in ions. */
export const MIN_OUTPUT_VALUE = 50_000
export const MAX_TRANSACTION_BYTES = 1_000_000
export const MAX_TRANSACTION_INPUTS = 10_000
export const MAX_TRANSACTION_OUTPUTS = 10_000
export const MAX_SCRIPT_SIG_BYTES = 20_000
const MIN_COINBASE_SCRIPT_BYTES = 2
export const MAX_SCRIPT_PUB_KEY_BYTES = 10_000
const MAX_TRANSACTION_VERSION = 255

export const NULL_INDEX = 0xffff_ffff
const NULL_HASH = new Uint8Array(32)
/** A transaction may be so many seconds ahead of the block that contains it: as far as a block may be ahead of us. */
const LOCK_TIME_LEEWAY_SECONDS = 600

/** One input, which spends nothing. */
export function isCoinbase({ inputs }: Transaction): boolean {
  const [input] = inputs
  return inputs.length === 1 && input !== undefined && spendsNothing(input)
}

function spendsNothing(input: { previousHash: Uint8Array; previousIndex: number }): boolean {
  return input.previousIndex === NULL_INDEX && bytesEqual(input.previousHash, NULL_HASH)
}

/** `sizeBytes`: of its serialisation. `asCoinbase`: it stands where a coinbase belongs. */
export function checkTransaction(
  transaction: Transaction,
  sizeBytes: number,
  asCoinbase: boolean,
): Fault | undefined {
  return checkAllButRepeats(transaction, sizeBytes, asCoinbase) ?? new SpentOutputs().add(transaction)
}

/** Outputs spent by some transactions that stand together, to find what is spent twice. */
export class SpentOutputs {
  readonly #keys = new Set<string>()

  /** A fault if the transaction spends what is spent already, by itself or by one before. */
  add({ inputs }: Transaction): Fault | undefined {
    const before = this.#keys.size
    for (const { previousHash, previousIndex } of inputs)
      this.#keys.add(outpointKey(previousHash, previousIndex))
    if (this.#keys.size === before + inputs.length) return undefined
    const own = new Set(inputs.map((input) => outpointKey(input.previousHash, input.previousIndex)))
    return fault(own.size < inputs.length ? 'bad-txns-inputs-duplicate' : 'bad-txns-inputs-missingorspent')
  }
}

/** The rules for single transactions, but for outputs that are spent twice. */
export function checkAllButRepeats(
  transaction: Transaction,
  sizeBytes: number,
  asCoinbase: boolean,
): Fault | undefined {
  const { version } = transaction
  if (version === 0 || version > MAX_TRANSACTION_VERSION) return fault('bad-txns-version', `${version}`)
  if (sizeBytes > MAX_TRANSACTION_BYTES) return fault('bad-txns-oversize', `${sizeBytes} bytes`)
  return checkInputs(transaction, asCoinbase) ?? checkOutputs(transaction.outputs, asCoinbase)
}

function checkInputs(transaction: Transaction, asCoinbase: boolean): Fault | undefined {
  const { inputs } = transaction
  if (inputs.length === 0) return fault('bad-txns-vin-empty')
  if (inputs.length > MAX_TRANSACTION_INPUTS) return fault('bad-txns-vin-toomany')
  if (asCoinbase) {
    if (!isCoinbase(transaction)) return fault('bad-cb-missing')
    const bytes = inputs[0]?.scriptSig.length ?? 0
    const fits = bytes >= MIN_COINBASE_SCRIPT_BYTES && bytes <= MAX_SCRIPT_SIG_BYTES
    return fits ? undefined : fault('bad-cb-length', `${bytes} bytes`)
  }
  for (const input of inputs) {
    if (spendsNothing(input)) return fault('bad-txns-prevout-null')
    if (input.scriptSig.length > MAX_SCRIPT_SIG_BYTES) return fault('bad-txns-vin-script')
  }
  return undefined
}

/** An output's name as key of a map. */
function outpointKey(txid: Uint8Array, index: number): string {
  return `${hashKey(txid)}${index}`
}

function checkOutputs(outputs: readonly TransactionOutput[], asCoinbase: boolean): Fault | undefined {
  if (outputs.length === 0) return fault('bad-txns-vout-empty')
  if (outputs.length > MAX_TRANSACTION_OUTPUTS) return fault('bad-txns-vout-toomany')
  let total = 0
  for (const { value, scriptPubKey } of outputs) {
    const ions = Number(value)
    if (ions > MAX_MONEY) return fault('bad-txns-vout-toolarge')
    total += ions
    if (total > MAX_MONEY) return fault('bad-txns-txouttotal-toolarge')
    if (scriptPubKey.length > MAX_SCRIPT_PUB_KEY_BYTES) return fault('bad-txns-vout-script')
    // What a miner pays himself is his affair; the network never looked at it.
    if (asCoinbase || isDataCarrier(scriptPubKey)) continue
    if (ions < MIN_OUTPUT_VALUE) return fault('bad-txns-vout-toosmall')
    if (p2pkhHash(scriptPubKey) === undefined) return fault('bad-txns-vout-script')
  }
  return undefined
}

/** May it stand in a block of this height, seen at this time (Unix seconds)? */
export function isFinal({ lockTime, inputs }: Transaction, height: number, time: number): boolean {
  if (lockTime <= (lockTime < LOCK_TIME_THRESHOLD ? height : time)) return true
  return inputs.every(({ sequence }) => sequence === FINAL_SEQUENCE)
}

/** The same inside a block with that time, for which no clock may matter (validation 3). */
export function isFinalInBlock(transaction: Transaction, height: number, blockTime: number): boolean {
  return isFinal(transaction, height, blockTime + LOCK_TIME_LEEWAY_SECONDS)
}

/** `createdAt(i)`: height of the block that made the output which input `i` spends. */
export function relativeLockFault(
  { version, inputs }: Transaction,
  height: number,
  createdAt: (input: number) => number,
): Fault | undefined {
  if (version < RELATIVE_LOCKS_VERSION) return undefined
  for (const [i, { sequence }] of inputs.entries())
    if (height - createdAt(i) < relativeLock(version, sequence)) return fault('non-BIP68-final', `input ${i}`)
  return undefined
}

/** Blocks that must lie between an input and the output that it spends. */
export function relativeLock(version: number, sequence: number): number {
  const isNone = version < RELATIVE_LOCKS_VERSION || (sequence & (SEQUENCE_DISABLED | SEQUENCE_BY_TIME)) !== 0
  return isNone ? 0 : sequence & SEQUENCE_AMOUNT
}
