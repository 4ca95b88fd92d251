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

interface Contender {
  readonly name: string
  readonly verify: (checks: readonly SignatureCheck[]) => Promise<unknown>
  readonly perSecond: number[]
  readonly cpuMicros: number[]
}

async function measure({ rounds, scale, signatureWorker }: BenchContext): Promise<Row[]> {
  const count = Math.max(1, Math.round(CHECKS * scale))
  const provider = mlDsaProvider()
  const bare = contender(provider.name, async (checks) => void checks.map(provider.verifies))
  const crews = [1, 2].map((threads) => createSignatures({ threads, workerUrl: signatureWorker }))
  const threaded = crews.map(({ verifier }, i) =>
    contender(i === 0 ? '1 thread' : '2 threads', (checks) => verifier.verifyBatch(checks)),
  )
  const draw = drawChecks()
  // Once for nothing, so that threads have started and code is compiled.
  for (const { verify } of threaded) await verify(draw(count))
  for (let round = 0; round < rounds; round++) {
    for (const each of [bare, ...threaded]) await take(each, draw(count))
  }
  for (const crew of crews) await crew.close()
  return threaded.flatMap((each) => rowsOf(each, bare))
}

function contender(name: string, verify: Contender['verify']): Contender {
  return { name, verify, perSecond: [], cpuMicros: [] }
}

/** Processor time is of all threads, and tells something where other programs take part of the machine. */
async function take(each: Contender, checks: readonly SignatureCheck[]): Promise<void> {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  await each.verify(checks)
  each.perSecond.push((checks.length * 1_000) / (performance.now() - startedAt))
  const { user, system } = process.cpuUsage(before)
  each.cpuMicros.push((user + system) / checks.length)
}

function rowsOf({ name, perSecond, cpuMicros }: Contender, bare: Contender): Row[] {
  const about = { suite: 'signatures', subject: '' }
  return [
    makeRow({
      ...about,
      metric: name,
      unit: 'checks/s',
      values: perSecond,
      bare: { name: bare.name, values: bare.perSecond },
    }),
    makeRow({
      ...about,
      metric: `processor time of a check, ${name}`,
      unit: 'µs',
      values: cpuMicros,
      bare: { name: bare.name, values: bare.cpuMicros },
      goal: { text: '<= 1.1', met: (_, ratio) => ratio <= 1.1 },
    }),
  ]
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
