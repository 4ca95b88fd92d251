/** What one peer is known to have of the tree of headers: two places in it, and all that is below them. */
import type { HeaderNode } from '../chain/header-node.ts'

export class KnownHeaders {
  /** The most work of what it showed us. */
  #shown: HeaderNode | undefined
  /** The last that we told it of. */
  #told: HeaderNode | undefined

  has(node: HeaderNode): boolean {
    return isBelow(node, this.#shown) || isBelow(node, this.#told)
  }

  /** It has sent this header, its block or its hash. */
  show(node: HeaderNode): void {
    if (node.isFailed) return
    if (this.#shown === undefined || this.#shown.isFailed || node.work > this.#shown.work) this.#shown = node
  }

  /** We have sent it this header or its block, or will have before anything that is said later. */
  tell(node: HeaderNode): void {
    if (!this.has(node)) this.#told = node
  }
}

function isBelow(node: HeaderNode, top: HeaderNode | undefined): boolean {
  return top !== undefined && node.isAncestorOf(top)
}
