/**
 * What is thought of each block: whether its chain is stored, whether it or an ancestor breaks a rule, which header
 * leads, and which blocks could become the tip.
 */
import type { BlockStore } from './block-store.ts'
import { Candidates } from './candidates.ts'
import type { ForkWatch } from './fork-watch.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'
import type { Ledger } from './ledger.ts'
import { wasStored } from './restore.ts'

export interface StandingParts {
  readonly tree: HeaderTree
  readonly blocks: BlockStore
  readonly ledger: Ledger
  readonly forks: ForkWatch
  tip(): HeaderNode
  /** May a header lead that does not follow the one that leads now? Not if too many blocks would be undone. */
  mayLead(node: HeaderNode): boolean
}

export class Standing {
  readonly candidates = new Candidates()
  readonly #parts: StandingParts
  #bestHeader: HeaderNode

  constructor(parts: StandingParts) {
    this.#parts = parts
    this.#bestHeader = parts.tip()
  }

  /** The most work among headers that are not known to be bad. */
  get bestHeader(): HeaderNode {
    return this.#bestHeader
  }

  /** A header is new in the tree. */
  added(node: HeaderNode): void {
    const { ledger, mayLead, forks } = this.#parts
    ledger.changed(node)
    node.chainStored = node.parent?.chainStored === true && wasStored(node)
    if (node.parent?.isFailed === true) node.set(NodeFlag.failedAncestor)
    if (node.isFailed) {
      forks.noteBad(node)
      return forks.tellOfBad()
    }
    if (node.work <= this.#bestHeader.work) return
    if (node.parent === this.#bestHeader || mayLead(node)) this.#bestHeader = node
    else forks.tooDeep(node)
  }

  /** A block is stored: its chain may be whole now, and so may those on top of it. */
  stored(node: HeaderNode): void {
    this.#parts.ledger.changed(node)
    const open = [node]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.chainStored || next.parent?.chainStored !== true || !wasStored(next)) continue
      next.chainStored = true
      this.candidates.add(next, this.#parts.tip())
      for (let child = next.firstChild; child !== undefined; child = child.nextSibling) open.push(child)
    }
  }

  /** A block breaks a rule, and so do those on top of it. {@link review} should follow. */
  fail(node: HeaderNode): void {
    const { tree, blocks, ledger, forks } = this.#parts
    node.set(NodeFlag.failed)
    ledger.changed(node)
    forks.noteBad(node)
    for (const child of tree.descendants(node)) {
      child.set(NodeFlag.failedAncestor)
      forks.noteBad(child)
      blocks.drop(child)
    }
    forks.tellOfBad()
  }

  /** Takes back what was said against a block, those before it and those after it. {@link review} should follow. */
  unfail(node: HeaderNode): void {
    const { tree, ledger } = this.#parts
    for (const other of [...pathTo(node, tree.genesis), ...tree.descendants(node)]) {
      if (other.has(NodeFlag.failed)) ledger.changed(other)
      other.clear(NodeFlag.failed | NodeFlag.failedAncestor)
    }
  }

  /** A stored block can't be read any more. */
  lost(node: HeaderNode): void {
    const { tree, ledger } = this.#parts
    node.position = undefined
    node.clear(NodeFlag.connectedOnce | NodeFlag.pruned)
    node.chainStored = false
    for (const child of tree.descendants(node)) child.chainStored = false
    ledger.changed(node)
  }

  /** Which header leads, and which block could, from scratch. */
  review(): void {
    const { tree, tip, mayLead, forks } = this.#parts
    let best = tip()
    forks.forgetBad()
    for (const node of tree.all()) {
      if (node.isFailed) forks.noteBad(node)
      else if (node.work > best.work && mayLead(node)) best = node
    }
    this.#bestHeader = best
    this.candidates.rebuild(tree.all(), tip())
  }
}

/** From a block back to, and without, one of its ancestors. */
export function pathTo(node: HeaderNode, ancestor: HeaderNode): HeaderNode[] {
  const path: HeaderNode[] = []
  for (let at: HeaderNode | undefined = node; at !== undefined && at !== ancestor; at = at.parent)
    path.push(at)
  return path
}
