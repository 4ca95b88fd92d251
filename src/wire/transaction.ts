/** Transactions, and the `tx` message (wire-protocol 4.4, 5.10). */
import type { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { Codec } from './codec.ts'

export interface TransactionInput {
  /** Id of the transaction whose output is spent, 32 bytes in wire order. */
  readonly previousHash: Uint8Array
  /** Which of its outputs. */
  readonly previousIndex: number
  readonly scriptSig: Uint8Array
  /** u32; 0xffff_ffff where no time lock is meant. */
  readonly sequence: number
}

export interface TransactionOutput {
  /** In ions, 10^-8 DIL. */
  readonly value: bigint
  readonly scriptPubKey: Uint8Array
}

export interface Transaction {
  /** i32; what wallets write is 1. */
  readonly version: number
  readonly inputs: readonly TransactionInput[]
  readonly outputs: readonly TransactionOutput[]
  /** u32: a height, from 500,000,000 on Unix seconds; 0 for none. */
  readonly lockTime: number
}

export interface TxMessage {
  readonly type: 'tx'
  readonly transaction: Transaction
}

export interface TransactionLimits {
  readonly maxInputs: number
  readonly maxOutputs: number
  readonly maxScriptSigBytes: number
  readonly maxScriptPubKeyBytes: number
}

/** Of a transaction that travels alone. */
export const RELAYED_TRANSACTION: TransactionLimits = {
  maxInputs: 10_000,
  maxOutputs: 10_000,
  maxScriptSigBytes: 20_000,
  maxScriptPubKeyBytes: 20_000,
}

/** Of a transaction inside a block. */
export const BLOCK_TRANSACTION: TransactionLimits = {
  maxInputs: 100_000,
  maxOutputs: 100_000,
  maxScriptSigBytes: 20_000,
  maxScriptPubKeyBytes: 10_000,
}

const NO_LIMITS: TransactionLimits = {
  maxInputs: Number.MAX_SAFE_INTEGER,
  maxOutputs: Number.MAX_SAFE_INTEGER,
  maxScriptSigBytes: Number.MAX_SAFE_INTEGER,
  maxScriptPubKeyBytes: Number.MAX_SAFE_INTEGER,
}

/** Fewest bytes that an input, an output and a whole transaction can take. */
const MIN_INPUT_BYTES = 41
const MIN_OUTPUT_BYTES = 9
export const MIN_TRANSACTION_BYTES = 10

/** Reads one; the reader knows whether that failed. Scripts and hashes are views. */
export function readTransaction(reader: ByteReader, limits: TransactionLimits): Transaction {
  const version = reader.i32('version')
  const inputCount = reader.count('inputs', limits.maxInputs, MIN_INPUT_BYTES)
  const inputs: TransactionInput[] = []
  for (let i = 0; i < inputCount && !reader.failed; i++) {
    inputs.push({
      previousHash: reader.hash('previousHash'),
      previousIndex: reader.u32('previousIndex'),
      scriptSig: reader.varBytes('scriptSig', limits.maxScriptSigBytes),
      sequence: reader.u32('sequence'),
    })
  }
  const outputCount = reader.count('outputs', limits.maxOutputs, MIN_OUTPUT_BYTES)
  const outputs: TransactionOutput[] = []
  for (let i = 0; i < outputCount && !reader.failed; i++) {
    outputs.push({
      value: reader.u64('value'),
      scriptPubKey: reader.varBytes('scriptPubKey', limits.maxScriptPubKeyBytes),
    })
  }
  return { version, inputs, outputs, lockTime: reader.u32('lockTime') }
}

/** Reads `n` transactions one behind the other. */
export function readTransactions(reader: ByteReader, n: number, limits: TransactionLimits): Transaction[] {
  const transactions: Transaction[] = []
  for (let i = 0; i < n && !reader.failed; i++) transactions.push(readTransaction(reader, limits))
  return transactions
}

/** With limits: throws RangeError on a transaction that readers with the same limits would refuse. */
export function writeTransaction(writer: ByteWriter, transaction: Transaction, limits = NO_LIMITS): void {
  writer.i32(transaction.version).count(transaction.inputs.length, limits.maxInputs)
  for (const input of transaction.inputs) {
    writer.hash(input.previousHash).u32(input.previousIndex)
    writer.varBytes(input.scriptSig, limits.maxScriptSigBytes).u32(input.sequence)
  }
  writer.count(transaction.outputs.length, limits.maxOutputs)
  for (const output of transaction.outputs) {
    writer.u64(output.value).varBytes(output.scriptPubKey, limits.maxScriptPubKeyBytes)
  }
  writer.u32(transaction.lockTime)
}

/** The transaction's id: SHA3-256 of its bytes, scriptSigs included (chain 5.1). 32 bytes in wire order. */
export function txidOf(transaction: Transaction): Uint8Array {
  const writer = new ByteWriter()
  writeTransaction(writer, transaction)
  return sha3_256(writer.view())
}

export const txCodec: Codec<TxMessage> = {
  type: 'tx',
  minBytes: 60,
  maxBytes: 1_048_576,
  decode: (reader) => ({ type: 'tx', transaction: readTransaction(reader, RELAYED_TRANSACTION) }),
  encode: (writer, { transaction }) => writeTransaction(writer, transaction, RELAYED_TRANSACTION),
}
