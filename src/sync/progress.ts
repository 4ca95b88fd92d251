/**
 * How far we are, how fast, and, if nothing moves although there is more, why. Looks at facts; changes nothing.
 */
import type { Chain } from '../chain/chain.ts'
import { SYNC_PROGRESS_INTERVAL_MS, SYNC_STUCK_AGAIN_MS, SYNC_STUCK_MS } from '../params/limits.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { StuckCause, SyncEvent } from './hooks.ts'

export interface SyncFacts {
  readonly peers: number
  /** Are headers still coming in from somebody who is followed? */
  readonly headersToCome: boolean
  /** The greatest height that a peer claims, or has shown. */
  readonly claimedHeight: number
  readonly awaitedForHeaders: PeerId | undefined
  readonly awaitedForBlocks: PeerId | undefined
  readonly inFlight: number
  /** Is there a block that did not come yet? */
  readonly blocksToCome: boolean
  readonly underPressure: boolean
  readonly diskFailed: boolean
  /** Peers whose latest headers are in the future by our clock. */
  readonly ahead: number
}

export interface Stuck {
  readonly cause: StuckCause
  readonly waitsFor: PeerId | undefined
  /** Monotonic milliseconds. */
  readonly since: number
}

/** Weight of the latest interval in the rate. */
const WEIGHT = 0.3
/** So few blocks behind is no catching up. */
const NEAR_BLOCKS = 6

export class SyncProgress {
  readonly #chain: Chain
  readonly #spacingSeconds: number
  readonly #event: (event: SyncEvent) => void
  /** Why nothing moves; undefined if it does, or there is nothing to do. */
  stuck: Stuck | undefined
  #startedAt: number | undefined
  #toldAt: number | undefined
  #toldHeights = { tip: 0, headers: 0 }
  #perSecond: number | undefined
  #phase: 'headers' | 'blocks' | undefined
  #movedAt: number
  #mark = { tip: '', headers: '' }
  /** Since when there is something to wait for. */
  #waitingSince: number | undefined
  #toldStuckAt = 0

  constructor(chain: Chain, spacingSeconds: number, event: (event: SyncEvent) => void, now: number) {
    this.#chain = chain
    this.#spacingSeconds = spacingSeconds
    this.#event = event
    this.#movedAt = now
  }

  /** Returns when to look again. */
  look(facts: SyncFacts, now: Now): number {
    this.#noteMoves(now.mono)
    return Math.min(this.#tellProgress(facts, now), this.#tellStuck(facts, now.mono))
  }

  #noteMoves(now: number): void {
    const { tip, bestHeader } = this.#chain
    if (this.#mark.tip === tip.key && this.#mark.headers === bestHeader.key) return
    this.#mark = { tip: tip.key, headers: bestHeader.key }
    this.#movedAt = now
    if (this.stuck !== undefined) this.#event({ type: 'syncGoesOn' })
    this.stuck = undefined
  }

  #tellProgress(facts: SyncFacts, now: Now): number {
    const { tip, bestHeader } = this.#chain
    const missing = bestHeader.height - tip.height
    const behind = facts.headersToCome || missing > (this.#startedAt === undefined ? NEAR_BLOCKS : 0)
    if (!this.#chain.isInitialDownload || !behind || facts.peers === 0) {
      this.#tellDone(now.mono)
      return Number.POSITIVE_INFINITY
    }
    this.#startedAt ??= now.mono
    const since = this.#toldAt
    const { tip: toldTip, headers: toldHeaders } = this.#toldHeights
    if (since !== undefined && now.mono < since + SYNC_PROGRESS_INTERVAL_MS)
      return since + SYNC_PROGRESS_INTERVAL_MS
    const phase = facts.headersToCome ? 'headers' : 'blocks'
    const expectedHeight = this.#expectedHeight(facts, now)
    const at = phase === 'headers' ? bestHeader.height : tip.height
    this.#measure(phase, now.mono)
    const perSecond = this.#perSecond ?? 0
    const left = Math.max(0, expectedHeight - at)
    const hasMoved = tip.height !== toldTip || bestHeader.height !== toldHeaders
    if (since !== undefined && hasMoved)
      this.#event({
        type: 'syncProgress',
        phase,
        height: tip.height,
        headers: bestHeader.height,
        expectedHeight,
        done: expectedHeight === 0 ? 1 : Math.min(1, at / expectedHeight),
        perSecond,
        secondsLeft: perSecond > 0 ? left / perSecond : undefined,
      })
    this.#toldAt = now.mono
    this.#toldHeights = { tip: tip.height, headers: bestHeader.height }
    return now.mono + SYNC_PROGRESS_INTERVAL_MS
  }

  #measure(phase: 'headers' | 'blocks', now: number): void {
    if (phase !== this.#phase) this.#perSecond = undefined
    this.#phase = phase
    if (this.#toldAt === undefined || now <= this.#toldAt) return
    const { tip, bestHeader } = this.#chain
    const count =
      phase === 'headers' ? bestHeader.height - this.#toldHeights.headers : tip.height - this.#toldHeights.tip
    const sample = Math.max(0, (1_000 * count) / (now - this.#toldAt))
    this.#perSecond =
      this.#perSecond === undefined ? sample : this.#perSecond + WEIGHT * (sample - this.#perSecond)
  }

  /** As many blocks as fit in the time since the last header, but no more than anybody speaks of. */
  #expectedHeight({ claimedHeight, headersToCome }: SyncFacts, now: Now): number {
    const { bestHeader } = this.#chain
    if (!headersToCome) return bestHeader.height
    const byTime = bestHeader.height + Math.max(0, now.unix - bestHeader.time) / this.#spacingSeconds
    const claimed = claimedHeight > bestHeader.height ? Math.min(claimedHeight, byTime) : byTime
    return Math.floor(Math.max(bestHeader.height, claimed))
  }

  #tellDone(now: number): void {
    if (this.#startedAt === undefined) return
    if (this.#toldAt !== undefined && now - this.#startedAt >= SYNC_PROGRESS_INTERVAL_MS) {
      const seconds = Math.round((now - this.#startedAt) / 1_000)
      this.#event({ type: 'syncDone', height: this.#chain.tip.height, seconds })
    }
    this.#startedAt = undefined
    this.#toldAt = undefined
    this.#perSecond = undefined
  }

  #tellStuck(facts: SyncFacts, now: number): number {
    const cause = this.#causeOf(facts)
    if (cause === undefined) {
      if (this.stuck !== undefined) this.#event({ type: 'syncGoesOn' })
      this.stuck = undefined
      this.#waitingSince = undefined
      return Number.POSITIVE_INFINITY
    }
    this.#waitingSince ??= now
    const since = Math.max(this.#movedAt, this.#waitingSince)
    if (now < since + SYNC_STUCK_MS) return since + SYNC_STUCK_MS
    const isKnown = this.stuck?.cause === cause.cause && this.stuck.waitsFor === cause.waitsFor
    if (isKnown && now < this.#toldStuckAt + SYNC_STUCK_AGAIN_MS)
      return this.#toldStuckAt + SYNC_STUCK_AGAIN_MS
    this.stuck = { ...cause, since }
    this.#toldStuckAt = now
    this.#event({ type: 'syncStuck', ...cause, seconds: Math.round((now - since) / 1_000) })
    return now + SYNC_STUCK_AGAIN_MS
  }

  /** What is waited for; undefined if nothing is. */
  #causeOf(facts: SyncFacts): Pick<Stuck, 'cause' | 'waitsFor'> | undefined {
    const { tip, bestHeader } = this.#chain
    const of = (cause: StuckCause, waitsFor?: PeerId) => ({ cause, waitsFor })
    if (facts.diskFailed) return of('diskFailed')
    if (bestHeader.work > tip.work) {
      if (!facts.blocksToCome || facts.underPressure) return of('chainBusy')
      if (facts.inFlight > 0) return of('awaitingBlocks', facts.awaitedForBlocks)
      return of(facts.peers === 0 ? 'noPeers' : 'noSource')
    }
    if (facts.ahead > 0 && 2 * facts.ahead >= facts.peers) return of('clockWrong')
    const isAwaiting = facts.awaitedForHeaders !== undefined && facts.claimedHeight > bestHeader.height
    return isAwaiting ? of('awaitingHeaders', facts.awaitedForHeaders) : undefined
  }
}
