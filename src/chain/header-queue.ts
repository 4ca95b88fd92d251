/** Messages of headers wait here for the one of the same source that is worked on. Bounded per source. */
import { MAX_HEADER_JOBS_PER_SOURCE } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import type { HeaderList } from '../wire/header.ts'
import type { HeaderIntake } from './header-intake.ts'
import type { JobRunner } from './job-runner.ts'
import type { HeadersOutcome, Source } from './outcomes.ts'

export class HeaderQueue {
  readonly #intake: HeaderIntake
  readonly #jobs: JobRunner
  readonly #done: (outcome: HeadersOutcome) => void
  /** By source, while one of its messages is worked on: those behind it. */
  readonly #waiting = new Map<Source, HeaderList[]>()

  constructor(intake: HeaderIntake, jobs: JobRunner, done: (outcome: HeadersOutcome) => void) {
    this.#intake = intake
    this.#jobs = jobs
    this.#done = done
  }

  submit(source: Source, headers: HeaderList): void {
    const waiting = this.#waiting.get(source)
    if (this.#jobs.stopped || (waiting?.length ?? 0) >= MAX_HEADER_JOBS_PER_SOURCE) {
      const nothing = { fault: undefined, last: undefined, added: 0, staged: undefined }
      return this.#done({ type: 'headers', source, count: headers.length, verdict: 'busy', ...nothing })
    }
    if (waiting !== undefined) return void waiting.push(headers)
    this.#waiting.set(source, [])
    this.#run(source, headers)
  }

  forget(source: PeerId): void {
    const waiting = this.#waiting.get(source)
    if (waiting !== undefined) waiting.length = 0
  }

  #run(source: Source, headers: HeaderList): void {
    this.#jobs.run(this.#intake.accept(source, headers, true), (outcome) => {
      const next = this.#waiting.get(source)?.shift()
      if (next === undefined) this.#waiting.delete(source)
      this.#done(outcome)
      if (next !== undefined) this.#run(source, next)
    })
  }
}
