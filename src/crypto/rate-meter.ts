/** How many a second, for people: over the last 10 to 20 seconds, or since the first if that is less. */

const WINDOW_MS = 10_000

export class RateMeter {
  readonly #nowMs: () => number
  #windowStartMs: number | undefined
  #count = 0
  /** Undefined: this is the first window. */
  #before: number | undefined

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  add(count: number): void {
    this.#roll()
    this.#count += count
  }

  get perSecond(): number {
    this.#roll()
    if (this.#windowStartMs === undefined) return 0
    const beforeMs = this.#before === undefined ? 0 : WINDOW_MS
    const elapsedMs = this.#nowMs() - this.#windowStartMs + beforeMs
    return elapsedMs > 0 ? (1_000 * (this.#count + (this.#before ?? 0))) / elapsedMs : 0
  }

  #roll(): void {
    const now = this.#nowMs()
    const elapsedMs = this.#windowStartMs === undefined ? 0 : now - this.#windowStartMs
    this.#windowStartMs ??= now
    if (elapsedMs < WINDOW_MS) return
    this.#before = elapsedMs < 2 * WINDOW_MS ? this.#count : 0
    this.#count = 0
    this.#windowStartMs = elapsedMs < 2 * WINDOW_MS ? this.#windowStartMs + WINDOW_MS : now
  }
}
