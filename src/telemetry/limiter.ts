/**
 * Keeps strangers from filling the log: lines that they can cause at will share a bucket, and what does not fit
 * is counted and summed up in one line later.
 */

/** Enough for every connection of a full node to come, shake hands and go at once. */
const BURST_LINES = 2_000
/** Sustained rate: a day of flooding writes some tens of megabytes, not gigabytes. */
const LINES_PER_SECOND = 10
/** A line that is longer counts as several: some texts are as long as a stranger likes, up to their own limit. */
const LINE_CHARS = 120
/** How often suppressed lines are summed up. */
const SUMMARY_INTERVAL_MS = 60_000

export interface LimiterVerdict {
  readonly pass: boolean
  /** Lines held back since the last summary, when it is time for one. */
  readonly summary?: number
}

export class LineLimiter {
  #tokens = BURST_LINES
  #filledAt: number | undefined
  #suppressed = 0
  #summaryAt = 0

  /** May a line of so many characters that a stranger caused be written now? `nowMs` from any clock, not going back. */
  take(nowMs: number, chars = 0): LimiterVerdict {
    const elapsed = nowMs - (this.#filledAt ?? nowMs)
    this.#filledAt = nowMs
    this.#tokens = Math.min(BURST_LINES, this.#tokens + (Math.max(0, elapsed) / 1_000) * LINES_PER_SECOND)
    const pass = this.#tokens >= 1
    if (pass) this.#tokens -= Math.max(1, Math.ceil(chars / LINE_CHARS))
    else if (this.#suppressed++ === 0) this.#summaryAt = nowMs + SUMMARY_INTERVAL_MS
    if (this.#suppressed === 0 || nowMs < this.#summaryAt) return { pass }
    const summary = this.#suppressed
    this.#suppressed = 0
    return { pass, summary }
  }
}
