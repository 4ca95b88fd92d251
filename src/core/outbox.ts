/** What the core wants done, collected while one input is handled, and the time of that input. */
import type { Now } from '../primitives/brand.ts'
import type { Effect, NodeEvent } from './seam.ts'

const NO_EFFECTS: readonly Effect[] = []

export class Outbox {
  now: Now
  /** A list that begins with its first entry is smaller than an empty one that grows: most inputs have one effect. */
  #effects: Effect[] | undefined

  constructor(now: Now) {
    this.now = now
  }

  push(effect: Effect): void {
    if (this.#effects === undefined) this.#effects = [effect]
    else this.#effects.push(effect)
  }

  event(event: NodeEvent): void {
    this.push({ type: 'event', event })
  }

  take(): readonly Effect[] {
    const effects = this.#effects ?? NO_EFFECTS
    this.#effects = undefined
    return effects
  }
}
