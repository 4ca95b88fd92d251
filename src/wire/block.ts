/**
 * The `block` message (wire-protocol 4.5, 5.9). Behind the header stands a length in bytes; the bytes behind it
 * are kept as they came, because v1.0 puts a bare transaction there and everybody else a count and
 * transactions, and because a block is stored and served as bytes.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import { ByteReader, type DecodeError } from '../primitives/reader.ts'
import type { Result } from '../primitives/result.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { Codec } from './codec.ts'
import { BlockHeader, HEADER_BYTES, readHeader } from './header.ts'
import {
  BLOCK_TRANSACTION,
  MIN_TRANSACTION_BYTES,
  readTransaction,
  readTransactions,
  type Transaction,
  writeTransaction,
} from './transaction.ts'

export interface Block {
  readonly header: BlockHeader
  /** The transaction data, as it is hashed, stored and served. See {@link decodeBlockTransactions}. */
  readonly transactionData: Uint8Array
}

export interface BlockMessage {
  readonly type: 'block'
  readonly block: Block
}

/** No network allows more behind a header. */
export const MAX_TRANSACTION_DATA_BYTES = 4_194_304
/** What is not taken apart may fill a frame of 32 MiB, behind the header and the length. */
export const MAX_OPAQUE_DATA_BYTES = 33_554_347
/** Of the length in front of the data. */
const LENGTH_BYTES = 5
const MAX_BLOCK_TRANSACTIONS = 100_000

/** Stands in for a header that could not be read; the reader's failure keeps anybody from seeing it. */
export const NO_HEADER = new BlockHeader(new Uint8Array(HEADER_BYTES))

export const blockCodec: Codec<BlockMessage> = {
  type: 'block',
  minBytes: 80,
  maxBytes: 8_388_608,
  decode(reader, form) {
    const header = readHeader(reader, form) ?? NO_HEADER
    const transactionData = reader.varBytes('transactionData', maxDataBytes(form))
    return { type: 'block', block: { header, transactionData } }
  },
  encode(writer, { block }, form) {
    writer.bytes(block.header.bytes).varBytes(block.transactionData, maxDataBytes(form))
  },
}

/** Bytes of a `block` message, at most. What a chain refuses is read, so that it can be said why. */
export function maxBlockBytes(form: PayloadForm): number {
  return Math.max(blockCodec.maxBytes, HEADER_BYTES + LENGTH_BYTES + maxDataBytes(form))
}

function maxDataBytes({ maxTransactionDataBytes }: PayloadForm): number {
  return Math.max(MAX_TRANSACTION_DATA_BYTES, maxTransactionDataBytes)
}

/** The transactions in a block's data: a count, then each. Their scripts are views of it. */
export function decodeBlockTransactions(transactionData: Uint8Array): Result<Transaction[], DecodeError> {
  const reader = new ByteReader(transactionData)
  const n = reader.count('transactions', MAX_BLOCK_TRANSACTIONS, MIN_TRANSACTION_BYTES)
  const transactions = readTransactions(reader, n, BLOCK_TRANSACTION)
  if (reader.remaining > 0) reader.fail('badValue', 'bytes behind the last transaction')
  return reader.finish(transactions)
}

/** Reads each when it is asked for, up to the first that is damaged. */
export function* eachBlockTransaction(transactionData: Uint8Array): Generator<Transaction> {
  const reader = new ByteReader(transactionData)
  const count = reader.count('transactions', MAX_BLOCK_TRANSACTIONS, MIN_TRANSACTION_BYTES)
  for (let i = 0; i < count; i++) {
    const transaction = readTransaction(reader, BLOCK_TRANSACTION)
    if (reader.failed) return
    yield transaction
  }
}

/** A count, then each, in memory of its own. Throws RangeError on a transaction that no block may hold. */
export function encodeBlockTransactions(transactions: readonly Transaction[]): Uint8Array {
  const writer = new ByteWriter(1_024)
  writer.count(transactions.length, MAX_BLOCK_TRANSACTIONS)
  for (const transaction of transactions) writeTransaction(writer, transaction, BLOCK_TRANSACTION)
  return writer.copy()
}
