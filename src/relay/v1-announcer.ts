/**
 * Tells peers of the first release of our chain. They learn of blocks by `inv` only, and lose for good whatever they
 * hear of before its parent (wire-protocol 16.3): so they are told of the whole chain, in order, a few blocks at a
 * time, and of the next ones when they have asked for these or sent them back, which they do with blocks that they
 * have. They take some ten messages in a second, or one in minutes (wire-protocol 16.5), so what they did not react to is
 * told again only when they have read it. Owns how far each was told.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import {
  V1_ANNOUNCE_INTERVAL_MS,
  V1_ANNOUNCED_BLOCKS,
  V1_ANSWER_TIMEOUT_MS,
  V1_LISTENER_PING_INTERVAL_MS,
} from '../params/limits.ts'
import type { MonoMs, PeerId } from '../primitives/brand.ts'
import { inventoryOf } from './announcer.ts'
import type { RelayHooks } from './hooks.ts'
import type { RelayPeer } from './relay-peer.ts'

interface Progress {
  readonly peer: RelayPeer
  /** It has heard of everything up to here. */
  told: HeaderNode
  /** The portion at hand ends here; of it, the blocks that the peer did not react to yet. */
  end: HeaderNode
  readonly open: Set<HeaderNode>
  /** When the portion was announced last. */
  sentAt: number
  /** A younger node that speaks as those do, but has ways of its own to learn what leads to a block. */
  readonly tipOnly: boolean
}

export class V1Announcer {
  readonly #chain: Chain
  readonly #hooks: RelayHooks
  readonly #peers = new Map<PeerId, Progress>()

  constructor(chain: Chain, hooks: RelayHooks) {
    this.#chain = chain
    this.#hooks = hooks
  }

  get keyedIds(): Iterable<PeerId> {
    return this.#peers.keys()
  }

  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    if (this.#chain.isInitialDownload) return next
    for (const progress of this.#peers.values()) next = Math.min(next, this.#dueAt(progress))
    return next
  }

  ready(peer: RelayPeer): void {
    const { genesis } = this.#chain.tree
    this.#peers.set(peer.peer.id, {
      peer,
      told: genesis,
      end: genesis,
      open: new Set(),
      sentAt: Number.NEGATIVE_INFINITY,
      // The first release names no nonce.
      tipOnly: peer.peer.version?.nonce !== 0n,
    })
  }

  forget(id: PeerId): void {
    this.#peers.delete(id)
  }

  /** The peer has asked for the block, or sent it to us: it has heard of it. */
  reacted(id: PeerId, node: HeaderNode): void {
    const progress = this.#peers.get(id)
    if (progress === undefined || !progress.open.delete(node) || progress.open.size > 0) return
    progress.told = progress.end
  }

  due(): void {
    if (this.#chain.isInitialDownload) return
    const { mono } = this.#hooks.now()
    for (const progress of this.#peers.values())
      if (mono >= this.#dueAt(progress)) this.#announce(progress, mono)
  }

  #dueAt({ peer, told, open, sentAt }: Progress): number {
    if (peer.peer.sendQueue.congested) return Number.POSITIVE_INFINITY
    // Before it has read that, saying it again only makes what waits to be read longer.
    if (open.size > 0)
      return peer.peer.hasRead(sentAt) ? sentAt + V1_ANSWER_TIMEOUT_MS : Number.POSITIVE_INFINITY
    return told === this.#chain.tip ? Number.POSITIVE_INFINITY : sentAt + V1_ANNOUNCE_INTERVAL_MS
  }

  #announce(progress: Progress, mono: MonoMs): void {
    progress.sentAt = mono
    if (progress.tipOnly) {
      progress.open.clear()
      progress.told = this.#chain.tip
      return void this.#hooks.sayer.send(progress.peer.peer, inventoryOf([progress.told]))
    }
    if (progress.open.size === 0 || !this.#chain.isActive(progress.end)) this.#nextPortion(progress)
    // After a reorganisation it may have heard of all that there is.
    if (progress.open.size === 0) {
      progress.told = progress.end
      return
    }
    const { peer } = progress.peer
    peer.pings.asked(mono, V1_LISTENER_PING_INTERVAL_MS)
    this.#hooks.sayer.send(peer, inventoryOf([...progress.open]))
  }

  #nextPortion(progress: Progress): void {
    const { tip, tree } = this.#chain
    const from = tree.fork(progress.told, tip).height + 1
    const end = Math.min(from + V1_ANNOUNCED_BLOCKS - 1, tip.height)
    progress.open.clear()
    progress.end = this.#chain.activeAt(end) ?? tip
    for (let height = from; height <= end; height++) {
      const node = this.#chain.activeAt(height)
      if (node !== undefined) progress.open.add(node)
    }
  }
}
