/** Blocks and headers as RPC shows them (rpc 4.1, with Bitcoin's members where they do not collide). */
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { medianTimePast } from '../chain/header-rules.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import { type Block, decodeBlockTransactions } from '../wire/block.ts'
import { type Transaction, writeTransaction } from '../wire/transaction.ts'
import type { JsonObject } from './json.ts'
import { transactionJson } from './transaction-json.ts'

/** 64 hex digits, most significant first. */
export function wideHex(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

export function bitsText(bits: number): string {
  return `0x${bits.toString(16).padStart(8, '0')}`
}

/** Blocks on top of it and itself; -1 if it is not on the active chain. */
export function confirmations(engine: ChainEngine, node: HeaderNode): number {
  return engine.isActive(node) ? engine.tip.height - node.height + 1 : -1
}

export function headerJson(engine: ChainEngine, node: HeaderNode): JsonObject {
  const { header, parent } = node
  const next = engine.isActive(node) ? engine.activeAt(node.height + 1) : undefined
  return {
    hash: hashToHex(node.hash),
    confirmations: confirmations(engine, node),
    height: node.height,
    version: header.version,
    versionHex: (header.version >>> 0).toString(16).padStart(8, '0'),
    merkleroot: hashToHex(header.merkleRoot),
    time: node.time,
    mediantime: medianTimePast(node),
    nonce: header.nonce,
    bits: bitsText(node.bits),
    target: wideHex(targetOfBits(node.bits)),
    difficulty: difficultyOfBits(node.bits),
    chainwork: wideHex(node.work),
    nTx: node.transactionCount,
    ...(parent === undefined ? {} : { previousblockhash: hashToHex(parent.hash) }),
    ...(next === undefined ? {} : { nextblockhash: hashToHex(next.hash) }),
  }
}

/** `verbosity` 1: ids of the transactions; 2: the transactions. Blocks of opaque data have none to show. */
export function blockJson(
  engine: ChainEngine,
  node: HeaderNode,
  block: Block,
  verbosity: number,
): JsonObject {
  const transactions = transactionsOf(engine, block)
  const { vtx, miner } = transactions
  const shown = vtx.map(({ transaction, txid }) =>
    verbosity >= 2 ? transactionJson(transaction, txid) : hashToHex(txid),
  )
  return {
    ...headerJson(engine, node),
    previousblockhash: hashToHex(node.header.previousHash),
    size: block.transactionData.length,
    tx_count: vtx.length,
    miner,
    tx: shown,
  }
}

interface ShownTransactions {
  readonly vtx: readonly { readonly transaction: Transaction; readonly txid: Uint8Array }[]
  /** Address of the first output of the coinbase, or "". */
  readonly miner: string
}

function transactionsOf({ params }: ChainEngine, block: Block): ShownTransactions {
  const decoded = params.body === 'opaque' ? undefined : decodeBlockTransactions(block.transactionData)
  const transactions = decoded?.ok === true ? decoded.value : []
  const vtx = transactions.map((transaction) => ({ transaction, txid: txidOf(transaction) }))
  const script = transactions[0]?.outputs[0]?.scriptPubKey
  const hash = script === undefined ? undefined : p2pkhHash(script)
  return { vtx, miner: hash === undefined ? '' : encodeAddress(hash) }
}

function txidOf(transaction: Transaction): Uint8Array {
  const writer = new ByteWriter()
  writeTransaction(writer, transaction)
  return sha3_256(writer.view())
}

/** The block as Bitcoin writes it: header, then its transaction data (here a count and the transactions). */
export function blockHex({ header, transactionData }: Block): string {
  return toHex(header.bytes) + toHex(transactionData)
}
