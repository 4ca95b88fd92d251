/** The transactions of blocks as they are stored, for who looks for his own among them. */
import type { StoredBlock } from '../chain/io.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { eachBlockTransaction } from '../wire/block.ts'
import { decodePayload } from '../wire/messages.ts'
import { type Transaction, writeTransaction } from '../wire/transaction.ts'

/** In the order of the block. */
export function transactionsOf(stored: StoredBlock): readonly Transaction[] {
  return [...eachTransactionOf(stored)]
}

/** The same, each read when it is asked for. */
export function* eachTransactionOf({ payload }: StoredBlock): Generator<Transaction> {
  const message = decodePayload('block', payload)
  if (message.ok) yield* eachBlockTransaction(message.value.block.transactionData)
}

export function bytesOf(transaction: Transaction): Uint8Array {
  const writer = new ByteWriter(512)
  writeTransaction(writer, transaction)
  return writer.copy()
}
