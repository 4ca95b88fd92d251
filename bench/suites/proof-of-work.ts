/**
 * RandomX in light mode: hashes a second on one thread and on two, the processor time of a hash, which other programs
 * disturb less, and what the event loop waits meanwhile. The node's hasher in this process, with headers that it has
 * not seen.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createPowHasher } from '../../src/crypto/create-pow-hasher.ts'
import { withNonce } from '../../src/crypto/nonce-scan.ts'
import type { PowHasher } from '../../src/crypto/pow-hasher.ts'
import type { BenchContext, Suite } from '../context.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave } from '../stats.ts'

const THREADS = [1, 2] as const
const HEADERS_PER_THREAD = 100
const HEADER = new Uint8Array(80)

interface Sample {
  readonly hashesPerSecond: number
  readonly processorMs: number
  readonly delayMs: number
}

export const proofOfWorkSuite: Suite = {
  name: 'proof-of-work',
  about: 'RandomX, light: hashes a second on one thread and on two, and the delay of the event loop',
  run: measure,
}

async function measure({ rounds, scale }: BenchContext): Promise<Row[]> {
  let nonce = 0
  const headers = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => withNonce(HEADER, nonce++))
  const results = await interleave(rounds, THREADS, async (threads) => {
    const hasher = createPowHasher({ algorithm: { kind: 'randomx', key: 'Dilithion-RandomX-v1' }, threads })
    try {
      await hasher.ready()
      return await sample(hasher, headers(threads * Math.ceil(HEADERS_PER_THREAD * scale)))
    } finally {
      await hasher.close()
    }
  })
  const values = (threads: (typeof THREADS)[number], key: keyof Sample): number[] =>
    (results.get(threads) ?? []).map((result) => result[key])
  const about = { suite: 'proof-of-work', subject: '' }
  const one = { name: '1 thread', values: values(1, 'hashesPerSecond') }
  return [
    makeRow({ ...about, metric: 'light, 1 thread', unit: 'hashes/s', values: one.values }),
    makeRow({
      ...about,
      metric: 'light, 2 threads',
      unit: 'hashes/s',
      values: values(2, 'hashesPerSecond'),
      bare: one,
      goal: { text: 'ratio >= 1.5', met: (_, ratio) => ratio >= 1.5 },
    }),
    makeRow({
      ...about,
      metric: 'processor time of a hash, 2 threads',
      unit: 'ms',
      values: values(2, 'processorMs'),
      bare: { name: '1 thread', values: values(1, 'processorMs') },
    }),
    ...THREADS.map((threads) =>
      makeRow({
        ...about,
        metric: `delay of the event loop, p99, ${threads} hashing`,
        unit: 'ms',
        values: values(threads, 'delayMs'),
      }),
    ),
  ]
}

async function sample(hasher: PowHasher, headers: readonly Uint8Array[]): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const before = process.cpuUsage()
  const startedAt = performance.now()
  await hasher.hash(headers, false)
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  delay.disable()
  return {
    hashesPerSecond: (1_000 * headers.length) / elapsedMs,
    processorMs: (user + system) / 1_000 / headers.length,
    delayMs: delay.percentile(99) / 1e6,
  }
}
