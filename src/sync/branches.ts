/**
 * Chains other than that of the best headers. Whoever shows headers with the most work may keep their blocks to himself:
 * once the block that is needed first is overdue, each peer whose chain is another one, and better than ours, may be asked
 * for that one as well. Bounded by a few blocks of each peer at a time.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { BRANCHES_AFTER_MS, MAX_BRANCH_BLOCKS } from '../params/limits.ts'
import { isMissing } from './download-window.ts'
import type { SyncPeer } from './sync-peer.ts'

export interface BranchPlan {
  /** When to look again. */
  readonly at: number
  readonly wanted: readonly { readonly peer: SyncPeer; readonly missing: readonly HeaderNode[] }[]
}

const NOTHING: BranchPlan = { at: Number.POSITIVE_INFINITY, wanted: [] }

export class Branches {
  readonly #chain: Chain
  readonly #maxDepth: number
  /** The block needed first, and when it is overdue. */
  #awaited: { readonly node: HeaderNode; readonly dueAt: number } | undefined

  /** Chains that leave ours more than `maxDepth` blocks below our tip would not be followed. */
  constructor(chain: Chain, maxDepth: number) {
    this.#chain = chain
    this.#maxDepth = maxDepth
  }

  /** `first`: the block needed first. */
  plan(
    first: HeaderNode | undefined,
    peers: Iterable<SyncPeer>,
    isRequested: (node: HeaderNode) => boolean,
    now: number,
  ): BranchPlan {
    if (first === undefined) return NOTHING
    if (first !== this.#awaited?.node) this.#awaited = { node: first, dueAt: now + BRANCHES_AFTER_MS }
    if (now < this.#awaited.dueAt) return { at: this.#awaited.dueAt, wanted: [] }
    const wanted = Array.from(peers, (peer) => ({ peer, missing: this.#missingOf(peer, isRequested) }))
    return { at: Number.POSITIVE_INFINITY, wanted: wanted.filter(({ missing }) => missing.length > 0) }
  }

  /** The first blocks of the peer's branch that are missing, that nobody brings, and that it was not asked for. */
  #missingOf(peer: SyncPeer, isRequested: (node: HeaderNode) => boolean): HeaderNode[] {
    const { best } = peer
    const { tree, tip, bestHeader } = this.#chain
    if (best === undefined || best.isFailed || best.work <= tip.work || best.isAncestorOf(bestHeader))
      return []
    const from = tree.fork(tip, best).height + 1
    const missing: HeaderNode[] = []
    if (tip.height >= from + this.#maxDepth) return missing
    for (let height = from; missing.length < MAX_BRANCH_BLOCKS; height++) {
      const node = best.ancestor(height)
      if (node === undefined) break
      if (!isMissing(node) || isRequested(node)) continue
      // In order: what stands behind one that this peer can't be asked for would have to wait.
      if (height < peer.lowest || peer.asked.has(node.id) || peer.arrivals.has(node.id)) break
      missing.push(node)
    }
    return missing
  }
}
