import { describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { buildSoak, summarize } from '../../testkit/sim/soak.ts'
import { runSwarm } from '../../testkit/sim/swarm.ts'

describe('a simulation', () => {
  it('repeats exactly with the same seed, and differs with another', () => {
    const run = (seed: number) => {
      const conditions = { jitterMs: 50, pieceBytes: 30 }
      const world = buildSoak({
        seed,
        nodes: 10,
        network: regtest,
        targetsPerNode: 3,
        conditions,
        timerLateMs: 4,
      })
      world.run(600_000)
      return summarize(world)
    }
    expect(run(1)).toEqual(run(1))
    expect(run(2).traceHash).not.toBe(run(1).traceHash)
  })

  it('repeats exactly with all faults', () => {
    for (let seed = 900; seed < 905; seed++) expect(runSwarm(seed)).toEqual(runSwarm(seed))
  })

  it('does not change by being looked at', () => {
    expect(runSwarm(900, { tailLines: 1_000, checkEvery: 1 }).traceHash).toBe(runSwarm(900).traceHash)
  })
})
