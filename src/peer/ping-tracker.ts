/**
 * Keepalive of one peer: when the next ping is due, which pings wait for their pong, and what the round trips
 * were. Bounded by MAX_PINGS_OUTSTANDING.
 */
import { MAX_PINGS_OUTSTANDING } from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

/** Weight of a new round trip in the smoothed one, as TCP does it (RFC 6298). */
const SMOOTHING = 1 / 8

export interface RoundTrips {
  readonly lastMs: number
  readonly minMs: number
  readonly smoothedMs: number
}

export type PongVerdict =
  | { readonly matched: true; readonly roundTripMs: number }
  | { readonly matched: false }

interface OutstandingPing {
  readonly nonce: bigint
  readonly sentAt: MonoMs
}

export class PingTracker {
  /** When the next ping is due; undefined before the handshake is complete. */
  nextPingAt: MonoMs | undefined
  #outstanding: OutstandingPing[] = []
  #roundTrips: RoundTrips | undefined

  get roundTrips(): RoundTrips | undefined {
    return this.#roundTrips
  }

  /** When the oldest ping without a pong was sent. */
  get waitingSince(): MonoMs | undefined {
    return this.#outstanding[0]?.sentAt
  }

  sent(nonce: bigint, now: MonoMs, intervalMs: number): void {
    if (this.#outstanding.length === MAX_PINGS_OUTSTANDING) this.#outstanding.shift()
    this.#outstanding.push({ nonce, sentAt: now })
    this.nextPingAt = monoMs(now + intervalMs)
  }

  /** A pong answers its ping and makes earlier ones moot. One that nobody asked for changes nothing. */
  pong(nonce: bigint, now: MonoMs): PongVerdict {
    const at = this.#outstanding.findIndex((ping) => ping.nonce === nonce)
    const ping = this.#outstanding[at]
    if (ping === undefined) return { matched: false }
    this.#outstanding = this.#outstanding.slice(at + 1)
    const lastMs = now - ping.sentAt
    const before = this.#roundTrips
    this.#roundTrips = {
      lastMs,
      minMs: Math.min(lastMs, before?.minMs ?? lastMs),
      smoothedMs:
        before === undefined ? lastMs : before.smoothedMs + SMOOTHING * (lastMs - before.smoothedMs),
    }
    return { matched: true, roundTripMs: lastMs }
  }
}
