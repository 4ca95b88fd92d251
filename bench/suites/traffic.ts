/** Pings over the network: round trips, streams over one and several connections, and handshakes. */
import { type BenchContext, probeGreeting, type Suite } from '../context.ts'
import { type Greeting, type LoadResult, runLoad, Server, type Subject } from '../processes.ts'
import { makeRow, type Row, type RowInit } from '../report.ts'
import { interleave } from '../stats.ts'

interface Running {
  readonly subject: Subject
  readonly server: Server
  readonly greeting: Greeting
}

/** Starts the subjects, lets `measure` take its rounds from one after the other, and stops them. */
async function besideEachOther(
  context: BenchContext,
  subjects: readonly Subject[],
  mode: string,
  ...numbers: readonly number[]
): Promise<Map<string, LoadResult[]>> {
  const load = context.load()
  const running: Running[] = []
  try {
    for (const subject of subjects) {
      const server = await Server.start(subject)
      running.push({ subject, server, greeting: await probeGreeting(server) })
    }
    // Once unmeasured, so that nobody is measured cold.
    for (const { server, greeting } of running) await runLoad(load, mode, server, greeting, ...numbers)
    const results = await interleave(context.rounds, running, ({ server, greeting }) =>
      runLoad(load, mode, server, greeting, ...numbers),
    )
    return new Map([...results].map(([{ subject }, values]) => [subject.name, values]))
  } finally {
    for (const { server } of running) await server.stop()
  }
}

function rowsFor(
  context: BenchContext,
  results: ReadonlyMap<string, readonly LoadResult[]>,
  key: string,
  bare: string,
  about: Pick<RowInit, 'suite' | 'metric' | 'unit' | 'goal'>,
  divisor = 1,
): Row[] {
  const valuesOf = (name: string): number[] =>
    (results.get(name) ?? []).map((result) => (result[key] ?? Number.NaN) / divisor)
  return context.nodes.map(({ name }) =>
    makeRow({
      ...about,
      subject: name,
      values: valuesOf(name),
      bare: { name: bare, values: valuesOf(bare) },
    }),
  )
}

export const roundTripSuite: Suite = {
  name: 'roundtrip',
  about: 'one ping after the other over one connection',
  async run(context) {
    const subjects = [...context.nodes, context.echo, context.plain]
    const count = Math.round(20_000 * context.scale)
    const results = await besideEachOther(context, subjects, 'rtt', count, Math.round(2_000 * context.scale))
    const p50 = { text: '<= 1.3', met: (_: number, ratio: number) => ratio <= 1.3 }
    const p99 = { text: '<= 1.0', met: (_: number, ratio: number) => ratio <= 1 }
    const cost = { suite: 'roundtrip', metric: 'processor time per ping', unit: 'µs' }
    const row = (key: string, bare: string, metric: string, goal?: RowInit['goal']): Row[] =>
      rowsFor(context, results, key, bare, { suite: 'roundtrip', metric, unit: 'µs', goal })
    return [
      ...row('p50Us', 'echo', 'p50', p50),
      ...row('p99Us', 'echo', 'p99', p99),
      ...rowsFor(context, results, 'cpuUs', 'echo', cost, 1.1 * count),
      ...row('p50Us', 'plain', 'p50', p50),
      ...row('p99Us', 'plain', 'p99', p99),
    ]
  },
}

export const pipelineSuite: Suite = {
  name: 'pipeline',
  about: 'pings as fast as they are taken, over 1, 8 and 64 connections',
  async run(context) {
    const rows: Row[] = []
    for (const connections of [1, 8, 64]) {
      const count = Math.round(200_000 * context.scale)
      const subjects = [...context.nodes, context.plain]
      const results = await besideEachOther(context, subjects, 'pipeline', count, connections)
      const goal = {
        text: '>= 150,000 or >= 2.8',
        met: (value: number, ratio: number) => value >= 150_000 || ratio >= 2.8,
      }
      const metric = `${connections} connection${connections > 1 ? 's' : ''}`
      const about = { suite: 'pipeline', metric, unit: 'pings/s', goal }
      rows.push(...rowsFor(context, results, 'perSecond', 'plain', about))
      const cost = { suite: 'pipeline', metric: `${metric}, processor time per ping`, unit: 'µs' }
      rows.push(...rowsFor(context, results, 'cpuUs', 'plain', cost, count))
    }
    return rows
  },
}

export const handshakeSuite: Suite = {
  name: 'handshake',
  about: 'connections that shake hands and go, one by one and 16 at once',
  async run(context) {
    const rows: Row[] = []
    for (const [parallel, wanted] of [
      [1, 0.78],
      [16, 0.59],
    ] as const) {
      const subjects = [...context.nodes, context.plain]
      const count = Math.round(3_000 * context.scale)
      const results = await besideEachOther(context, subjects, 'handshakes', count, parallel)
      const goal = { text: `>= ${wanted}`, met: (_: number, ratio: number) => ratio >= wanted }
      const metric = parallel === 1 ? 'one by one' : `${parallel} at once`
      const about = { suite: 'handshake', metric, unit: 'handshakes/s', goal }
      rows.push(...rowsFor(context, results, 'perSecond', 'plain', about))
      const cost = { suite: 'handshake', metric: `${metric}, processor time each`, unit: 'µs' }
      rows.push(...rowsFor(context, results, 'cpuUs', 'plain', cost, count))
    }
    return rows
  },
}
