/** Makes blocks of a chain whose work is cheap, on any parent, with or without transactions; also wrong ones. */

import { coinbaseOutputs, coinbaseScriptSig } from '../src/chain/coinbase-rules.ts'
import { hashMeetsBits } from '../src/chain/compact-bits.ts'
import type { StoredBlock } from '../src/chain/io.ts'
import { merkleRoot } from '../src/chain/merkle.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { ByteWriter } from '../src/primitives/writer.ts'
import { type Block, encodeBlockTransactions } from '../src/wire/block.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { type Transaction, writeTransaction } from '../src/wire/transaction.ts'
import { encodeBlock } from './chain-bytes.ts'

export interface BuiltBlock {
  readonly height: number
  readonly hash: Uint8Array
  readonly header: BlockHeader
  readonly block: Block
  readonly transactions: readonly Transaction[]
  readonly stored: StoredBlock
}

export interface BlockWishes {
  readonly transactions?: readonly Transaction[]
  readonly fees?: number
  readonly time?: number
  /** Makes blocks of the same height differ. */
  readonly salt?: number
  readonly coinbase?: Transaction
  readonly merkleRoot?: Uint8Array
  readonly bits?: number
  readonly version?: number
  /** Leave the work out. */
  readonly withoutWork?: boolean
}

export function txidOf(transaction: Transaction): Uint8Array {
  const writer = new ByteWriter()
  writeTransaction(writer, transaction)
  return sha3_256(writer.view())
}

/** A script that pays to a made-up key. */
export function payTo(n: number): Uint8Array {
  const script = new Uint8Array(25)
  script.set([0x76, 0xa9, 0x14, n & 0xff, n >>> 8])
  script.set([0x88, 0xac], 23)
  return script
}

export class ChainBuilder {
  readonly params: ChainParams
  readonly genesis: BuiltBlock

  constructor(params: ChainParams) {
    this.params = params
    const { header, transactionData, hash } = params.genesis
    const block = { header: new BlockHeader(header), transactionData }
    const stored = encodeBlock(block)
    this.genesis = { height: 0, hash, header: block.header, block, transactions: [], stored }
  }

  /** A block behind another one. */
  next(parent: BuiltBlock, wishes: BlockWishes = {}): BuiltBlock {
    const height = parent.height + 1
    const coinbase = wishes.coinbase ?? this.coinbase(height, wishes.fees ?? 0, wishes.salt ?? 0)
    const transactions = [coinbase, ...(wishes.transactions ?? [])]
    const fields = {
      version: wishes.version ?? 1,
      previousHash: parent.hash,
      merkleRoot: wishes.merkleRoot ?? merkleRoot(transactions.map(txidOf)).root,
      time: wishes.time ?? parent.header.time + 1,
      bits: wishes.bits ?? parent.header.bits,
    }
    let header = BlockHeader.of({ ...fields, nonce: 0 })
    for (let nonce = 1; meets(header) === (wishes.withoutWork ?? false); nonce++)
      header = BlockHeader.of({ ...fields, nonce })
    const block = { header, transactionData: encodeBlockTransactions(transactions) }
    return { height, hash: sha3_256(header.bytes), header, block, transactions, stored: encodeBlock(block) }
  }

  /** So many blocks behind another one; all wishes hold for each. */
  chain(parent: BuiltBlock, count: number, wishes: BlockWishes = {}): BuiltBlock[] {
    const blocks: BuiltBlock[] = []
    for (let i = 0; i < count; i++) blocks.push(this.next(blocks.at(-1) ?? parent, wishes))
    return blocks
  }

  coinbase(height: number, fees = 0, salt = 0): Transaction {
    const salted = new Uint8Array([...coinbaseScriptSig(height), salt & 0xff, (salt >>> 8) & 0xff])
    const input = {
      previousHash: new Uint8Array(32),
      previousIndex: 0xffff_ffff,
      scriptSig: salted,
      sequence: 0xffff_ffff,
    }
    const outputs = coinbaseOutputs(this.params, height, payTo(height), fees)
    return { version: 1, inputs: [input], outputs, lockTime: 0 }
  }
}

/** Spends outputs of a transaction, in order, to made-up keys. */
export function spend(from: Transaction, outputs: readonly number[], values: readonly number[]): Transaction {
  const previousHash = txidOf(from)
  return {
    version: 1,
    inputs: outputs.map((previousIndex) => ({
      previousHash,
      previousIndex,
      scriptSig: new Uint8Array([0]),
      sequence: 0xffff_ffff,
    })),
    outputs: values.map((value, i) => ({ value: BigInt(value), scriptPubKey: payTo(i + 1) })),
    lockTime: 0,
  }
}

function meets(header: BlockHeader): boolean {
  return hashMeetsBits(sha3_256(header.bytes), header.bits)
}
