/**
 * One node that knows twenty honest ones, against somebody with ten thousand addresses in eight networks who presses
 * on it from all sides, also while it restarts. The share of its own choices that are the attacker's is watched.
 */
import { parseIp } from '../../../src/primitives/ip.ts'
import { stageOf } from '../actors/actor.ts'
import { Eclipser } from '../actors/eclipser.ts'
import { crowdPeers } from '../convergence.ts'
import type { SimNode } from '../node.ts'
import { automaticOptions, OUTBOUND, Society } from './society.ts'

const ATTACKER_ADDRESSES = 10_000
const ATTACKER_GROUPS = 8
const ATTACKER_INBOUND = 50
/** So long before the restart, and so long after it. */
const PHASE_MS = 900_000
const DOWN_MS = 30_000
const LOOK_EVERY_MS = 1_000

export interface Eclipse {
  readonly society: Society
  readonly victim: SimNode
  readonly eclipser: Eclipser
  /** The most of the victim's slots that were ever the attacker's. */
  readonly worst: number
}

export function eclipse(seed: number, size = 20, phaseMs = PHASE_MS): Eclipse {
  // Nobody to ask but those whom the victim knows already.
  const society = new Society({
    seed,
    nodes: size,
    wishes: { automatic: automaticOptions({ dnsSeeds: [] }) },
  })
  const { world, network } = society
  acquaint(society)
  world.run(60_000)
  const victim = society.prepare()
  victim.start()
  introduce(victim, society.running)
  const eclipser = new Eclipser(stageOf(world, network, 'eclipser'), {
    addresses: ATTACKER_ADDRESSES,
    groups: ATTACKER_GROUPS,
    inbound: ATTACKER_INBOUND,
    victims: [victim.endpoint],
  })
  let worst = watch(victim, society, phaseMs)
  if (society.random.below(2) === 0) victim.kill()
  else victim.stop()
  world.run(DOWN_MS)
  victim.start()
  worst = Math.max(worst, watch(victim, society, phaseMs))
  world.check()
  if (2 * worst >= OUTBOUND) throw new Error(`${worst} of ${OUTBOUND} slots were the attacker's`)
  return { society, victim, eclipser, worst }
}

/** Each node knows all others by the operator's word, so that there is a network to belong to. */
function acquaint({ running, world }: Society): void {
  world.runUntil(() => world.nodes.every(({ core }) => core !== undefined), 60_000)
  for (const node of world.nodes) introduce(node, running)
}

function introduce(node: SimNode, others: readonly SimNode[]): void {
  for (const other of others) {
    const ip = parseIp(other.options.host.address)
    if (other === node || ip === undefined) continue
    node.command({ type: 'addAddress', endpoint: { ip, port: other.endpoint.port }, tried: false })
  }
}

function watch(victim: SimNode, { world }: Society, ms: number): number {
  const end = world.time.mono + ms
  let worst = 0
  while (world.time.mono < end) {
    world.run(LOOK_EVERY_MS)
    worst = Math.max(worst, crowdPeers(victim))
  }
  return worst
}
