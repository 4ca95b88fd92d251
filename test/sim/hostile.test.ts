/** Nodes among those who want them harm, and among those who judge strictly. */
import { describe, expect, it } from 'vitest'
import { eclipse } from '../../testkit/sim/scenarios/eclipse.ts'
import { policy } from '../../testkit/sim/scenarios/policy.ts'
import { OUTBOUND } from '../../testkit/sim/scenarios/society.ts'
import { societySwarm, troubleNames } from '../../testkit/sim/scenarios/swarm.ts'

const TEST_TIMEOUT_MS = 240_000
const FRESH_SEEDS = 2
const PHASE_MS = 300_000

/** Another block of seeds for each commit, by which `npm test` sets SIM_SEED. */
const fresh = 2_000_000 + 1_000 * Number.parseInt(process.env['SIM_SEED'] ?? '1', 10)

describe('a node that knows twenty honest ones', { timeout: TEST_TIMEOUT_MS }, () => {
  it('never gives half of its choices to one with ten thousand addresses in eight networks', () => {
    const { worst, eclipser } = eclipse(1, 20, PHASE_MS)
    expect(eclipser.told).toBeGreaterThan(10_000)
    expect(2 * worst).toBeLessThan(OUTBOUND)
  })

  // Half of the slots were lost here: by answers of those who were themselves only vouched for, and by exploration.
  it.each([2, 10])('keeps them also as it was lost once (seed %i)', (seed) => {
    expect(2 * eclipse(seed).worst).toBeLessThan(OUTBOUND)
  })
})

describe('an hour among nodes of the reference policy', { timeout: TEST_TIMEOUT_MS }, () => {
  it('earns not a single point, though addresses are told and nodes come and go', () => {
    const { society, models } = policy(1, 12)
    for (const { charges, bans, completeCount, heard, known } of models) {
      expect(charges).toEqual([])
      expect(bans.count).toBe(0)
      expect(completeCount).toBeGreaterThan(0)
      expect(heard.get('getaddr')).toBeGreaterThan(0)
      expect(known.size).toBeGreaterThan(society.world.nodes.length / 2)
    }
  })
})

describe('small worlds with trouble and troublemakers', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each([2, 3])('are whole again when all of it stops: seed %i', (seed) => {
    expect(troubleNames).toEqual(expect.arrayContaining([...societySwarm(seed).troubles]))
  })

  it(`and so are fresh ones`, () => {
    for (let seed = fresh; seed < fresh + FRESH_SEEDS; seed++)
      expect(() => societySwarm(seed), `seed ${seed}`).not.toThrow()
  })
})
