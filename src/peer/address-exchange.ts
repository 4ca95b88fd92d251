/**
 * What one peer and we have told each other about addresses: what it may still tell, what it is to be told, and
 * what it knows. Bounded by MAX_ADDR_PENDING and MAX_ADDR_KNOWN.
 */
import {
  ADDR_INTERVAL_MS,
  ADDR_SEND_INTERVAL_MS,
  ADDR_TOKENS_ASKED,
  ADDR_TOKENS_PER_SECOND,
  ADDR_TOKENS_START,
  MAX_ADDR_KNOWN,
  MAX_ADDR_PENDING,
} from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'
import type { TimedAddress } from '../wire/address.ts'
import { Fingerprints } from './fingerprints.ts'
import { TokenBucket } from './token-bucket.ts'

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class AddressExchange {
  readonly tokens: TokenBucket
  /** Have we asked, and is the answer still to come? */
  awaitingAnswer = false
  /** The peer's one question has been answered. */
  answered = false
  #lastSentAt: MonoMs | undefined
  /** When the last message is known to have arrived. */
  #deliveredAt: MonoMs | undefined
  /** Addresses taken into account, and those beyond the allowance. */
  processed = 0
  rateLimited = 0
  #pending = new Map<string, TimedAddress>()
  readonly #known = new Fingerprints(MAX_ADDR_KNOWN)
  #sendAt: MonoMs = NEVER

  constructor(now: MonoMs) {
    this.tokens = new TokenBucket(ADDR_TOKENS_ASKED, ADDR_TOKENS_PER_SECOND, now, ADDR_TOKENS_START)
  }

  /** When what is pending may leave; infinite if nothing is. */
  get sendAt(): MonoMs {
    return this.#sendAt
  }

  noteKnown(key: string): void {
    this.#known.add(key)
  }

  /**
   * May another message of addresses go out? The interval counts from when the last one is known to have arrived: on
   * its way it may be late, and the next one must not come too close behind it.
   */
  maySend(now: MonoMs): boolean {
    return now >= this.#soonest
  }

  sent(now: MonoMs): void {
    this.#lastSentAt = now
    this.#deliveredAt = undefined
  }

  /** The peer has answered what we sent it at `sentAt`, and so has all that went out before. True if that matters. */
  delivered(sentAt: MonoMs, now: MonoMs): boolean {
    if (this.#lastSentAt === undefined || this.#deliveredAt !== undefined || sentAt < this.#lastSentAt)
      return false
    this.#deliveredAt = now
    if (this.#pending.size === 0) return false
    this.#sendAt = this.#soonest
    return true
  }

  /**
   * To be told soon, unless the peer knows it. `jitter` in [0, 1) varies the time around the average. Returns whether
   * {@link sendAt} has changed.
   */
  push(key: string, address: TimedAddress, now: MonoMs, jitter: number): boolean {
    if (this.#known.has(key) || this.#pending.size >= MAX_ADDR_PENDING) return false
    this.#pending.set(key, address)
    if (this.#sendAt !== NEVER) return false
    this.#sendAt = monoMs(Math.max(now + 2 * jitter * ADDR_SEND_INTERVAL_MS, this.#soonest))
    return true
  }

  /** What is due to be told now; undefined if nothing is, or another message went out meanwhile. */
  take(now: MonoMs): readonly TimedAddress[] | undefined {
    if (now < this.#sendAt) return undefined
    if (!this.maySend(now)) {
      this.#sendAt = this.#soonest
      return undefined
    }
    const due = [...this.#pending]
    this.#pending = new Map()
    this.#sendAt = NEVER
    for (const [key] of due) this.noteKnown(key)
    return due.map(([, address]) => address)
  }

  /** Infinite until the last message is known to have arrived. */
  get #soonest(): MonoMs {
    if (this.#lastSentAt === undefined) return monoMs(0)
    return this.#deliveredAt === undefined ? NEVER : monoMs(this.#deliveredAt + ADDR_INTERVAL_MS)
  }
}
