/**
 * Tells peers of a new tip, within the input that made it the tip (wire-protocol 13, 19): each in the best form that
 * it asked for and can connect, and nobody who has it. What matters is where the chain ends now, not each block on
 * the way. Owns the messages for the tip at hand, made once for all.
 */
import type { BlockBody } from '../chain/block-body.ts'
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { MAX_ANNOUNCED_HEADERS } from '../params/limits.ts'
import type { RandomSource } from '../primitives/random.ts'
import { HeaderList } from '../wire/header.ts'
import { Inventory, InvType } from '../wire/inventory.ts'
import type { Message } from '../wire/messages.ts'
import { type CompactParts, compactBlock, partsOf, partsOfBody } from './compact-messages.ts'
import type { RelayHooks } from './hooks.ts'
import type { RecentBlocks } from './recent-blocks.ts'
import type { RelayPeer } from './relay-peer.ts'

/** The tip as a `cmpctblock` frame: not tried yet, being read, or `none` if it can't be had. */
type CompactFrame = Uint8Array | 'reading' | 'none' | undefined

export class Announcer {
  readonly #chain: Chain
  readonly #recent: RecentBlocks
  readonly #hooks: RelayHooks
  readonly #random: RandomSource
  #tip: HeaderNode
  #compact: CompactFrame
  /** The last block that was joined to the chain, as it was taken apart for that. */
  #joined: { readonly node: HeaderNode; readonly body: BlockBody } | undefined
  /** Are there peers who were not told of the tip yet? */
  isDue = false
  /** When the tip last changed; milliseconds. */
  #changedAt = Number.NEGATIVE_INFINITY

  constructor(chain: Chain, recent: RecentBlocks, hooks: RelayHooks, random: RandomSource) {
    this.#chain = chain
    this.#recent = recent
    this.#hooks = hooks
    this.#random = random
    this.#tip = chain.tip
  }

  onJoined(node: HeaderNode, body: BlockBody): void {
    this.#joined = this.#chain.isInitialDownload ? undefined : { node, body }
  }

  onTip(): void {
    this.isDue = true
    this.#changedAt = this.#hooks.now().mono
  }

  /** The height in our `version` may have been that of the tip before. */
  ready(peer: RelayPeer): void {
    if (this.#changedAt >= peer.peer.connectedAt.mono) this.#announceTo(peer)
  }

  /** More can be sent to the peer. */
  onFlushed(peer: RelayPeer): void {
    if (peer.missedTip && !peer.peer.sendQueue.congested) this.#announceTo(peer)
  }

  /** Tells everybody who has to be told. A node that is still catching up tells nobody. */
  announce(peers: Iterable<RelayPeer>): void {
    this.isDue = false
    if (this.#chain.isInitialDownload || this.#chain.tip.height === 0) return
    if (this.#tip !== this.#chain.tip) {
      this.#tip = this.#chain.tip
      this.#compact = undefined
    }
    for (const peer of peers) this.#announceTo(peer)
    this.#joined = undefined
  }

  #announceTo(peer: RelayPeer): void {
    const tip = this.#tip
    if (peer.isV1 || tip !== this.#chain.tip || this.#chain.isInitialDownload) return
    peer.missedTip = peer.peer.sendQueue.congested
    if (peer.missedTip || peer.gone || peer.known.has(tip)) return
    // Without the block before it could do nothing with this one but ask for that, and so on back.
    if (peer.peer.compactAnnounce === true && tip.parent !== undefined && peer.known.hasBlock(tip.parent)) {
      const frame = this.#compactFrame()
      if (frame === 'reading') return
      if (frame !== 'none') {
        peer.known.give(tip)
        this.#hooks.gave?.(peer.peer, tip)
        return void this.#hooks.sayer.sendFrame(peer.peer, 'cmpctblock', frame)
      }
    }
    const message = this.#headersFor(peer) ?? inventoryOf([tip])
    peer.known.tell(tip)
    this.#hooks.sayer.send(peer.peer, message)
  }

  /** The tip and what leads to it from what the peer has; undefined if that is much, or it doesn't want headers. */
  #headersFor({ peer, known }: RelayPeer): Message | undefined {
    if (!peer.prefersHeaders && peer.compactAnnounce === undefined) return undefined
    const run: HeaderNode[] = []
    let node: HeaderNode | undefined = this.#tip
    while (node !== undefined && !known.has(node)) {
      run.push(node)
      if (run.length > MAX_ANNOUNCED_HEADERS) return undefined
      node = node.parent
    }
    if (node === undefined) return undefined
    return { type: 'headers', headers: HeaderList.of(run.reverse().map(({ header }) => header)) }
  }

  #compactFrame(): Uint8Array | 'reading' | 'none' {
    if (this.#compact !== undefined) return this.#compact
    const tip = this.#tip
    if (this.#joined?.node === tip) return this.#make(partsOfBody(this.#joined.body))
    const block = this.#recent.get(tip)
    if (block === undefined) {
      this.#compact = 'reading'
      this.#chain.read([tip], ([read]) => {
        if (tip !== this.#tip) return
        if (read !== undefined) this.#recent.put(tip, read)
        this.#compact = read === undefined ? 'none' : undefined
        this.isDue = true
      })
      return this.#compact ?? 'reading'
    }
    return this.#make(block.contents === undefined ? undefined : partsOf(block.contents))
  }

  #make(parts: CompactParts | undefined): Uint8Array | 'none' {
    const made =
      parts === undefined
        ? 'none'
        : this.#hooks.sayer.frame(compactBlock(this.#tip.header, parts, this.#random.u64()))
    this.#compact = made
    return made
  }
}

export function inventoryOf(nodes: readonly HeaderNode[]): Message {
  const entries = nodes.map(({ hash }) => ({ type: InvType.block, hash }))
  return { type: 'inv', inventory: Inventory.of(entries) }
}
