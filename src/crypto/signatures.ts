/** Verification and signing by the same worker threads, as many as the machine has processors unless told otherwise. */
import { availableParallelism } from 'node:os'
import { MAX_SIGNATURE_THREADS } from '../params/limits.ts'
import { type SignatureVerifier, ThreadedVerifier } from './signature-verifier.ts'
import { type Signer, ThreadedSigner } from './signer.ts'
import { ThreadCrew } from './thread-crew.ts'
import { workerUrl } from './worker-url.ts'

export interface SignatureOptions {
  /** Left out: one for each processor. */
  readonly threads?: number | undefined
  /** Where the code of the threads lies, if not beside ours: for those who bundle this library. */
  readonly workerUrl?: URL | undefined
}

export interface Signatures {
  readonly verifier: SignatureVerifier
  readonly signer: Signer
  /** Ends the threads. What waits is rejected. */
  close(): Promise<void>
}

/** Starts nothing before there is something to do. */
export function createSignatures(options: SignatureOptions = {}): Signatures {
  const crew = new ThreadCrew({
    url: options.workerUrl ?? workerUrl('signature-worker'),
    threads: Math.max(1, Math.min(options.threads ?? availableParallelism(), MAX_SIGNATURE_THREADS)),
  })
  // The signer comes first: what the node's owner asks for does not wait for what strangers send.
  return { signer: new ThreadedSigner(crew), verifier: new ThreadedVerifier(crew), close: () => crew.close() }
}
