/** Compact blocks as this node writes them, and the transactions of a block that somebody misses. */
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type CmpctBlockMessage, SHORT_ID_BYTES } from '../wire/compact.ts'
import type { BlockHeader } from '../wire/header.ts'
import { RELAYED_TRANSACTION, readTransaction } from '../wire/transaction.ts'
import type { BlockContents } from './block-contents.ts'
import { putShortId, ShortIds } from './short-ids.ts'

/** The coinbase as it is, which nobody can know, and a short id for each other transaction. */
export function compactBlock(header: BlockHeader, contents: BlockContents, nonce: bigint): CmpctBlockMessage {
  const ids = new ShortIds(header, nonce)
  const shortIds = new Uint8Array((contents.count - 1) * SHORT_ID_BYTES)
  for (let i = 1; i < contents.count; i++) putShortId(shortIds, i - 1, ids.of(sha3_256(contents.at(i))))
  const coinbase = readTransaction(new ByteReader(contents.at(0)), RELAYED_TRANSACTION)
  return { type: 'cmpctblock', header, nonce, prefilled: [{ index: 0, transaction: coinbase }], shortIds }
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
