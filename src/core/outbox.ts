/** What the core wants done, collected while one input is handled, and the time of that input. */
import type { Now } from '../primitives/brand.ts'
import type { Effect, NodeEvent } from './seam.ts'

const NO_EFFECTS: readonly Effect[] = []

export class Outbox {
  now: Now
  #effects: Effect[] = []

  constructor(now: Now) {
    this.now = now
  }

  push(effect: Effect): void {
    this.#effects.push(effect)
  }

  event(event: NodeEvent): void {
    this.#effects.push({ type: 'event', event })
  }

  take(): readonly Effect[] {
    if (this.#effects.length === 0) return NO_EFFECTS
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
