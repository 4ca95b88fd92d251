/** What one peer can do to another, and to our memory: floods, and a peer that never reads. */
import { type BenchContext, probeGreeting, type Suite } from '../context.ts'
import { frameOf, pingMessage, rawFrame, repeated } from '../frames.ts'
import { Load, type LoadResult, runLoad, Server, type Subject } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave } from '../stats.ts'

const FLOOD_FILE_BYTES = 65_536
const DEAF_SECONDS = 3
const SAMPLE_MS = 50

interface Flood {
  readonly metric: string
  readonly frame: Uint8Array
  readonly bytes: number
  readonly answered: boolean
  readonly goalMs: number
}

const floods: readonly Flood[] = [
  {
    metric: 'ping p99 beside 100,000 pings',
    frame: frameOf(pingMessage()),
    bytes: 3_200_000,
    answered: true,
    goalMs: 10,
  },
  {
    metric: 'ping p99 beside 100 MB of unknown commands',
    frame: rawFrame('mystery', 1_000),
    bytes: 100_000_000,
    answered: false,
    goalMs: 5,
  },
]

export const fairnessSuite: Suite = {
  name: 'fairness',
  about: "another peer's round trips while one floods",
  async run(context) {
    const rows: Row[] = []
    for (const flood of floods) rows.push(...(await measureFlood(context, flood)))
    return rows
  },
}

async function measureFlood(context: BenchContext, flood: Flood): Promise<Row[]> {
  const ping = frameOf(pingMessage())
  const part = repeated(flood.frame, FLOOD_FILE_BYTES)
  // A ping at the end of each part that would not be answered tells that it was dealt with.
  const file = flood.answered ? part : Buffer.concat([part, ping])
  const repeat = Math.round((flood.bytes / file.length) * context.scale)
  const replyBytes = flood.answered ? repeat * file.length : repeat * ping.length
  const load = context.load(file)
  const measure = async (subject: Subject): Promise<LoadResult> => {
    const server = await Server.start(subject)
    try {
      const greeting = await probeGreeting(server)
      await runLoad(load, 'rtt', server, greeting, 2_000, 0)
      return await runLoad(load, 'fair', server, greeting, repeat, replyBytes)
    } finally {
      await server.stop()
    }
  }
  const results = await interleave(context.rounds, [...context.nodes, context.plain], measure)
  const msOf = (subject: Subject, key: string): number[] =>
    (results.get(subject) ?? []).map((result) => (result[key] ?? Number.NaN) / 1_000)
  return context.nodes.flatMap((node) => {
    const row = (metric: string, key: string, goalMs: number | undefined): Row =>
      makeRow({
        suite: 'fairness',
        metric,
        unit: 'ms',
        subject: node.name,
        values: msOf(node, key),
        bare: { name: 'plain', values: msOf(context.plain, key) },
        goal: goalMs === undefined ? undefined : { text: `<= ${goalMs} ms`, met: (value) => value <= goalMs },
      })
    return [
      row(flood.metric, 'p99Us', flood.goalMs),
      row(flood.metric.replace('p99', 'p50'), 'p50Us', undefined),
      row(flood.metric.replace('p99', 'max'), 'maxUs', undefined),
    ]
  })
}

export const deafSuite: Suite = {
  name: 'deaf',
  about: 'memory that a peer costs which floods pings and never reads the answers',
  async run(context) {
    const subjects = [...context.nodes, context.plain]
    const results = await interleave(context.rounds, subjects, (subject) => growth(context, subject))
    const mb = (subject: Subject): number[] => results.get(subject) ?? []
    return context.nodes.map((node) =>
      makeRow({
        suite: 'deaf',
        metric: 'growth of memory at its peak',
        unit: 'MB',
        subject: node.name,
        values: mb(node),
        bare: { name: 'plain', values: mb(context.plain) },
        goal: { text: '<= 10 MB', met: (value) => value <= 10 },
      }),
    )
  },
}

async function growth(context: BenchContext, subject: Subject): Promise<number> {
  const server = await Server.start(subject)
  const load = context.load(repeated(frameOf(pingMessage()), FLOOD_FILE_BYTES))
  try {
    const greeting = await probeGreeting(server)
    // A flood that is read brings the heap to its working size first.
    await runLoad(load, 'pipeline', server, greeting, Math.round(200_000 * context.scale), 1)
    const before = server.memoryBytes()
    const deaf = new Load(load, 'deaf', server.port, greeting, [])
    await deaf.result
    let peak = before
    for (let i = 0; i < (DEAF_SECONDS * 1_000) / SAMPLE_MS; i++) {
      await pause(SAMPLE_MS)
      peak = Math.max(peak, server.memoryBytes())
    }
    await deaf.end()
    return (peak - before) / 1e6
  } finally {
    await server.stop()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
