/** Compact blocks as this node writes them, and the transactions of a block that somebody misses. */
import type { BlockBody } from '../chain/block-body.ts'
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type CmpctBlockMessage, SHORT_ID_BYTES } from '../wire/compact.ts'
import type { BlockHeader } from '../wire/header.ts'
import { RELAYED_TRANSACTION, readTransaction, type Transaction } from '../wire/transaction.ts'
import { type BlockContents, travelsAlone } from './block-contents.ts'
import { putShortId, ShortIds } from './short-ids.ts'

/** What a compact block is made of. */
export interface CompactParts {
  readonly coinbase: Transaction
  /** Of the other transactions, in order; 32 bytes each in wire order. */
  readonly ids: readonly Uint8Array[]
}

/** The coinbase as it is, which nobody can know, and a short id for each other transaction. */
export function compactBlock(
  header: BlockHeader,
  { coinbase, ids }: CompactParts,
  nonce: bigint,
): CmpctBlockMessage {
  const short = new ShortIds(header, nonce)
  const shortIds = new Uint8Array(ids.length * SHORT_ID_BYTES)
  for (const [i, id] of ids.entries()) putShortId(shortIds, i, short.of(id))
  return { type: 'cmpctblock', header, nonce, prefilled: [{ index: 0, transaction: coinbase }], shortIds }
}

/** The parts of a block whose transactions nobody has at hand. */
export function partsOf(contents: BlockContents): CompactParts {
  const ids: Uint8Array[] = []
  for (let i = 1; i < contents.count; i++) ids.push(sha3_256(contents.at(i)))
  return { coinbase: readTransaction(new ByteReader(contents.at(0)), RELAYED_TRANSACTION), ids }
}

/** The same of one that has just been taken apart; undefined if its coinbase can't travel alone. */
export function partsOfBody({ transactions }: BlockBody): CompactParts | undefined {
  const [first, ...others] = transactions
  if (first === undefined || !travelsAlone(first.transaction)) return undefined
  return { coinbase: first.transaction, ids: others.map(({ txid }) => txid) }
}

/**
 * The payload of a `blocktxn` with the transactions at these places, copied as they stand in the block. Throws
 * RangeError on a place behind the last one.
 */
export function blockTransactionsPayload(
  blockHash: Uint8Array,
  contents: BlockContents,
  indexes: readonly number[],
): Uint8Array {
  let bytes = blockHash.length + 5
  for (const i of indexes) bytes += contents.at(i).length
  const writer = new ByteWriter(bytes)
  writer.hash(blockHash).compactSize(indexes.length)
  for (const i of indexes) writer.bytes(contents.at(i))
  return writer.view()
}
