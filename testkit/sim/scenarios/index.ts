/** All scenarios by name, each a function of a seed and a number of nodes that throws if something is not as it must be. */
import type { World } from '../world.ts'
import { churn } from './churn.ts'
import { discovery } from './discovery.ts'
import { eclipse } from './eclipse.ts'
import { partition } from './partition.ts'
import { policy } from './policy.ts'
import type { Society } from './society.ts'
import { survival } from './survival.ts'
import { societySwarm } from './swarm.ts'

export interface Outcome {
  readonly world: World
  readonly society: Society
  /** What is worth saying about it beyond what is said of each world. */
  readonly rows: Readonly<Record<string, string | number>>
}

export type Scenario = (seed: number, nodes: number) => Outcome

const plain = (society: Society): Outcome => ({ world: society.world, society, rows: {} })

export const scenarios: Readonly<Record<string, Scenario>> = {
  discovery: (seed, nodes) => plain(discovery(seed, nodes)),
  partition: (seed, nodes) => plain(partition(seed, nodes)),
  churn: (seed, nodes) => plain(churn(seed, nodes)),
  survival: (seed, nodes) => {
    const { society, togetherAfterMs, healedAfterMs, recoveredAfterMs } = survival(seed, nodes)
    const seconds = (ms: number): number => Math.round(ms / 1_000)
    const rows = {
      togetherAfter: seconds(togetherAfterMs),
      healedAfter: seconds(healedAfterMs),
      recoveredAfter: seconds(recoveredAfterMs),
    }
    return { ...plain(society), rows }
  },
  eclipse: (seed, nodes) => {
    const { society, worst, eclipser } = eclipse(seed, nodes)
    const rows = { worstShare: worst, attackerTold: eclipser.told, attackerDialled: eclipser.dialled }
    return { ...plain(society), rows }
  },
  policy: (seed, nodes) => {
    const { society, models } = policy(seed, nodes)
    const points = models.reduce((sum, { charges }) => sum + charges.length, 0)
    return { ...plain(society), rows: { models: models.length, charges: points } }
  },
  swarm: (seed, nodes) => {
    const { society, troubles } = societySwarm(seed, nodes)
    return { ...plain(society), rows: { troubles: troubles.join(' ') } }
  },
}
