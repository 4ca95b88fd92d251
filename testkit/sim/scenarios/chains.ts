/** Worlds of nodes with whole chains of their own: what they must agree upon, and how long that may take. */
import { regtest } from '../../../src/params/networks.ts'
import { bytesEqual } from '../../../src/primitives/bytes.ts'
import type { HostPort } from '../../../src/primitives/ip.ts'
import { type BuiltBlock, ChainBuilder } from '../../chain-builder.ts'
import type { SimNode } from '../node.ts'
import { mine, SimChain } from '../sim-chain.ts'
import { START_UNIX } from '../virtual-time.ts'
import { type NodeWishes, World, type WorldOptions } from '../world.ts'

/** Nodes that each node dials. */
const LINKS = 3

export interface Miner {
  readonly node: SimNode
  readonly chain: SimChain
}

export class ChainWorld {
  readonly world: World
  readonly builder = new ChainBuilder(regtest.chain)
  readonly miners: Miner[] = []
  readonly #draws

  constructor(options: WorldOptions) {
    this.world = new World(options)
    this.#draws = this.world.random.fork('chains')
  }

  /** So many blocks, the last of which is from just now. */
  recentBlocks(count: number, salt = 0): BuiltBlock[] {
    const blocks: BuiltBlock[] = []
    for (let i = 1; i <= count; i++) {
      const time = START_UNIX - 240 * (count - i)
      blocks.push(this.builder.next(blocks.at(-1) ?? this.builder.genesis, { time, salt }))
    }
    return blocks
  }

  /** A running node that dials some of those before it, and the targets given. */
  add(targets: readonly HostPort[] = [], wishes: NodeWishes = {}): Miner {
    const name = `n${this.world.nodes.length + 1}`
    const chain = new SimChain(this.world, regtest.chain, name)
    const others = this.miners.map(({ node }) => node.endpoint)
    const chosen = new Set<HostPort>(targets)
    for (let i = 0; i < LINKS && others.length > 0; i++) {
      const other = others[this.#draws.below(others.length)]
      if (other !== undefined) chosen.add(other)
    }
    const node = this.world.add({
      chain: chain.create,
      io: chain.io,
      targets: [...chosen],
      keepEvents: 200,
      checkEvery: 256,
      ...wishes,
    })
    const miner = { node, chain }
    this.miners.push(miner)
    return miner
  }

  mine({ node }: Miner, blocks: readonly BuiltBlock[]): void {
    mine(node, blocks)
  }

  has({ node }: Miner, block: BuiltBlock): boolean {
    const tip = node.core?.chain?.tip
    return tip !== undefined && bytesEqual(tip.hash, block.hash)
  }

  /** Milliseconds until all of these have this tip. Throws if it takes longer than allowed. */
  agree(tip: BuiltBlock, limitMs: number, miners: readonly Miner[] = this.miners): number {
    const { time } = this.world
    const start = time.mono
    const limit = start + limitMs
    while (!miners.every((miner) => this.has(miner, tip))) {
      if (time.mono >= limit) throw new Error(this.#disagreement(tip, miners, limitMs))
      this.world.run(Math.min(100, limit - time.mono))
    }
    return time.mono - start
  }

  #disagreement(tip: BuiltBlock, miners: readonly Miner[], limitMs: number): string {
    const behind = miners.filter((miner) => !this.has(miner, tip))
    const heights = behind.map(({ node }) => `${node.name} at ${node.core?.chain?.tip.height ?? 'rest'}`)
    return `no agreement on height ${tip.height} after ${limitMs} ms: ${heights.slice(0, 8).join(', ')}`
  }
}
