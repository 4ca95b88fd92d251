/**
 * Proofs that transactions stand in a block (rpc 4.1): of the tree behind its merkle root as much as leads from them to
 * the root. As in Bitcoin's merkle blocks, with the block's hash in place of its header:
 *
 * hash of the block (32 bytes, wire order), transactions in the block (u32), hashes (a count, 32 bytes each), flags (a
 * count of bytes, then the bits, the lowest of each byte first). The tree is walked from the root, left before right. Each
 * node takes a flag: is there anything below it that is proved? If not, or if it is a transaction, it takes a hash, else
 * its children follow.
 */
import { bytesEqual } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { MAX_BLOCK_TRANSACTIONS } from './block-body.ts'
import { hashKey } from './header-node.ts'

const HASH_BYTES = 32

export interface MerkleProof {
  /** 32 bytes in wire order, as all hashes here. */
  readonly blockHash: Uint8Array
  /** Transactions that the block has by this proof. */
  readonly count: number
  readonly root: Uint8Array
  /** What is proved, in the order of the block. */
  readonly txids: readonly Uint8Array[]
}

/** `txids`: of all transactions of the block, in order. `wanted`: keys of those to be proved. */
export function encodeMerkleProof(
  blockHash: Uint8Array,
  txids: readonly Uint8Array[],
  wanted: ReadonlySet<string>,
): Uint8Array {
  const levels = [{ hashes: txids, flags: txids.map((txid) => wanted.has(hashKey(txid))) }]
  for (let below = levels[0]; below !== undefined && below.hashes.length > 1; below = levels.at(-1))
    levels.push(levelAbove(below))
  const hashes: Uint8Array[] = []
  const bits: boolean[] = []
  const walk = (height: number, position: number): void => {
    const level = levels[height]
    const hash = level?.hashes[position]
    if (level === undefined || hash === undefined) return
    const flag = level.flags[position] === true
    bits.push(flag)
    if (height === 0 || !flag) return void hashes.push(hash)
    walk(height - 1, 2 * position)
    walk(height - 1, 2 * position + 1)
  }
  walk(levels.length - 1, 0)
  const flags = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) if (bit) flags[i >> 3] = (flags[i >> 3] ?? 0) | (1 << (i & 7))
  const writer = new ByteWriter(50 + hashes.length * HASH_BYTES + flags.length)
  writer.hash(blockHash).u32(txids.length).compactSize(hashes.length)
  for (const hash of hashes) writer.hash(hash)
  return writer.compactSize(flags.length).bytes(flags).copy()
}

/** Undefined if the bytes are no proof, or say something in more than one way. That the root is a block's is not checked. */
export function decodeMerkleProof(bytes: Uint8Array): MerkleProof | undefined {
  const reader = new ByteReader(bytes)
  const blockHash = reader.hash('blockHash')
  const count = reader.u32('transactions')
  if (reader.failed || count === 0 || count > MAX_BLOCK_TRANSACTIONS) return undefined
  const hashes: Uint8Array[] = []
  const hashCount = reader.count('hashes', count, HASH_BYTES)
  for (let i = 0; i < hashCount && !reader.failed; i++) hashes.push(reader.hash('hash'))
  const flags = reader.varBytes('flags', Math.ceil((2 * count + MAX_HEIGHT) / 8))
  if (reader.failed || reader.remaining > 0) return undefined
  const walk = new ProofWalk(count, hashes, flags)
  const root = walk.root()
  if (root === undefined || !walk.isUsedUp) return undefined
  return { blockHash, count, root, txids: walk.txids }
}

/** Of a tree over so many transactions as fit in a block. */
const MAX_HEIGHT = 17

interface Level {
  readonly hashes: readonly Uint8Array[]
  /** Is there anything below that is to be proved? */
  readonly flags: readonly boolean[]
}

function levelAbove({ hashes, flags }: Level): { hashes: Uint8Array[]; flags: boolean[] } {
  const above: { hashes: Uint8Array[]; flags: boolean[] } = { hashes: [], flags: [] }
  for (let i = 0; i < hashes.length; i += 2) {
    const left = hashes[i]
    if (left === undefined) break
    above.hashes.push(joined(left, hashes[i + 1] ?? left))
    above.flags.push(flags[i] === true || flags[i + 1] === true)
  }
  return above
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * HASH_BYTES)
  pair.set(left)
  pair.set(right, HASH_BYTES)
  return sha3_256(pair)
}

class ProofWalk {
  readonly txids: Uint8Array[] = []
  readonly #count: number
  readonly #hashes: readonly Uint8Array[]
  readonly #flags: Uint8Array
  #nextHash = 0
  #nextBit = 0

  constructor(count: number, hashes: readonly Uint8Array[], flags: Uint8Array) {
    this.#count = count
    this.#hashes = hashes
    this.#flags = flags
  }

  /** Undefined if something is missing or ambiguous. */
  root(): Uint8Array | undefined {
    let height = 0
    while (this.#count > 2 ** height) height++
    return this.#walk(height, 0)
  }

  get isUsedUp(): boolean {
    if (this.#nextHash !== this.#hashes.length) return false
    if (Math.ceil(this.#nextBit / 8) !== this.#flags.length) return false
    for (let bit = this.#nextBit; bit < 8 * this.#flags.length; bit++) if (this.#flag(bit)) return false
    return true
  }

  #walk(height: number, position: number): Uint8Array | undefined {
    if (this.#nextBit >= 8 * this.#flags.length) return undefined
    const flag = this.#flag(this.#nextBit++)
    if (height === 0 || !flag) {
      const hash = this.#hashes[this.#nextHash++]
      if (height === 0 && flag && hash !== undefined) this.txids.push(hash)
      return hash
    }
    const left = this.#walk(height - 1, 2 * position)
    const width = Math.ceil(this.#count / 2 ** (height - 1))
    if (2 * position + 1 >= width) return left === undefined ? undefined : joined(left, left)
    const right = left === undefined ? undefined : this.#walk(height - 1, 2 * position + 1)
    // Two equal ones would let a shorter block pass for a longer one.
    if (left === undefined || right === undefined || bytesEqual(left, right)) return undefined
    return joined(left, right)
  }

  #flag(bit: number): boolean {
    return (((this.#flags[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1
  }
}
