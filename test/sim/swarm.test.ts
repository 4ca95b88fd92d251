/** Hundreds of small worlds with faults, each a seed. A seed that ever failed gets a test of its own. */
import { describe, expect, it } from 'vitest'
import { faultNames, runSwarm, type SwarmResult } from '../../testkit/sim/swarm.ts'

const FIXED_SEEDS = 200
const FRESH_SEEDS = 100
const GROUP = 20

/** Another block of seeds for each commit, by which `npm test` sets SIM_SEED. */
const fresh = 1_000_000 + 1_000 * Number.parseInt(process.env['SIM_SEED'] ?? '1', 10)

const results: SwarmResult[] = []

/** A failing seed is run once more, for the story of it. */
function run(seed: number): void {
  try {
    results.push(runSwarm(seed))
  } catch {
    runSwarm(seed, { tailLines: 150 })
  }
}

function groups(from: number, count: number): [number, number][] {
  return Array.from({ length: count / GROUP }, (_, i) => [from + i * GROUP, from + (i + 1) * GROUP - 1])
}

describe('when all faults stop, everybody is connected to whom it wants', () => {
  it.each([...groups(1, FIXED_SEEDS), ...groups(fresh, FRESH_SEEDS)])('seeds %i to %i', (from, to) => {
    for (let seed = from; seed <= to; seed++) expect(() => run(seed), `seed ${seed}`).not.toThrow()
  })

  it('and there was every fault among the seeds, and much to suffer from', () => {
    expect(new Set(results.flatMap(({ faults }) => faults))).toEqual(new Set(faultNames))
    expect(results.reduce((sum, { disconnects }) => sum + disconnects, 0)).toBeGreaterThan(5_000)
  })
})
