/** Transactions and block bodies made to order, right by default and wrong where a test wants it. */
import { coinbaseOutputs, coinbaseScriptSig } from '../src/chain/coinbase-rules.ts'
import { merkleRoot } from '../src/chain/merkle.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { ByteWriter } from '../src/primitives/writer.ts'
import { p2pkhScript } from '../src/script/templates.ts'
import { BlockHeader } from '../src/wire/header.ts'
import {
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  writeTransaction,
} from '../src/wire/transaction.ts'

export const ANY_SCRIPT = p2pkhScript(new Uint8Array(20).fill(7))

export function input(fields: Partial<TransactionInput> = {}): TransactionInput {
  return {
    previousHash: new Uint8Array(32).fill(1),
    previousIndex: 0,
    scriptSig: new Uint8Array(0),
    sequence: 0xffff_ffff,
    ...fields,
  }
}

export function output(fields: Partial<TransactionOutput> = {}): TransactionOutput {
  return { value: 100_000n, scriptPubKey: ANY_SCRIPT, ...fields }
}

export function transaction(fields: Partial<Transaction> = {}): Transaction {
  return { version: 1, inputs: [input()], outputs: [output()], lockTime: 0, ...fields }
}

/** As a miner of that network makes it. */
export function coinbase(params: ChainParams, height: number, fees = 0): Transaction {
  const previousHash = new Uint8Array(32)
  const scriptSig = coinbaseScriptSig(height)
  return transaction({
    inputs: [input({ previousHash, previousIndex: 0xffff_ffff, scriptSig })],
    outputs: coinbaseOutputs(params, height, ANY_SCRIPT, fees),
  })
}

export function transactionBytesOf(made: Transaction): Uint8Array {
  const writer = new ByteWriter()
  writeTransaction(writer, made)
  return writer.copy()
}

/** Transaction data of these transactions, given as such or as bytes. */
export function bodyOf(transactions: readonly (Transaction | Uint8Array)[]): Uint8Array {
  const writer = new ByteWriter()
  writer.compactSize(transactions.length)
  for (const made of transactions) writer.bytes(made instanceof Uint8Array ? made : transactionBytesOf(made))
  return writer.copy()
}

/** A header that commits to these transactions. */
export function headerOf(transactions: readonly (Transaction | Uint8Array)[]): BlockHeader {
  const txids = transactions.map((made) =>
    sha3_256(made instanceof Uint8Array ? made : transactionBytesOf(made)),
  )
  return BlockHeader.of({
    version: 1,
    previousHash: new Uint8Array(32),
    merkleRoot: merkleRoot(txids).root,
    time: 1_700_000_000,
    bits: 0x207f_ffff,
    nonce: 0,
  })
}
