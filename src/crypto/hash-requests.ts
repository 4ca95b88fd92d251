/**
 * Who waits for which hash. Each header is hashed once, however many ask for it: requests share what is waiting or
 * under way, and what was hashed last is remembered. Holds as much as its callers ask for, and nothing for longer.
 */
import { bytesOf, HashCache, textOf } from './hash-cache.ts'
import type { Piece, PieceSource } from './slots.ts'

/** Hashes 80 bytes on a slot that is otherwise idle. */
export type SlotHash = (slot: number, header: Uint8Array) => Promise<Uint8Array>

interface Job {
  /** The header, as text. */
  readonly header: string
  isTaken: boolean
  readonly waiting: { readonly request: HashRequest; readonly index: number }[]
}

export class HashRequests {
  readonly #hash: SlotHash
  readonly #known = new HashCache()
  readonly #jobs = new Map<string, Job>()
  readonly #open = new Set<HashRequest>()

  constructor(hash: SlotHash) {
    this.#hash = hash
  }

  /** Headers that wait or are being hashed. */
  get size(): number {
    return this.#jobs.size
  }

  /** The hashes, in order, if all are remembered. */
  recall(headers: readonly Uint8Array[]): Uint8Array[] | undefined {
    const hashes: Uint8Array[] = []
    for (const header of headers) {
      const hash = this.#known.get(textOf(header))
      if (hash === undefined) return undefined
      hashes.push(hash)
    }
    return hashes
  }

  /** What is still to be hashed comes out of the request as pieces of work. */
  ask(headers: readonly Uint8Array[]): HashRequest {
    const request = new HashRequest(headers.length, (job) => this.#pieceOf(job))
    this.#open.add(request)
    headers.forEach((header, index) => {
      const text = textOf(header)
      const hash = this.#known.get(text)
      if (hash !== undefined) request.fill(index, hash)
      else request.jobs.push(this.#join(text, request, index))
    })
    this.#endIfComplete(request)
    return request
  }

  /** Nobody waits any more: all get this error. */
  failAll(error: Error): void {
    this.#jobs.clear()
    for (const request of this.#open) request.fail(error)
    this.#open.clear()
  }

  #join(header: string, request: HashRequest, index: number): Job {
    const job = this.#jobs.get(header) ?? { header, isTaken: false, waiting: [] }
    this.#jobs.set(header, job)
    job.waiting.push({ request, index })
    return job
  }

  #pieceOf(job: Job): Piece {
    job.isTaken = true
    return async (slot) => {
      try {
        this.#done(job, await this.#hash(slot, bytesOf(job.header)))
      } catch (error) {
        this.failAll(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }

  #done(job: Job, hash: Uint8Array): void {
    this.#known.put(job.header, hash)
    // Unless all was given up meanwhile.
    if (this.#jobs.get(job.header) === job) this.#jobs.delete(job.header)
    for (const { request, index } of job.waiting) {
      request.fill(index, hash.slice())
      this.#endIfComplete(request)
    }
  }

  #endIfComplete(request: HashRequest): void {
    if (request.endIfComplete()) this.#open.delete(request)
  }
}

export class HashRequest implements PieceSource {
  readonly hashes: Promise<Uint8Array[]>
  /** In the order of the headers; several requests may have the same. */
  readonly jobs: Job[] = []
  readonly #pieceOf: (job: Job) => Piece
  readonly #results: Uint8Array[]
  #missing: number
  #next = 0
  #isOver = false
  #resolve: (hashes: Uint8Array[]) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor(count: number, pieceOf: (job: Job) => Piece) {
    this.#missing = count
    this.#results = new Array<Uint8Array>(count)
    this.#pieceOf = pieceOf
    this.hashes = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  next(): Piece | undefined {
    while (!this.#isOver) {
      const job = this.jobs[this.#next++]
      if (job === undefined) return undefined
      if (!job.isTaken) return this.#pieceOf(job)
    }
    return undefined
  }

  fill(index: number, hash: Uint8Array): void {
    this.#results[index] = hash
    this.#missing--
  }

  /** Returns whether it is. */
  endIfComplete(): boolean {
    if (this.#missing > 0) return false
    this.#isOver = true
    this.#resolve(this.#results)
    return true
  }

  fail(error: Error): void {
    this.#isOver = true
    this.#reject(error)
  }
}
