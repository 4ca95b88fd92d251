/**
 * Peers that were seen last on another branch than ours, which has less work by now: an honest one changes over when it
 * learns of ours, but need not say so. It is asked where it is, some time after our tip has moved.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { STRAY_ASK_MS } from '../params/limits.ts'
import type { SyncPeer } from './sync-peer.ts'

const NEVER = Number.POSITIVE_INFINITY

/** Looks at every peer. Returns when to look again. */
export function planStrays(peers: Iterable<SyncPeer>, chain: Chain, now: number): number {
  let next = NEVER
  const { tip } = chain
  for (const peer of peers) {
    const { best } = peer
    if (best === undefined || peer.isMute || best.work >= tip.work || best.isAncestorOf(tip)) {
      peer.stray = undefined
      continue
    }
    const isDone = peer.stray?.askAt === NEVER && peer.stray.tip === tip
    if (peer.stray === undefined || (peer.stray.askAt === NEVER && !isDone))
      peer.stray = { tip, askAt: now + STRAY_ASK_MS }
    if (now >= peer.stray.askAt) {
      peer.stray = { tip, askAt: NEVER }
      peer.talk.wanted = true
    }
    next = Math.min(next, peer.stray.askAt)
  }
  return next
}

/** Height at which the chain of somebody who has this block leaves ours; undefined if it does not. */
export function forkHeight(best: HeaderNode | undefined, { tree, tip }: Chain): number | undefined {
  if (best === undefined || best.isAncestorOf(tip)) return undefined
  const { height } = tree.fork(best, tip)
  return height < tip.height ? height : undefined
}
