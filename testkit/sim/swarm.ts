/**
 * Small worlds with everything going wrong, one per seed. Which faults there are, and how often, is drawn from
 * the seed. After a while all faults stop, and then what is wanted must come about: every target connected and
 * ready, nobody half alive.
 */
import {
  FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS,
  INACTIVITY_TIMEOUT_MS,
  SEND_QUEUE_HIGH_BYTES,
} from '../../src/params/limits.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import type { HostPort } from '../../src/primitives/ip.ts'
import type { RandomSource } from '../../src/primitives/random.ts'
import { dropFrames } from './faults.ts'
import { CALM, type Conditions } from './network.ts'
import type { SimNode } from './node.ts'
import type { CutKind } from './pipe.ts'
import { messageOfBytes } from './scripted.ts'
import { summarize } from './soak.ts'
import type { Connection } from './socket.ts'
import { World } from './world.ts'

/** A wait of up to 72 s for the next dial, which may take 10 s, and what comes to that. */
const REDIALLED_WITHIN_MS = 72_000 + 10_000 + 8_000

/**
 * By then everything must be as wanted: the last fault may have left a connection that is found out by its silence,
 * and then there is a new one.
 */
export const HEALED_WITHIN_MS = INACTIVITY_TIMEOUT_MS + REDIALLED_WITHIN_MS
/** The same where nodes of the first release may be silent for longer, and longest in a handshake. */
const FIRST_RELEASE_HEALED_WITHIN_MS = FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS + REDIALLED_WITHIN_MS

export interface SwarmOptions {
  /** Lines of the trace shown with a failure. */
  readonly tailLines?: number
  readonly checkEvery?: number
}

export interface SwarmResult {
  readonly traceHash: string
  /** Which faults the seed chose. */
  readonly faults: readonly string[]
  readonly connections: number
  readonly messages: number
  /** Peers that ended, of all nodes. */
  readonly disconnects: number
}

interface Swarm {
  readonly world: World
  readonly random: RandomSource
  readonly nodes: readonly SimNode[]
  readonly connections: Connection[]
  /** Nodes that are down, and how they come up again. */
  readonly down: Map<SimNode, () => void>
}

type Fault = (swarm: Swarm) => void

/** Things that happen now and then. */
const FAULTS: Readonly<Record<string, Fault>> = {
  resets: (swarm) => breakOne(swarm, 'reset'),
  ends: (swarm) => breakOne(swarm, 'end'),
  silences: (swarm) => breakOne(swarm, 'silence'),
  cuts: ({ random, connections }) => {
    const connection = pick(random, connections)
    const pipe = random.below(2) === 0 ? connection?.dialler.out : connection?.listener.out
    if (connection === undefined || pipe === undefined) return
    const kind = pick<CutKind>(random, ['reset', 'end', 'silence']) ?? 'reset'
    pipe.cut = { afterBytes: pipe.arrivedBytes + 1 + random.below(400), run: () => connection.break(kind) }
  },
  partitions: ({ world, random }) => {
    if (random.below(2) === 0) return world.net.heal()
    const kind = random.below(3) === 0 ? 'refuse' : 'stall'
    world.net.partition(() => random.below(2), kind)
  },
  stops: (swarm) => takeDown(swarm, 'stop'),
  kills: (swarm) => takeDown(swarm, 'kill'),
  crashes: (swarm) => takeDown(swarm, 'crash'),
  disconnects: ({ random, nodes }) => {
    const node = pick(random, nodes)
    const peer = pick(random, node?.peers ?? [])
    if (peer !== undefined) node?.command({ type: 'disconnect', peer: peer.id })
  },
  // More than one turn's worth of work.
  floods: ({ random, nodes }) => {
    const node = pick(random, nodes)
    const peer = pick(random, node?.peers ?? [])
    const count = random.below(200)
    for (let i = 0; i < count && peer !== undefined; i++) {
      node?.command({ type: 'send', peer: peer.id, message: { type: 'ping', nonce: 1n } })
    }
    node?.command({ type: 'pingAll' })
  },
  // More than may wait for a peer before the node stops working for it.
  blocks: ({ random, nodes }) => {
    const node = pick(random, nodes)
    const peer = pick(random, node?.peers ?? [])
    if (peer === undefined || random.below(4) !== 0) return
    node?.command({ type: 'send', peer: peer.id, message: messageOfBytes(SEND_QUEUE_HIGH_BYTES + 1) })
  },
  // A tick that is not due, and news of peers that are gone: a shell may be late with both.
  noise: ({ random, nodes }) => {
    const node = pick(random, nodes)
    node?.input({ type: 'tick' })
    const gone = peerId(1 + random.below(1_000))
    if (node?.core === undefined || node.core.peers.get(gone) !== undefined) return
    node.input({ type: 'bytes', peer: gone, chunk: Uint8Array.of(1, 2, 3) })
    node.input({ type: 'flushed', peer: gone, bytes: 7 })
    node.input({ type: 'closed', peer: gone, error: 'ECONNRESET' })
  },
  holds: ({ random, nodes }) => {
    const node = pick(random, nodes)
    for (const peer of node?.peers ?? [])
      node?.command({ type: 'hold', peer: peer.id, held: random.below(3) === 0 })
  },
}

const LOSSES = 'losses'

export const faultNames: readonly string[] = [...Object.keys(FAULTS), LOSSES]

export function runSwarm(seed: number, options: SwarmOptions = {}): SwarmResult {
  const world = new World({ seed, tailLines: options.tailLines ?? 0 })
  const random = world.random.fork('swarm')
  const chosen = Object.keys(FAULTS).filter(() => random.below(3) === 0)
  world.net.conditions = drawConditions(random, chosen.includes('blocks'))
  world.timerLateMs = random.below(2) * 10 * random.unit()
  const network = random.below(3) === 0 ? testnet : regtest
  const checkEvery = options.checkEvery ?? 32
  const nodes = Array.from({ length: 3 + random.below(6) }, () =>
    world.prepare({ network, keepEvents: 0, checkEvery }),
  )
  const swarm: Swarm = { world, random, nodes, connections: [], down: new Map() }
  const losing = random.below(4) === 0
  watchConnections(swarm, losing ? 0.01 + 0.1 * random.unit() : 0)
  for (const node of nodes) node.start(drawTargets(swarm, node))
  suffer(swarm, chosen)
  heal(swarm)
  world.run(network.dialect === 'v1' ? FIRST_RELEASE_HEALED_WITHIN_MS : HEALED_WITHIN_MS)
  world.check()
  demandAll(swarm)
  const { traceHash, connections, messages, disconnects, offences } = summarize(world)
  // Where frames are lost, one side may be ahead of the other in the handshake, which TCP alone never does.
  if (offences > 0 && !losing) throw new Error('an honest node was blamed')
  return { traceHash, connections, messages, disconnects, faults: losing ? [...chosen, LOSSES] : chosen }
}

/** Lets the chosen faults happen at random moments, for some minutes. */
function suffer(swarm: Swarm, chosen: readonly string[]): void {
  const { world, random } = swarm
  const steps = 15 + random.below(60)
  const pauseMs = 100 * 4 ** random.below(4)
  for (let i = 0; i < steps; i++) {
    world.run(pauseMs * 2 * random.unit())
    FAULTS[pick(random, chosen) ?? '']?.(swarm)
    for (const [node, rise] of swarm.down) {
      if (random.below(3) !== 0) continue
      swarm.down.delete(node)
      rise()
    }
  }
}

function heal({ world, nodes, connections, down }: Swarm): void {
  world.net.heal()
  world.net.conditions = CALM
  world.net.onConnection = undefined
  for (const rise of down.values()) rise()
  for (const { dialler, listener } of connections) {
    for (const { out } of [dialler, listener]) {
      out.tap = undefined
      out.cut = undefined
    }
  }
  for (const node of nodes) {
    for (const peer of node.peers) node.command({ type: 'hold', peer: peer.id, held: false })
  }
}

/** What every node wants and must have. */
function demandAll({ world, nodes }: Swarm): void {
  const halfAlive = world.halfAlive()
  if (halfAlive.length > 0)
    throw new Error(`half alive: ${halfAlive.join('; ')}\n${world.trace.tail.join('\n')}`)
  for (const node of nodes) {
    const missing: string[] = []
    for (const { address, peer } of node.core?.targets.rows ?? []) {
      const ready = peer !== undefined && node.core?.peers.get(peer)?.state === 'ready'
      if (!ready) missing.push(address)
    }
    if (missing.length > 0)
      throw new Error(`${node.name} is without ${missing.join(', ')}\n${world.trace.tail.join('\n')}`)
  }
}

/** `heavy`: a megabyte may be on the way, which in crumbs would take the simulator minutes. */
function drawConditions(random: RandomSource, heavy: boolean): Conditions {
  const slow = random.below(3) === 0
  const windows = heavy ? [65_536, 262_144] : [100, 2_000, 262_144]
  const pieces = heavy ? [Number.POSITIVE_INFINITY] : [1, 30, 30, 300, 300, Number.POSITIVE_INFINITY]
  return {
    latencyMs: slow ? [0, 3_000] : [0, 100],
    jitterMs: random.below(2) * (slow ? 2_000 : 50),
    // A line too slow for its messages is no line: its connections end whenever a message takes too long.
    bytesPerMs: random.below(3) === 0 ? (heavy ? 50 : 0.5) + 5 * random.unit() : Number.POSITIVE_INFINITY,
    windowBytes: pick(random, windows) ?? 0,
    pieceBytes: pick(random, pieces) ?? 0,
  }
}

/** Some of the others; sometimes itself too, which it must find out. */
function drawTargets({ nodes, random }: Swarm, node: SimNode): HostPort[] {
  return nodes
    .filter((other) => (other === node ? random.below(8) === 0 : random.below(nodes.length) < 3))
    .map((other) => other.endpoint)
}

function watchConnections({ world, random, connections }: Swarm, lossRate: number): void {
  world.net.onConnection = (connection) => {
    connections.push(connection)
    if (connections.length > 50) connections.shift()
    if (lossRate === 0) return
    const isLost = (): boolean => random.unit() < lossRate
    const network = world.nodes[0]?.options.network ?? regtest
    connection.dialler.out.tap = dropFrames(network, isLost)
    connection.listener.out.tap = dropFrames(network, isLost)
  }
}

function breakOne({ random, connections }: Swarm, kind: CutKind): void {
  const open = connections.filter((connection) => connection.open)
  pick(random, open)?.break(kind)
}

function takeDown(swarm: Swarm, how: 'stop' | 'kill' | 'crash'): void {
  const running = swarm.nodes.filter((node) => node.core !== undefined)
  const node = pick(swarm.random, running)
  if (node === undefined) return
  node[how]()
  swarm.down.set(node, () => {
    if (how === 'crash') swarm.world.net.powerOn(node.options.host)
    node.start()
  })
}

function pick<T>(random: RandomSource, from: readonly T[]): T | undefined {
  return from[random.below(from.length)]
}
