/** The active chain: the blocks from genesis to the tip, by height. */
import { type HeaderList, MAX_HEADERS } from '../wire/header.ts'
import { ActiveHeaders } from './active-headers.ts'
import type { HeaderNode } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'

export class ActiveChain {
  readonly #nodes: HeaderNode[] = []
  readonly #headers = new ActiveHeaders()

  /** From genesis to this block. */
  constructor(tip: HeaderNode) {
    for (let node: HeaderNode | undefined = tip; node !== undefined; node = node.parent)
      this.#nodes.push(node)
    this.#nodes.reverse()
    for (const node of this.#nodes) if (node.height > 0) this.#headers.push(node)
  }

  get tip(): HeaderNode {
    const tip = this.#nodes.at(-1)
    if (tip === undefined) throw new Error('a chain without genesis')
    return tip
  }

  at(height: number): HeaderNode | undefined {
    return this.#nodes[height]
  }

  has(node: HeaderNode): boolean {
    return this.#nodes[node.height] === node
  }

  /** The highest of a block's chain that is here. */
  forkWith(node: HeaderNode): HeaderNode | undefined {
    let at: HeaderNode | undefined = node.ancestor(this.tip.height) ?? node
    while (at !== undefined && !this.has(at)) at = at.parent
    return at
  }

  /**
   * Headers for somebody who knows these hashes: behind the first of them that is known, or from where its branch
   * leaves this chain, and then whatever the stop (wire-protocol 5.11).
   */
  headersAfter(tree: HeaderTree, locator: readonly Uint8Array[], stop: Uint8Array): HeaderList {
    let base: HeaderNode | undefined
    for (const hash of locator) {
      base = tree.get(hash)
      if (base !== undefined) break
    }
    const fork = base === undefined ? this.at(0) : this.forkWith(base)
    const from = (fork?.height ?? 0) + 1
    const last = base === fork || base === undefined ? tree.get(stop) : undefined
    const stopsAt =
      last !== undefined && this.has(last) && last.height >= from ? last.height : this.tip.height
    return this.#headers.slice(from, Math.min(MAX_HEADERS, stopsAt - from + 1))
  }

  push(node: HeaderNode): void {
    if (node.parent !== this.tip) throw new Error('a block that does not follow the tip')
    this.#nodes.push(node)
    this.#headers.push(node)
  }

  pop(): HeaderNode {
    const tip = this.#nodes.pop()
    if (tip === undefined || this.#nodes.length === 0) throw new Error('genesis stays')
    this.#headers.truncate(tip.height - 1)
    return tip
  }
}
