/**
 * What one peer is known to have of the tree of headers: a few places in it, and all that is below them. Whoever has a
 * header need not have its block: while it catches up it knows of thousands that it has yet to ask for.
 */
import type { HeaderNode } from '../chain/header-node.ts'

export class KnownHeaders {
  /** The most work of what it showed us. */
  #shown: HeaderNode | undefined
  /** The last block that we sent it. */
  #given: HeaderNode | undefined
  /** The last that we told it of. */
  #told: HeaderNode | undefined

  /** Does it know the header? */
  has(node: HeaderNode): boolean {
    return this.hasBlock(node) || isBelow(node, this.#told)
  }

  hasBlock(node: HeaderNode): boolean {
    return isBelow(node, this.#shown) || isBelow(node, this.#given)
  }

  /** It has sent this block, announced it, or named it in a question. */
  show(node: HeaderNode): void {
    if (node.isFailed) return
    if (this.#shown === undefined || this.#shown.isFailed || node.work > this.#shown.work) this.#shown = node
  }

  /** We have sent it this block, or will have before anything that is said later. */
  give(node: HeaderNode): void {
    if (!this.hasBlock(node)) this.#given = node
  }

  /** The same of a header or a hash. */
  tell(node: HeaderNode): void {
    if (!this.has(node)) this.#told = node
  }
}

function isBelow(node: HeaderNode, top: HeaderNode | undefined): boolean {
  return top !== undefined && node.isAncestorOf(top)
}
