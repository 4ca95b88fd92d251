/**
 * The one table of blocks that are asked for: of whom, and since when. A block stands in it once; whoever else was
 * asked before and may still bring it is known from what is expected of each peer. Bounded by the peers' capacities.
 */
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import type { PeerId } from '../primitives/brand.ts'
import type { SyncPeer } from './sync-peer.ts'

export interface BlockRequest {
  readonly node: HeaderNode
  readonly peer: SyncPeer
  readonly at: number
}

export class RequestTable {
  readonly #byId = new Map<number, BlockRequest>()

  get size(): number {
    return this.#byId.size
  }

  get(node: HeaderNode): BlockRequest | undefined {
    return this.#byId.get(node.id)
  }

  has(node: HeaderNode): boolean {
    return this.#byId.has(node.id)
  }

  /** The block is asked of this peer now. `inParts`: it comes as a compact block, and no `getdata` goes out. */
  assign(peer: SyncPeer, node: HeaderNode, at: number, inParts: boolean): void {
    this.#byId.set(node.id, { node, peer, at })
    if (!inParts) peer.asked.add(node.id)
    peer.expect({ node, askedAt: at, inParts })
  }

  /** Nobody is waited for any more for this block. */
  drop(node: HeaderNode): void {
    this.#byId.delete(node.id)
  }

  /** Headers were taken out: their blocks are not waited for. */
  dropRemoved(): void {
    for (const { node } of this.#byId.values()) if (node.has(NodeFlag.removed)) this.#byId.delete(node.id)
  }

  /** The block may be asked of somebody else; should this peer bring it, it is welcome. */
  release(peer: SyncPeer, node: HeaderNode): void {
    if (this.#byId.get(node.id)?.peer === peer) this.#byId.delete(node.id)
  }

  /** Everything that is waited for from this peer may be asked of others. */
  releaseAll(peer: SyncPeer): void {
    for (const { node } of peer.arrivals.values()) this.release(peer, node)
  }

  *keyedIds(): Generator<PeerId> {
    for (const { peer } of this.#byId.values()) yield peer.id
  }
}
