/**
 * Which blocks are asked of whom: `plan` compares what is missing with what is under way, and asks for the rest, each
 * block of the peer that will have it here soonest. No block is asked twice of one connection; one that does not come
 * in time is asked of somebody else, and whoever brings it first is right. Bounded by the window, by each peer's
 * capacity, and by what waits to be connected.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { Source } from '../chain/outcomes.ts'
import {
  BLOCK_LOST_MS,
  CLAIM_TIMEOUT_MS,
  DOWNLOAD_PENDING_BYTES,
  DOWNLOAD_WINDOW_BLOCKS,
  DOWNLOAD_WINDOW_BYTES,
  GETDATA_INTERVAL_MS,
  MAX_PENDING_BLOCK_BYTES,
  STALL_TIMEOUT_MAX_MS,
  STALL_TIMEOUT_MIN_MS,
  V1_GETDATA_INTERVAL_MS,
} from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { IdSet } from '../primitives/id-set.ts'
import { Branches } from './branches.ts'
import { DownloadWindow, isMissing } from './download-window.ts'
import { Exhaustion } from './exhaustion.ts'
import type { SyncHooks } from './hooks.ts'
import { type ArrivedBlock, KeptBlocks, type Submission } from './kept-blocks.ts'
import { RequestTable } from './request-table.ts'
import type { SyncPeer } from './sync-peer.ts'
import { findTakers, leastBusy, roomOf, soonest, type Taker, type WantedBlocks } from './takers.ts'

const NEVER = Number.POSITIVE_INFINITY
/** What blocks are taken to be like before one was seen. */
const ASSUMED_BLOCK_BYTES = 20_000
/** Weight of the latest block in the average. */
const WEIGHT = 0.125
/** Under pressure only so many of the blocks needed first are asked for. */
const URGENT_BLOCKS = 4
/** Blocks at the front of the window that a second peer is asked for when the first does not bring them. */
const RESCUED_BLOCKS = 16
/** What the stall timeout shrinks by with each block. */
const STALL_DECAY = 0.97
const PRESSURE_LOOK_MS = 500
const RECEIVING_LOOK_MS = 1_000

export class BlockDownload {
  readonly #chain: Chain
  readonly #peers: ReadonlyMap<PeerId, SyncPeer>
  readonly #hooks: SyncHooks
  readonly #branches: Branches
  readonly #exhaustion = new Exhaustion()
  readonly #window = new DownloadWindow()
  readonly #requests = new RequestTable()
  readonly #judging = new Map<number, Submission>()
  /** Came while the chain could take no more. */
  readonly #kept = new KeptBlocks()
  #blockBytes = ASSUMED_BLOCK_BYTES
  #stallTimeoutMs = STALL_TIMEOUT_MIN_MS
  /** Up to this height everything that is missing is asked for; 0 if that is to be looked up. */
  #askedUpTo = 0
  #stopped = false

  constructor(chain: Chain, peers: ReadonlyMap<PeerId, SyncPeer>, hooks: SyncHooks, maxReorgDepth: number) {
    this.#chain = chain
    this.#peers = peers
    this.#hooks = hooks
    this.#branches = new Branches(chain, maxReorgDepth)
  }

  /** Blocks that somebody is waited for. */
  get inFlight(): number {
    return this.#requests.size
  }

  /** Who is waited for with the block that is needed first. */
  get awaited(): SyncPeer | undefined {
    const { first } = this.#window
    return first === undefined ? undefined : this.#requests.get(first)?.peer
  }

  /** Is there a block that did not come yet? */
  get isMissingBlocks(): boolean {
    return this.#window.first !== undefined
  }

  get isUnderPressure(): boolean {
    return this.#kept.size > 0 || this.#chain.pendingBytes >= DOWNLOAD_PENDING_BYTES
  }

  *keyedIds(): Generator<PeerId> {
    yield* this.#requests.keyedIds()
  }

  /** Is the block asked for, or has it come and is being judged? */
  isRequested(node: HeaderNode): boolean {
    return this.#requests.has(node) || this.#judging.has(node.id)
  }

  /** Is the block one that we lack and could use? */
  isWanted(node: HeaderNode): boolean {
    if (!isMissing(node) || node.isFailed || this.#judging.has(node.id)) return false
    const { tip } = this.#chain
    return node.work > tip.work && node.height <= tip.height + DOWNLOAD_WINDOW_BLOCKS
  }

  /** The peer brings the block in parts: nobody else is asked for it until that takes too long. */
  claim(peer: SyncPeer, node: HeaderNode, now: number): void {
    if (!isMissing(node) || this.isRequested(node) || peer.arrivals.has(node.id)) return
    this.#requests.assign(peer, node, now, true)
  }

  /** The parts did not fit. Asks the peer for the whole block, unless it was asked before. */
  fetch(peer: SyncPeer, node: HeaderNode, now: number): void {
    this.giveUp(peer, node)
    if (!isMissing(node) || this.isRequested(node) || peer.asked.has(node.id)) return
    this.#requests.assign(peer, node, now, false)
    this.#hooks.getdata(peer.peer, [node.hash])
  }

  /**
   * Asks for blocks that somebody wants though the plan may not: each of whoever has it, was not asked before and has
   * least to bring. What is here or under way is left out.
   */
  request(nodes: readonly HeaderNode[], now: number): WantedBlocks {
    const batches = new Map<SyncPeer, HeaderNode[]>()
    const count = { requested: 0, peers: 0, stored: 0, underWay: 0, unavailable: 0 }
    for (const node of nodes) {
      const canHave = isMissing(node) && !this.isRequested(node) && !node.isFailed && !this.#stopped
      const peer = canHave ? leastBusy(this.#peers.values(), node, this.#blockBytes, now) : undefined
      if (!isMissing(node)) count.stored++
      else if (this.isRequested(node)) count.underWay++
      else if (peer === undefined) count.unavailable++
      else {
        this.#requests.assign(peer, node, now, false)
        count.requested++
        const batch = batches.get(peer)
        if (batch === undefined) batches.set(peer, [node])
        else batch.push(node)
      }
    }
    for (const [peer, batch] of batches) this.#send(peer, batch, now)
    return { ...count, peers: batches.size }
  }

  giveUp(peer: SyncPeer, node: HeaderNode): void {
    this.#askedUpTo = 0
    this.#requests.release(peer, node)
    if (peer.arrivals.get(node.id)?.inParts === true) peer.arrivals.delete(node.id)
  }

  /** A block has come from a peer. What nobody needs is dropped. */
  arrived(peer: SyncPeer, node: HeaderNode, arrived: ArrivedBlock, now: number): void {
    const { block, received } = arrived
    const arrival = peer.arrivals.get(node.id)
    const request = this.#requests.get(node)
    const bytes = block.transactionData.length
    if (arrival !== undefined) {
      peer.arrivals.delete(node.id)
      if (!arrival.inParts) peer.speed.delivered(now - Math.max(peer.progressAt, arrival.askedAt))
      peer.progressAt = now
      peer.isStalled = false
      this.#blockBytes += WEIGHT * (bytes - this.#blockBytes)
      // It was only slow: we should have waited longer.
      const wasImpatient = request !== undefined && request.peer !== peer
      const factor = wasImpatient ? 2 : STALL_DECAY
      const timeoutMs = Math.min(STALL_TIMEOUT_MAX_MS, this.#stallTimeoutMs * factor)
      this.#stallTimeoutMs = Math.max(STALL_TIMEOUT_MIN_MS, timeoutMs)
    }
    const isUseful = arrival !== undefined || request !== undefined || this.isWanted(node)
    if (!isUseful || !isMissing(node) || node.isFailed || this.#judging.has(node.id)) return
    this.#requests.drop(node)
    const submission = { ...arrived, from: peer.id }
    if (!this.#isChainFull) {
      this.#judging.set(node.id, submission)
      return this.#chain.submitBlock(peer.id, block, received)
    }
    // What nobody asked for has time until there is room.
    if (arrival === undefined && request === undefined) return
    this.#judging.set(node.id, submission)
    for (const gone of this.#kept.add(node, submission)) {
      this.#judging.delete(gone.id)
      this.#askedUpTo = 0
    }
  }

  /** The chain has judged a block. Returns what was known of it, if it was taken in here. */
  judged(node: HeaderNode, source: Source, isStored: boolean): Submission | undefined {
    if (!isStored) this.#askedUpTo = 0
    const submission = this.#judging.get(node.id)
    if (submission?.from !== source) return undefined
    this.#judging.delete(node.id)
    return submission
  }

  /** A block that was here can't be read any more. */
  lost(): void {
    this.#askedUpTo = 0
    this.#window.reset()
  }

  /** Headers were false and are gone: what was asked for them will not fit, and nobody is to blame for that. */
  takenOut(now: number): void {
    this.lost()
    this.#requests.dropRemoved()
    for (const peer of this.#peers.values()) peer.dropRemoved(now)
    for (const [id, { block }] of this.#judging)
      if (this.#chain.tree.find(block.header.bytes) === undefined) this.#judging.delete(id)
  }

  /** The chain takes no more, for good. */
  stop(): void {
    this.#stopped = true
  }

  forget(peer: SyncPeer): void {
    this.#releaseAll(peer)
    peer.arrivals.clear()
  }

  /** Asks for what is missing. Returns when there is something to do again. */
  plan(now: number): number {
    if (this.#stopped) return NEVER
    while (this.#kept.size > 0 && !this.#isChainFull) {
      const next = this.#kept.take()
      if (next !== undefined) this.#chain.submitBlock(next.from, next.block, next.received)
    }
    let next = NEVER
    for (const peer of this.#peers.values())
      if (peer.arrivals.size > 0) next = Math.min(next, this.#judge(peer, now))
    if (!this.#window.refresh(this.#chain, this.#windowBlocks)) this.#askedUpTo = 0
    if (this.#window.first === undefined) {
      this.#exhaustion.reset()
      return next
    }
    const { end } = this.#window
    const { takers, waitUntil } = findTakers(this.#peers.values(), end, this.#chain, this.#blockBytes, now)
    const left = this.#fill(takers, now)
    if (takers.some(({ free }) => free > 0)) next = Math.min(next, this.#rescue(takers, now))
    for (const { peer, batch } of takers)
      if (batch.length > 0) next = Math.min(next, this.#send(peer, batch, now))
    if (left > 0) next = Math.min(next, waitUntil)
    if (!this.isUnderPressure) next = Math.min(next, this.#askBranches(now))
    next = Math.min(next, this.#endExhausted(now))
    return this.isUnderPressure ? Math.min(next, now + PRESSURE_LOOK_MS) : next
  }

  get #windowBlocks(): number {
    const byBytes = Math.floor(DOWNLOAD_WINDOW_BYTES / Math.max(1, this.#blockBytes))
    return Math.min(DOWNLOAD_WINDOW_BLOCKS, Math.max(URGENT_BLOCKS, byBytes))
  }

  #releaseAll(peer: SyncPeer): void {
    this.#askedUpTo = 0
    this.#requests.releaseAll(peer)
  }

  get #isChainFull(): boolean {
    return this.#chain.pendingBytes >= MAX_PENDING_BLOCK_BYTES
  }

  /** Whether a peer keeps us waiting for too long. Returns when to look again. */
  #judge(peer: SyncPeer, now: number): number {
    if (peer.peer.mustWait || peer.peer.queuedForTurn || peer.isDeaf) {
      // What it sent may lie here unread, or our question there.
      peer.progressAt = now
    }
    if (peer.peer.mustWait) peer.unreadAt = now
    if (peer.isDeaf) return now + RECEIVING_LOOK_MS
    const patienceMs = peer.speed.patienceMs(this.#blockBytes)
    this.#dropLost(peer, patienceMs, now)
    if (peer.arrivals.size === 0) return NEVER
    // Sums are compared as they are returned: a difference may be off by a rounding error.
    const stalledAt = peer.progressAt + patienceMs
    if (now >= stalledAt && !peer.isStalled) {
      peer.isStalled = true
      peer.speed.stalled()
      this.#releaseAll(peer)
    }
    const endAt = stalledAt + patienceMs
    if (now >= endAt) {
      if (peer.isReceiving) return now + RECEIVING_LOOK_MS
      this.#end(peer)
      return NEVER
    }
    if (peer.isStalled) return endAt
    const { oldest } = peer
    const lostAt =
      oldest === undefined
        ? NEVER
        : Math.max(oldest.askedAt, peer.unreadAt) + (oldest.inParts ? CLAIM_TIMEOUT_MS : BLOCK_LOST_MS)
    return Math.min(stalledAt, Math.max(lostAt, now + PRESSURE_LOOK_MS))
  }

  /** Single blocks that did not come though the peer brings others. */
  #dropLost(peer: SyncPeer, patienceMs: number, now: number): void {
    for (const { node, askedAt, inParts } of peer.arrivals.values()) {
      // They stand in the order in which they were asked.
      const since = Math.max(askedAt, peer.unreadAt)
      if (now < since + CLAIM_TIMEOUT_MS) return
      const isOverdue = inParts || now >= since + BLOCK_LOST_MS
      if (!isOverdue || (!inParts && now >= peer.progressAt + patienceMs)) continue
      this.giveUp(peer, node)
      peer.arrivals.delete(node.id)
      if (!inParts) peer.lost++
    }
  }

  /** A peer that brings nothing has to go; one of the first release may just have lost our question. */
  #end(peer: SyncPeer): void {
    this.#releaseAll(peer)
    peer.arrivals.clear()
    peer.isStalled = false
    if (peer.isMute) peer.asked = new IdSet()
    else this.#hooks.disconnect(peer.peer, 'stalled', 'no blocks')
  }

  /** Gives what is missing to those who can take it, in order. Returns how many blocks were looked at in vain. */
  #fill(takers: readonly Taker[], now: number): number {
    if (takers.length === 0) return 1
    let left = 0
    let urgent = this.isUnderPressure ? URGENT_BLOCKS : NEVER
    let free = takers.reduce((sum, taker) => sum + taker.free, 0)
    for (const node of this.#window.missing(urgent === NEVER ? this.#askedUpTo : 0)) {
      if (!this.isRequested(node)) {
        if (free === 0 || urgent <= 0) return left + 1
        const taker = soonest(takers, node)
        if (taker === undefined) left++
        else this.#give(taker, node, now)
        if (taker !== undefined) free--
      }
      urgent--
      if (left === 0) this.#askedUpTo = node.height
    }
    return left
  }

  /** Nothing else is left to ask for: blocks that all wait for are asked of those who have time. */
  #rescue(takers: readonly Taker[], now: number): number {
    let next = NEVER
    let looked = 0
    for (const node of this.#window.missing()) {
      if (looked++ >= RESCUED_BLOCKS) return next
      const request = this.#requests.get(node)
      if (request === undefined) continue
      const taker = soonest(takers, node)
      if (taker === undefined || taker.peer === request.peer) continue
      const dueAt = request.at + this.#stallTimeoutMs
      if (now < dueAt) {
        next = Math.min(next, dueAt)
        continue
      }
      request.peer.speed.stalled()
      this.#give(taker, node, now)
    }
    return next
  }

  #give(taker: Taker, node: HeaderNode, now: number): void {
    this.#requests.assign(taker.peer, node, now, false)
    taker.batch.push(node)
    taker.free--
  }

  /** Asks for what is better than our tip, while the best of all does not come. Returns when to look again. */
  #askBranches(now: number): number {
    const isRequested = (node: HeaderNode): boolean => this.isRequested(node)
    const plan = this.#branches.plan(this.#window.first, this.#peers.values(), isRequested, now)
    let next = plan.at
    for (const { peer, missing } of plan.wanted) {
      const free = peer.isStalled || peer.peer.sendQueue.congested ? 0 : roomOf(peer, this.#blockBytes)
      const batch = missing.filter((node) => !isRequested(node)).slice(0, Math.max(0, free))
      if (batch.length === 0) continue
      const isEarly = now < peer.getdataAt
      if (!isEarly) for (const node of batch) this.#requests.assign(peer, node, now, false)
      next = Math.min(next, isEarly ? peer.getdataAt : this.#send(peer, batch, now))
    }
    return next
  }

  /** Returns when to look whether anything has come. */
  #send(peer: SyncPeer, batch: readonly HeaderNode[], now: number): number {
    peer.getdataAt = now + (peer.isV1 ? V1_GETDATA_INTERVAL_MS : GETDATA_INTERVAL_MS)
    this.#hooks.getdata(
      peer.peer,
      batch.map(({ hash }) => hash),
    )
    return now + peer.speed.patienceMs(this.#blockBytes)
  }

  #endExhausted(now: number): number {
    const { first } = this.#window
    const isWaiting = first === undefined || this.isRequested(first)
    const { at, victim } = this.#exhaustion.look(isWaiting ? undefined : first, this.#peers.values(), now)
    if (victim !== undefined) this.#hooks.disconnect(victim.peer, 'stalled', 'a block was lost')
    return at
  }
}
