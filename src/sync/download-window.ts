/**
 * The blocks to come next: a run of the best headers' chain from where it leaves the active chain. Kept from one
 * look to the next, so that a look costs what has changed. Bounded by the size that is asked for.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'

/** Done entries at the front beyond which they are thrown away. */
const MAX_DONE = 1_024

export class DownloadWindow {
  #nodes: HeaderNode[] = []
  /** Where the first that is missing stands. */
  #at = 0

  /** The last block of it; undefined if nothing is missing. */
  get end(): HeaderNode | undefined {
    return this.#nodes.at(-1)
  }

  /** The first that is missing. */
  get first(): HeaderNode | undefined {
    return this.#nodes[this.#at]
  }

  /** A block that was here is gone. */
  reset(): void {
    this.#nodes = []
    this.#at = 0
  }

  /** Looks at the chain again. `size`: blocks from the fork on. False if it is another chain than before. */
  refresh({ tree, tip, bestHeader }: Chain, size: number): boolean {
    const base = tip.isAncestorOf(bestHeader) ? tip : tree.fork(tip, bestHeader)
    const end = bestHeader.ancestor(Math.min(bestHeader.height, base.height + size))
    if (end === undefined || end === base) {
      this.reset()
      return false
    }
    const last = this.end
    const first = this.#nodes[0]
    const continues =
      last !== undefined && first !== undefined && first.height <= base.height + 1 && last.isAncestorOf(end)
    if (!continues) this.#nodes = []
    if (!continues) this.#at = 0
    const from = continues ? last.height : base.height
    const run: HeaderNode[] = []
    for (let node: HeaderNode | undefined = end; node !== undefined && node.height > from; node = node.parent)
      run.push(node)
    for (let node = run.pop(); node !== undefined; node = run.pop()) this.#nodes.push(node)
    this.#skipDone()
    return continues
  }

  /** What is missing above a height, in order. */
  *missing(above = 0): Generator<HeaderNode> {
    const from = above - (this.first?.height ?? 0) + 1
    for (let i = this.#at + Math.max(0, from); i < this.#nodes.length; i++) {
      const node = this.#nodes[i]
      if (node !== undefined && isMissing(node)) yield node
    }
  }

  #skipDone(): void {
    for (
      let node = this.#nodes[this.#at];
      node !== undefined && !isMissing(node);
      node = this.#nodes[this.#at]
    )
      this.#at++
    if (this.#at <= MAX_DONE) return
    this.#nodes = this.#nodes.slice(this.#at)
    this.#at = 0
  }
}

/** Blocks that pruning has deleted were here, and are not needed again. */
export function isMissing(node: HeaderNode): boolean {
  return node.position === undefined && !node.has(NodeFlag.pruned)
}
