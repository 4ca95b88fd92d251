/** Blocks of transactions that differ, their compact forms, and sets of known transactions. */
import { merkleRoot } from '../src/chain/merkle.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { ByteWriter } from '../src/primitives/writer.ts'
import { BlockContents } from '../src/relay/block-contents.ts'
import { compactBlock, partsOf } from '../src/relay/compact-messages.ts'
import type { KnownTransaction, TransactionSource } from '../src/relay/transaction-source.ts'
import { type Block, encodeBlockTransactions } from '../src/wire/block.ts'
import type { CmpctBlockMessage } from '../src/wire/compact.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { type Transaction, writeTransaction } from '../src/wire/transaction.ts'
import { filled, transaction } from './wire-samples.ts'

/** Transaction number `i` of as many as one likes; number 0 is a coinbase. */
export function numbered(i: number, scriptSigBytes = 20): Transaction {
  const sample = transaction(scriptSigBytes)
  if (i === 0)
    return { ...sample, inputs: sample.inputs.map((input) => ({ ...input, previousHash: filled(0) })) }
  return { ...sample, lockTime: i }
}

export function known(tx: Transaction): KnownTransaction {
  const writer = new ByteWriter()
  writeTransaction(writer, tx)
  const bytes = writer.copy()
  return { id: sha3_256(bytes), bytes }
}

export function blockOf(transactions: readonly Transaction[], nonce = 0, previousHash = filled(1)): Block {
  const { root } = merkleRoot(transactions.map((tx) => known(tx).id))
  const header = BlockHeader.of({
    version: 1,
    previousHash,
    merkleRoot: root,
    time: 1_761_436_900,
    bits: 0x207f_ffff,
    nonce,
  })
  return { header, transactionData: encodeBlockTransactions(transactions) }
}

export function contentsOf({ transactionData }: Block): BlockContents {
  const contents = BlockContents.of(transactionData)
  if (contents === undefined) throw new Error('a block that can only travel whole')
  return contents
}

export function compactOf(block: Block, nonce: bigint): CmpctBlockMessage {
  return compactBlock(block.header, partsOf(contentsOf(block)), nonce)
}

export function sourceOf(transactions: readonly KnownTransaction[]): TransactionSource {
  return {
    get: () => undefined,
    all: () => transactions,
  }
}
