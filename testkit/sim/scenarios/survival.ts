/**
 * All that a network must live through, in one world: nodes that know only two seeds find each other within ten
 * minutes, fall into two halves, are one again, lose three of ten nodes within some minutes, and are whole again.
 */
import { shake } from './churn.ts'
import { split } from './partition.ts'
import { CONVERGED_WITHIN_MS, Society } from './society.ts'

/** Longer than any connection outlives silence. */
const APART_MS = 300_000
const CHURN_MS = 300_000
const REST_MS = 60_000

export interface Survival {
  readonly society: Society
  /** Milliseconds that it took: until all were together at first, after the partition, after the losses. */
  readonly togetherAfterMs: number
  readonly healedAfterMs: number
  readonly recoveredAfterMs: number
}

export function survival(seed: number, size: number): Survival {
  const society = new Society({ seed, nodes: size })
  const { world } = society
  const { time } = world
  const converge = (withinMs: number): number => {
    const from = time.mono
    society.converge(withinMs)
    return time.mono - from
  }
  society.begin()
  const togetherAfterMs = time.mono + converge(CONVERGED_WITHIN_MS - time.mono)
  split(society)
  world.run(APART_MS)
  world.net.heal()
  const healedAfterMs = converge(CONVERGED_WITHIN_MS)
  shake(society, CHURN_MS)
  world.run(CHURN_MS + REST_MS)
  const recoveredAfterMs = converge(CONVERGED_WITHIN_MS)
  world.check()
  return { society, togetherAfterMs, healedAfterMs, recoveredAfterMs }
}
