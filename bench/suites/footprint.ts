/** Memory at rest and per idle connection, and the time from start to listening. */
import { spawnSync } from 'node:child_process'
import { type BenchContext, probeGreeting, type Suite } from '../context.ts'
import { Load, Server, type Subject } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave } from '../stats.ts'

const CONNECTIONS = 1_000
/** Memory counts as settled when it has not changed by this much within the time. */
const SETTLED_BYTES = 200_000
const SETTLE_STEP_MS = 500
const SETTLE_MAX_MS = 10_000

interface Footprint {
  readonly restBytes: number
  readonly bytesPerConnection: number
  /** Before garbage was collected. */
  readonly grossBytesPerConnection: number
}

export const memorySuite: Suite = {
  name: 'memory',
  about: `the process at rest, and with ${CONNECTIONS} idle connections`,
  async run(context) {
    const rounds = Math.min(3, context.rounds)
    const subjects = [...context.nodes, context.plain]
    const results = await interleave(rounds, subjects, (subject) => footprint(context, subject))
    const values = (subject: Subject, key: keyof Footprint): number[] =>
      (results.get(subject) ?? []).map((result) => result[key])
    const row = (metric: string, unit: string, key: keyof Footprint, divisor: number, limit: number): Row[] =>
      context.nodes.map((node) =>
        makeRow({
          suite: 'memory',
          metric,
          unit,
          subject: node.name,
          values: values(node, key).map((v) => v / divisor),
          bare: { name: 'plain', values: values(context.plain, key).map((v) => v / divisor) },
          goal: { text: `<= ${limit} ${unit}`, met: (value) => value <= limit },
        }),
      )
    return [
      ...row('process at rest', 'MB', 'restBytes', 1e6, 90),
      ...row('per idle connection', 'kB', 'bytesPerConnection', 1e3, 60),
      ...row('per connection, garbage included', 'kB', 'grossBytesPerConnection', 1e3, 60),
    ]
  },
}

async function footprint(context: BenchContext, subject: Subject): Promise<Footprint> {
  const server = await Server.start(subject, { maxConnections: 2 * CONNECTIONS, collectOnSignal: true })
  try {
    const greeting = await probeGreeting(server)
    const restBytes = await settledMemory(server)
    const load = new Load(context.load(), 'hold', server.port, greeting, [CONNECTIONS])
    await load.result
    const grossBytesPerConnection = (server.memoryBytes() - restBytes) / CONNECTIONS
    const bytesPerConnection = ((await settledMemory(server)) - restBytes) / CONNECTIONS
    await load.end()
    return { restBytes, bytesPerConnection, grossBytesPerConnection }
  } finally {
    await server.stop()
  }
}

async function settledMemory(server: Server): Promise<number> {
  let before = Number.POSITIVE_INFINITY
  for (let waitedMs = 0; waitedMs < SETTLE_MAX_MS; waitedMs += SETTLE_STEP_MS) {
    server.collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS))
    const now = server.memoryBytes()
    if (Math.abs(now - before) < SETTLED_BYTES) return now
    before = now
  }
  return before
}

export const startSuite: Suite = {
  name: 'start',
  about: 'from the start of the process to its line "Listening", beside an empty Node program',
  async run(context) {
    const rounds = Math.max(2, Math.round(10 * context.scale))
    const empty: Subject = { name: 'node -e 0', isNode: false, command: () => ['-e', '0'] }
    const results = await interleave(rounds, [...context.nodes, empty], startMs)
    return context.nodes.map((node) =>
      makeRow({
        suite: 'start',
        metric: 'exec to listening',
        unit: 'ms',
        subject: node.name,
        values: results.get(node) ?? [],
        bare: { name: empty.name, values: results.get(empty) ?? [] },
        goal: { text: '<= 300 ms', met: (value) => value <= 300 },
      }),
    )
  },
}

async function startMs(subject: Subject): Promise<number> {
  if (!subject.isNode) {
    const startedAt = performance.now()
    spawnSync(process.execPath, [...subject.command('', 0)])
    return performance.now() - startedAt
  }
  const server = await Server.start(subject)
  await server.stop()
  return server.startMs
}
