/** Parts the long work of a job into turns: whoever waits is let in after each. */
import { CHAIN_WORK_PER_TURN } from '../params/limits.ts'
import type { Job } from './io.ts'

export class Pace {
  #left = CHAIN_WORK_PER_TURN

  /** So much more was done, in units of about a microsecond. Is it time to rest? */
  isOver(work: number): boolean {
    this.#left -= work
    if (this.#left > 0) return false
    this.#left = CHAIN_WORK_PER_TURN
    return true
  }
}

/** Does all of a job at once that asks for nothing but rests. */
export function withoutRest<T>(job: Job<T>): T {
  for (;;) {
    const step = job.next(undefined)
    if (step.done === true) return step.value
    if (step.value.kind !== 'rest') throw new Error(`a job asks for more than a rest: ${step.value.kind}`)
  }
}
