/** Transactions of another node with their signatures: those of test/vectors/eased-blocks.json. */
import { hashToHex } from '../src/primitives/bytes.ts'
import { ByteReader } from '../src/primitives/reader.ts'
import { hash160 } from '../src/primitives/sha3.ts'
import { InputEvaluation } from '../src/script/input-evaluation.ts'
import { readLegacyScriptSig } from '../src/script/script-sig.ts'
import type { SignatureCheck } from '../src/script/signature-check.ts'
import { SigningContext } from '../src/script/signing-context.ts'
import { p2pkhScript } from '../src/script/templates.ts'
import { blockCodec, decodeBlockTransactions } from '../src/wire/block.ts'
import { CURRENT_FORM } from '../src/wire/codec.ts'
import type { Transaction, TransactionInput } from '../src/wire/transaction.ts'
import { MAINNET_CHAIN_ID } from './scripts.ts'
import { hex, loadEasedBlocks } from './vectors.ts'

interface Named {
  readonly txid: string
  readonly transaction: Transaction
}

/** Of each block, the coinbase first. */
function blocks(): Named[][] {
  return loadEasedBlocks().blocks.map(({ payloadHex, txids }) => {
    const { block } = blockCodec.decode(new ByteReader(hex(payloadHex)), CURRENT_FORM)
    const transactions = decodeBlockTransactions(block.transactionData)
    if (!transactions.ok) throw new Error(transactions.error.field)
    return transactions.value.map((transaction, i) => ({ txid: txids[i] ?? '', transaction }))
  })
}

/** Without coinbases: three transactions with five inputs, the first of which spends an output of a block before. */
export function signedTransactions(): Transaction[] {
  return blocks().flatMap((block) => block.slice(1).map(({ transaction }) => transaction))
}

/** The script of the output that an input spends; undefined if it is of a block that we don't have. */
export function spentScript({ previousHash, previousIndex }: TransactionInput): Uint8Array | undefined {
  const previous = blocks()
    .flat()
    .find(({ txid }) => txid === hashToHex(previousHash))
  return previous?.transaction.outputs[previousIndex]?.scriptPubKey
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

/** All five. */
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
