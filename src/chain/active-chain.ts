/** The active chain: the blocks from genesis to the tip, by height. */
import type { HeaderNode } from './header-node.ts'

export class ActiveChain {
  readonly #nodes: HeaderNode[] = []

  /** From genesis to this block. */
  constructor(tip: HeaderNode) {
    for (let node: HeaderNode | undefined = tip; node !== undefined; node = node.parent) this.#nodes.push(node)
    this.#nodes.reverse()
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

  push(node: HeaderNode): void {
    if (node.parent !== this.tip) throw new Error('a block that does not follow the tip')
    this.#nodes.push(node)
  }

  pop(): HeaderNode {
    const tip = this.#nodes.pop()
    if (tip === undefined || this.#nodes.length === 0) throw new Error('genesis stays')
    return tip
  }
}
