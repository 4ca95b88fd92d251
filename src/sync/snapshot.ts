/** Synchronisation as others may see it: plain values, taken at one moment. */
import type { Chain } from '../chain/chain.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { BlockDownload } from './block-download.ts'
import type { StuckCause } from './hooks.ts'
import type { OrphanPool } from './orphan-pool.ts'
import type { Stuck } from './progress.ts'
import type { SyncPeer } from './sync-peer.ts'

export interface SyncPeerSnapshot {
  readonly id: PeerId
  /** Of the best header that it is known to have; -1 while that is not known. */
  readonly headerHeight: number
  /** Of the best block that both it and we have; -1 while that is not known. */
  readonly commonHeight: number
  /** Heights of the blocks that it was asked for and has not brought. */
  readonly inFlight: readonly number[]
  /** Average time between two of its blocks. */
  readonly msPerBlock: number
  /** Is nothing more asked of it before it brings what it was asked for? */
  readonly stalled: boolean
}

export interface SyncSnapshot {
  readonly height: number
  readonly headerHeight: number
  readonly initialDownload: boolean
  readonly inFlight: number
  readonly orphans: number
  /** Why nothing moves although there is more; undefined if it does. */
  readonly stuck:
    | { readonly cause: StuckCause; readonly waitsFor: PeerId | undefined; readonly forSeconds: number }
    | undefined
  readonly peers: readonly SyncPeerSnapshot[]
}

export function snapshotOf(
  chain: Chain,
  peers: Iterable<SyncPeer>,
  blocks: BlockDownload,
  orphans: OrphanPool,
  stuck: Stuck | undefined,
  now: Now,
): SyncSnapshot {
  return {
    height: chain.tip.height,
    headerHeight: chain.bestHeader.height,
    initialDownload: chain.isInitialDownload,
    inFlight: blocks.inFlight,
    orphans: orphans.size,
    stuck:
      stuck === undefined
        ? undefined
        : {
            cause: stuck.cause,
            waitsFor: stuck.waitsFor,
            forSeconds: Math.round((now.mono - stuck.since) / 1_000),
          },
    peers: Array.from(peers, (peer) => snapshotPeer(peer, chain)),
  }
}

function snapshotPeer({ id, best, arrivals, speed, isStalled }: SyncPeer, chain: Chain): SyncPeerSnapshot {
  return {
    id,
    headerHeight: best?.height ?? -1,
    commonHeight: best === undefined ? -1 : chain.tree.fork(best, chain.tip).height,
    inFlight: Array.from(arrivals.values(), ({ node }) => node.height),
    msPerBlock: speed.msPerBlock,
    stalled: isStalled,
  }
}
