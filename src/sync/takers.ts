/** Who can be asked for blocks right now, for how many, and who of them will bring one soonest. */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { MAX_ARRIVING_BYTES, V1_BLOCKS_IN_FLIGHT } from '../params/limits.ts'
import type { SyncPeer } from './sync-peer.ts'

/** Somebody who can be asked for more right now. */
export interface Taker {
  readonly peer: SyncPeer
  /** Heights between which it has the chain of the window. */
  readonly bottom: number
  readonly top: number
  free: number
  readonly batch: HeaderNode[]
}

export interface Takers {
  readonly takers: readonly Taker[]
  /** When those can be asked who must not be asked so soon again; infinite if there are none. */
  readonly waitUntil: number
}

/** What came of a wish for blocks: how many of them were asked for, of how many peers, and why the others were not. */
export interface WantedBlocks {
  readonly requested: number
  readonly peers: number
  /** Here already, or deleted since. */
  readonly stored: number
  readonly underWay: number
  /** Nobody who is there has them and can be asked, or they break a rule. */
  readonly unavailable: number
}

/** So many peers may bring blocks at once, however large those are: two of the largest are more than may be half received. */
const MIN_ARRIVING = 1

/** `end`: the last block of the window. `blockBytes`: average of the latest blocks. */
export function findTakers(
  peers: Iterable<SyncPeer>,
  end: HeaderNode | undefined,
  chain: Chain,
  blockBytes: number,
  now: number,
): Takers {
  const takers: Taker[] = []
  let waitUntil = Number.POSITIVE_INFINITY
  if (end === undefined) return { takers, waitUntil }
  const maxArriving = Math.max(MIN_ARRIVING, Math.floor(MAX_ARRIVING_BYTES / Math.max(1, blockBytes)))
  const fastestFirst = [...peers].sort((a, b) => a.speed.msPerBlock - b.speed.msPerBlock)
  let arriving = fastestFirst.filter(({ arrivals }) => arrivals.size > 0).length
  for (const peer of fastestFirst) {
    const { best } = peer
    const free = roomOf(peer, blockBytes)
    if (best === undefined || peer.isStalled || free <= 0 || peer.peer.sendQueue.congested) continue
    if (peer.arrivals.size === 0 && arriving >= maxArriving) continue
    if (now < peer.getdataAt) {
      waitUntil = Math.min(waitUntil, peer.getdataAt)
      continue
    }
    if (peer.arrivals.size === 0) arriving++
    const top = best === end ? end.height : chain.tree.fork(best, end).height
    takers.push({ peer, bottom: peer.lowest, top, free, batch: [] })
  }
  return { takers, waitUntil }
}

/** Of those who have a block, were not asked for it and can be asked now: who has least to bring. */
export function leastBusy(
  peers: Iterable<SyncPeer>,
  node: HeaderNode,
  blockBytes: number,
  now: number,
): SyncPeer | undefined {
  let best: SyncPeer | undefined
  for (const peer of peers) {
    if (peer.asked.has(node.id) || peer.arrivals.has(node.id) || !peer.has(node)) continue
    if (peer.isStalled || peer.peer.sendQueue.congested || now < peer.getdataAt) continue
    if (roomOf(peer, blockBytes) <= 0) continue
    if (best === undefined || peer.arrivals.size < best.arrivals.size) best = peer
  }
  return best
}

/** For how many more blocks it can be asked. */
export function roomOf(peer: SyncPeer, blockBytes: number): number {
  const capacity = peer.isV1 ? V1_BLOCKS_IN_FLIGHT : peer.speed.capacity(blockBytes)
  return capacity - peer.arrivals.size
}

/** Who will have brought this block first, of those who have it and were never asked for it. */
export function soonest(takers: readonly Taker[], node: HeaderNode): Taker | undefined {
  let best: Taker | undefined
  let bestMs = Number.POSITIVE_INFINITY
  for (const taker of takers) {
    const { peer, bottom, top, free } = taker
    if (free <= 0 || node.height < bottom || node.height > top) continue
    if (peer.asked.has(node.id) || peer.arrivals.has(node.id)) continue
    const ms = (peer.arrivals.size + 1) * peer.speed.msPerBlock
    if (ms >= bestMs) continue
    best = taker
    bestMs = ms
  }
  return best
}
