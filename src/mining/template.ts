/**
 * What a miner works on: the block that would come next, but for its nonce (validation 7, v1-testnet 3). Pure; the
 * work is done elsewhere.
 */

import { coinbaseOutputs, coinbaseScriptSig, coinbaseText } from '../chain/coinbase-rules.ts'
import { requiredBits } from '../chain/difficulty.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { medianTimePast } from '../chain/header-rules.ts'
import { merkleRoot } from '../chain/merkle.ts'
import type { ChainParams } from '../params/chain-params.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { Block } from '../wire/block.ts'
import { BlockHeader } from '../wire/header.ts'
import { type Transaction, writeTransaction } from '../wire/transaction.ts'

/** A transaction in the form that goes into blocks: a template of 4 MB is made in a few milliseconds. */
export interface TemplateTransaction {
  /** With every length in its shortest form. */
  readonly bytes: Uint8Array
  /** Their hash, 32 bytes in wire order. */
  readonly id: Uint8Array
}

/** Of the number of transactions. */
const MAX_COUNT_BYTES = 9
/** What programs that mine outside of the node may write into the coinbase beside what stands there. */
const SPARE_COINBASE_BYTES = 256

export interface TemplateRequest {
  readonly params: ChainParams
  /** The block to build on. */
  readonly parent: HeaderNode
  /** Unix seconds. */
  readonly time: number
  /** Where the reward goes. */
  readonly script: Uint8Array
  /** Behind the coinbase, parents first. */
  readonly transactions?: readonly TemplateTransaction[]
  /** Of these transactions, in ions. */
  readonly fees?: number
  /** Bytes that make this miner's coinbase another than everybody else's. */
  readonly extra?: Uint8Array
}

export interface BlockTemplate {
  readonly height: number
  /** Complete but for the work. */
  readonly block: Block
  readonly coinbase: Transaction
  readonly others: readonly TemplateTransaction[]
  /** What the others pay in all, in ions. */
  readonly fees: number
  /** No header of this block may have an earlier time. */
  readonly minTime: number
}

export function blockTemplate(request: TemplateRequest): BlockTemplate {
  const { params, parent } = request
  const height = parent.height + 1
  const minTime = params.checksMedianTime ? medianTimePast(parent) + 1 : 1
  const time = Math.max(request.time, minTime)
  const coinbase = templateCoinbase(request, height)
  const { fees = 0, transactions: others = [] } = request
  const { transactionData, root } = body(params, coinbase, others)
  const header = BlockHeader.of({
    version: Math.max(1, params.minHeaderVersion),
    previousHash: parent.hash,
    merkleRoot: root,
    time,
    bits: nextBits(params, parent, time),
    nonce: 0,
  })
  return { height, block: { header, transactionData }, coinbase, others, fees, minTime }
}

/** Bytes that a block of this height has for transactions beside its coinbase. */
export function roomForTransactions(
  request: Pick<TemplateRequest, 'params' | 'script' | 'extra'>,
  height: number,
): number {
  const writer = new ByteWriter(1_024)
  writeTransaction(writer, templateCoinbase(request, height))
  return request.params.maxTransactionDataBytes - writer.length - MAX_COUNT_BYTES - SPARE_COINBASE_BYTES
}

/** The compact target of the block behind this one. Where the rule leaves a choice, miners stay with the first one. */
export function nextBits(params: ChainParams, parent: HeaderNode, time: number): number {
  return requiredBits(params.difficulty, parent, time) ?? new BlockHeader(params.genesis.header).bits
}

function templateCoinbase(
  { params, script, fees = 0, extra }: Pick<TemplateRequest, 'params' | 'script' | 'fees' | 'extra'>,
  height: number,
): Transaction {
  // Heights are told in the text alone where blocks are opaque.
  const prefix = params.body === 'opaque' ? coinbaseText(height) : coinbaseScriptSig(height)
  const scriptSig = new Uint8Array([...prefix, ...(extra ?? [])])
  const input = {
    previousHash: new Uint8Array(32),
    previousIndex: 0xffff_ffff,
    scriptSig,
    sequence: 0xffff_ffff,
  }
  return { version: 1, inputs: [input], outputs: coinbaseOutputs(params, height, script, fees), lockTime: 0 }
}

function body(
  params: ChainParams,
  coinbase: Transaction,
  others: readonly TemplateTransaction[],
): { transactionData: Uint8Array; root: Uint8Array } {
  const writer = new ByteWriter()
  writeTransaction(writer, coinbase)
  const first = writer.copy()
  const id = sha3_256(first)
  if (params.body === 'opaque') return { transactionData: first, root: id }
  const size = others.reduce((sum, { bytes }) => sum + bytes.length, first.length)
  const all = new ByteWriter(size + MAX_COUNT_BYTES).compactSize(1 + others.length).bytes(first)
  for (const { bytes } of others) all.bytes(bytes)
  return { transactionData: all.view(), root: merkleRoot([id, ...others.map((other) => other.id)]).root }
}

/** The same header with another nonce. */
export function withNonce(header: BlockHeader, nonce: number): BlockHeader {
  const bytes = header.bytes.slice()
  new DataView(bytes.buffer).setUint32(76, nonce, true)
  return new BlockHeader(bytes)
}
