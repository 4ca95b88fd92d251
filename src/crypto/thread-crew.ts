/**
 * Worker threads that fetch their work: whoever has work is asked for the next piece when a thread has room, so that
 * all of them are busy until nothing is left. Threads start when there is work for them, stay for the next, and don't
 * keep the process alive while they rest. At most TASKS_PER_THREAD pieces are handed out to each.
 */
import { Worker } from 'node:worker_threads'
import { UserError } from '../primitives/errors.ts'

/** One at work, and one at hand when it is done: the thread need not wait for the event loop. */
const TASKS_PER_THREAD = 2

/** A piece of work; exactly one of `done` and `failed` is called. Neither may throw. */
export interface ThreadTask {
  readonly job: unknown
  /** Buffers that change hands. */
  readonly transfer: readonly ArrayBuffer[]
  done(answer: unknown): void
  failed(error: Error): void
}

export interface TaskSource {
  /** Undefined if nothing waits. Pieces should be small enough that `threads` have something to do. */
  next(threads: number): ThreadTask | undefined
}

/** What those who have work know of the threads. */
export type Crew = Pick<ThreadCrew, 'addSource' | 'wake' | 'close' | 'isClosed'>

export interface ThreadCrewOptions {
  /** The code of a thread: it answers each job with one message, in order. */
  readonly url: URL
  readonly threads: number
}

interface Thread {
  readonly worker: Worker
  /** Handed out and not answered, in order. */
  readonly tasks: ThreadTask[]
}

export class ThreadCrew {
  readonly #options: ThreadCrewOptions
  readonly #threads: Thread[] = []
  readonly #sources: TaskSource[] = []
  /** Threads at once; fewer than wanted where the system gives no more. */
  #most: number
  #isClosed = false

  constructor(options: ThreadCrewOptions) {
    this.#options = options
    this.#most = options.threads
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sources are asked in the order in which they came. */
  addSource(source: TaskSource): void {
    this.#sources.push(source)
  }

  /** Work has come: hands out as much as there is room for. */
  wake(): void {
    // First the idle ones, then new ones, and only then a second piece for each.
    while (this.#threads.some((thread) => thread.tasks.length === 0) && this.#handOut()) {}
    while (this.#threads.length < this.#most && this.#handOut()) {}
    while (this.#threads.some((thread) => thread.tasks.length < TASKS_PER_THREAD) && this.#handOut()) {}
  }

  /** What was handed out fails, and so does what still waits; resolves when all threads have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    const closed = new UserError('the node stops: its threads for signatures are closed')
    const threads = this.#threads.splice(0)
    for (const { tasks } of threads) for (const task of tasks.splice(0)) task.failed(closed)
    for (let task = this.#next(); task !== undefined; task = this.#next()) task.failed(closed)
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #next(): ThreadTask | undefined {
    for (const source of this.#sources) {
      const task = source.next(this.#most)
      if (task !== undefined) return task
    }
    return undefined
  }

  /** Gives the next piece to whoever has least to do. False if there is none. */
  #handOut(): boolean {
    const task = this.#isClosed ? undefined : this.#next()
    if (task === undefined) return false
    try {
      const thread = this.#choose()
      thread.worker.postMessage(task.job, task.transfer)
      thread.worker.ref()
      thread.tasks.push(task)
    } catch (error) {
      task.failed(asError(error))
    }
    return true
  }

  /** Throws if there is no thread and the system gives none. */
  #choose(): Thread {
    const idlest = this.#threads.toSorted((a, b) => a.tasks.length - b.tasks.length)[0]
    const isComplete = this.#threads.length >= this.#most
    if (idlest !== undefined && (idlest.tasks.length === 0 || isComplete)) return idlest
    try {
      return this.#start()
    } catch (error) {
      if (idlest === undefined) throw error
      // Those that there are must do.
      this.#most = this.#threads.length
      return idlest
    }
  }

  #start(): Thread {
    // Options of the program's start, such as --input-type, are not meant for its threads.
    const worker = new Worker(this.#options.url, { execArgv: [] })
    worker.unref()
    const thread: Thread = { worker, tasks: [] }
    this.#threads.push(thread)
    worker.on('message', (answer: unknown) => {
      thread.tasks.shift()?.done(answer)
      if (thread.tasks.length === 0) worker.unref()
      this.wake()
    })
    worker.on('error', (error) => this.#lose(thread, error))
    worker.on('messageerror', (error) => this.#lose(thread, error))
    worker.on('exit', (code) =>
      this.#lose(thread, new Error(`a thread for signatures ended with code ${code}`)),
    )
    return thread
  }

  /** A thread that fails is a bug or a lack of memory: its work fails, and the next piece gets a new thread. */
  #lose(thread: Thread, error: unknown): void {
    const at = this.#threads.indexOf(thread)
    if (at < 0) return
    this.#threads.splice(at, 1)
    void thread.worker.terminate()
    for (const task of thread.tasks.splice(0)) task.failed(asError(error))
    this.wake()
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
