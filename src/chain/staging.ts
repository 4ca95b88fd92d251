/**
 * Headers that fit, but whose chain has not shown yet that it is worth keeping: it must reach the next checkpoint,
 * or enough work. Kept aside per source and never stored; bounded in number per source and in sources.
 */
import { MAX_STAGED_HEADERS } from '../params/limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import type { ChainPoint } from './difficulty.ts'
import type { HeaderNode } from './header-node.ts'

export class StagedHeader implements ChainPoint {
  /** As the next header names it, or as computed. */
  hash: Uint8Array
  /** A copy of the 80 bytes. */
  readonly bytes: Uint8Array
  readonly height: number
  readonly time: number
  readonly bits: number
  /** Of the whole chain up to here. */
  readonly work: bigint
  /** Its own hash was not computed. */
  isAssumed = true
  readonly #chain: StagedChain

  constructor(chain: StagedChain, hash: Uint8Array, bytes: Uint8Array, work: bigint) {
    this.#chain = chain
    this.hash = hash
    this.bytes = bytes
    this.work = work
    this.height = chain.last.height + 1
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    this.time = view.getUint32(68, true)
    this.bits = view.getUint32(72, true)
  }

  get parent(): StagedHeader | HeaderNode | undefined {
    return this.#chain.at(this.height - 1)
  }

  ancestor(height: number): StagedHeader | HeaderNode | undefined {
    return height > this.height ? undefined : this.#chain.at(height)
  }
}

/** Headers on top of one that is in the tree. */
export class StagedChain {
  #base: HeaderNode
  #headers: StagedHeader[] = []

  constructor(base: HeaderNode) {
    this.#base = base
  }

  get base(): HeaderNode {
    return this.#base
  }

  get length(): number {
    return this.#headers.length
  }

  get isFull(): boolean {
    return this.#headers.length >= MAX_STAGED_HEADERS
  }

  /** The end of it: the base while nothing is staged. */
  get last(): StagedHeader | HeaderNode {
    return this.#headers.at(-1) ?? this.#base
  }

  /** Does a chain that continues this hash continue here? */
  endsIn(hash: Uint8Array): boolean {
    return bytesEqual(this.last.hash, hash)
  }

  at(height: number): StagedHeader | HeaderNode | undefined {
    const i = height - this.#base.height - 1
    return i < 0 ? this.#base.ancestor(height) : this.#headers[i]
  }

  push(hash: Uint8Array, bytes: Uint8Array, work: bigint): StagedHeader {
    const header = new StagedHeader(this, hash, bytes, work)
    this.#headers.push(header)
    return header
  }

  /** Takes back the headers from this height on. */
  truncate(height: number): void {
    this.#headers.length = Math.min(this.#headers.length, Math.max(0, height - this.#base.height - 1))
  }

  /** Hands over the headers up to this height; the rest stays, on top of what they have become in the tree. */
  release(height: number, add: (header: StagedHeader, parent: HeaderNode) => HeaderNode): HeaderNode[] {
    const count = Math.max(0, height - this.#base.height)
    const nodes: HeaderNode[] = []
    for (const header of this.#headers.slice(0, count)) {
      const node = add(header, nodes.at(-1) ?? this.#base)
      nodes.push(node)
    }
    this.#headers = this.#headers.slice(count)
    this.#base = nodes.at(-1) ?? this.#base
    return nodes
  }
}
