/** Joins events and log: chooses by level and category, and lets the limiter hold back what strangers cause. */
import type { NodeEvent } from '../core/seam.ts'
import { LineLimiter } from './limiter.ts'
import { type Allowance, linesOf } from './lines.ts'
import type { Logger } from './logger.ts'

export interface EventLogOptions {
  readonly logger: Logger
  readonly nowMs: () => number
  /** Write details too. */
  readonly debug: boolean
}

export class EventLog {
  readonly #options: EventLogOptions
  readonly #limiters = { peers: new LineLimiter(), keepalive: new LineLimiter() }

  constructor(options: EventLogOptions) {
    this.#options = options
  }

  write(event: NodeEvent): void {
    const { logger, debug } = this.#options
    for (const { level, text, allowance } of linesOf(event)) {
      if (level === 'debug' && !debug) continue
      if (allowance !== undefined && !this.#mayWrite(allowance)) continue
      const { type, ...fields } = event
      logger.log({ level, category: 'P2P', text, fields: { event: type, ...fields } })
    }
  }

  #mayWrite(about: Allowance): boolean {
    const { pass, summary: lines } = this.#limiters[about].take(this.#options.nowMs())
    if (lines !== undefined) {
      const text = `${lines} lines about ${about} were left out: too many in a short time`
      const fields = { event: 'suppressed', about, lines }
      this.#options.logger.log({ level: 'info', category: 'P2P', text, fields })
    }
    return pass
  }
}
