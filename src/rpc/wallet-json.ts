/** The wallet's coins and transactions as RPC shows them (rpc 4.3), with Bitcoin's members beside the C++ node's. */
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import { dilOf } from '../wallet/amount.ts'
import { confirmationsOf, type Surroundings, type UnspentCoin } from '../wallet/balance.ts'
import type { HistoryEntry } from '../wallet/history-entry.ts'
import { type Movement, movementsOf } from '../wallet/movements.ts'
import type { JsonObject } from './json.ts'

export function unspentJson({ entry, output, confirmations }: UnspentCoin): JsonObject {
  return {
    txid: hashToHex(entry.txid),
    vout: output.index,
    address: encodeAddress(output.hash),
    amount: dilOf(output.value),
    confirmations,
    scriptPubKey: toHex(p2pkhScript(output.hash)),
    generated: entry.isCoinbase,
    spendable: true,
  }
}

/** What happened in a transaction, one object for each output that matters to the owner. */
export function movementRows(
  entry: HistoryEntry,
  around: Surroundings,
  isChange: (hash: Uint8Array) => boolean,
): JsonObject[] {
  const confirmations = confirmationsOf(entry, around)
  return movementsOf(entry, confirmations, around, isChange).map((movement) => ({
    txid: hashToHex(entry.txid),
    ...movementJson(movement),
    confirmations,
    ...placeJson(entry),
    ...(entry.isCoinbase ? { generated: true } : {}),
  }))
}

/** The transaction as a whole. */
export function summaryJson(
  entry: HistoryEntry,
  around: Surroundings,
  isChange: (hash: Uint8Array) => boolean,
): JsonObject {
  const confirmations = confirmationsOf(entry, around)
  const details = movementsOf(entry, confirmations, around, isChange)
  const amount = details.reduce((sum, movement) => sum + movement.amount, 0)
  const fee = entry.fee === undefined ? {} : { fee: dilOf(-entry.fee) }
  return {
    wallet: { category: details[0]?.category ?? 'none', amount: dilOf(amount), ...fee },
    amount: dilOf(amount),
    ...fee,
    ...placeJson(entry),
    details: details.map(movementJson),
  }
}

function movementJson({ address, category, amount, index, fee, isAbandoned }: Movement): JsonObject {
  return {
    address,
    category,
    amount: dilOf(amount),
    vout: index,
    ...(fee === undefined ? {} : { fee: dilOf(fee) }),
    ...(isAbandoned ? { abandoned: true } : {}),
  }
}

function placeJson({ block, time }: HistoryEntry): JsonObject {
  if (block === undefined) return { blockhash: '', time, timereceived: time }
  return {
    blockhash: hashToHex(block.hash),
    blockheight: block.height,
    blockindex: block.position,
    blocktime: block.time,
    time,
    timereceived: time,
  }
}
