/**
 * Verification of ML-DSA-65 signatures in worker threads, beside the bare library in one thread of its own: what the
 * hand-over costs, and what a second thread brings. No signature is of its message, which takes as long to find out as
 * the opposite, and keeps the cache out of it.
 */
import { generateKeyPair, mlDsaProvider, sign } from '../../src/crypto/ml-dsa.ts'
import { createSignatures } from '../../src/crypto/signatures.ts'
import type { SignatureCheck } from '../../src/script/signature-check.ts'
import type { BenchContext, Suite } from '../context.ts'
import { makeRow, type Row } from '../report.ts'

/** As many as the inputs of a full block. */
const CHECKS = 800

export const signaturesSuite: Suite = {
  name: 'signatures',
  about: 'verify signatures in one and two threads, beside the bare library',
  run: measure,
}

async function measure({ rounds, scale, signatureWorker }: BenchContext): Promise<Row[]> {
  const count = Math.max(1, Math.round(CHECKS * scale))
  const bare = mlDsaProvider()
  const draw = drawChecks()
  const crews = [1, 2].map((threads) => ({
    threads,
    signatures: createSignatures({ threads, workerUrl: signatureWorker }),
    values: [] as number[],
  }))
  const bareValues: number[] = []
  const alone = async (checks: readonly SignatureCheck[]) => void checks.map(bare.verifies)
  // Once for nothing, so that threads have started and code is compiled.
  for (let round = -1; round < rounds; round++) {
    const bareValue = await perSecond(alone, draw(count))
    if (round >= 0) bareValues.push(bareValue)
    for (const { signatures, values } of crews) {
      const value = await perSecond((checks) => signatures.verifier.verifyBatch(checks), draw(count))
      if (round >= 0) values.push(value)
    }
  }
  for (const { signatures } of crews) await signatures.close()
  return crews.map(({ threads, values }) =>
    makeRow({
      suite: 'signatures',
      metric: threads === 1 ? '1 thread' : `${threads} threads`,
      unit: 'checks/s',
      subject: '',
      values,
      bare: { name: bare.name, values: bareValues },
      goal: threads === 1 ? { text: '>= 0.9', met: (_, ratio) => ratio >= 0.9 } : undefined,
    }),
  )
}

/** Draws checks that were never there before. */
function drawChecks(): (count: number) => SignatureCheck[] {
  const { publicKey, secretKey } = generateKeyPair(new Uint8Array(32).fill(1))
  const signature = sign(secretKey, new Uint8Array(32))
  let drawn = 0
  return (count) =>
    Array.from({ length: count }, () => {
      const message = new Uint8Array(32)
      new DataView(message.buffer).setUint32(0, ++drawn)
      return { publicKey, signature, message }
    })
}

async function perSecond(
  verify: (checks: readonly SignatureCheck[]) => Promise<unknown>,
  checks: readonly SignatureCheck[],
): Promise<number> {
  const startedAt = performance.now()
  await verify(checks)
  return (checks.length * 1_000) / (performance.now() - startedAt)
}
