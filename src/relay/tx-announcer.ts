/**
 * Tells peers of transactions (wire-protocol 5.6, 14, 19.8): many in one message, after a random time, those that pay
 * most first, nobody what he knows. Only what spends confirmed outputs is told, and only to who is where our chain is:
 * whoever can't judge a transaction yet would take it for wrong.
 */
import type { HeaderNode } from '../chain/header-node.ts'
import type { TipOutcome } from '../chain/outcomes.ts'
import { isFinal } from '../chain/transaction-rules.ts'
import type { MempoolEntry } from '../mempool/entry.ts'
import {
  LOCK_TIME_MARGIN_SECONDS,
  MAX_TX_IN_INV,
  MAX_TX_INVS,
  MAX_TX_QUEUE,
  TX_INV_INBOUND_MS,
  TX_INV_OUTBOUND_MS,
  TX_SETTLE_MS,
} from '../params/limits.ts'
import type { Now } from '../primitives/brand.ts'
import type { RandomSource } from '../primitives/random.ts'
import { Inventory, InvType } from '../wire/inventory.ts'
import type { Sayer } from './hooks.ts'
import type { TxPeer } from './tx-peer.ts'

export interface TxAnnouncerHooks {
  readonly sayer: Sayer
  tip(): HeaderNode
  /** Does it still wait to be mined? */
  has(entry: MempoolEntry): boolean
  /** Not while the node catches up. */
  mayTell(): boolean
  isCurrent(peer: TxPeer, now: Now): boolean
  /** Height at which the peer's chain leaves ours; undefined if it does not. */
  forkHeightOf(peer: TxPeer): number | undefined
}

const NEVER = Number.POSITIVE_INFINITY
/** Of a long queue a tenth is told at once. */
const QUEUE_PART = 10

export class TxAnnouncer {
  readonly #hooks: TxAnnouncerHooks
  readonly #random: RandomSource
  /** Peers that came to us are all told at the same time, so that many connections see no more than one. */
  #inboundAt = NEVER
  /**
   * Changes of the tip that not everybody need have seen: what lay below stood before. Without those that a later one
   * reaches below, so the first is the lowest.
   */
  readonly #changes: { readonly below: number; readonly at: number }[] = []
  /** When each was told to somebody first. */
  readonly #toldAt = new WeakMap<MempoolEntry, number>()
  #nextAt = NEVER

  constructor(hooks: TxAnnouncerHooks, random: RandomSource) {
    this.#hooks = hooks
    this.#random = random
  }

  get nextDeadline(): number {
    return this.#nextAt
  }

  /** When anybody was told of it first; undefined if nobody was. Monotonic milliseconds. */
  toldAt(entry: MempoolEntry): number | undefined {
    return this.#toldAt.get(entry)
  }

  onTip({ tip, disconnected }: TipOutcome, now: Now): void {
    const below = disconnected.at(-1)?.parent?.height ?? tip.height - 1
    while ((this.#changes.at(-1)?.below ?? Number.NEGATIVE_INFINITY) >= below) this.#changes.pop()
    this.#changes.push({ below, at: now.mono })
    this.#settle(now)
  }

  /** `again`: also if it was told before. */
  add(peer: TxPeer, entry: MempoolEntry, again: boolean, now: Now): void {
    if (!peer.wants || peer.shown.has(entry.key) || (!again && peer.told.has(entry.key))) return
    if (peer.queue.size >= MAX_TX_QUEUE) return
    peer.queue.set(entry, again || peer.queue.get(entry) === true)
    if (peer.announceAt === NEVER) this.#schedule(peer, now)
  }

  due(peers: Iterable<TxPeer>, now: Now): void {
    let next = NEVER
    const { mono } = now
    for (const peer of peers) {
      if (peer.announceAt <= mono) {
        peer.announceAt = NEVER
        this.#announce(peer, now)
        if (peer.queue.size > 0) this.#schedule(peer, now)
      }
      next = Math.min(next, peer.announceAt)
    }
    this.#nextAt = next
  }

  /** Up to here the peer has our chain, if it is where we are. On another branch it has what lies below the fork. */
  commonHeight(peer: TxPeer, now: Now): number {
    const settled = this.#settledHeight(now)
    return Math.min(settled, this.#hooks.forkHeightOf(peer) ?? settled)
  }

  /** May somebody be told of it who has our chain up to this height? */
  isTellable(entry: MempoolEntry, height: number, now: Now): boolean {
    if (entry.parents.size > 0 || !this.#hooks.has(entry)) return false
    return (
      entry.validFrom <= height && isFinal(entry.transaction, height + 1, now.unix - LOCK_TIME_MARGIN_SECONDS)
    )
  }

  /** Tells of these at once, in as few messages as may be. */
  tell(peer: TxPeer, entries: readonly MempoolEntry[], perMessage: number, now: Now): void {
    for (let i = 0; i < entries.length; i += perMessage) {
      const part = entries.slice(i, i + perMessage)
      const inventory = Inventory.of(part.map(({ id }) => ({ type: InvType.transaction, hash: id })))
      if (!this.#hooks.sayer.send(peer.peer, { type: 'inv', inventory })) return
      for (const entry of part) {
        peer.told.add(entry.key)
        if (!this.#toldAt.has(entry)) this.#toldAt.set(entry, now.mono)
      }
    }
  }

  /** By an exponential distribution, which shows nothing of when something came. */
  #schedule(peer: TxPeer, { mono }: Now): void {
    if (peer.peer.inbound) {
      if (this.#inboundAt <= mono || this.#inboundAt === NEVER)
        this.#inboundAt = mono + this.#draw(TX_INV_INBOUND_MS)
      peer.announceAt = this.#inboundAt
    } else peer.announceAt = mono + this.#draw(TX_INV_OUTBOUND_MS)
    this.#nextAt = Math.min(this.#nextAt, peer.announceAt)
  }

  #draw(meanMs: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.#random.unit()) * meanMs))
  }

  #announce(peer: TxPeer, now: Now): void {
    const { queue } = peer
    for (const [entry, again] of queue) {
      const isKnown = peer.shown.has(entry.key) || (!again && peer.told.has(entry.key))
      // What waits for a parent is put here again when that was mined.
      if (isKnown || entry.parents.size > 0 || !this.#hooks.has(entry)) queue.delete(entry)
    }
    const isReady = this.#hooks.mayTell() && this.#hooks.isCurrent(peer, now)
    if (!isReady || peer.peer.sendQueue.congested) return
    const height = this.commonHeight(peer, now)
    const tellable = [...queue.keys()].filter((entry) => this.isTellable(entry, height, now))
    tellable.sort((a, b) => b.feeRate - a.feeRate || a.sequence - b.sequence)
    const most = Math.min(MAX_TX_INVS * MAX_TX_IN_INV, Math.ceil(queue.size / QUEUE_PART))
    const chosen = tellable.slice(0, Math.max(MAX_TX_IN_INV, most))
    for (const entry of chosen) queue.delete(entry)
    this.tell(peer, chosen, MAX_TX_IN_INV, now)
  }

  /** A height of our tip that everybody has reached who is where we are. */
  #settledHeight(now: Now): number {
    this.#settle(now)
    const { height } = this.#hooks.tip()
    return Math.min(height, this.#changes[0]?.below ?? height)
  }

  /** Forgets changes that everybody has seen. */
  #settle({ mono }: Now): void {
    const unseen = this.#changes.findIndex(({ at }) => at > mono - TX_SETTLE_MS)
    if (unseen !== 0) this.#changes.splice(0, unseen === -1 ? this.#changes.length : unseen)
  }
}
