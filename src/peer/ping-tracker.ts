/**
 * Keepalive of one peer: when the next ping is due, which pings wait for their pong, and what the round trips
 * were. Bounded by MAX_PINGS_OUTSTANDING.
 */
import { FIRST_RELEASE_PING_MAX_MS, MAX_PINGS_OUTSTANDING, PING_INTERVAL_MS } from '../params/limits.ts'
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
  readonly #outstanding: OutstandingPing[] = []
  /** 0 before the first pong. */
  #lastMs = 0
  /** Infinite before the first pong. */
  #minMs = Number.POSITIVE_INFINITY
  #smoothedMs = 0
  #lastNotableAt: MonoMs | undefined
  #answeredAt: MonoMs | undefined
  /** When something else went out that will be answered, and until when that is waited for. */
  #askedAt = Number.NEGATIVE_INFINITY
  #quietUntil = Number.NEGATIVE_INFINITY
  /** Pongs that answered none of our pings. */
  unsolicitedPongs = 0

  get roundTrips(): RoundTrips | undefined {
    if (this.#minMs === Number.POSITIVE_INFINITY) return undefined
    return { lastMs: this.#lastMs, minMs: this.#minMs, smoothedMs: this.#smoothedMs }
  }

  /** When the oldest ping without a pong was sent. */
  get waitingSince(): MonoMs | undefined {
    return this.#outstanding[0]?.sentAt
  }

  /** When the latest ping was sent that was answered: what was sent before it has been read. */
  get answeredAt(): MonoMs | undefined {
    return this.#answeredAt
  }

  /**
   * Notes a ping; the next one is due after PING_INTERVAL_MS. Returns whether it is routine: one between those of that
   * interval, of no interest to people. `varies`: to a node of the first release, which is pinged sooner by
   * {@link hasten} and {@link asked}, or, as it may read less than one message in that time, later: the longer pongs take,
   * the longer until the next one, and longest when two are waited for.
   */
  sent(nonce: bigint, now: MonoMs, varies = false): boolean {
    const routine =
      varies && this.#lastNotableAt !== undefined && now < this.#lastNotableAt + PING_INTERVAL_MS
    if (!routine) this.#lastNotableAt = now
    if (this.#outstanding.length === MAX_PINGS_OUTSTANDING) this.#outstanding.shift()
    this.#outstanding.push({ nonce, sentAt: now, routine })
    const isSecond = varies && this.#outstanding.length > 1
    const leastMs = isSecond ? FIRST_RELEASE_PING_MAX_MS : PING_INTERVAL_MS
    this.nextPingAt = monoMs(now + (varies ? this.#sparingMs(leastMs) : leastMs))
    return routine
  }

  /** Has the next ping sent sooner, unless something is under way that gives the peer something to read already. */
  hasten(now: MonoMs, intervalMs: number): void {
    if (this.#outstanding.length > 0) return
    // Never later: pongs that nobody asked for must not put it off.
    const at = Math.max(now + intervalMs, this.#quietUntil)
    this.nextPingAt = monoMs(Math.min(this.nextPingAt ?? Number.POSITIVE_INFINITY, at))
  }

  /**
   * Something else goes out that will be answered. The next ping comes behind it when that takes twice as long as the last
   * pong did, and `leastMs` at least: a peer that reads little then reads what matters, and its pong says that it has.
   */
  asked(now: MonoMs, leastMs: number): void {
    if (this.nextPingAt === undefined) return
    this.#askedAt = now
    this.#quietUntil = now + this.#sparingMs(leastMs)
    if (this.#outstanding.length === 0) this.nextPingAt = monoMs(this.#quietUntil)
  }

  /** The peer has reacted to something that was asked. */
  heard(now: MonoMs, intervalMs: number): void {
    this.#quietUntil = Number.NEGATIVE_INFINITY
    this.hasten(now, intervalMs)
  }

  /** Twice as long as the last pong took, or as asked. */
  #sparingMs(leastMs: number): number {
    return Math.min(Math.max(leastMs, 2 * this.#lastMs), FIRST_RELEASE_PING_MAX_MS)
  }

  /** Does this nonce answer a ping of ours? */
  expects(nonce: bigint): boolean {
    return this.#find(nonce) >= 0
  }

  /** A pong answers its ping and makes earlier ones moot. One that nobody asked for changes nothing. */
  pong(nonce: bigint, now: MonoMs): PongVerdict {
    const at = this.#find(nonce)
    const ping = this.#outstanding[at]
    if (ping === undefined) {
      this.unsolicitedPongs++
      return { matched: false }
    }
    for (let i = 0; i <= at; i++) this.#outstanding.shift()
    this.#answeredAt = ping.sentAt
    if (this.#outstanding.length === 0 && this.#askedAt >= ping.sentAt) this.hasten(now, 0)
    const roundTripMs = now - ping.sentAt
    const isFirst = this.#minMs === Number.POSITIVE_INFINITY
    this.#lastMs = roundTripMs
    this.#smoothedMs = isFirst ? roundTripMs : this.#smoothedMs + SMOOTHING * (roundTripMs - this.#smoothedMs)
    this.#minMs = Math.min(roundTripMs, this.#minMs)
    return { matched: true, roundTripMs, routine: ping.routine }
  }

  /** Where the ping of a nonce stands; -1 for nowhere. */
  #find(nonce: bigint): number {
    for (let i = 0; i < this.#outstanding.length; i++) if (this.#outstanding[i]?.nonce === nonce) return i
    return -1
  }
}
