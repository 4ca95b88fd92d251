/**
 * Compact blocks: `sendcmpct`, `cmpctblock`, `getblocktxn`, `blocktxn` (wire-protocol 5.17 to 5.20). Unlike
 * BIP 152, prefilled transactions stand before short ids and all indexes are absolute.
 */
import type { ByteReader } from '../primitives/reader.ts'
import { NO_HEADER } from './block.ts'
import type { Codec } from './codec.ts'
import { type BlockHeader, readHeader } from './header.ts'
import {
  MIN_TRANSACTION_BYTES,
  RELAYED_TRANSACTION,
  readTransaction,
  readTransactions,
  type Transaction,
  writeTransaction,
} from './transaction.ts'

export interface SendCmpctMessage {
  readonly type: 'sendcmpct'
  /** Does the sender want new blocks announced as compact blocks? */
  readonly announce: boolean
  readonly version: bigint
}

export interface PrefilledTransaction {
  /** Position in the block, absolute. */
  readonly index: number
  readonly transaction: Transaction
}

export interface CmpctBlockMessage {
  readonly type: 'cmpctblock'
  readonly header: BlockHeader
  readonly nonce: bigint
  readonly prefilled: readonly PrefilledTransaction[]
  /** Six bytes each, as on the wire, in block order. */
  readonly shortIds: Uint8Array
}

export interface GetBlockTxnMessage {
  readonly type: 'getblocktxn'
  readonly blockHash: Uint8Array
  /** Positions in the block, absolute. */
  readonly indexes: readonly number[]
}

export interface BlockTxnMessage {
  readonly type: 'blocktxn'
  readonly blockHash: Uint8Array
  readonly transactions: readonly Transaction[]
}

export const COMPACT_VERSION = 1n
export const SHORT_ID_BYTES = 6

const MAX_PREFILLED = 10_000
const MAX_SHORT_IDS = 100_000
/** In one `getblocktxn`. */
export const MAX_INDEXES = 50_000
const MAX_BLOCK_TXN = 100_000
/** The last position in a block that the format has a number for. */
export const MAX_INDEX = 0xffff

export const sendcmpctCodec: Codec<SendCmpctMessage> = {
  type: 'sendcmpct',
  minBytes: 9,
  maxBytes: 9,
  decode: (reader) => ({
    type: 'sendcmpct',
    announce: reader.bool('announce'),
    version: reader.u64('version'),
  }),
  encode: (writer, { announce, version }) => void writer.bool(announce).u64(version),
}

export const cmpctblockCodec: Codec<CmpctBlockMessage> = {
  type: 'cmpctblock',
  minBytes: 80,
  maxBytes: 8_388_608,
  decode(reader, form) {
    const header = readHeader(reader, form) ?? NO_HEADER
    const nonce = reader.u64('nonce')
    const prefilledCount = reader.count('prefilled', MAX_PREFILLED, 1 + MIN_TRANSACTION_BYTES)
    const prefilled: PrefilledTransaction[] = []
    for (let i = 0; i < prefilledCount && !reader.failed; i++) {
      const index = readIndex(reader)
      prefilled.push({ index, transaction: readTransaction(reader, RELAYED_TRANSACTION) })
    }
    const shortIdCount = reader.count('shortIds', MAX_SHORT_IDS, SHORT_ID_BYTES)
    const shortIds = reader.bytes(shortIdCount * SHORT_ID_BYTES, 'shortIds')
    return { type: 'cmpctblock', header, nonce, prefilled, shortIds }
  },
  encode(writer, { header, nonce, prefilled, shortIds }) {
    writer.bytes(header.bytes).u64(nonce).count(prefilled.length, MAX_PREFILLED)
    for (const { index, transaction } of prefilled) {
      writer.count(index, MAX_INDEX)
      writeTransaction(writer, transaction, RELAYED_TRANSACTION)
    }
    if (shortIds.length % SHORT_ID_BYTES !== 0) throw new RangeError('short ids are not whole')
    writer.count(shortIds.length / SHORT_ID_BYTES, MAX_SHORT_IDS).bytes(shortIds)
  },
}

export const getblocktxnCodec: Codec<GetBlockTxnMessage> = {
  type: 'getblocktxn',
  minBytes: 33,
  maxBytes: 200_033,
  decode(reader) {
    const blockHash = reader.hash('blockHash')
    const n = reader.count('indexes', MAX_INDEXES, 1)
    const indexes: number[] = []
    for (let i = 0; i < n && !reader.failed; i++) indexes.push(readIndex(reader))
    return { type: 'getblocktxn', blockHash, indexes }
  },
  encode(writer, { blockHash, indexes }) {
    writer.hash(blockHash).count(indexes.length, MAX_INDEXES)
    for (const index of indexes) writer.count(index, MAX_INDEX)
  },
}

export const blocktxnCodec: Codec<BlockTxnMessage> = {
  type: 'blocktxn',
  minBytes: 33,
  maxBytes: 8_388_608,
  decode(reader) {
    const blockHash = reader.hash('blockHash')
    const n = reader.count('transactions', MAX_BLOCK_TXN, MIN_TRANSACTION_BYTES)
    return { type: 'blocktxn', blockHash, transactions: readTransactions(reader, n, RELAYED_TRANSACTION) }
  },
  encode(writer, { blockHash, transactions }) {
    writer.hash(blockHash).count(transactions.length, MAX_BLOCK_TXN)
    for (const transaction of transactions) writeTransaction(writer, transaction, RELAYED_TRANSACTION)
  },
}

/** A position in a block. The format leaves 16 bits for it; more is refused, never cut off. */
function readIndex(reader: ByteReader): number {
  const offset = reader.offset
  const index = reader.compactSize('index')
  if (index > MAX_INDEX) reader.fail('tooLarge', 'index', offset)
  return index
}
