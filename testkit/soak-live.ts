/**
 * Real nodes under attack, for seconds or for hours: memory, the lag of the event loop, and how long a peer that
 * behaves well waits for its pongs. Attackers and the peer that measures run in threads of their own, so that neither
 * delays the other; the same peer pings a second node that nobody attacks, which shows how much of a delay is the
 * machine's. Linux only, where memory of a process can be read.
 */
import { constants, getPriority, setPriority } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type AttackTask, attack } from './attackers.ts'
import { eventually } from './changes.ts'
import { Lab, type NodeProcess } from './process.ts'
import { TcpPeer } from './tcp-peer.ts'

const MEGABYTE = 1_048_576
const PING_INTERVAL_MS = 5
const LAG_RESOLUTION_MS = 5
/** Steps of priority by which attackers stand back. */
const YIELDING = 10
const SAMPLE_INTERVAL_MS = 100
const BASELINE_MS = 5_000
const SETTLE_MS = 120_000
/** Compiled code and warm buffers, which a node keeps after its first work. */
const MAX_KEPT_BYTES = 32 * MEGABYTE
export const MAX_RSS_BYTES = 300 * MEGABYTE

export interface Latency {
  /** All of them, in milliseconds, in order of size. */
  readonly sorted: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** What the peer that behaves well saw in a time. */
export interface Window {
  readonly attacked: Latency
  /** The node that nobody attacks. */
  readonly control: Latency
  /** How late the measuring thread itself was. */
  readonly ownLagP99Ms: number
}

type Work =
  | { readonly soakWork: 'attack'; readonly task: AttackTask }
  | { readonly soakWork: 'witness'; readonly ports: readonly [attacked: number, control: number] }

if (!isMainThread && isWork(workerData)) void serve(workerData)

function isWork(data: unknown): data is Work {
  return typeof data === 'object' && data !== null && 'soakWork' in data
}

async function serve(work: Work): Promise<void> {
  if (work.soakWork === 'witness') return await witness(work.ports)
  // Attackers have machines of their own elsewhere: theirs must not take the processor from the node. On Linux this
  // concerns the calling thread alone.
  setPriority(0, Math.min(constants.priority.PRIORITY_LOW, getPriority() + YIELDING))
  await attack(work.task, new AbortController().signal)
}

/** Pings both nodes for ever; tells what it saw since the last time when asked. */
async function witness(ports: readonly [number, number]): Promise<void> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  lag.enable()
  const samples: [number[], number[]] = [[], []]
  parentPort?.on('message', () => {
    const ownLagP99Ms = Math.max(0, lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS)
    lag.reset()
    const window: Window = { attacked: latency(samples[0]), control: latency(samples[1]), ownLagP99Ms }
    samples[0] = []
    samples[1] = []
    parentPort?.postMessage(window)
  })
  const watch = async (which: 0 | 1): Promise<void> => {
    const peer = await TcpPeer.join({ port: ports[which] })
    for (;;) {
      peer.messages.length = 0
      samples[which].push(await peer.ping())
      await pause(PING_INTERVAL_MS)
    }
  }
  await Promise.all([watch(0), watch(1)])
}

function latency(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { sorted, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A thread that runs this very module. */
class Helper {
  readonly #worker: Worker
  readonly ended: Promise<void>

  constructor(work: Work, onError: (text: string) => void) {
    this.#worker = new Worker(fileURLToPath(import.meta.url), { workerData: work })
    this.#worker.on('error', (error) => onError(`${work.soakWork}: ${error.message}`))
    this.ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()))
  }

  /** Of a witness: what it saw since it was asked last. */
  window(): Promise<Window> {
    return new Promise((resolve, reject) => {
      void this.ended.then(() => reject(new Error('the peer that behaves well has ended')))
      this.#worker.once('message', resolve)
      this.#worker.postMessage('window')
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

export interface Row {
  readonly seconds: number
  readonly rssBytes: number
  readonly heapUsedBytes: number
  readonly connections: number
  /** As the node itself measured it, in its last whole minute. */
  readonly nodeLagP99Ms: number
  readonly window: Window
}

export interface SoakReport {
  readonly rows: readonly Row[]
  readonly idle: Window
  readonly underAttack: Latency
  /** At the same time, of the node that nobody attacks. */
  readonly control: Latency
  readonly rss: { readonly before: number; readonly peak: number; readonly after: number }
  /** Until memory was back, or it was given up. */
  readonly settledAfterMs: number
  readonly failures: readonly string[]
}

export interface SoakOptions {
  readonly tasks: (port: number) => readonly AttackTask[]
  /** How long it goes on; left out: until floods have been taken. */
  readonly durationMs?: number
  /** Time between two rows. */
  readonly rowMs: number
  readonly onRow?: (row: Row) => void
  /** More options for the node. */
  readonly args?: readonly string[]
}

/**
 * All at once: a hundred thousand pings, a gigabyte of nonsense, and those who hold on to what they have.
 * @public for scripts/soak.mjs
 */
export function fullAttack(port: number): readonly AttackTask[] {
  return [
    { kind: 'trickle', port, count: 50 },
    { kind: 'slowReader', port, pings: 500_000 },
    { kind: 'halfOpen', port, count: 500 },
    { kind: 'pings', port, count: 100_000 },
    { kind: 'unknownCommands', port, bytes: 1_024 * MEGABYTE, frameBytes: 65_536 },
  ]
}

/** Tasks that come to an end by themselves, by being taken. */
const FLOODS: ReadonlySet<string> = new Set(['pings', 'unknownCommands'])

/**
 * Starts nodes of its own and leaves nothing behind.
 * @public for scripts/soak.mjs
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const lab = new Lab()
  const failures: string[] = []
  const complain = (error: unknown): void => {
    failures.push(error instanceof Error ? error.message : String(error))
  }
  const helpers: Helper[] = []
  const help = (work: Work): Helper => {
    const helper = new Helper(work, complain)
    helpers.push(helper)
    return helper
  }
  try {
    const args = ['--regtest', ...(options.args ?? [])]
    const { node, port } = await lab.startListening({ args })
    const { port: controlPort } = await lab.startListening({ args: ['--regtest'] })
    const honest = help({ soakWork: 'witness', ports: [port, controlPort] })
    await eventually(
      async () => ((await node.rpc('getconnectioncount')) === 1 ? true : undefined),
      'a witness',
    )
    await pause(BASELINE_MS)
    const idle = await honest.window()
    const before = node.memory().rss

    const tasks = options.tasks(port)
    const attackers = tasks.map((task) => help({ soakWork: 'attack', task }))
    const floods = attackers.filter((_, i) => FLOODS.has(tasks[i]?.kind ?? ''))
    const end =
      options.durationMs === undefined
        ? Promise.all(floods.map(({ ended }) => ended))
        : pause(options.durationMs)
    const rows = await watch(node, honest, end, options).catch((error: unknown) => {
      complain(error)
      return []
    })
    await Promise.all(attackers.map((helper) => helper.close()))
    const settledAfterMs = await settle(node, before, complain)
    const { rss: after, peak } = node.memory()
    if (peak > MAX_RSS_BYTES) complain(`memory grew to ${peak} bytes`)
    if (node.errors.length > 0) complain(`the node complained: ${node.errors.join('\n')}`)
    await Promise.all(helpers.map((helper) => helper.close()))
    const { code } = await node.stop()
    if (code !== 0) complain(`the node ended with code ${code}`)
    return {
      rows,
      idle,
      underAttack: latency(rows.flatMap(({ window }) => window.attacked.sorted)),
      control: latency(rows.flatMap(({ window }) => window.control.sorted)),
      rss: { before, peak, after },
      settledAfterMs,
      failures,
    }
  } finally {
    await Promise.all(helpers.map((helper) => helper.close()))
    await lab.close()
  }
}

/** A row at each interval, and one at the end. */
async function watch(
  node: NodeProcess,
  honest: Helper,
  end: Promise<unknown>,
  { rowMs, onRow }: SoakOptions,
): Promise<Row[]> {
  const rows: Row[] = []
  const startedAt = performance.now()
  let isOver = false
  void end.then(() => {
    isOver = true
  })
  while (!isOver) {
    const rowEnd = performance.now() + rowMs
    let rssBytes = 0
    while (!isOver && performance.now() < rowEnd) {
      if (node.hasExited) throw new Error(`the node ended\n${node.describe()}`)
      rssBytes = Math.max(rssBytes, node.memory().rss)
      await pause(SAMPLE_INTERVAL_MS)
    }
    const row = await describe(node, honest, rssBytes, (performance.now() - startedAt) / 1_000)
    rows.push(row)
    onRow?.(row)
  }
  return rows
}

interface Health {
  readonly eventloop?: { readonly p99_ms: number }
  readonly heap: { readonly used: number }
}

async function describe(node: NodeProcess, honest: Helper, rssBytes: number, seconds: number): Promise<Row> {
  const window = await honest.window()
  const health = (await node.rpc('gethealth')) as Health
  const connections = Number(await node.rpc('getconnectioncount'))
  const { used: heapUsedBytes } = health.heap
  return {
    seconds,
    rssBytes,
    heapUsedBytes,
    connections,
    nodeLagP99Ms: health.eventloop?.p99_ms ?? 0,
    window,
  }
}

/** Waits until all but the peer that behaves well are gone and memory has come down. Returns how long it took. */
async function settle(
  node: NodeProcess,
  before: number,
  complain: (error: unknown) => void,
): Promise<number> {
  const startedAt = performance.now()
  if (node.hasExited) return 0
  const alone = async () => ((await node.rpc('getconnectioncount')) === 1 ? true : undefined)
  await eventually(alone, 'only the peer that behaves well is left', SETTLE_MS).catch(complain)
  const calm = () => (node.memory().rss - before <= MAX_KEPT_BYTES ? true : undefined)
  await eventually(calm, 'memory is back where it was', SETTLE_MS).catch(complain)
  return performance.now() - startedAt
}

/**
 * Megabytes per hour by which memory grew over the second half of the rows, by the line that fits them best.
 * @public for scripts/soak.mjs
 */
export function driftPerHour(rows: readonly Row[]): number {
  const half = rows.slice(rows.length >> 1)
  const mean = (of: (row: Row) => number): number => half.reduce((sum, row) => sum + of(row), 0) / half.length
  const [x, y] = [mean((row) => row.seconds), mean((row) => row.rssBytes)]
  const spread = mean((row) => (row.seconds - x) ** 2)
  return spread === 0
    ? 0
    : (3_600 * mean((row) => (row.seconds - x) * (row.rssBytes - y))) / spread / MEGABYTE
}
