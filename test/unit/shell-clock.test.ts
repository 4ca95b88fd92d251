/** The node's clock when it is made to stand. */
import { performance } from 'node:perf_hooks'
import { describe, expect, it, vi } from 'vitest'
import { SystemClock } from '../../src/shell/clock.ts'

describe('SystemClock', () => {
  it('adds up steps to exactly their sum, so that no timeout is missed by a fraction', () => {
    const uptime = vi.spyOn(performance, 'now')
    const wall = vi.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000)
    try {
      // From 2.8 to 3.7 seconds after its start: there 30 s cross a power of two, and fractions are rounded again.
      for (let attempt = 0; attempt < 200; attempt++) {
        uptime.mockReturnValue(2_800.123 + attempt * 4.517)
        const clock = new SystemClock()
        let seconds = 1_800_000_000
        clock.setMockTime(seconds)
        const { mono } = clock.now()
        for (const step of [29, 1, 29, 1]) {
          const before = clock.now().mono
          seconds += step
          clock.setMockTime(seconds)
          expect(clock.now().mono - before).toBe(step * 1_000)
        }
        expect(clock.now()).toEqual({ mono: mono + 60_000, unix: seconds })
      }
    } finally {
      uptime.mockRestore()
      wall.mockRestore()
    }
  })

  it('never goes back in monotonic time', () => {
    const clock = new SystemClock()
    const before = clock.now().mono
    clock.setMockTime(1_000)
    const standing = clock.now().mono
    expect(standing).toBeGreaterThanOrEqual(before)
    clock.setMockTime(500)
    expect(clock.now()).toEqual({ mono: standing, unix: 500 })
    clock.setMockTime(0)
    expect(clock.now().mono).toBeGreaterThanOrEqual(standing)
    expect(clock.isStanding).toBe(false)
  })
})
