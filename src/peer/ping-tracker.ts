/**
 * Keepalive of one peer: when the next ping is due, which pings wait for their pong, and what the round trips
 * were. Bounded by MAX_PINGS_OUTSTANDING.
 */
import { MAX_PINGS_OUTSTANDING, PING_INTERVAL_MS } from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

/** Weight of a new round trip in the smoothed one, as TCP does it (RFC 6298). */
const SMOOTHING = 1 / 8

export interface RoundTrips {
  readonly lastMs: number
  readonly minMs: number
  readonly smoothedMs: number
}

export type PongVerdict =
  | { readonly matched: true; readonly roundTripMs: number; readonly routine: boolean }
  | { readonly matched: false }

interface OutstandingPing {
  readonly nonce: bigint
  readonly sentAt: MonoMs
  readonly routine: boolean
}

export class PingTracker {
  /** When the next ping is due; undefined before the handshake is complete. */
  nextPingAt: MonoMs | undefined
  #outstanding: OutstandingPing[] = []
  #roundTrips: RoundTrips | undefined
  #lastNotableAt: MonoMs | undefined
  /** Pongs that answered none of our pings. */
  unsolicitedPongs = 0

  get roundTrips(): RoundTrips | undefined {
    return this.#roundTrips
  }

  /** When the oldest ping without a pong was sent. */
  get waitingSince(): MonoMs | undefined {
    return this.#outstanding[0]?.sentAt
  }

  /**
   * Notes a ping; the next one is due after PING_INTERVAL_MS. `often`: to a peer that is pinged more
   * often than others. Returns whether it is routine: one of those in between, of no interest to people.
   */
  sent(nonce: bigint, now: MonoMs, often = false): boolean {
    const routine = often && this.#lastNotableAt !== undefined && now < this.#lastNotableAt + PING_INTERVAL_MS
    if (!routine) this.#lastNotableAt = now
    if (this.#outstanding.length === MAX_PINGS_OUTSTANDING) this.#outstanding.shift()
    this.#outstanding.push({ nonce, sentAt: now, routine })
    this.nextPingAt = monoMs(now + PING_INTERVAL_MS)
    return routine
  }

  /** Has the next ping sent sooner, unless one is under way: that gives the peer something to read already. */
  hasten(now: MonoMs, intervalMs: number): void {
    if (this.#outstanding.length > 0) return
    // Never later: pongs that nobody asked for must not put it off.
    this.nextPingAt = monoMs(Math.min(this.nextPingAt ?? Number.POSITIVE_INFINITY, now + intervalMs))
  }

  /** Does this nonce answer a ping of ours? */
  expects(nonce: bigint): boolean {
    return this.#outstanding.some((ping) => ping.nonce === nonce)
  }

  /** A pong answers its ping and makes earlier ones moot. One that nobody asked for changes nothing. */
  pong(nonce: bigint, now: MonoMs): PongVerdict {
    const at = this.#outstanding.findIndex((ping) => ping.nonce === nonce)
    const ping = this.#outstanding[at]
    if (ping === undefined) {
      this.unsolicitedPongs++
      return { matched: false }
    }
    this.#outstanding = this.#outstanding.slice(at + 1)
    const lastMs = now - ping.sentAt
    const before = this.#roundTrips
    this.#roundTrips = {
      lastMs,
      minMs: Math.min(lastMs, before?.minMs ?? lastMs),
      smoothedMs:
        before === undefined ? lastMs : before.smoothedMs + SMOOTHING * (lastMs - before.smoothedMs),
    }
    return { matched: true, roundTripMs: lastMs, routine: ping.routine }
  }
}
