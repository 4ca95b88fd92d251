/**
 * How badly a slot is wanted that nobody trusted fills: each STARVED_MS of that opens one slot more to hearsay, and
 * each SATED_MS without need closes one again, so that what was hard to fill is not waited for each time.
 */
import { OUTBOUND_PEERS, SATED_MS, STARVED_MS } from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

export class Hunger {
  #extra = 0
  /** When it last changed. */
  #changedAt: MonoMs = monoMs(0)
  #emptySince: MonoMs | undefined

  /** A slot is empty. */
  empty(now: MonoMs): void {
    this.#emptySince ??= now
  }

  /** None is. */
  filled(): void {
    this.#emptySince = undefined
  }

  /** Somebody better was found who may fill it. */
  eased(now: MonoMs): void {
    this.#emptySince = now
  }

  /** Slots open to hearsay beyond the usual. */
  extra(now: MonoMs): number {
    while (this.#extra > 0 && now - this.#changedAt >= SATED_MS) {
      this.#extra--
      this.#changedAt = monoMs(this.#changedAt + SATED_MS)
    }
    if (this.#emptySince === undefined) return this.#extra
    const steps = Math.floor((now - Math.max(this.#emptySince, this.#changedAt)) / STARVED_MS)
    if (steps > 0) {
      this.#extra = Math.min(OUTBOUND_PEERS, this.#extra + steps)
      this.#changedAt = now
    }
    return this.#extra
  }
}
