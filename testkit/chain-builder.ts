/** Makes blocks of a chain whose work is cheap, on any parent, with or without transactions; also wrong ones. */

import { coinbaseOutputs, coinbaseScriptSig } from '../src/chain/coinbase-rules.ts'
import { hashMeetsBits } from '../src/chain/compact-bits.ts'
import type { StoredBlock } from '../src/chain/io.ts'
import { merkleRoot } from '../src/chain/merkle.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { toHex } from '../src/primitives/bytes.ts'
import { hash160, sha3_256 } from '../src/primitives/sha3.ts'
import { ByteWriter } from '../src/primitives/writer.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../src/script/signature-check.ts'
import { p2pkhScript } from '../src/script/templates.ts'
import { type Block, encodeBlockTransactions } from '../src/wire/block.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { type Transaction, txidOf } from '../src/wire/transaction.ts'
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

/** First byte of a signature that {@link BenchDisk} takes for valid; any other one is not. */
export const GOOD_SIGNATURE = 0x60
const BAD_SIGNATURE = 0x61

const keys = new Map<string, Uint8Array>()

/** A made-up key; it has the right size, and no secret. */
function keyOf(n: number): Uint8Array {
  const key = new Uint8Array(PUBLIC_KEY_BYTES).fill(1)
  new DataView(key.buffer).setUint32(0, n, true)
  return key
}

/** A script that pays to a made-up key. */
export function payTo(n: number): Uint8Array {
  const key = keyOf(n)
  const script = p2pkhScript(hash160(key))
  keys.set(toHex(script), key)
  return script
}

/** The scriptSig for a script of {@link payTo}, as far as the bench looks at it. */
function unlock(script: Uint8Array, isGood: boolean): Uint8Array {
  const key = keys.get(toHex(script))
  if (key === undefined) throw new Error('nobody has the key to this output')
  const signature = new Uint8Array(SIGNATURE_BYTES).fill(2)
  signature[0] = isGood ? GOOD_SIGNATURE : BAD_SIGNATURE
  const writer = new ByteWriter(SIGNATURE_BYTES + PUBLIC_KEY_BYTES + 4)
  writer.u16(SIGNATURE_BYTES).bytes(signature).u16(PUBLIC_KEY_BYTES).bytes(key)
  return writer.copy()
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
export function spend(
  from: Transaction,
  outputs: readonly number[],
  values: readonly number[],
  isSigned = true,
): Transaction {
  const previousHash = txidOf(from)
  return {
    version: 1,
    inputs: outputs.map((previousIndex) => ({
      previousHash,
      previousIndex,
      scriptSig: unlock(from.outputs[previousIndex]?.scriptPubKey ?? new Uint8Array(), isSigned),
      sequence: 0xffff_ffff,
    })),
    outputs: values.map((value, i) => ({ value: BigInt(value), scriptPubKey: payTo(i + 1) })),
    lockTime: 0,
  }
}

function meets(header: BlockHeader): boolean {
  return hashMeetsBits(sha3_256(header.bytes), header.bits)
}
