/** An hour of our nodes among models of the network's other program, which must not give them a single point. */
import type { Endpoint } from '../../../src/primitives/ip.ts'
import { stageOf } from '../actors/actor.ts'
import { PolicyModel } from '../actors/policy-model.ts'
import { spreadAddress } from '../addresses.ts'
import { pointsOfNodes } from '../guard.ts'
import { shake } from './churn.ts'
import { Society } from './society.ts'

const HOUR_MS = 3_600_000
const MODELS_PER_NODE = 0.5
/** Addresses of the models, beyond those of all nodes. */
const FIRST_MODEL = 20_000
const CHURN_MS = 600_000

export interface Policy {
  readonly society: Society
  readonly models: readonly PolicyModel[]
}

export function policy(seed: number, size: number): Policy {
  const society = new Society({ seed, nodes: size, conditions: { jitterMs: 50, latencyMs: [5, 300] } })
  const models = addModels(society, Math.max(2, Math.floor(MODELS_PER_NODE * size)))
  society.world.run(HOUR_MS / 2)
  shake(society, CHURN_MS)
  society.world.run(HOUR_MS / 2)
  society.world.check()
  demandInnocence(society, models)
  return { society, models }
}

/** Models that dial the world's seeds for ever, and whoever they hear of. */
export function addModels(society: Society, count: number): PolicyModel[] {
  const { world, network } = society
  const port = network.defaultPort
  const seeds = world.nodes.slice(0, 2).map(({ options }): Endpoint => ({ ip: options.host.ip, port }))
  return Array.from({ length: count }, (_, i) => {
    const address = spreadAddress(FIRST_MODEL + i)
    return new PolicyModel(stageOf(world, network, `model ${i}`), {
      address,
      port,
      seeds,
      asksMempool: i % 2 === 1,
    })
  })
}

/** Throws if a model has charged a node, or, where the network holds messages up, if it was about to ban one. */
export function demandInnocence({ world }: Society, models: readonly PolicyModel[], allowed = -1): void {
  const points = pointsOfNodes(world, models)
  const worst = points.filter(({ score }) => score > allowed)
  if (worst.length === 0) return
  const texts = worst.slice(0, 5).map(({ node, at, why, score }) => `${node} at ${at} ms: ${why} (${score})`)
  throw new Error(`${points.length} charges, such as ${texts.join('; ')}`)
}
