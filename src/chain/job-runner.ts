/**
 * Runs jobs: gives each request of a generator to the world and goes on with its answer. Jobs that change the
 * active chain run one after the other; others interleave where they ask. When a request fails, or what was stored
 * makes no sense, all stop: what is in memory may be ahead of the disk, but what is on disk is whole.
 */
import { DamagedStore, damageText } from './damage.ts'
import type { AskIo, IoRequest, Job } from './io.ts'

interface Exclusive {
  readonly begin: () => Job<void>
}

export class JobRunner {
  readonly #ask: AskIo
  readonly #failed: (error: string) => void
  readonly #waiting: Exclusive[] = []
  #busy = false
  #stopped = false

  /** `failed` is called at most once. */
  constructor(ask: AskIo, failed: (error: string) => void) {
    this.#ask = ask
    this.#failed = failed
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Does a job that changes the active chain run, or wait? */
  get busy(): boolean {
    return this.#busy
  }

  /** Runs a job beside others. */
  run<T>(job: Job<T>, done: (value: T) => void): void {
    if (!this.#stopped) this.#go(job, done, undefined)
  }

  /** Runs a job when no other of these runs; it begins with the state of that moment. */
  exclusive(begin: () => Job<void>): void {
    if (this.#stopped) return
    this.#waiting.push({ begin })
    this.#next()
  }

  /** No job goes on from here. */
  stop(): void {
    this.#stopped = true
    this.#waiting.length = 0
  }

  #next(): void {
    if (this.#busy || this.#stopped) return
    const job = this.#waiting.shift()
    if (job === undefined) return
    this.#busy = true
    this.#go(
      job.begin(),
      () => {
        this.#busy = false
        this.#next()
      },
      undefined,
    )
  }

  /** Goes on until the job asks for something that is not answered at once. */
  #go<T>(job: Job<T>, done: (value: T) => void, answer: unknown): void {
    let step = this.#step(job, answer)
    while (step !== undefined && step.done !== true) {
      let isHere = true
      let early: { readonly value: unknown } | undefined
      this.#ask(step.value, (result) => {
        if (this.#stopped) return
        if (!result.ok) return this.#fail(result.error)
        if (isHere) early = { value: result.value }
        else this.#go(job, done, result.value)
      })
      isHere = false
      if (early === undefined) return
      step = this.#step(job, (early as { readonly value: unknown }).value)
    }
    if (step !== undefined) done(step.value)
  }

  /** Undefined if nothing may go on. */
  #step<T>(job: Job<T>, answer: unknown): IteratorResult<IoRequest, T> | undefined {
    try {
      return job.next(answer)
    } catch (error) {
      if (!(error instanceof DamagedStore)) throw error
      this.#fail(damageText(error))
      return undefined
    }
  }

  #fail(error: string): void {
    this.stop()
    this.#failed(error)
  }
}
