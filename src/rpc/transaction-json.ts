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
