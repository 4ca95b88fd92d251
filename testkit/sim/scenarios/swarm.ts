/**
 * A small world with a random choice of everything that can go wrong, and of everybody who is up to no good. After a
 * while all of it stops; then everybody must have all peers again, and nobody may have blamed the innocent.
 */
import type { RandomSource } from '../../../src/primitives/random.ts'
import { type Stage, stageOf } from '../actors/actor.ts'
import { Eclipser } from '../actors/eclipser.ts'
import { Liar } from '../actors/liar.ts'
import { Flooder, type FloodKind, SlowReader, WrongGenesis } from '../actors/nuisances.ts'
import type { PolicyModel } from '../actors/policy-model.ts'
import { BAN_SCORE } from '../actors/policy-rules.ts'
import { spreadAddress } from '../addresses.ts'
import { CALM } from '../network.ts'
import type { SimNode } from '../node.ts'
import { shake } from './churn.ts'
import { addModels, demandInnocence } from './policy.ts'
import { CONVERGED_WITHIN_MS, Society } from './society.ts'

const TROUBLE_MS = 480_000
const MIN_NODES = 32
/** Addresses of those who are up to no good. */
const FIRST_ROGUE = 21_000
const ROGUES = ['slow', 'pings', 'unknown', 'garbage', 'crumbs', 'addresses', 'genesis', 'liar'] as const
type Rogue = (typeof ROGUES)[number]

interface Trouble {
  readonly society: Society
  readonly random: RandomSource
  /** What ends each trouble. */
  readonly ends: (() => void)[]
  readonly models: PolicyModel[]
}

const TROUBLES: Readonly<Record<string, (trouble: Trouble) => void>> = {
  churn: ({ society }) => shake(society, TROUBLE_MS / 2),
  partitions: ({ society, random, ends }) => {
    const { world } = society
    world.net.partition(() => random.below(2), random.below(2) === 0 ? 'stall' : 'refuse')
    world.time.after(TROUBLE_MS * random.unit(), () => world.net.heal())
    ends.push(() => world.net.heal())
  },
  clocks: ({ society, random, ends }) => {
    for (const node of society.world.nodes) jump(society, random, node)
    ends.push(() => {
      for (const node of society.world.nodes) node.clockOffsetSeconds = 0
    })
  },
  slowLines: ({ society, random, ends }) => {
    for (const { options } of society.world.nodes) {
      if (random.below(3) === 0) options.host.bytesPerMs = 4 + 20 * random.unit()
    }
    ends.push(() => {
      for (const { options } of society.world.nodes) options.host.bytesPerMs = Number.POSITIVE_INFINITY
    })
  },
  latency: ({ society, ends }) => {
    const { net } = society.world
    net.conditions = { ...CALM, latencyMs: [0, 1_500], jitterMs: 800, pieceBytes: 2_000 }
    ends.push(() => {
      net.conditions = CALM
    })
  },
  lateTimers: ({ society, random, ends }) => {
    society.world.timerLateMs = 200 * random.unit()
    ends.push(() => {
      society.world.timerLateMs = 0
    })
  },
  models: ({ society, random, models }) => {
    models.push(...addModels(society, 1 + random.below(4)))
  },
  rogues: (trouble) => {
    const { random, ends } = trouble
    const count = 1 + random.below(3)
    for (let i = 0; i < count; i++) ends.push(startRogue(trouble, FIRST_ROGUE + i))
  },
  eclipse: ({ society, random, ends }) => {
    const { world, network } = society
    const victims = [world.nodes[random.below(world.nodes.length)]].flatMap((node) => node?.endpoint ?? [])
    const stage = stageOf(world, network, 'eclipser')
    const eclipser = new Eclipser(stage, { addresses: 10_000, groups: 8, inbound: 8, victims })
    ends.push(() => eclipser.stop())
  },
}

/** These hold messages up, so that two may arrive together that were sent as far apart as they should be. */
const UNSTEADY: ReadonlySet<string> = new Set(['latency', 'partitions', 'slowLines'])

export const troubleNames: readonly string[] = Object.keys(TROUBLES)

export interface SwarmOutcome {
  readonly society: Society
  readonly troubles: readonly string[]
}

export function societySwarm(seed: number, size = MIN_NODES): SwarmOutcome {
  const society = new Society({ seed, nodes: Math.max(MIN_NODES, size) })
  const random = society.world.random.fork('troubles')
  const trouble: Trouble = { society, random, ends: [], models: [] }
  const troubles = troubleNames.filter(() => random.below(3) === 0)
  society.world.run(120_000 * random.unit())
  for (const name of troubles) TROUBLES[name]?.(trouble)
  society.world.run(TROUBLE_MS)
  for (const end of trouble.ends) end()
  society.converge(2 * CONVERGED_WITHIN_MS)
  society.world.check()
  demandInnocence(society, trouble.models, troubles.some((name) => UNSTEADY.has(name)) ? BAN_SCORE - 1 : -1)
  return { society, troubles }
}

/** Its wall clock goes wrong by up to a day either way, some time from now. */
function jump({ world }: Society, random: RandomSource, node: SimNode): void {
  if (random.below(2) === 0) return
  world.time.after(TROUBLE_MS * random.unit(), () => {
    node.clockOffsetSeconds = Math.floor(2 * 86_400 * (random.unit() - 0.5))
  })
}

function startRogue({ society, random }: Trouble, number: number): () => void {
  const { world, network } = society
  const stage = stageOf(world, network, `rogue ${number}`)
  const victims = world.nodes.filter(() => random.below(8) === 0).map(({ endpoint }) => endpoint)
  const kind = ROGUES[random.below(ROGUES.length)] ?? 'liar'
  world.net.host(spreadAddress(number)).bytesPerMs = 20
  const rogue = makeRogue(stage, kind, spreadAddress(number), victims)
  return () => rogue.stop()
}

function makeRogue(
  stage: Stage,
  kind: Rogue,
  address: string,
  victims: readonly { host: string; port: number }[],
): { stop(): void } {
  if (kind === 'slow') return new SlowReader(stage, address, victims)
  if (kind === 'liar') return new Liar(stage, address, victims)
  if (kind === 'genesis') return new WrongGenesis(stage, address, victims)
  return new Flooder(stage, address, victims, kind satisfies FloodKind, 150)
}
