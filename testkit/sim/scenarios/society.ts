/** A world of nodes that know nobody but two seeds, and find the others by themselves. */
import type { AutomaticOptions } from '../../../src/core/outbound.ts'
import { mainnet, type NetworkParams } from '../../../src/params/networks.ts'
import type { ConnectionLimits } from '../../../src/pool/peer-manager.ts'
import type { RandomSource } from '../../../src/primitives/random.ts'
import { spreadAddress } from '../addresses.ts'
import { Convergence, isConverged, type Sample, sample } from '../convergence.ts'
import { demandPeace } from '../guard.ts'
import { DEFAULT_LIMITS, type SimNode } from '../node.ts'
import { type NodeWishes, World, type WorldOptions } from '../world.ts'

export const SEED_NAME = 'seed.example'
const SEEDS = 2
export const OUTBOUND = 8
/** All nodes are started within this time. */
const START_SPREAD_MS = 30_000
/** The stated time within which everybody must have found everything. */
export const CONVERGED_WITHIN_MS = 600_000

export interface SocietyOptions extends WorldOptions {
  readonly nodes: number
  readonly network?: NetworkParams
  /** May nodes blame each other? Only where bytes are lost. */
  readonly mayQuarrel?: boolean
  readonly wishes?: NodeWishes
}

export class Society {
  readonly world: World
  readonly network: NetworkParams
  readonly random: RandomSource
  readonly convergence: Convergence
  readonly #wishes: NodeWishes
  readonly #limits: ConnectionLimits
  #addresses = 0

  constructor(options: SocietyOptions) {
    this.world = new World(options)
    this.network = options.network ?? mainnet
    this.random = this.world.random.fork('society')
    this.#wishes = options.wishes ?? {}
    // In a small world, a node with room for everybody would have nobody left to choose for itself.
    const maxConnections = Math.min(
      DEFAULT_LIMITS.maxConnections,
      Math.max(24, Math.floor(options.nodes / 2)),
    )
    this.#limits = { ...DEFAULT_LIMITS, maxConnections }
    if (options.mayQuarrel !== true) demandPeace(this.world)
    for (let i = 0; i < options.nodes; i++) this.prepare()
    const seeds = this.world.nodes.slice(0, SEEDS)
    this.world.names.set(
      SEED_NAME,
      seeds.map((seed) => seed.options.host.address),
    )
    for (const [i, node] of this.world.nodes.entries()) {
      if (i < SEEDS) node.start()
      else this.world.time.after(START_SPREAD_MS * this.random.unit(), () => node.start())
    }
    this.convergence = new Convergence(this.world)
  }

  get running(): SimNode[] {
    return this.world.nodes.filter(({ core }) => core !== undefined)
  }

  /** A new node at a new address, which is not started yet. */
  prepare(wishes: NodeWishes = {}): SimNode {
    return this.world.prepare({
      ip: spreadAddress(this.#addresses++),
      network: this.network,
      automatic: automaticOptions(),
      limits: this.#limits,
      keepEvents: 0,
      checkEvery: 512,
      ...this.#wishes,
      ...wishes,
    })
  }

  /** Lets time pass until all nodes are started. */
  begin(): void {
    this.world.run(START_SPREAD_MS)
  }

  /** Lets time pass until everybody has all peers and reaches everybody. Throws if that takes too long. */
  converge(withinMs = CONVERGED_WITHIN_MS): Sample {
    const { world } = this
    const limit = world.time.mono + withinMs
    let now = sample(world)
    while (!isConverged(now) && world.time.mono < limit) {
      world.run(10_000)
      now = sample(world)
    }
    if (!isConverged(now)) throw new Error(`not together after ${withinMs / 1_000} s: ${JSON.stringify(now)}`)
    return now
  }
}

export function automaticOptions(change: Partial<AutomaticOptions> = {}): AutomaticOptions {
  return {
    outbound: OUTBOUND,
    blockRelay: 2,
    feelers: true,
    dnsSeeds: [SEED_NAME],
    fixedSeeds: [],
    seedNodes: [],
    ...change,
  }
}
