/**
 * The node's clock. It can be made to stand at a given time, for tests on networks that allow it: then both
 * clocks jump there and stay until told otherwise (regtest: `setmocktime`).
 */
import { performance } from 'node:perf_hooks'
import { monoMs, type Now, unixSeconds } from '../primitives/brand.ts'

export class SystemClock {
  /** Added to the system's monotonic clock; grows by what mock time jumped forward. */
  #monoOffsetMs = 0
  #mock: { readonly unix: number; readonly mono: number } | undefined

  get isStanding(): boolean {
    return this.#mock !== undefined
  }

  now(): Now {
    if (this.#mock !== undefined) return { mono: monoMs(this.#mock.mono), unix: unixSeconds(this.#mock.unix) }
    return {
      mono: monoMs(performance.now() + this.#monoOffsetMs),
      unix: unixSeconds(Math.floor(Date.now() / 1_000)),
    }
  }

  /** Unix time in milliseconds. */
  unixMs(): number {
    return this.#mock === undefined ? Date.now() : this.#mock.unix * 1_000
  }

  /** Stands at this Unix time from now on; 0 lets it run again. Monotonic time never goes back. */
  setMockTime(seconds: number): void {
    const before = this.now()
    if (seconds === 0) {
      this.#monoOffsetMs = before.mono - performance.now()
      this.#mock = undefined
      return
    }
    const forwardMs = Math.max(0, seconds - before.unix) * 1_000
    // Whole milliseconds, so that 29 s and 1 s are 30 s, which fractions may miss by a rounding error.
    this.#mock = { unix: seconds, mono: Math.ceil(before.mono) + forwardMs }
  }
}
