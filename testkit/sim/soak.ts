/** Many nodes in a random topology, for as long as one likes: do they stay together, and what does it cost? */
import type { NetworkParams } from '../../src/params/networks.ts'
import type { HostPort } from '../../src/primitives/ip.ts'
import type { MessageType } from '../../src/wire/messages.ts'
import type { SimNode } from './node.ts'
import { World, type WorldOptions } from './world.ts'

export interface SoakOptions extends WorldOptions {
  readonly nodes: number
  readonly network: NetworkParams
  /** Peers that each node is told to connect to. */
  readonly targetsPerNode: number
}

/** A world whose nodes are started, each with random others as targets. */
export function buildSoak(options: SoakOptions): World {
  const world = new World(options)
  const random = world.random.fork('topology')
  const { network } = options
  const nodes = Array.from({ length: options.nodes }, () =>
    world.prepare({ network, keepEvents: 0, checkEvery: 512 }),
  )
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node)
    const targets: HostPort[] = []
    while (targets.length < options.targetsPerNode && others.length > 0) {
      const [chosen] = others.splice(random.below(others.length), 1)
      if (chosen !== undefined) targets.push(chosen.endpoint)
    }
    node.start(targets)
  }
  return world
}

export interface Summary {
  readonly virtualHours: number
  readonly events: number
  readonly inputs: number
  readonly connections: number
  readonly handshakes: number
  readonly messages: number
  readonly pings: number
  readonly disconnects: number
  readonly offences: number
  readonly traceHash: string
}

export function summarize(world: World): Summary {
  const sum = (of: (node: SimNode) => number): number =>
    world.nodes.reduce((total, node) => total + of(node), 0)
  const sent = (type: MessageType) => (node: SimNode) => node.oracle.sentMessages.get(type) ?? 0
  return {
    virtualHours: world.time.mono / 3_600_000,
    events: world.time.happened,
    inputs: sum((node) => node.inputs),
    connections: world.net.connectionCount,
    handshakes: sum((node) => node.oracle.handshakes),
    messages: sum((node) => [...node.oracle.sentMessages.values()].reduce((a, b) => a + b, 0)),
    pings: sum(sent('ping')),
    disconnects: sum((node) => [...node.ends.values()].reduce((a, b) => a + b, 0)),
    offences: sum((node) => node.oracle.offences),
    traceHash: world.trace.hash,
  }
}
