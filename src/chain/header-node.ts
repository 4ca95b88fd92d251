/**
 * One header in the tree of all headers: its bytes, its place, the work behind it, and what is known of its block.
 * Nodes live as long as the node runs; an entry costs some 400 bytes.
 */
import { latin1Decode } from '../primitives/bytes.ts'
import { BlockHeader, HEADER_BYTES } from '../wire/header.ts'
import type { BlockPosition } from './io.ts'

/** A hash as key of a map: one character per byte. */
export function hashKey(hash: Uint8Array): string {
  return latin1Decode(hash)
}

/** Set once and kept on disk. `failedAncestor` follows from `failed` and is not stored. */
export const NodeFlag = {
  /** Its body was checked for itself (structure, merkle root), and is authentic for this header. */
  bodyChecked: 1,
  /** It was part of the active chain once, so connecting it works. */
  connectedOnce: 2,
  /** Breaks a rule, or the operator said so. */
  failed: 4,
  failedAncestor: 8,
  /** Its body was stored once and has been deleted to save space. */
  pruned: 16,
  /** Its identity is known from its child or a checkpoint; its own hash was not computed yet. */
  assumed: 32,
  /** Not in the tree any more: a header of its chain was false. Not stored, and neither is the block. */
  removed: 64,
} as const

/** A header in the tree of all headers. Its block may be stored, or not. To be looked at only. */
export class HeaderNode {
  /** 32 bytes in wire order. */
  readonly hash: Uint8Array
  readonly key: string
  /** The 80 bytes. */
  readonly bytes: Uint8Array
  readonly parent: HeaderNode | undefined
  readonly height: number
  /** Work of the chain up to and with this block (difficulty 3). */
  readonly work: bigint
  readonly time: number
  readonly bits: number
  /** From 0, in order of arrival: the first seen wins ties. Small, so usable as an index. */
  readonly id: number
  /** An ancestor far back, which makes {@link ancestor} take logarithmic time. */
  readonly skip: HeaderNode | undefined
  flags = 0
  /** Where its block stands; undefined if we don't have it. */
  position: BlockPosition | undefined
  /** Transactions in its block; 0 while not known. */
  transactionCount = 0
  /** Is every block from genesis to this one stored, or was once? Only such chains can become active. */
  chainStored = false
  /** Links to the tree's children, so that a received header is recognised without hashing it. */
  firstChild: HeaderNode | undefined
  nextSibling: HeaderNode | undefined

  constructor(init: {
    hash: Uint8Array
    bytes: Uint8Array
    parent: HeaderNode | undefined
    work: bigint
    id: number
  }) {
    const { hash, bytes, parent, work, id } = init
    if (bytes.length !== HEADER_BYTES) throw new RangeError(`a header of ${bytes.length} bytes in the tree`)
    this.hash = hash
    this.key = hashKey(hash)
    this.bytes = bytes
    this.parent = parent
    this.work = work
    this.id = id
    this.height = parent === undefined ? 0 : parent.height + 1
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    this.time = view.getUint32(68, true)
    this.bits = view.getUint32(72, true)
    this.skip = parent?.ancestor(skipHeight(this.height))
  }

  get header(): BlockHeader {
    return new BlockHeader(this.bytes)
  }

  get isFailed(): boolean {
    return (this.flags & (NodeFlag.failed | NodeFlag.failedAncestor)) !== 0
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  set(flag: number): void {
    this.flags |= flag
  }

  clear(flag: number): void {
    this.flags &= ~flag
  }

  /** The block of this chain at that height; undefined above this one or below 0. */
  ancestor(height: number): HeaderNode | undefined {
    if (height > this.height || height < 0) return undefined
    let node: HeaderNode | undefined = this
    while (node !== undefined && node.height > height) {
      const { skip }: HeaderNode = node
      node = skip !== undefined && skip.height >= height ? skip : node.parent
    }
    return node
  }

  /** Is this block on the chain that ends in `other` (itself included)? */
  isAncestorOf(other: HeaderNode): boolean {
    return other.ancestor(this.height) === this
  }
}

/** Where a block's skip pointer leads: as far back as lets every ancestor be reached in a logarithm of steps. */
function skipHeight(height: number): number {
  if (height < 2) return 0
  const dropLowestOne = (n: number): number => n & (n - 1)
  return height % 2 === 1 ? dropLowestOne(dropLowestOne(height - 1)) + 1 : dropLowestOne(height)
}
