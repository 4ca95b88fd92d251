/**
 * A simulation: virtual time, a virtual network and nodes in it, all drawn from one seed. The same program with
 * the same seed gives the same trace.
 */
import type { NodeEvent } from '../../src/core/seam.ts'
import { type NetworkParams, regtest } from '../../src/params/networks.ts'
import { formatIp } from '../../src/primitives/ip.ts'
import { RandomSource } from '../../src/primitives/random.ts'
import { rememberPings, sha3_256 } from '../../src/primitives/sha3.ts'
import { addressOf } from './addresses.ts'
import { Dice } from './dice.ts'
import { type Conditions, Network } from './network.ts'
import { DEFAULT_LIMITS, type NodeOptions, SimNode } from './node.ts'
import { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'

export interface WorldOptions {
  readonly seed?: number
  readonly conditions?: Partial<Conditions>
  /** Timers fire late by up to this. */
  readonly timerLateMs?: number
  /** Lines of the readable trace that a failure shows; 0 for none. */
  readonly tailLines?: number
}

export type NodeWishes = Partial<Omit<NodeOptions, 'host'>> & { readonly ip?: string }

export class World {
  readonly time = new VirtualTime()
  readonly trace: Trace
  readonly random: RandomSource
  readonly net: Network
  readonly nodes: SimNode[] = []
  /** Those whose address is asked for; virtual machines have one node each. */
  readonly #byAddress = new Map<string, SimNode>()
  /** The same by the bytes that their host has, and that its connections share with it. */
  readonly #byIp = new Map<Uint8Array, SimNode>()
  /** Told of every event of every node. */
  readonly observers: ((node: SimNode, event: NodeEvent) => void)[] = []
  timerLateMs: number

  constructor(options: WorldOptions = {}) {
    rememberPings()
    this.random = randomOfSeed(options.seed ?? 1)
    this.trace = new Trace(options.tailLines ?? 0)
    this.net = new Network(this.time, new Dice(this.random.fork('network')))
    this.net.conditions = { ...this.net.conditions, ...options.conditions }
    this.timerLateMs = options.timerLateMs ?? 0
  }

  /** A node that is not started yet. Its address is made up unless it is given. */
  prepare(wishes: NodeWishes = {}): SimNode {
    const number = this.nodes.length + 1
    const { ip = addressOf(number), ...rest } = wishes
    const network: NetworkParams = rest.network ?? regtest
    const timers = this.random.fork(`timers ${number}`)
    const node = new SimNode(
      {
        name: `n${number}`,
        host: this.net.host(ip),
        port: network.defaultPort,
        network,
        targets: [],
        automatic: undefined,
        chain: undefined,
        io: undefined,
        hasDisk: true,
        limits: DEFAULT_LIMITS,
        identity: { userAgent: '/Sim:1.0.0/', startHeight: number },
        traceMessages: false,
        deliverMessages: false,
        keepEvents: 1_000,
        checkEvery: 16,
        ...rest,
      },
      {
        time: this.time,
        net: this.net,
        trace: this.trace,
        random: this.random,
        timerLateMs: () => (this.timerLateMs === 0 ? 0 : this.timerLateMs * timers.unit()),
        observe: (from, event) => {
          for (const observer of this.observers) observer(from, event)
        },
      },
    )
    this.nodes.push(node)
    this.#byAddress.set(ip, node)
    this.#byIp.set(node.options.host.ip, node)
    return node
  }

  /** The node of a machine. */
  nodeAt(address: string): SimNode | undefined {
    return this.#byAddress.get(address)
  }

  /** The node at the far end of a connection. */
  nodeOf(ip: Uint8Array): SimNode | undefined {
    return this.#byIp.get(ip) ?? this.nodeAt(formatIp(ip))
  }

  /** What names lead to. */
  get names(): Map<string, readonly string[]> {
    return this.net.names
  }

  /** A running node. */
  add(wishes: NodeWishes = {}): SimNode {
    const node = this.prepare(wishes)
    node.start()
    return node
  }

  /** Lets so many milliseconds pass. */
  run(ms: number): void {
    this.#telling(() => this.time.runUntil(this.time.mono + ms))
  }

  /** Lets time pass until `reached`, for at most `limitMs`. Returns whether it was. */
  runUntil(reached: () => boolean, limitMs: number): boolean {
    const limit = this.time.mono + limitMs
    return this.#telling(() => {
      while (!reached()) if (!this.time.step(limit)) return false
      return true
    })
  }

  /** Looks at every node as a whole. */
  check(): void {
    this.#telling(() => {
      for (const { core, oracle } of this.nodes)
        if (core !== undefined) oracle.everything(core, this.time.mono)
    })
  }

  /**
   * Peers whose other end, where that is a node of this world, is not a ready peer of that node: connections
   * that one side believes in and the other does not.
   */
  halfAlive(): string[] {
    const found: string[] = []
    for (const node of this.nodes) {
      for (const peer of node.peers) {
        const other = this.#counterpart(node.socketOf(peer.id)?.local, node.socketOf(peer.id)?.remote)
        if (peer.state !== 'ready') found.push(`${node.name} peer ${peer.id}: ${peer.state}`)
        else if (other !== 'ready') found.push(`${node.name} peer ${peer.id}: the other end is ${other}`)
      }
    }
    return found
  }

  /** Is `node` ready with a peer that is `other`, and `other` with it over the same connection? */
  areJoined(node: SimNode, other: SimNode): boolean {
    const sockets = other.readyPeers.map((peer) => other.socketOf(peer.id))
    return node.readyPeers.some((peer) => {
      const mine = node.socketOf(peer.id)
      return mine !== undefined && sockets.some((theirs) => theirs?.local === mine.remote)
    })
  }

  #counterpart(local: object | undefined, remote: object | undefined): string {
    for (const node of this.nodes) {
      for (const peer of node.peers) {
        const socket = node.socketOf(peer.id)
        if (socket !== undefined && socket.local === remote && socket.remote === local) return peer.state
      }
    }
    return 'gone'
  }

  /** Failures say when they happened, and what went before. */
  #telling<T>(run: () => T): T {
    try {
      return run()
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause)
      const lines = this.trace.tail.join('\n')
      throw new Error(`at ${(this.time.mono / 1_000).toFixed(3)} s: ${what}\n${lines}`, { cause })
    }
  }
}

export function randomOfSeed(seed: number): RandomSource {
  return new RandomSource(sha3_256(Uint8Array.from(String(seed), (digit) => digit.charCodeAt(0))))
}
