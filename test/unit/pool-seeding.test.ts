import { describe, expect, it } from 'vitest'
import { DNS_SEED_DELAY_MS, RESEED_INTERVAL_MS, SEED_AFTER_MS } from '../../src/params/limits.ts'
import { Seeding, type SeedStep } from '../../src/pool/seeding.ts'
import { monoMs } from '../../src/primitives/brand.ts'

const START = monoMs(1_000)

interface Asked {
  readonly at: number
  readonly step: SeedStep
}

/** What is asked of seeds in so many milliseconds, by a node that always has so many peers. */
function run(seeding: Seeding, connected: number, ms: number): Asked[] {
  const asked: Asked[] = []
  while (seeding.nextAt <= START + ms) {
    const now = seeding.nextAt
    const step = seeding.plan(connected, now)
    if (step !== undefined) asked.push({ at: now - START, step })
  }
  return asked
}

describe('Seeding', () => {
  it('asks names at once if nobody is known', () => {
    expect(run(new Seeding(true, true, 0, START), 0, 1)).toEqual([{ at: 0, step: 'dns' }])
  })

  it('uses what is built in at once if there are no names to ask', () => {
    expect(run(new Seeding(false, true, 0, START), 0, 1)).toEqual([{ at: 0, step: 'fixed' }])
  })

  it('gives known addresses time first', () => {
    expect(run(new Seeding(true, true, 1, START), 0, SEED_AFTER_MS)).toEqual([
      { at: DNS_SEED_DELAY_MS, step: 'dns' },
      { at: SEED_AFTER_MS, step: 'fixed' },
    ])
  })

  it.each([
    [0, ['dns', 'fixed']],
    [1, ['dns']],
    [2, []],
  ])('asks, with %i peers, %j', (connected, steps) => {
    const asked = run(new Seeding(true, true, 5, START), connected, RESEED_INTERVAL_MS - 1)
    expect(asked.map(({ step }) => step)).toEqual(steps)
  })

  it('asks again every ten minutes while that leads nowhere', () => {
    const dns = run(new Seeding(true, false, 0, START), 0, 3 * RESEED_INTERVAL_MS)
    expect(dns.map(({ at }) => at)).toEqual([0, 1, 2, 3].map((n) => n * RESEED_INTERVAL_MS))
  })

  it('never does anything without seeds', () => {
    const seeding = new Seeding(false, false, 0, START)
    seeding.alone(START)
    expect(seeding.nextAt).toBe(Number.POSITIVE_INFINITY)
    expect(seeding.plan(0, monoMs(1e12))).toBeUndefined()
  })

  it('waits with what is built in, also when no name leads anywhere', () => {
    expect(run(new Seeding(true, true, 0, START), 0, SEED_AFTER_MS)).toEqual([
      { at: 0, step: 'dns' },
      { at: SEED_AFTER_MS, step: 'fixed' },
    ])
  })

  it('looks again soon after the last peer is gone', () => {
    const seeding = new Seeding(true, true, 5, START)
    run(seeding, 8, 10_000_000)
    const gone = monoMs(START + 10_000_000)
    seeding.alone(gone)
    expect(seeding.nextAt).toBeLessThanOrEqual(gone + SEED_AFTER_MS)
    expect(run(seeding, 0, 10_000_000 + 2 * SEED_AFTER_MS).map(({ step }) => step)).toEqual(['dns', 'fixed'])
  })

  it('does not ask more often because peers come and go', () => {
    const seeding = new Seeding(true, true, 0, START)
    const asked: Asked[] = []
    for (let ms = 0; ms <= 2 * RESEED_INTERVAL_MS; ms += 1_000) {
      seeding.alone(monoMs(START + ms))
      asked.push(...run(seeding, 0, ms))
    }
    for (const wanted of ['dns', 'fixed']) {
      const times = asked.filter(({ step }) => step === wanted).map(({ at }) => at)
      expect(times.length).toBeGreaterThanOrEqual(2)
      for (const [i, time] of times.entries())
        if (i > 0) expect(time - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(RESEED_INTERVAL_MS)
    }
  })
})
