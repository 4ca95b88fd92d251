/**
 * Verification of signatures without waiting for it: checks are verified in worker threads, in pieces that keep all of
 * them busy. What held is remembered (SIGNATURE_CACHE_ENTRIES), so that a transaction of the mempool costs nothing
 * again in its block; equal checks under way are verified once. How many wait is bounded by who asks.
 */
import { MAX_SIGNATURES_PER_JOB, SIGNATURE_CACHE_ENTRIES, SIGNATURES_PER_TURN } from '../params/limits.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import {
  isHopeless,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type SignatureCheck,
} from '../script/signature-check.ts'
import { textOf } from './hash-cache.ts'
import { RecentSet } from './recent-set.ts'
import { packChecks, type SignatureJob } from './signature-jobs.ts'
import type { Crew, TaskSource, ThreadTask } from './thread-crew.ts'

export interface SignatureVerifier {
  /** Whether each check holds, in order. Rejects if the threads fail or are closed: then nothing is known. */
  verifyBatch(checks: readonly SignatureCheck[]): Promise<boolean[]>
  close(): Promise<void>
}

/** A check under way, and who waits for it. */
interface Pending {
  readonly key: string
  readonly check: SignatureCheck
  readonly waiting: Waiting[]
}

interface Waiting {
  readonly batch: Batch
  readonly at: number
}

export class ThreadedVerifier implements SignatureVerifier, TaskSource {
  readonly #crew: Crew
  readonly #valid: RecentSet
  readonly #pending = new Map<string, Pending>()
  /** Those that no thread has fetched, in order, from `#fetched` on. */
  #queue: Pending[] = []
  #fetched = 0

  constructor(crew: Crew, cacheEntries = SIGNATURE_CACHE_ENTRIES) {
    this.#crew = crew
    this.#valid = new RecentSet(cacheEntries)
    crew.addSource(this)
  }

  /** Distinct checks that wait or are being verified. */
  get pending(): number {
    return this.#pending.size
  }

  verifyBatch(checks: readonly SignatureCheck[]): Promise<boolean[]> {
    if (this.#crew.isClosed) return Promise.reject(new Error('the signature verifier is closed'))
    return new Promise((resolve, reject) => {
      const batch = new Batch(checks.length, resolve, reject)
      this.#take(checks, 0, batch)
    })
  }

  close(): Promise<void> {
    return this.#crew.close()
  }

  next(threads: number): ThreadTask | undefined {
    const waiting = this.#queue.length - this.#fetched
    if (waiting === 0) return undefined
    // The pieces get smaller towards the end, so that all threads finish at about the same time.
    const count = Math.min(MAX_SIGNATURES_PER_JOB, Math.ceil(waiting / (2 * threads)))
    const fetched = this.#queue.slice(this.#fetched, this.#fetched + count)
    this.#fetched += count
    if (this.#fetched === this.#queue.length) {
      this.#queue = []
      this.#fetched = 0
    }
    const job: SignatureJob = { kind: 'verify', checks: packChecks(fetched.map(({ check }) => check)) }
    return {
      job,
      transfer: [job.checks.buffer],
      done: (answer) => this.#done(fetched, answer),
      failed: (error) => this.#failed(fetched, error),
    }
  }

  /** Looks at the checks from `start` on: some now, the rest when others had their turn, since each must be hashed. */
  #take(checks: readonly SignatureCheck[], start: number, batch: Batch): void {
    const end = Math.min(checks.length, start + SIGNATURES_PER_TURN)
    for (const [i, check] of checks.slice(start, end).entries()) this.#ask(check, { batch, at: start + i })
    this.#crew.wake()
    if (end < checks.length) setImmediate(() => this.#take(checks, end, batch))
  }

  #ask(check: SignatureCheck, waiting: Waiting): void {
    const { batch, at } = waiting
    if (this.#crew.isClosed) return batch.fail(new Error('the signature verifier is closed'))
    if (isHopeless(check)) return batch.answer(at, false)
    const key = keyOf(check)
    if (this.#valid.has(key)) return batch.answer(at, true)
    const known = this.#pending.get(key)
    if (known !== undefined) return void known.waiting.push(waiting)
    const pending = { key, check, waiting: [waiting] }
    this.#pending.set(key, pending)
    this.#queue.push(pending)
  }

  #done(fetched: readonly Pending[], answer: unknown): void {
    if (!(answer instanceof Uint8Array) || answer.length !== fetched.length) {
      return this.#failed(fetched, new Error('a thread for signatures gave no answer'))
    }
    for (const [i, { key, waiting }] of fetched.entries()) {
      const holds = answer[i] === 1
      this.#pending.delete(key)
      // Only what holds is worth room: whoever sends what does not is not asked again.
      if (holds) this.#valid.add(key)
      for (const { batch, at } of waiting) batch.answer(at, holds)
    }
  }

  #failed(fetched: readonly Pending[], error: Error): void {
    for (const { key, waiting } of fetched) {
      this.#pending.delete(key)
      for (const { batch } of waiting) batch.fail(error)
    }
  }
}

/** The answers to one request, until they are complete. */
class Batch {
  readonly #answers: boolean[]
  #missing: number
  readonly #resolve: (answers: boolean[]) => void
  readonly #reject: (error: Error) => void

  constructor(size: number, resolve: (answers: boolean[]) => void, reject: (error: Error) => void) {
    this.#answers = new Array<boolean>(size).fill(false)
    this.#missing = size
    this.#resolve = resolve
    this.#reject = reject
    if (size === 0) resolve(this.#answers)
  }

  answer(at: number, holds: boolean): void {
    this.#answers[at] = holds
    if (--this.#missing === 0) this.#resolve(this.#answers)
  }

  fail(error: Error): void {
    this.#reject(error)
  }
}

const MESSAGE_AT = PUBLIC_KEY_BYTES
let scratch = new Uint8Array(PUBLIC_KEY_BYTES + 32 + SIGNATURE_BYTES)

/** Names a check by its content: the SHA3-256 of key, message and signature. */
function keyOf({ publicKey, message, signature }: SignatureCheck): string {
  const signatureAt = MESSAGE_AT + message.length
  const length = signatureAt + SIGNATURE_BYTES
  if (length > scratch.length) scratch = new Uint8Array(length)
  scratch.set(publicKey)
  scratch.set(message, MESSAGE_AT)
  scratch.set(signature, signatureAt)
  return textOf(sha3_256(scratch.subarray(0, length)))
}
