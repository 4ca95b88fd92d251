/**
 * Which block could become the tip: ends of chains that are stored from genesis on, break no known rule, and have
 * more work than the tip. Bounded by the headers in the tree; mostly one.
 */
import type { HeaderNode } from './header-node.ts'

/** More work wins, then who was here first. */
export function isBetter(a: HeaderNode, b: HeaderNode): boolean {
  return a.work > b.work || (a.work === b.work && a.id < b.id)
}

export class Candidates {
  readonly #nodes = new Set<HeaderNode>()
  /** More work, but too many blocks would have to be undone; not looked at again. */
  readonly #tooDeep = new Set<HeaderNode>()

  add(node: HeaderNode, tip: HeaderNode): void {
    if (node.chainStored && !node.isFailed && node.work > tip.work) this.#nodes.add(node)
  }

  /** The best one, if it is better than the tip by work. */
  best(tip: HeaderNode): HeaderNode | undefined {
    let best: HeaderNode | undefined
    for (const node of this.#nodes) {
      if (!node.chainStored || node.isFailed || node.work <= tip.work) this.#nodes.delete(node)
      else if (!this.#tooDeep.has(node) && (best === undefined || isBetter(node, best))) best = node
    }
    return best
  }

  setAside(node: HeaderNode): void {
    this.#tooDeep.add(node)
  }

  /** After blocks became valid or invalid: everything is looked at anew. */
  rebuild(all: Iterable<HeaderNode>, tip: HeaderNode): void {
    this.#nodes.clear()
    this.#tooDeep.clear()
    for (const node of all) this.add(node, tip)
  }
}
