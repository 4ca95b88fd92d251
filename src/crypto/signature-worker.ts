/** A worker thread that verifies and signs: one answer for each job, in order. It keeps nothing between jobs. */
import { parentPort } from 'node:worker_threads'
import { keyPairOf, sign, verifySignature } from './ml-dsa.ts'
import { type SignatureJob, type SignatureJobAnswer, unpackChecks } from './signature-jobs.ts'

parentPort?.on('message', (job: SignatureJob) => parentPort?.postMessage(answerTo(job)))

function answerTo(job: SignatureJob): SignatureJobAnswer {
  switch (job.kind) {
    case 'verify':
      return Uint8Array.from(unpackChecks(job.checks), (check) => (verifySignature(check) ? 1 : 0))
    case 'publicKeys':
      return job.secrets.map((secret) => {
        const { publicKey, secretKey } = keyPairOf(secret)
        wipe(secret, secretKey)
        return publicKey
      })
    case 'sign': {
      const { publicKey, secretKey } = keyPairOf(job.secret)
      const signed = job.messages.map((message) => ({ signature: sign(secretKey, message), publicKey }))
      wipe(job.secret, secretKey)
      return signed
    }
  }
}

/** Secrets stay in memory no longer than needed. */
function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0)
}
