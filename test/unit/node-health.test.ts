/** The watch over event loop and memory. */
import { describe, expect, it } from 'vitest'
import {
  describeHealth,
  type EventLoopLag,
  HealthMonitor,
  type HealthProbe,
  type HealthReport,
  type HealthWarning,
  type MemoryUse,
} from '../../src/node/health.ts'

const GOOD: EventLoopLag = { p50Ms: 0, p99Ms: 3, maxMs: 20 }
const MIB = 1_048_576

function make() {
  const state = { lag: GOOD, heapUsedBytes: 10 * MIB, nowMs: 5, resets: 0, running: false }
  let call: (() => void) | undefined
  const memory = (): MemoryUse => ({
    heapUsedBytes: state.heapUsedBytes,
    heapTotalBytes: 50 * MIB,
    heapLimitBytes: 100 * MIB,
    externalBytes: MIB,
    rssBytes: 90 * MIB,
  })
  const probe: HealthProbe = {
    start: () => {
      state.running = true
    },
    stop: () => {
      state.running = false
    },
    lag: () => state.lag,
    reset: () => void state.resets++,
    memory,
    nowMs: () => state.nowMs,
    every: (ms, again) => {
      expect(ms).toBe(60_000)
      call = again
      return () => {
        call = undefined
      }
    },
  }
  const samples: HealthReport[] = []
  const warnings: HealthWarning[] = []
  const monitor = new HealthMonitor(
    { onSample: (report) => samples.push(report), onWarning: (warning) => warnings.push(warning) },
    probe,
  )
  const minute = (): void => {
    state.nowMs += 60_000
    call?.()
  }
  return { state, monitor, samples, warnings, minute, ticks: () => call !== undefined }
}

describe('HealthMonitor', () => {
  it('reports memory always, and the lag of the last whole minute while it watches', () => {
    const { state, monitor, samples, minute, ticks } = make()
    expect(monitor.report().eventLoop).toBeUndefined()
    expect(monitor.report().memory.rssBytes).toBe(90 * MIB)
    monitor.start()
    monitor.start()
    expect(state.running).toBe(true)
    state.lag = { p50Ms: 1, p99Ms: 2, maxMs: 3 }
    expect(monitor.report().eventLoop).toEqual({ p50Ms: 1, p99Ms: 2, maxMs: 3 })
    minute()
    state.lag = GOOD
    expect(monitor.report().eventLoop).toEqual({ p50Ms: 1, p99Ms: 2, maxMs: 3 })
    minute()
    expect(monitor.report().eventLoop).toEqual(GOOD)
    expect(state.resets).toBe(2)
    expect(samples).toHaveLength(2)
    monitor.stop()
    monitor.stop()
    expect([state.running, ticks()]).toEqual([false, false])
  })

  it('warns of a slow event loop, once in ten minutes', () => {
    const { state, monitor, warnings, minute } = make()
    monitor.start()
    state.lag = { p50Ms: 0, p99Ms: 500, maxMs: 9_000 }
    minute()
    expect(warnings).toEqual([])
    state.lag = { p50Ms: 0, p99Ms: 500.1, maxMs: 9_000 }
    for (let i = 0; i < 10; i++) minute()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({
      kind: 'slow',
      text: expect.stringMatching(/ 500 ms late.*9000 ms at most/),
    })
    minute()
    expect(warnings).toHaveLength(2)
  })

  it('warns of memory that runs short, apart from that', () => {
    const { state, monitor, warnings, minute } = make()
    monitor.start()
    state.lag = { p50Ms: 0, p99Ms: 800, maxMs: 900 }
    minute()
    state.heapUsedBytes = 81 * MIB
    minute()
    expect(warnings.map(({ kind }) => kind)).toEqual(['slow', 'memory'])
    expect(warnings[1]?.text).toContain('81 of 100 MiB')
  })

  it('says in one line how the process is doing', () => {
    const { monitor } = make()
    expect(describeHealth(monitor.report())).toBe(
      'Health: event loop not watched; heap 10 MiB, process 90 MiB',
    )
    monitor.start()
    expect(describeHealth(monitor.report())).toMatch(/p99 3 ms, at most 20 ms/)
  })

  it('measures this very process', async () => {
    const monitor = new HealthMonitor()
    monitor.start()
    const { memory } = monitor.report()
    expect(memory.heapUsedBytes).toBeGreaterThan(MIB)
    expect(memory.heapLimitBytes).toBeGreaterThan(memory.heapUsedBytes)
    // The first look of the histogram comes with a turn of the event loop; then it is kept busy for a moment.
    const until = (condition: () => boolean) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          const end = performance.now() + 150
          while (performance.now() < end);
          if (condition()) resolve()
          else setTimeout(look, 25)
        }
        look()
      })
    await until(() => (monitor.report().eventLoop?.maxMs ?? 0) > 50)
    monitor.stop()
  })
})
