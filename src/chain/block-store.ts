/**
 * Stores blocks that were checked for themselves, and keeps the latest of them decoded until they are connected.
 * Bounded in bytes that have come and are not connected.
 */

import type { ChainParams } from '../params/chain-params.ts'
import { MAX_DECODED_BLOCK_BYTES, MAX_PENDING_BLOCK_BYTES } from '../params/limits.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import type { Block } from '../wire/block.ts'
import { type BlockHeader, HEADER_BYTES } from '../wire/header.ts'
import { decodePayload, encodePayload } from '../wire/messages.ts'
import { type BlockBody, parseBodyInTurns } from './block-body.ts'
import { BlockFiles } from './block-files.ts'
import type { Fault } from './faults.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { Job, StoredBlock } from './io.ts'
import { appendBlock, readBlock } from './requests.ts'

export type StoreResult =
  | { readonly kind: 'stored' }
  /** Another copy of it was stored while this one was being read. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'mutated' | 'invalid'; readonly fault: Fault }

interface Decoded {
  readonly body: BlockBody
  readonly bytes: number
}

export class BlockStore {
  readonly files = new BlockFiles()
  readonly #params: ChainParams
  /** Blocks whose bytes are on their way to the disk. */
  readonly #storing = new Set<HeaderNode>()
  /** In order of arrival. */
  readonly #decoded = new Map<HeaderNode, Decoded>()
  #decodedBytes = 0
  #storingBytes = 0

  constructor(params: ChainParams) {
    this.#params = params
  }

  /** Bytes of blocks that have come and are not connected. */
  get pendingBytes(): number {
    return this.#decodedBytes + this.#storingBytes
  }

  get isFull(): boolean {
    return this.pendingBytes >= MAX_PENDING_BLOCK_BYTES
  }

  /** Is the block here, or was it, or will it be in a moment? */
  has(node: HeaderNode): boolean {
    return node.position !== undefined || node.has(NodeFlag.pruned) || this.#storing.has(node)
  }

  /** Checks a block for itself and writes it. `received`: the message it came in, in shortest form. */
  *store(node: HeaderNode, block: Block, received: StoredBlock | undefined): Job<StoreResult> {
    const waiting = block.transactionData.length
    this.#storingBytes += waiting
    const parsed = yield* parseBodyInTurns(this.#params, block.header, block.transactionData, node.height)
    this.#storingBytes -= waiting
    if (!parsed.ok) {
      const { blames, ...fault } = parsed.error
      return { kind: blames === 'body' ? 'mutated' : 'invalid', fault }
    }
    if (this.has(node)) return { kind: 'duplicate' }
    const stored = received ?? canonical(block, this.#params)
    const { length } = stored.payload
    const position = this.files.allot(length, node.height)
    this.#storing.add(node)
    this.#storingBytes += length
    yield* appendBlock(position, node.hash, stored)
    this.#storing.delete(node)
    this.#storingBytes -= length
    this.stored(node, position, parsed.value.transactions.length)
    this.#keep(node, parsed.value, length)
    return { kind: 'stored' }
  }

  /** The block of a node stands there. */
  stored(node: HeaderNode, position: NonNullable<HeaderNode['position']>, transactionCount: number): void {
    node.position = position
    node.transactionCount = transactionCount
    node.set(NodeFlag.bodyChecked)
    node.clear(NodeFlag.pruned)
  }

  /** The block as it came, if it is still in memory. */
  decoded(node: HeaderNode): BlockBody | undefined {
    return this.#decoded.get(node)?.body
  }

  /** A stored block, decoded; undefined if it can't be read any more. */
  *load(node: HeaderNode): Job<BlockBody | undefined> {
    const kept = this.#decoded.get(node)
    if (kept !== undefined) return kept.body
    if (node.position === undefined) return undefined
    const stored = yield* readBlock(node.position)
    const message = stored === undefined ? undefined : decodePayload('block', stored.payload, this.#params)
    if (message?.ok !== true) return undefined
    const { header, transactionData } = message.value.block
    if (!isHeaderOf(node, header)) return undefined
    const parsed = yield* parseBodyInTurns(this.#params, header, transactionData, node.height)
    return parsed.ok ? parsed.value : undefined
  }

  /** The block is connected, or will not be: its decoded form is not needed. */
  drop(node: HeaderNode): void {
    const kept = this.#decoded.get(node)
    if (kept === undefined) return
    this.#decoded.delete(node)
    this.#decodedBytes -= kept.bytes
  }

  #keep(node: HeaderNode, body: BlockBody, bytes: number): void {
    this.#decoded.set(node, { body, bytes })
    this.#decodedBytes += bytes
    for (const oldest of this.#decoded.keys()) {
      if (this.#decodedBytes <= MAX_DECODED_BLOCK_BYTES) return
      this.drop(oldest)
    }
  }
}

function isHeaderOf(node: HeaderNode, header: BlockHeader): boolean {
  return header.bytes.length === HEADER_BYTES && node.bytes.every((byte, i) => byte === header.bytes[i])
}

/** The one form in which a block is stored and served. */
function canonical(block: Block, params: ChainParams): StoredBlock {
  const payload = encodePayload({ type: 'block', block }, params)
  return { payload, checksum: messageChecksum(payload) }
}
