/** Blocks and headers as RPC shows them (rpc 4.1, with Bitcoin's members where they do not collide). */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { medianTimePast } from '../chain/header-rules.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import { type Block, decodeBlockTransactions } from '../wire/block.ts'
import { type Transaction, txidOf } from '../wire/transaction.ts'
import { type JsonObject, JsonText } from './json.ts'
import { transactionText } from './transaction-json.ts'

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

/** So much text is written in some milliseconds. */
const CHARACTERS_PER_TURN = 100_000

/** `verbosity` 1: ids of the transactions; 2: the transactions. Blocks of opaque data have none to show. */
export async function blockText(
  engine: ChainEngine,
  node: HeaderNode,
  block: Block,
  verbosity: number,
): Promise<JsonText> {
  const transactions = transactionsOf(engine, block)
  const head = {
    ...headerJson(engine, node),
    previousblockhash: hashToHex(node.header.previousHash),
    size: block.transactionData.length,
    tx_count: transactions.length,
    miner: minerOf(transactions),
  }
  let text = `${JSON.stringify(head).slice(0, -1)},"tx":[`
  let next = text.length + CHARACTERS_PER_TURN
  for (const piece of shownTransactions(transactions, verbosity)) {
    text += piece
    if (text.length < next) continue
    await nextTurn()
    next = text.length + CHARACTERS_PER_TURN
  }
  return new JsonText(`${text}]}`)
}

function* shownTransactions(transactions: readonly Transaction[], verbosity: number): Generator<string> {
  for (const [i, transaction] of transactions.entries()) {
    if (i > 0) yield ','
    const txid = txidOf(transaction)
    if (verbosity >= 2) yield* transactionText(transaction, txid)
    else yield JSON.stringify(hashToHex(txid))
  }
}

/** Blocks of opaque data have none. */
export function transactionsOf({ params }: ChainEngine, block: Block): readonly Transaction[] {
  const decoded = params.body === 'opaque' ? undefined : decodeBlockTransactions(block.transactionData)
  return decoded?.ok === true ? decoded.value : []
}

/** Address of the first output of the coinbase, or "". */
function minerOf([coinbase]: readonly Transaction[]): string {
  const script = coinbase?.outputs[0]?.scriptPubKey
  const hash = script === undefined ? undefined : p2pkhHash(script)
  return hash === undefined ? '' : encodeAddress(hash)
}

/** The block as Bitcoin writes it: header, then its transaction data (here a count and the transactions). */
export function blockHex({ header, transactionData }: Block): string {
  // Megabytes are a matter for the system.
  return Buffer.concat([header.bytes, transactionData]).toString('hex')
}
