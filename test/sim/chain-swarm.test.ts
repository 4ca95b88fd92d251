/** Nodes that find blocks while everything goes wrong. `CHAIN_SEEDS=100 npm test -- test/sim/chain-swarm` runs more. */
import { describe, expect, it } from 'vitest'
import { chainSwarm } from '../../testkit/sim/scenarios/chain-swarm.ts'

const { CHAIN_SEEDS, CHAIN_FIRST } = process.env
const SEEDS = Number(CHAIN_SEEDS ?? 12)
const FIRST = Number(CHAIN_FIRST ?? 1)
const TEST_TIMEOUT_MS = 120_000

describe('a swarm with chains', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST + i))('agrees once faults stop, seed %i', (seed) => {
    const { height, agreedAfterMs, faults, crashes } = chainSwarm(seed)
    expect(height).toBeGreaterThan(20)
    const line = `${seed}: height ${height} after ${Math.round(agreedAfterMs)} ms, ${crashes} crashes, ${faults.join(' ')}`
    if (CHAIN_SEEDS !== undefined) process.stdout.write(`${line}\n`)
  })

  it('does the same again from the same seed', () => {
    expect(chainSwarm(4).traceHash).toBe(chainSwarm(4).traceHash)
  })
})
