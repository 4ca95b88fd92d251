/**
 * Small worlds of nodes that find blocks while everything goes wrong, one per seed: which faults there are is drawn
 * from the seed. After a while all faults stop, and then everybody must come to the best chain within a stated time.
 */
import { regtest } from '../../../src/params/networks.ts'
import { toHex } from '../../../src/primitives/bytes.ts'
import type { RandomSource } from '../../../src/primitives/random.ts'
import type { BuiltBlock } from '../../chain-builder.ts'
import { ChainActor, type ChainManners } from '../actors/chain-actor.ts'
import { HEALED_WITHIN_MS } from '../swarm.ts'
import { ChainWorld, type Miner } from './chains.ts'

const NODES = 7
const FAULTY_MS = 90_000
/** Connections are whole again within the first; the rest is for asking, bringing and connecting. */
export const AGREED_WITHIN_MS = HEALED_WITHIN_MS + 120_000
const MEAN_BLOCK_MS = 1_500
const MEAN_FAULT_MS = 2_500

interface Swarm {
  readonly chains: ChainWorld
  readonly random: RandomSource
  readonly found: Map<string, BuiltBlock>
  /** Nodes that are down. */
  readonly down: Set<Miner>
}

type Fault = (swarm: Swarm) => void

const FAULTS: Readonly<Record<string, Fault>> = {
  resets: ({ chains, random }) => {
    const { node } = pick(random, chains.miners)
    const [peer] = node.readyPeers
    if (peer !== undefined) node.socketOf(peer.id)?.reset()
  },
  kills: (swarm) => crash(swarm, 'kill'),
  powerFailures: (swarm) => crash(swarm, 'power'),
  partitions: ({ chains, random }) => {
    const odd = new Set(
      chains.miners.filter(() => random.below(2) === 1).map(({ node }) => node.options.host),
    )
    chains.world.net.partition((host) => (odd.has(host) ? 1 : 0), random.below(2) === 1 ? 'refuse' : 'stall')
    chains.world.time.after(5_000 + 20_000 * random.unit(), () => chains.world.net.heal())
  },
  slowDisks: ({ chains, random }) => {
    const { disk } = pick(random, chains.miners).chain
    disk.conditions.requestMs = 200 * random.unit()
    disk.conditions.syncMs = 2_000 * random.unit()
  },
}

/** Strangers who are there from the beginning. */
const ROGUES: Readonly<Record<string, ChainManners>> = {
  silent: { claims: 10_000, givesHeaders: false },
  withholders: { gives: (height) => height % 3 !== 0 },
  stallers: { gives: () => false },
  boasters: { claims: 1_000_000 },
}

export interface ChainSwarmResult {
  readonly traceHash: string
  readonly faults: readonly string[]
  readonly height: number
  readonly agreedAfterMs: number
  /** Nodes that were started again. */
  readonly crashes: number
}

/** Throws if something is not as it must be. */
export function chainSwarm(seed: number, tailLines = 0): ChainSwarmResult {
  const chains = new ChainWorld({ seed, tailLines, timerLateMs: seed % 3 === 0 ? 20 : 0 })
  const { world } = chains
  const random = world.random.fork('chain swarm')
  if (random.below(3) === 0)
    world.net.conditions = { ...world.net.conditions, bytesPerMs: 20 + random.below(200) }
  const swarm: Swarm = { chains, random, found: new Map(), down: new Set() }
  const start = chains.recentBlocks(20 + random.below(150))
  for (const block of [chains.builder.genesis, ...start]) swarm.found.set(toHex(block.hash), block)
  const faults = Object.keys(FAULTS).filter(() => random.below(2) === 0)
  const rogues = Object.keys(ROGUES).filter(() => random.below(3) === 0)
  const actors = rogues.map((name, i) => new ChainActor(world, regtest, `66.${i}.0.1`, start, ROGUES[name]))
  const targets = actors.map(({ endpoint }) => endpoint)
  chains.mine(chains.add(), start)
  for (let i = 1; i < NODES; i++) chains.add(random.below(2) === 0 ? targets : [])
  let crashes = 0
  const later = (meanMs: number, run: () => void): void => {
    world.time.after(2 * meanMs * random.unit(), () => {
      if (world.time.mono >= FAULTY_MS) return
      run()
      later(meanMs, run)
    })
  }
  later(MEAN_BLOCK_MS, () => find(swarm, pick(random, chains.miners)))
  for (const name of faults) {
    later(MEAN_FAULT_MS, () => {
      const before = swarm.down.size
      FAULTS[name]?.(swarm)
      crashes += swarm.down.size - before
    })
  }
  world.run(FAULTY_MS)
  world.net.heal()
  for (const { chain } of chains.miners)
    chain.disk.conditions = { ...chain.disk.conditions, requestMs: 0.2, syncMs: 5 }
  for (const miner of [...swarm.down]) restart(swarm, miner)
  world.run(5_000)
  const last = decide(swarm)
  const agreedAfterMs = chains.agree(last, AGREED_WITHIN_MS)
  world.check()
  return {
    traceHash: world.trace.hash,
    faults: [...faults, ...rogues],
    height: last.height,
    agreedAfterMs,
    crashes,
  }
}

/** A node finds a block behind its tip. */
function find({ chains, random, found }: Swarm, miner: Miner): BuiltBlock | undefined {
  const tip = miner.node.core?.chain?.tip
  const parent = tip === undefined ? undefined : found.get(toHex(tip.hash))
  if (parent === undefined) return undefined
  const block = chains.builder.next(parent, { salt: random.below(65_536) })
  found.set(toHex(block.hash), block)
  chains.mine(miner, [block])
  return block
}

/** One more block on one of the best chains, so that there is one best. */
function decide(swarm: Swarm): BuiltBlock {
  const miners = swarm.chains.miners.filter(({ node }) => node.core?.chain !== undefined)
  const workOf = ({ node }: Miner): bigint => node.core?.chain?.tip.work ?? 0n
  const best = miners.reduce((a, b) => (workOf(b) > workOf(a) ? b : a))
  const block = find(swarm, best)
  if (block === undefined) throw new Error('the best node can not find a block')
  return block
}

function crash(swarm: Swarm, kind: 'kill' | 'power'): void {
  const miner = pick(swarm.random, swarm.chains.miners)
  if (swarm.down.has(miner)) return
  swarm.down.add(miner)
  if (kind === 'power') miner.node.crash()
  else miner.node.kill()
  miner.chain.crash(kind)
  swarm.chains.world.time.after(3_000 * swarm.random.unit(), () => restart(swarm, miner))
}

function restart({ chains, down }: Swarm, miner: Miner): void {
  if (!down.delete(miner)) return
  chains.world.net.powerOn(miner.node.options.host)
  miner.node.start()
}

function pick<T>(random: RandomSource, from: readonly T[]): T {
  const one = from[random.below(from.length)]
  if (one === undefined) throw new Error('there is nothing to pick from')
  return one
}
