/** Transactions as RPC shows them (rpc 4.1): values in ions, scripts in hex. */
import { isCoinbase } from '../chain/transaction-rules.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import type { Transaction, TransactionInput, TransactionOutput } from '../wire/transaction.ts'
import type { JsonObject } from './json.ts'

export function transactionJson(transaction: Transaction, txid: Uint8Array): JsonObject {
  return {
    txid: hashToHex(txid),
    version: transaction.version,
    vin: transaction.inputs.map((input) => inputJson(input, isCoinbase(transaction))),
    vout: transaction.outputs.map(outputJson),
    locktime: transaction.lockTime,
  }
}

/** So many outputs are written in some milliseconds. */
const OUTPUTS_PER_PIECE = 500

/** The text of {@link transactionJson} in pieces. */
export function* transactionText(transaction: Transaction, txid: Uint8Array): Generator<string> {
  const { outputs } = transaction
  const { vout: _, locktime, ...head } = transactionJson({ ...transaction, outputs: [] }, txid)
  yield `${JSON.stringify(head).slice(0, -1)},"vout":[`
  for (let at = 0; at < outputs.length; at += OUTPUTS_PER_PIECE) {
    const piece = outputs.slice(at, at + OUTPUTS_PER_PIECE)
    const texts = piece.map((output, i) => JSON.stringify(outputJson(output, at + i)))
    yield (at === 0 ? '' : ',') + texts.join(',')
  }
  yield `],"locktime":${JSON.stringify(locktime)}}`
}

function inputJson(input: TransactionInput, coinbase: boolean): JsonObject {
  const { sequence } = input
  const scriptSig = toHex(input.scriptSig)
  if (coinbase) return { coinbase: true, scriptSig, sequence }
  return { txid: hashToHex(input.previousHash), vout: input.previousIndex, scriptSig, sequence }
}

function outputJson({ value, scriptPubKey }: TransactionOutput, n: number): JsonObject {
  const hash = p2pkhHash(scriptPubKey)
  const address = hash === undefined ? {} : { address: encodeAddress(hash) }
  // Below 2^53: there are no more ions than that.
  return { value: Number(value), n, ...address, scriptPubKey: toHex(scriptPubKey) }
}
