/** Joins events and log: chooses by level and category, and lets the limiter hold back what strangers cause. */
import type { NodeEvent } from '../core/seam.ts'
import { LineLimiter } from './limiter.ts'
import { linesOf } from './lines.ts'
import type { Logger } from './logger.ts'

export interface EventLogOptions {
  readonly logger: Logger
  readonly nowMs: () => number
  /** Write details too. */
  readonly debug: boolean
}

export class EventLog {
  readonly #options: EventLogOptions
  readonly #limiter = new LineLimiter()

  constructor(options: EventLogOptions) {
    this.#options = options
  }

  write(event: NodeEvent): void {
    const { logger, debug } = this.#options
    for (const { level, text, limited } of linesOf(event)) {
      if (level === 'debug' && !debug) continue
      if (limited && !this.#mayWrite()) continue
      const { type, ...fields } = event
      logger.log({ level, category: 'P2P', text, fields: { event: type, ...fields } })
    }
  }

  #mayWrite(): boolean {
    const { pass, summary } = this.#limiter.take(this.#options.nowMs())
    if (summary !== undefined) {
      const text = `${summary} lines about peers were left out: too many in a short time`
      this.#options.logger.log({
        level: 'info',
        category: 'P2P',
        text,
        fields: { event: 'suppressed', summary },
      })
    }
    return pass
  }
}
