/**
 * Peers of our own choice whose chain has less work than ours had: they are given time, asked once more, and then
 * replaced. A few that had our tip once keep their places: should the network split, somebody knows both sides.
 */
import type { Chain } from '../chain/chain.ts'
import { CHAIN_LAG_ANSWER_MS, CHAIN_LAG_MS, CHAIN_LAG_PROTECTED } from '../params/limits.ts'
import type { SyncHooks } from './hooks.ts'
import type { SyncPeer } from './sync-peer.ts'

/** Looks at every peer. Returns when to look again. */
export function planChainLag(peers: Iterable<SyncPeer>, chain: Chain, hooks: SyncHooks, now: number): number {
  let next = Number.POSITIVE_INFINITY
  let room = CHAIN_LAG_PROTECTED
  const judged: SyncPeer[] = []
  for (const peer of peers) {
    if (peer.kept) room--
    // Who was not asked yet, or can't be, is not behind.
    if (peer.isOurChoice && !peer.isMute && !peer.kept && peer.talk.complete) judged.push(peer)
  }
  for (const peer of judged) {
    const { work } = chain.tip
    const best = peer.best?.work ?? 0n
    if (best >= work) {
      peer.lag = undefined
      peer.kept = room-- > 0
      continue
    }
    // It moves: it is to reach where we are now.
    if (peer.lag === undefined || best >= peer.lag.work) peer.lag = { since: now, work, askedAt: undefined }
    next = Math.min(next, judge(peer, hooks, now))
  }
  return next
}

function judge(peer: SyncPeer, hooks: SyncHooks, now: number): number {
  const { lag } = peer
  if (lag === undefined) return Number.POSITIVE_INFINITY
  if (now < lag.since + CHAIN_LAG_MS) return lag.since + CHAIN_LAG_MS
  if (lag.askedAt === undefined) {
    peer.lag = { ...lag, askedAt: now }
    peer.talk.wanted = true
    return now + CHAIN_LAG_ANSWER_MS
  }
  if (now < lag.askedAt + CHAIN_LAG_ANSWER_MS) return lag.askedAt + CHAIN_LAG_ANSWER_MS
  hooks.disconnect(peer.peer, 'lagging')
  return Number.POSITIVE_INFINITY
}
