/** What one peer can do to another, and to our memory: floods, and a peer that never reads. */
import { type BenchContext, probeGreeting, type Suite } from '../context.ts'
import { frameOf, pingMessage, rawFrame, repeated } from '../frames.ts'
import {
  type Greeting,
  Load,
  type LoadProgram,
  type LoadResult,
  runLoad,
  Server,
  type ServerOptions,
  type Subject,
} from '../processes.ts'
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
    metric: '100,000 pings',
    frame: frameOf(pingMessage()),
    bytes: 3_200_000,
    answered: true,
    goalMs: 10,
  },
  {
    metric: '100 MB of unknown commands',
    // Of this size they are many for their bytes, and still don't use up a turn's share of messages.
    frame: rawFrame('mystery', 1_200),
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
      // A ping's fate without any flood tells what the machine itself is up to just now.
      const { p99Us: calmP99Us = Number.NaN } = await runLoad(load, 'rtt', server, greeting, 4_000, 1_000)
      const result = await runLoad(load, 'fair', server, greeting, repeat, replyBytes)
      return {
        ...result,
        calmP99Us,
        mbPerSecond: (repeat * file.length) / 1e6 / (result['seconds'] ?? Number.NaN),
      }
    } finally {
      await server.stop()
    }
  }
  const results = await interleave(context.rounds, [...context.nodes, context.plain], measure)
  const valuesOf = (subject: Subject, key: string, divisor: number): number[] =>
    (results.get(subject) ?? []).map((result) => (result[key] ?? Number.NaN) / divisor)
  return context.nodes.flatMap((node) => {
    const row = (metric: string, key: string, goalMs?: number): Row =>
      makeRow({
        suite: 'fairness',
        metric: `${metric} ${flood.metric}`,
        unit: key === 'mbPerSecond' ? 'MB/s' : 'ms',
        subject: node.name,
        values: valuesOf(node, key, key === 'mbPerSecond' ? 1 : 1_000),
        bare: { name: 'plain', values: valuesOf(context.plain, key, key === 'mbPerSecond' ? 1 : 1_000) },
        goal: goalMs === undefined ? undefined : { text: `<= ${goalMs} ms`, met: (value) => value <= goalMs },
      })
    return [
      row('ping p99 before', 'calmP99Us'),
      row('ping p50 beside', 'p50Us'),
      row('ping p99 beside', 'p99Us', flood.goalMs),
      row('speed of', 'mbPerSecond'),
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

function growth(context: BenchContext, subject: Subject): Promise<number> {
  const load = context.load(repeated(frameOf(pingMessage()), FLOOD_FILE_BYTES))
  return growthOf(subject, load, {}, (server, greeting) =>
    runLoad(load, 'pipeline', server, greeting, Math.round(200_000 * context.scale), 1),
  )
}

/** Megabytes by which a server grows at its peak, while a peer sends the load's flood and reads nothing. */
export async function growthOf(
  subject: Subject,
  load: LoadProgram,
  options: ServerOptions,
  warmUp: (server: Server, greeting: Greeting) => Promise<unknown>,
): Promise<number> {
  const server = await Server.start(subject, options)
  try {
    const greeting = await probeGreeting(server)
    // A flood that is read brings the heap to its working size first.
    await warmUp(server, greeting)
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
