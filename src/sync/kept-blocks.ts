/**
 * Blocks that have come while the chain could take no more. Bounded in bytes: beyond them those needed last are let go,
 * to be asked for again, so that what is needed first always finds room and goes on first.
 */
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import { MAX_KEPT_BLOCK_BYTES } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'

/** A block as it has come from a peer. */
export interface ArrivedBlock {
  readonly block: Block
  readonly received: StoredBlock | undefined
  /** Put together from a compact block. */
  readonly inParts: boolean
}

/** A block that has come and that the chain has not judged. */
export interface Submission extends ArrivedBlock {
  readonly from: PeerId
}

interface KeptBlock {
  readonly node: HeaderNode
  readonly submission: Submission
}

export class KeptBlocks {
  /** Those needed last first. */
  #blocks: KeptBlock[] = []
  #bytes = 0

  get size(): number {
    return this.#blocks.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Returns those that had to go for it; never all of them. */
  add(node: HeaderNode, submission: Submission): HeaderNode[] {
    const later = this.#blocks.findIndex((other) => other.node.height <= node.height)
    this.#blocks.splice(later < 0 ? this.#blocks.length : later, 0, { node, submission })
    this.#bytes += bytesOf(submission)
    const gone: HeaderNode[] = []
    while (this.#bytes > MAX_KEPT_BLOCK_BYTES && this.#blocks.length > 1) {
      const last = this.#blocks.shift()
      if (last === undefined) break
      this.#bytes -= bytesOf(last.submission)
      gone.push(last.node)
    }
    return gone
  }

  /** Takes out the one that is needed first. */
  take(): Submission | undefined {
    const first = this.#blocks.pop()
    if (first !== undefined) this.#bytes -= bytesOf(first.submission)
    return first?.submission
  }
}

function bytesOf({ block }: Submission): number {
  return block.transactionData.length
}
