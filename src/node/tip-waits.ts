/** Those who wait until the tip of the chain is another one: each until it fits, his time is over, or nothing more comes. */
import type { HeaderNode } from '../chain/header-node.ts'

/** Waits end without a fitting tip after this long at most. */
export const MAX_WAIT_MS = 300_000

interface Waiter {
  readonly look: (tip: HeaderNode) => void
  readonly end: () => void
}

export class TipWaits {
  readonly #tip: () => HeaderNode
  readonly #waiters = new Set<Waiter>()

  constructor(tip: () => HeaderNode) {
    this.#tip = tip
  }

  /** The tip is another one. */
  look(tip: HeaderNode): void {
    for (const { look } of this.#waiters) look(tip)
  }

  /** Ends all waits. */
  end(): void {
    for (const { end } of this.#waiters) end()
  }

  /** Resolves with the tip when it fits, at the latest after so long. The signal ends the wait as well. */
  wait(fits: (tip: HeaderNode) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<HeaderNode> {
    const tip = this.#tip()
    if (timeoutMs <= 0 || signal?.aborted === true || fits(tip)) return Promise.resolve(tip)
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        signal?.removeEventListener('abort', end)
        resolve(this.#tip())
      }
      const look = (now: HeaderNode): void => {
        if (fits(now)) end()
      }
      const waiter = { look, end }
      const timer = setTimeout(end, Math.min(timeoutMs, MAX_WAIT_MS))
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', end)
    })
  }
}
