/** Nodes that know two seeds and find each other, whatever happens to them meanwhile. */
import { describe, expect, it } from 'vitest'
import { sample } from '../../testkit/sim/convergence.ts'
import { churn } from '../../testkit/sim/scenarios/churn.ts'
import { discovery } from '../../testkit/sim/scenarios/discovery.ts'
import { partition } from '../../testkit/sim/scenarios/partition.ts'
import { CONVERGED_WITHIN_MS } from '../../testkit/sim/scenarios/society.ts'
import { survival } from '../../testkit/sim/scenarios/survival.ts'

const TEST_TIMEOUT_MS = 240_000

describe('nodes that know two seeds', { timeout: TEST_TIMEOUT_MS }, () => {
  it('have all their peers within ten minutes, and reach everybody', () => {
    const { world, convergence } = discovery(1, 60)
    expect(world.time.mono).toBeLessThanOrEqual(CONVERGED_WITHIN_MS)
    expect(sample(world)).toMatchObject({ nodes: 60, full: 60, components: 1 })
    expect(convergence.samples.length).toBeGreaterThan(0)
  })

  it('find each other in the same way again', () => {
    const run = (seed: number): string => discovery(seed, 28).world.trace.hash
    expect(run(2)).toBe(run(2))
    expect(run(3)).not.toBe(run(2))
  })

  it('are one network again after half an hour in two', () => {
    const { world } = partition(1, 40)
    expect(sample(world)).toMatchObject({ nodes: 40, full: 40, components: 1 })
  })

  it('are whole again after three of ten were killed, some of them for good', () => {
    const { world } = churn(1, 48)
    expect(world.nodes.length).toBeGreaterThan(48)
    expect(sample(world)).toMatchObject({ nodes: 48, full: 48, components: 1 })
  })

  it('live through a partition and losses, one after the other', () => {
    const { society, togetherAfterMs, healedAfterMs, recoveredAfterMs } = survival(2, 28)
    expect(sample(society.world)).toMatchObject({ nodes: 28, full: 28, components: 1 })
    expect(Math.max(togetherAfterMs, healedAfterMs, recoveredAfterMs)).toBeLessThanOrEqual(
      CONVERGED_WITHIN_MS,
    )
  })
})
