/** An allowance that fills with time: so much at once, so much per second for ever. */
import { type MonoMs, monoMs } from '../primitives/brand.ts'

export class TokenBucket {
  readonly #capacity: number
  readonly #perSecond: number
  #tokens: number
  #at: MonoMs

  constructor(capacity: number, perSecond: number, now: MonoMs, tokens = capacity) {
    this.#capacity = capacity
    this.#perSecond = perSecond
    this.#tokens = tokens
    this.#at = now
  }

  available(now: MonoMs): number {
    this.#refill(now)
    return this.#tokens
  }

  /** May go below zero: then nothing is to be taken before {@link readyAt}. */
  take(amount: number): void {
    this.#tokens -= amount
  }

  /** More than time brings, for what was asked for. */
  grant(amount: number): void {
    this.#tokens += amount
  }

  /** When there is something to take again. */
  readyAt(now: MonoMs): MonoMs {
    this.#refill(now)
    return this.#tokens > 0 ? now : monoMs(now + Math.ceil((1_000 * (1 - this.#tokens)) / this.#perSecond))
  }

  #refill(now: MonoMs): void {
    const gained = (this.#perSecond * (now - this.#at)) / 1_000
    // What was granted beyond the capacity stays, but does not grow.
    if (gained > 0 && this.#tokens < this.#capacity)
      this.#tokens = Math.min(this.#capacity, this.#tokens + gained)
    this.#at = now
  }
}
