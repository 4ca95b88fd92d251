/**
 * Synchronisation: who is asked for headers and blocks, when, and what is given up. Joins the plans of this room,
 * which are compared with what is under way after whatever happens: nothing here waits for an event that might not
 * come. Everything it keeps is keyed by peers that are there, and bounded (limits.ts).
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderNode, hashKey } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { BlockOutcome, ChainOutcome, HeadersOutcome } from '../chain/outcomes.ts'
import { LARGE_BLOCK_BYTES, MAX_INV_BLOCKS } from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import { type Inventory, InvType } from '../wire/inventory.ts'
import { BackWalks } from './back-walk.ts'
import { blameForBlock, blameForFailure } from './blame.ts'
import { BlockDownload } from './block-download.ts'
import { planChainLag } from './chain-lag.ts'
import { HeaderSync } from './header-sync.ts'
import type { SyncHooks } from './hooks.ts'
import { OrphanPool } from './orphan-pool.ts'
import { SyncProgress } from './progress.ts'
import { type SyncSnapshot, snapshotOf } from './snapshot.ts'
import { forkHeight, planStrays } from './strays.ts'
import { SyncPeer } from './sync-peer.ts'
import type { WantedBlocks } from './takers.ts'

export interface SyncOptions {
  /** Usual time between blocks. */
  readonly spacingSeconds: number
  /** Blocks that leave our chain further below its tip are of no use. */
  readonly maxReorgDepth: number
}

/** Unasked blocks of one peer with headers that are not known, judged at once: each costs a hash. */
const MAX_UNASKED = 4
/** The same of all peers: each may be as large as a block can be. */
const MAX_UNASKED_OF_ALL = 16
/** Blocks put together from parts, whose sender is not blamed should they fail later. */
const MAX_ASSEMBLED = 64

export class BlockSync {
  readonly #chain: Chain
  readonly #options: SyncOptions
  readonly #hooks: SyncHooks
  readonly #peers = new Map<PeerId, SyncPeer>()
  readonly #headers: HeaderSync
  readonly #blocks: BlockDownload
  readonly #walks: BackWalks
  readonly #orphans = new OrphanPool()
  readonly #progress: SyncProgress
  readonly #assembled = new Set<HeaderNode>()
  /** Unasked blocks that are being judged, of all peers. */
  #unasked = 0
  #diskFailed = false
  /** Has something happened that the plan of headers, or that of blocks, has not seen? */
  #headersChanged = true
  #blocksChanged = true
  #headersAt = 0
  #blocksAt = 0
  #progressAt = 0

  constructor(chain: Chain, options: SyncOptions, hooks: SyncHooks, now: Now) {
    this.#chain = chain
    this.#options = options
    this.#hooks = hooks
    this.#headers = new HeaderSync(chain, this.#peers, hooks)
    this.#blocks = new BlockDownload(chain, this.#peers, hooks, options.maxReorgDepth)
    this.#walks = new BackWalks(chain, hooks)
    this.#progress = new SyncProgress(chain, options.spacingSeconds, (event) => hooks.event(event), now.mono)
  }

  /** When {@link due} has something to do; in the past while it has at once. */
  get nextDeadline(): number {
    if (this.#headersChanged || this.#blocksChanged) return Number.NEGATIVE_INFINITY
    return Math.min(this.#headersAt, this.#blocksAt, this.#progressAt)
  }

  *keyedIds(): Generator<PeerId> {
    yield* this.#peers.keys()
    yield* this.#blocks.keyedIds()
    yield* this.#walks.keyedIds()
    yield* this.#orphans.keyedIds()
  }

  /** How things stand, for RPC and diagnosis. */
  snapshot(now: Now): SyncSnapshot {
    return snapshotOf(
      this.#chain,
      this.#peers.values(),
      this.#blocks,
      this.#orphans,
      this.#progress.stuck,
      now,
    )
  }

  /** The best block or header that a peer is known to have. */
  bestOf(id: PeerId): HeaderNode | undefined {
    return this.#peers.get(id)?.best
  }

  /** Height at which the peer's chain leaves ours, as far as is known; undefined if it does not. */
  forkHeightOf(id: PeerId): number | undefined {
    return forkHeight(this.bestOf(id), this.#chain)
  }

  ready(peer: Peer, now: Now): void {
    this.#change()
    this.#peers.set(peer.id, new SyncPeer(peer, now.mono))
  }

  forget(id: PeerId): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#change()
    this.#peers.delete(id)
    this.#headers.forget(peer)
    this.#blocks.forget(peer)
    this.#walks.forget(id)
    this.#orphans.forget(id)
  }

  onHeaders(from: Peer, headers: HeaderList, now: Now): void {
    const peer = this.#peers.get(from.id)
    if (peer === undefined) return
    this.#change()
    this.#headers.received(peer, headers, now)
  }

  /** The blocks in it, as far as they can be news: only the last ones are looked at. */
  onInv(from: Peer, inventory: Inventory, now: Now): void {
    const peer = this.#peers.get(from.id)
    if (peer === undefined) return
    let left = MAX_INV_BLOCKS
    for (let i = inventory.length - 1; i >= 0 && left > 0; i--) {
      const { type, hash } = inventory.at(i)
      if (type !== InvType.block) continue
      left--
      this.#announced(peer, hash, now)
    }
  }

  onBlock(from: Peer, block: Block, received: StoredBlock | undefined, now: Now): void {
    const peer = this.#peers.get(from.id)
    if (peer === undefined) return
    const { tree } = this.#chain
    const node = tree.find(block.header.bytes)
    this.#blocksChanged = true
    if (node !== undefined) {
      peer.shows(node)
      return this.#blocks.arrived(peer, node, { block, received, inParts: false }, now.mono)
    }
    this.#headersChanged = true
    for (const run of this.#walks.arrived(peer, block.header, now.mono)) {
      peer.talk.judging++
      this.#chain.submitHeaders(peer.id, run)
    }
    const parent = tree.get(block.header.previousHash)
    if (parent === undefined) return this.#orphan(peer, block, received, now)
    if (!this.#isPromising(parent)) return
    const isLarge = block.transactionData.length > LARGE_BLOCK_BYTES
    if (isLarge || peer.unasked >= MAX_UNASKED || this.#unasked >= MAX_UNASKED_OF_ALL) {
      peer.talk.wanted = true
      return
    }
    peer.unasked++
    this.#unasked++
    from.allowance.useWork()
    this.#chain.submitBlock(peer.id, block, received)
  }

  /** A block was put together from parts: should it not be what it seems, its sender need not have known. */
  onAssembled(from: Peer, block: Block, received: StoredBlock | undefined, now: Now): void {
    const node = this.#chain.tree.find(block.header.bytes)
    if (node === undefined) return
    this.#with(from, (peer) => this.#blocks.arrived(peer, node, { block, received, inParts: true }, now.mono))
  }

  /** Somebody wants these blocks, whatever the plan says. */
  request(nodes: readonly HeaderNode[], now: Now): WantedBlocks {
    this.#blocksChanged = true
    return this.#blocks.request(nodes, now.mono)
  }

  /** Is the block asked for, or being judged? */
  isRequested(node: HeaderNode): boolean {
    return this.#blocks.isRequested(node)
  }

  /** The peer brings the block in parts: nobody is asked for it until that takes too long. */
  claim(from: Peer, node: HeaderNode, now: Now): void {
    this.#with(from, (peer) => {
      peer.shows(node)
      this.#blocks.claim(peer, node, now.mono)
    })
  }

  /** The parts don't fit: ask for the whole block, this peer if it was not asked before, or another. */
  fetch(from: Peer, node: HeaderNode, now: Now): void {
    this.#with(from, (peer) => this.#blocks.fetch(peer, node, now.mono))
  }

  /** The claim is given up without more being known. */
  release(from: Peer, node: HeaderNode, _: Now): void {
    this.#with(from, (peer) => this.#blocks.giveUp(peer, node))
  }

  outcome(outcome: ChainOutcome, now: Now): void {
    switch (outcome.type) {
      case 'headers':
        return this.#headersJudged(outcome, now)
      case 'block':
        return this.#blockJudged(outcome, now)
      case 'tip':
        this.#headers.movedAt = now.mono
        this.#blocksChanged = true
        // While catching up nobody is behind us, and it happens all the time.
        if (!this.#chain.isInitialDownload) this.#headersChanged = true
        return
      case 'blockFailed': {
        this.#change()
        const { source, node, fault } = outcome
        const peer = source === undefined || source === 'local' ? undefined : this.#peers.get(source)
        if (peer === undefined || this.#assembled.has(node)) return
        const { offence, detail } = blameForFailure(node.hash, fault)
        return this.#hooks.offend(peer.peer, offence, detail)
      }
      case 'blockLost':
        this.#change()
        return this.#blocks.lost()
      case 'storageFailed':
        this.#change()
        this.#diskFailed = true
        return this.#blocks.stop()
      case 'falseHeaders':
        this.#change()
        this.#blocks.takenOut(now.mono)
        return this.#headers.restart()
      case 'deepFork':
      case 'rejectedFork':
        return
    }
  }

  /** Compares the plans with what is under way, and asks for the difference. */
  due(now: Now): void {
    const { mono } = now
    const isHeaderTime = this.#headersChanged || mono >= this.#headersAt
    if (isHeaderTime) {
      this.#headersChanged = false
      this.#orphans.expire(mono)
      const lagAt = planChainLag(this.#peers.values(), this.#chain, this.#hooks, mono)
      const strayAt = planStrays(this.#peers.values(), this.#chain, mono)
      const headersAt = this.#diskFailed ? Number.POSITIVE_INFINITY : this.#headers.plan(now)
      this.#headersAt = Math.min(lagAt, strayAt, headersAt, this.#orphans.nextDeadline)
    }
    if (this.#blocksChanged || mono >= this.#blocksAt) {
      this.#blocksChanged = false
      this.#blocksAt = this.#blocks.plan(mono)
    }
    const hasEnded = this.#endInitialDownload(now)
    if (hasEnded) this.#hooks.event({ type: 'caughtUp', height: this.#chain.tip.height })
    if (hasEnded || isHeaderTime || mono >= this.#progressAt || this.#progress.stuck !== undefined)
      this.#progressAt = this.#progress.look(this.#facts(now), now)
  }

  #with(from: Peer, use: (peer: SyncPeer) => void): void {
    const peer = this.#peers.get(from.id)
    if (peer === undefined) return
    this.#blocksChanged = true
    use(peer)
  }

  #change(): void {
    this.#headersChanged = true
    this.#blocksChanged = true
  }

  #announced(peer: SyncPeer, hash: Uint8Array, now: Now): void {
    const node = this.#chain.tree.get(hash)
    this.#change()
    if (node !== undefined) return peer.shows(node)
    if (peer.unknown === undefined || hashKey(peer.unknown) !== hashKey(hash)) peer.unknown = hash.slice()
    if (peer.isMute) this.#walks.start(peer, peer.unknown, now.mono)
    else peer.talk.wanted = true
  }

  #orphan(peer: SyncPeer, block: Block, received: StoredBlock | undefined, now: Now): void {
    peer.talk.wanted = true
    // While there is much to come, everything new is an orphan.
    if (this.#headers.isFar(now) && !peer.isMute) return
    this.#orphans.add({ from: peer.id, block, received, at: now.mono })
  }

  /** Could a block that stands on this one become our tip? */
  #isPromising(parent: HeaderNode): boolean {
    const { tip } = this.#chain
    if (parent.isFailed || parent.height < tip.height - this.#options.maxReorgDepth) return false
    return this.#chain.isInitialDownload ? parent === tip : true
  }

  #headersJudged(outcome: HeadersOutcome, now: Now): void {
    this.#change()
    const { source, last, added } = outcome
    const peer = source === 'local' ? undefined : this.#peers.get(source)
    if (peer !== undefined) this.#headers.outcome(peer, outcome, now)
    let node = last
    for (let i = 0; i < added && node !== undefined && this.#orphans.size > 0; i++) {
      this.#adopt(node, now)
      node = node.parent
    }
    if (added > 0) this.#resolveUnknown()
    // What it announced while the way back from something else was under way.
    if (added > 0 && peer?.isMute === true && peer.unknown !== undefined)
      this.#walks.start(peer, peer.unknown, now.mono)
  }

  #blockJudged(outcome: BlockOutcome, now: Now): void {
    const { source, node, verdict } = outcome
    const peer = source === 'local' ? undefined : this.#peers.get(source)
    const submission =
      node === undefined ? undefined : this.#blocks.judged(node, source, verdict === 'stored')
    const inParts = submission?.inParts === true
    if (submission === undefined && source !== 'local') this.#unaskedJudged(peer)
    if (verdict !== 'stored' && verdict !== 'duplicate') this.#change()
    if (node !== undefined && verdict === 'stored') {
      peer?.shows(node)
      if (inParts) this.#noteAssembled(node)
      if (submission === undefined) this.#change()
      this.#adopt(node, now)
    }
    const blame = blameForBlock(outcome, inParts)
    if (peer !== undefined && blame !== undefined) this.#hooks.offend(peer.peer, blame.offence, blame.detail)
  }

  #unaskedJudged(peer: SyncPeer | undefined): void {
    // A header that was taken out meanwhile leaves a block of which nothing is known.
    this.#unasked = Math.max(0, this.#unasked - 1)
    if (peer !== undefined) peer.unasked = Math.max(0, peer.unasked - 1)
  }

  #noteAssembled(node: HeaderNode): void {
    this.#assembled.add(node)
    if (this.#assembled.size <= MAX_ASSEMBLED) return
    for (const oldest of this.#assembled) return void this.#assembled.delete(oldest)
  }

  /** Orphans whose parent this is are none any more. */
  #adopt(parent: HeaderNode, now: Now): void {
    if (this.#orphans.size === 0) return
    for (const { from, block, received } of this.#orphans.take(parent.hash)) {
      const peer = this.#peers.get(from)
      if (peer !== undefined) this.onBlock(peer.peer, block, received, now)
    }
  }

  /** What peers have announced may be known by now. */
  #resolveUnknown(): void {
    for (const peer of this.#peers.values()) {
      const node = peer.unknown === undefined ? undefined : this.#chain.tree.get(peer.unknown)
      if (node === undefined) continue
      peer.shows(node)
      peer.unknown = undefined
    }
  }

  #endInitialDownload(now: Now): boolean {
    const { tip, bestHeader, isInitialDownload } = this.#chain
    if (!isInitialDownload || tip !== bestHeader || !this.#headers.isComplete(now)) return false
    this.#chain.caughtUp()
    return !this.#chain.isInitialDownload
  }

  #facts(now: Now): Parameters<SyncProgress['look']>[0] {
    let claimedHeight = 0
    let ahead = 0
    for (const peer of this.#peers.values()) {
      claimedHeight = Math.max(claimedHeight, peer.claimedHeight)
      if (peer.isAhead) ahead++
    }
    const awaited = this.#headers.awaited
    return {
      peers: this.#peers.size,
      headersToCome: this.#headers.isFar(now) && this.#headers.isFollowing,
      claimedHeight,
      awaitedForHeaders: awaited?.id,
      awaitedForBlocks: this.#blocks.awaited?.id,
      inFlight: this.#blocks.inFlight,
      blocksToCome: this.#blocks.isMissingBlocks,
      underPressure: this.#blocks.isUnderPressure,
      diskFailed: this.#diskFailed,
      ahead,
    }
  }
}
