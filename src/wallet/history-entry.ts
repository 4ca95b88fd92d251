/** What a wallet remembers of a transaction that is about it, and how that is read out of the transaction. */
import { coinKey } from '../chain/coin.ts'
import { hashKey } from '../chain/header-node.ts'
import { isCoinbase } from '../chain/transaction-rules.ts'
import { p2pkhHash } from '../script/templates.ts'
import type { Transaction } from '../wire/transaction.ts'

/** Where a transaction was mined. */
export interface BlockPlace {
  readonly height: number
  /** 32 bytes in wire order. */
  readonly hash: Uint8Array
  /** Unix seconds, as the block says. */
  readonly time: number
  /** Among the block's transactions, from 0. */
  readonly position: number
}

/** An output that pays to this wallet. */
export interface OwnOutput {
  readonly index: number
  /** In ions. */
  readonly value: number
  /** HASH160 of the key. */
  readonly hash: Uint8Array
}

/** An output of this wallet that the transaction spends. */
export interface OwnSpend {
  readonly coin: string
  readonly value: number
  readonly hash: Uint8Array
}

/** An output that pays to somebody else. */
export interface Payment {
  readonly index: number
  readonly value: number
  readonly script: Uint8Array
}

export interface HistoryEntry {
  /** 32 bytes in wire order. */
  readonly txid: Uint8Array
  readonly key: string
  readonly isCoinbase: boolean
  readonly received: readonly OwnOutput[]
  readonly spent: readonly OwnSpend[]
  /** Only kept if this wallet spends something here. */
  readonly paid: readonly Payment[]
  /** Known if all that is spent is this wallet's. */
  readonly fee: number | undefined
  /** When it was seen first, in Unix seconds. */
  readonly time: number
  /** Undefined while it is not mined. */
  readonly block: BlockPlace | undefined
  /** Its bytes, if this wallet made it and it is not mined yet, or in a block that may be undone, or lost with the process. */
  readonly raw: Uint8Array | undefined
  /** This wallet made it, and it can't be mined any more: something else spent what it spends, or it waited too long. */
  readonly isFailed: boolean
}

/** What decides whether a transaction is this wallet's business. */
export interface Ownership {
  isOwn(hash: Uint8Array): boolean
  /** An output that pays to this wallet and is known; undefined otherwise. */
  output(coin: string): OwnOutput | undefined
}

export type EntryFacts = Pick<HistoryEntry, 'time' | 'block' | 'raw'>

/** Is it about this wallet? Cheap: nothing is hashed. */
export function isRelevant({ inputs, outputs }: Transaction, own: Ownership): boolean {
  return (
    outputs.some(({ scriptPubKey }) => ownHash(scriptPubKey, own) !== undefined) ||
    inputs.some((input) => own.output(coinKey(input.previousHash, input.previousIndex)) !== undefined)
  )
}

export function entryOf(
  transaction: Transaction,
  txid: Uint8Array,
  own: Ownership,
  facts: EntryFacts,
): HistoryEntry {
  const { inputs, outputs } = transaction
  const received: OwnOutput[] = []
  const others: Payment[] = []
  for (const [index, { value, scriptPubKey }] of outputs.entries()) {
    const hash = ownHash(scriptPubKey, own)
    if (hash === undefined) others.push({ index, value: Number(value), script: scriptPubKey.slice() })
    else received.push({ index, value: Number(value), hash: hash.slice() })
  }
  const spent = inputs.flatMap(({ previousHash, previousIndex }): OwnSpend[] => {
    const coin = coinKey(previousHash, previousIndex)
    const output = own.output(coin)
    return output === undefined ? [] : [{ coin, value: output.value, hash: output.hash }]
  })
  const isAllOurs = spent.length > 0 && spent.length === inputs.length
  return {
    txid: txid.slice(),
    key: hashKey(txid),
    isCoinbase: isCoinbase(transaction),
    received,
    spent,
    paid: spent.length > 0 ? others : [],
    fee: isAllOurs ? sumOf(spent) - sumOf(received) - sumOf(others) : undefined,
    isFailed: false,
    ...facts,
  }
}

export function sumOf(parts: readonly { readonly value: number }[]): number {
  return parts.reduce((sum, { value }) => sum + value, 0)
}

function ownHash(script: Uint8Array, own: Ownership): Uint8Array | undefined {
  const hash = p2pkhHash(script)
  return hash !== undefined && own.isOwn(hash) ? hash : undefined
}
