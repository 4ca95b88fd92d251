/**
 * Keys and signatures made in worker threads (chain 6). Private keys go there as copies, which are wiped when the job is
 * done. What waits is bounded by the wallet that asks.
 */
import type { SignedBy } from '../script/script-sig.ts'
import type { SignatureJob } from './signature-jobs.ts'
import type { Crew, TaskSource, ThreadTask } from './thread-crew.ts'

/** Few, so that all threads have something to do: a signature takes 8 ms in JavaScript. */
const OPERATIONS_PER_JOB = 4

export interface SigningRequest {
  /** 32 bytes from which the key pair is made, or the secret key of 4,032 bytes itself. */
  readonly secret: Uint8Array
  readonly message: Uint8Array
}

export interface Signer {
  /** The public key of each private key, 1,952 bytes, in order. */
  publicKeys(secrets: readonly Uint8Array[]): Promise<Uint8Array[]>
  /** Signature and public key for each request, in order. */
  sign(requests: readonly SigningRequest[]): Promise<SignedBy[]>
}

export class ThreadedSigner implements Signer, TaskSource {
  readonly #crew: Crew
  readonly #tasks: ThreadTask[] = []

  constructor(crew: Crew) {
    this.#crew = crew
    crew.addSource(this)
  }

  next(): ThreadTask | undefined {
    return this.#tasks.shift()
  }

  async publicKeys(secrets: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const jobs: Promise<unknown>[] = []
    for (let at = 0; at < secrets.length; at += OPERATIONS_PER_JOB) {
      const copies = secrets.slice(at, at + OPERATIONS_PER_JOB).map(copyOf)
      jobs.push(this.#run({ kind: 'publicKeys', secrets: copies }, copies))
    }
    return (await Promise.all(jobs)).flat() as Uint8Array[]
  }

  async sign(requests: readonly SigningRequest[]): Promise<SignedBy[]> {
    const groups: { readonly secret: Uint8Array; readonly messages: Uint8Array[] }[] = []
    for (const { secret, message } of requests) {
      const last = groups.at(-1)
      // Inputs of one key often stand side by side: the key pair is made once for some of them.
      if (last !== undefined && last.secret === secret && last.messages.length < OPERATIONS_PER_JOB) {
        last.messages.push(copyOf(message))
      } else {
        groups.push({ secret, messages: [copyOf(message)] })
      }
    }
    const jobs = groups.map((group) => {
      const secret = copyOf(group.secret)
      return this.#run({ kind: 'sign', secret, messages: group.messages }, [secret])
    })
    return (await Promise.all(jobs)).flat() as SignedBy[]
  }

  /** `secrets` change hands, so that the thread has the only copy. */
  #run(job: SignatureJob, secrets: readonly Uint8Array<ArrayBuffer>[]): Promise<unknown> {
    if (this.#crew.isClosed) return Promise.reject(new Error('the signer is closed'))
    return new Promise((resolve, reject) => {
      this.#tasks.push({ job, transfer: secrets.map(({ buffer }) => buffer), done: resolve, failed: reject })
      this.#crew.wake()
    })
  }
}

/** A view would take along all that it is a view of. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
