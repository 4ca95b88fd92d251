/** Transactions of another node with their signatures: those of the second block of test/vectors/blocks.json. */
import { ByteReader } from '../src/primitives/reader.ts'
import { hash160 } from '../src/primitives/sha3.ts'
import { InputEvaluation } from '../src/script/input-evaluation.ts'
import { readLegacyScriptSig } from '../src/script/script-sig.ts'
import type { SignatureCheck } from '../src/script/signature-check.ts'
import { SigningContext } from '../src/script/signing-context.ts'
import { p2pkhScript } from '../src/script/templates.ts'
import { blockCodec, decodeBlockTransactions } from '../src/wire/block.ts'
import type { Transaction } from '../src/wire/transaction.ts'
import { MAINNET_CHAIN_ID } from './scripts.ts'
import { hex, loadBlocks } from './vectors.ts'

/** What the first of them spends: the output of a coinbase. */
export const SPENT_SCRIPT = hex('76a914566d5d5cf1269e4e5d1fa42c5113d3a24c0f5a5b88ac')

/** Without the coinbase. */
export function signedTransactions(): Transaction[] {
  const { payloadHex } = loadBlocks().blocks[1] ?? { payloadHex: '' }
  const { block } = blockCodec.decode(new ByteReader(hex(payloadHex)))
  const transactions = decodeBlockTransactions(block.transactionData)
  if (!transactions.ok) throw new Error(transactions.error.field)
  return transactions.value.slice(1)
}

/** The check of one input that spends an output to its own key. */
export function checkOf(transaction: Transaction, index = 0): SignatureCheck {
  const pair = readLegacyScriptSig(transaction.inputs[index]?.scriptSig ?? new Uint8Array(0))
  if (pair === undefined) throw new Error('not the legacy form')
  const signing = new SigningContext(transaction, MAINNET_CHAIN_ID)
  const { verdict } = InputEvaluation.start(signing, index, p2pkhScript(hash160(pair.publicKey)))
  if (verdict.kind !== 'needs') throw new Error(`${verdict.kind}, and no signature was asked for`)
  return verdict.check
}

/** All four. */
export function knownChecks(): SignatureCheck[] {
  return signedTransactions().flatMap((transaction) =>
    transaction.inputs.map((_, index) => checkOf(transaction, index)),
  )
}

/** As views of a buffer of their own, with a byte changed. */
export function spoiled(check: SignatureCheck, part: keyof SignatureCheck, at = 0, bit = 1): SignatureCheck {
  const bytes = check[part].slice()
  bytes[at] = (bytes[at] ?? 0) ^ bit
  return { ...check, [part]: bytes }
}
