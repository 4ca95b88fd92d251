/**
 * How the process itself is doing: how late its event loop runs, and how much memory it holds. Looked at once a
 * minute; what is too much is a warning, at most one of a kind in ten minutes.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

export interface EventLoopLag {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface MemoryUse {
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  /** The process ends when its heap has to grow beyond this. */
  readonly heapLimitBytes: number
  /** Buffers, which lie outside of the heap. */
  readonly externalBytes: number
  readonly rssBytes: number
}

export interface HealthReport {
  /** Of the last whole minute, or since the start in the first one; undefined if it is not watched. */
  readonly eventLoop: EventLoopLag | undefined
  readonly memory: MemoryUse
}

export interface HealthWarning {
  readonly kind: 'slow' | 'memory'
  readonly text: string
}

/** What is measured, and the time; for tests to replace. */
export interface HealthProbe {
  /** Begins to measure the lag of the event loop. */
  start(): void
  stop(): void
  /** Since the start or the last reset. */
  lag(): EventLoopLag
  reset(): void
  memory(): MemoryUse
  /** Milliseconds of a clock that never goes backwards. */
  nowMs(): number
  /** Calls again and again, without keeping the process alive; returns how to end that. */
  every(ms: number, call: () => void): () => void
}

export interface HealthListener {
  readonly onSample?: (report: HealthReport) => void
  readonly onWarning?: (warning: HealthWarning) => void
}

const SAMPLE_INTERVAL_MS = 60_000
const WARNING_INTERVAL_MS = 600_000
/** Peers notice: a pong that is half a second late. */
export const MAX_LAG_P99_MS = 500
/** Beyond it collecting garbage takes more time than working. */
export const MAX_HEAP_SHARE = 0.8
const LAG_RESOLUTION_MS = 20
const MEBIBYTE = 1_048_576

export class HealthMonitor {
  readonly #listener: HealthListener
  readonly #probe: HealthProbe
  readonly #warnedAt = new Map<HealthWarning['kind'], number>()
  #lastMinute: EventLoopLag | undefined
  #stop: (() => void) | undefined

  constructor(listener: HealthListener = {}, probe: HealthProbe = systemProbe()) {
    this.#listener = listener
    this.#probe = probe
  }

  start(): void {
    if (this.#stop !== undefined) return
    this.#probe.start()
    this.#stop = this.#probe.every(SAMPLE_INTERVAL_MS, () => this.#sample())
  }

  stop(): void {
    if (this.#stop === undefined) return
    this.#stop()
    this.#probe.stop()
    this.#stop = undefined
  }

  report(): HealthReport {
    const lag = this.#stop === undefined ? undefined : this.#probe.lag()
    return { eventLoop: this.#lastMinute ?? lag, memory: this.#probe.memory() }
  }

  #sample(): void {
    this.#lastMinute = this.#probe.lag()
    this.#probe.reset()
    const report = this.report()
    this.#listener.onSample?.(report)
    for (const warning of warningsOf(report)) this.#warn(warning)
  }

  #warn(warning: HealthWarning): void {
    const now = this.#probe.nowMs()
    const before = this.#warnedAt.get(warning.kind)
    if (before !== undefined && now - before < WARNING_INTERVAL_MS) return
    this.#warnedAt.set(warning.kind, now)
    this.#listener.onWarning?.(warning)
  }
}

export function warningsOf({ eventLoop, memory }: HealthReport): HealthWarning[] {
  const warnings: HealthWarning[] = []
  if (eventLoop !== undefined && eventLoop.p99Ms > MAX_LAG_P99_MS) {
    const text =
      `The node is slow: in the last minute, one time in a hundred it answered ${Math.round(eventLoop.p99Ms)} ms ` +
      `late or later (${Math.round(eventLoop.maxMs)} ms at most). Is this machine overloaded?`
    warnings.push({ kind: 'slow', text })
  }
  const { heapUsedBytes, heapLimitBytes } = memory
  if (heapUsedBytes > MAX_HEAP_SHARE * heapLimitBytes) {
    const [used, limit] = [heapUsedBytes, heapLimitBytes].map((bytes) => Math.round(bytes / MEBIBYTE))
    const text = `Memory runs short: ${used} of ${limit} MiB are in use, and at the limit the node ends`
    warnings.push({ kind: 'memory', text })
  }
  return warnings
}

/** For the log, where one line a minute has to suffice. */
export function describeHealth({ eventLoop, memory }: HealthReport): string {
  const mib = (bytes: number): number => Math.round(bytes / MEBIBYTE)
  const lag =
    eventLoop === undefined ? 'not watched' : `p99 ${eventLoop.p99Ms} ms, at most ${eventLoop.maxMs} ms`
  return `Health: event loop ${lag}; heap ${mib(memory.heapUsedBytes)} MiB, process ${mib(memory.rssBytes)} MiB`
}

function systemProbe(): HealthProbe {
  // Made when it is needed: half a megabyte, and there may be many nodes in one process.
  let histogram: IntervalHistogram | undefined
  // Each value is the time from one look to the next: what is beyond the resolution is delay.
  const late = (ns: number | undefined): number =>
    Math.max(0, Math.round(10 * ((ns ?? 0) / 1e6 - LAG_RESOLUTION_MS)) / 10)
  return {
    start: () => {
      histogram ??= monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
      histogram.enable()
    },
    stop: () => void histogram?.disable(),
    reset: () => histogram?.reset(),
    lag: () => ({
      p50Ms: late(histogram?.percentile(50)),
      p99Ms: late(histogram?.percentile(99)),
      maxMs: late(histogram?.max),
    }),
    memory: () => {
      const { heapUsed, heapTotal, external, rss } = process.memoryUsage()
      return {
        heapUsedBytes: heapUsed,
        heapTotalBytes: heapTotal,
        heapLimitBytes: getHeapStatistics().heap_size_limit,
        externalBytes: external,
        rssBytes: rss,
      }
    },
    nowMs: () => performance.now(),
    every: (ms, call) => {
      const timer = setInterval(call, ms)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}
