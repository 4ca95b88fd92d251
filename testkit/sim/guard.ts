/** What must be true between nodes: honest ones never blame each other, and nobody's model of the rules blames them. */
import type { NodeEvent } from '../../src/core/seam.ts'
import { formatIp } from '../../src/primitives/ip.ts'
import type { PolicyModel } from './actors/policy-model.ts'
import type { SimNode } from './node.ts'
import type { World } from './world.ts'

/** From now on throws as soon as a node charges or bans another. Not for worlds that lose bytes. */
export function demandPeace(world: World): void {
  world.observers.push((node, event) => {
    const victim = blamed(world, node, event)
    if (victim !== undefined) throw new Error(`${node.name} blames ${victim.name}: ${describe(event)}`)
  })
}

function blamed(world: World, node: SimNode, event: NodeEvent): SimNode | undefined {
  if (event.type === 'banned') return world.nodeAt(event.subnet.split('/')[0] ?? '')
  if (event.type !== 'offence') return undefined
  const remote = node.socketOf(event.peer)?.remote
  return remote === undefined ? undefined : world.nodeAt(formatIp(remote.ip))
}

function describe(event: NodeEvent): string {
  if (event.type === 'offence') return `${event.offence}, ${JSON.stringify(event.detail)}`
  return event.type === 'banned' ? `banned for ${event.reason}` : event.type
}

/** Points that models of the rules gave to nodes of this world, and streams of theirs that could not be read. */
export function pointsOfNodes(
  world: World,
  models: readonly PolicyModel[],
): { readonly node: string; readonly at: number; readonly why: string; readonly score: number }[] {
  return models.flatMap(({ charges }) =>
    charges.flatMap(({ ip, at, why, score }) => {
      const node = world.nodeAt(ip)?.name
      return node === undefined ? [] : [{ node, at, why, score }]
    }),
  )
}
