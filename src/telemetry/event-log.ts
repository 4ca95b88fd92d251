/**
 * Joins events and log: chooses by level and category, and lets the limiter hold back what strangers cause. What
 * happens to probes is a detail; the peers that are probed are remembered until they are gone.
 */
import type { ChainOutcome } from '../chain/outcomes.ts'
import type { NodeEvent } from '../core/seam.ts'
import type { PeerId } from '../primitives/brand.ts'
import { chainLine } from './chain-lines.ts'
import { LineLimiter } from './limiter.ts'
import { type Allowance, linesOf } from './lines.ts'
import type { Logger } from './logger.ts'
import { mempoolLine } from './mempool-lines.ts'
import { progressBar } from './sync-text.ts'

export interface EventLogOptions {
  readonly logger: Logger
  readonly nowMs: () => number
  /** Write details too. */
  readonly debug: boolean
}

export class EventLog {
  readonly #options: EventLogOptions
  readonly #limiters: Readonly<Record<Allowance, LineLimiter>> = {
    peers: new LineLimiter(),
    keepalive: new LineLimiter(),
    dials: new LineLimiter(),
  }
  readonly #probes = new Set<PeerId>()

  constructor(options: EventLogOptions) {
    this.#options = options
  }

  write(event: NodeEvent): void {
    if (event.type === 'chain') return this.#writeChain(event.outcome)
    const { logger, debug } = this.#options
    if (event.type === 'mempool') {
      if (debug) logger.log({ category: 'Chain', ...mempoolLine(event.outcome) })
      return
    }
    // A bar that stays below the lines says the same as many lines.
    if (event.type === 'syncProgress' && logger.status(progressBar(event))) return
    if (event.type === 'syncDone' || event.type === 'syncStuck') logger.status('')
    const isDetail = this.#concernsProbe(event)
    for (const { level: usual, text, allowance } of linesOf(event)) {
      const level = isDetail ? 'debug' : usual
      if (level === 'debug' && !debug) continue
      if (allowance !== undefined && !this.#mayWrite(allowance, text.length)) continue
      const { type, ...fields } = event
      logger.log({ level, category: 'P2P', text, fields: { event: type, ...fields } })
    }
  }

  #writeChain(outcome: ChainOutcome): void {
    const line = chainLine(outcome)
    if (line === undefined || (line.level === 'debug' && !this.#options.debug)) return
    this.#options.logger.log({ category: 'Chain', ...line })
  }

  #concernsProbe(event: NodeEvent): boolean {
    if (event.type === 'connected' && event.kind === 'feeler') this.#probes.add(event.peer)
    if (!('peer' in event)) return false
    return event.type === 'disconnected' ? this.#probes.delete(event.peer) : this.#probes.has(event.peer)
  }

  #mayWrite(about: Allowance, chars: number): boolean {
    const { pass, summary: lines } = this.#limiters[about].take(this.#options.nowMs(), chars)
    if (lines !== undefined) {
      const text = `${lines} lines about ${about} were left out: too many in a short time`
      const fields = { event: 'suppressed', about, lines }
      this.#options.logger.log({ level: 'info', category: 'P2P', text, fields })
    }
    return pass
  }
}
