/**
 * Tells the operator unasked what keeps the node from having peers: once when it has lasted for a while, again
 * every hour, and when it is over.
 */
import type { NodeControl } from './control.ts'
import { diagnose } from './diagnosis.ts'
import { factsOf } from './diagnosis-facts.ts'

export interface Notice {
  readonly level: 'warn' | 'info'
  /** Of the finding; `healthy` when it is over. */
  readonly code: string
  readonly text: string
}

/** Problems come and go while a node connects; one that is seen in so many checks in a row is told. */
const CHECKS_BEFORE_NOTICE = 3
const CHECKS_BETWEEN_NOTICES = 60

export class DiagnosisWatch {
  #unhealthyChecks = 0
  #told: string | undefined

  /** To be called once a minute. Returns what is to be told, if anything. */
  check(control: NodeControl): Notice | undefined {
    const { healthy, findings } = diagnose(factsOf(control))
    const [worst] = findings
    if (healthy || worst === undefined) return this.#over()
    this.#unhealthyChecks++
    const lasted = this.#unhealthyChecks - CHECKS_BEFORE_NOTICE
    if (lasted < 0 || (worst.code === this.#told && lasted % CHECKS_BETWEEN_NOTICES !== 0)) return undefined
    this.#told = worst.code
    const { code, title, explanation, advice } = worst
    return { level: 'warn', code, text: `${title}. ${explanation} ${advice}` }
  }

  #over(): Notice | undefined {
    const wasTold = this.#told !== undefined
    this.#unhealthyChecks = 0
    this.#told = undefined
    return wasTold
      ? { level: 'info', code: 'healthy', text: 'The problems of this node are over' }
      : undefined
  }
}
