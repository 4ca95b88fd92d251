/**
 * Worlds of nodes in which people pay each other while connections break, nodes are killed and the network is cut in
 * two; some try to pay twice. Which faults there are is drawn from the seed. When all faults have stopped, every
 * payment that still can be must be mined, on every node, and coins must be exactly those of the plainest model.
 */
import { decodeCoin } from '../../../src/chain/coin.ts'
import { subsidy } from '../../../src/chain/coinbase-rules.ts'
import { hashKey } from '../../../src/chain/header-node.ts'
import { knownTransaction, spentKeys } from '../../../src/mempool/entry.ts'
import { TX_SETTLE_MS } from '../../../src/params/limits.ts'
import { regtest } from '../../../src/params/networks.ts'
import { toHex } from '../../../src/primitives/bytes.ts'
import type { RandomSource } from '../../../src/primitives/random.ts'
import { type Transaction, txidOf } from '../../../src/wire/transaction.ts'
import { type BuiltBlock, spend } from '../../chain-builder.ts'
import { LedgerModel } from '../../ledger-model.ts'
import { TransactionJudge } from '../actors/transaction-judge.ts'
import { HEALED_WITHIN_MS } from '../swarm.ts'
import { ChainWorld, type Miner } from './chains.ts'

export interface PaymentOptions {
  readonly seed: number
  readonly nodes?: number
  readonly payments?: number
  readonly tailLines?: number
  /** Left out: drawn from the seed. */
  readonly faults?: readonly FaultName[]
}

export interface PaymentResult {
  readonly traceHash: string
  readonly faults: readonly string[]
  readonly height: number
  /** Payments made, and those of them that lost against another one of the same coins. */
  readonly payments: number
  readonly lost: number
  /** From the end of all faults until everything was mined everywhere. */
  readonly minedAfterMs: number
  readonly judged: number
}

/** Coinbases that can be spent when the world begins, and blocks that were found by then. */
const COINS = 70
const START_BLOCKS = regtest.chain.coinbaseMaturityBlocks + COINS
const VALUE = 5_000_000_000
const FEE = 100_000
const FAULTY_MS = 240_000
const MEAN_BLOCK_MS = 15_000
const MEAN_FAULT_MS = 10_000
/** After the faults: time to be whole, and to tell of everything; blocks come all the while. */
export const MINED_WITHIN_MS = HEALED_WITHIN_MS + 600_000

const FAULTS = {
  resets: (town: Town) => {
    const { node } = town.pick(town.chains.miners)
    const [peer] = node.readyPeers
    if (peer !== undefined) node.socketOf(peer.id)?.reset()
  },
  kills: (town: Town) => town.kill(town.pick(town.chains.miners)),
  partitions: ({ chains, random }: Town) => {
    const odd = new Set(
      chains.miners.filter(() => random.below(2) === 1).map(({ node }) => node.options.host),
    )
    chains.world.net.partition((host) => (odd.has(host) ? 1 : 0), random.below(2) === 1 ? 'refuse' : 'stall')
    chains.world.time.after(20_000 + 40_000 * random.unit(), () => chains.world.net.heal())
  },
} as const
type FaultName = keyof typeof FAULTS

/** Of several transactions that spend the same, one is to be mined. */
interface Payment {
  readonly ways: readonly Transaction[]
  /** Whose output it spends, if that may not be mined. */
  readonly from: Payment | undefined
}

class Town {
  readonly chains: ChainWorld
  readonly random: RandomSource
  readonly ledger: LedgerModel
  readonly found = new Map<string, BuiltBlock>()
  readonly payments: Payment[] = []
  readonly down = new Set<Miner>()
  /** What each node's owner has handed in, and its file brings back. */
  readonly #own = new Map<Miner, Transaction[]>()
  /** Keys of transactions that some node has taken. */
  readonly #taken = new Set<string>()
  #coins: Transaction[] = []

  constructor({ seed, tailLines = 0 }: PaymentOptions) {
    this.chains = new ChainWorld({ seed, tailLines })
    this.random = this.chains.world.random.fork('payments')
    this.ledger = new LedgerModel(regtest.chain, this.chains.builder.genesis)
    this.found.set(toHex(this.chains.builder.genesis.hash), this.chains.builder.genesis)
    this.chains.world.observers.push((node, event) => {
      if (event.type !== 'mempool' || event.outcome.type !== 'transaction') return
      const { entry, verdict } = event.outcome
      if (verdict === 'accepted') this.#taken.add(event.outcome.known.key)
      const { core } = node
      if (verdict !== 'accepted' || entry === undefined || core?.mempool?.table.get(entry.key) !== entry)
        return
      const coins = this.ledger.coinsAt(core.chain?.tip.hash ?? new Uint8Array(32))
      const parents = [...entry.parents].map(({ key }) => key)
      for (const [i, key] of spentKeys(entry.transaction).entries()) {
        const input = entry.transaction.inputs[i]
        const isOfParent = parents.some((parent) => key.includes(parent))
        if (input !== undefined && !coins.has(key) && !isOfParent)
          throw new Error(`${node.name} takes a spend of what is not there`)
      }
    })
  }

  begin(nodes: number): void {
    const start = this.chains.recentBlocks(START_BLOCKS)
    for (const block of start) this.#note(block)
    this.#coins = start.slice(0, COINS).flatMap(({ transactions }) => transactions)
    this.chains.mine(this.chains.add(), start)
    for (let i = 1; i < nodes; i++) this.chains.add()
    const last = start.at(-1)
    if (last === undefined) throw new Error('no blocks')
    this.chains.agree(last, HEALED_WITHIN_MS)
    this.chains.world.run(TX_SETTLE_MS)
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.random.below(from.length)]
    if (one === undefined) throw new Error('there is nothing to pick from')
    return one
  }

  /** Somebody pays, or tries to pay twice, or pays on with what he has just been paid. */
  pay(): void {
    const kind = this.random.below(10)
    const previous = this.payments.at(-1)
    const [parent] = previous?.ways ?? []
    if (kind < 2 && previous !== undefined && previous.ways.length === 1 && parent !== undefined) {
      const value = Number(parent.outputs[0]?.value ?? 0n) - FEE
      const child = spend(parent, [0], [value])
      this.payments.push({ ways: [child], from: previous })
      return this.#handIn(this.pick(this.chains.miners), child)
    }
    const coin = this.#coins.pop()
    if (coin === undefined) return
    const ways = [spend(coin, [0], [VALUE - FEE * (1 + this.random.below(10))])]
    if (kind < 5) ways.push(spend(coin, [0], [VALUE / 2, VALUE / 2 - 2 * FEE]))
    this.payments.push({ ways, from: undefined })
    for (const way of ways) this.#handIn(this.pick(this.chains.miners), way)
  }

  /** A node finds a block behind its tip, with what waits in its mempool. */
  find(miner: Miner): BuiltBlock | undefined {
    const { chain, mempool } = miner.node.core ?? {}
    const parent = chain === undefined ? undefined : this.found.get(toHex(chain.tip.hash))
    if (parent === undefined || mempool === undefined) return undefined
    const time = parent.header.time + 1
    const limits = { maxBytes: 4_000_000, maxTransactions: 1_000, height: parent.height + 1, time }
    const { entries, fees } = mempool.selectForBlock(limits)
    const transactions = entries.map(({ transaction }) => transaction)
    const salt = this.random.below(65_536)
    const block = this.chains.builder.next(parent, { transactions, fees, time, salt })
    this.#note(block)
    this.chains.mine(miner, [block])
    return block
  }

  kill(miner: Miner): void {
    if (this.down.has(miner)) return
    this.down.add(miner)
    miner.node.kill()
    miner.chain.crash('kill')
    this.chains.world.time.after(10_000 * this.random.unit(), () => this.restart(miner))
  }

  restart(miner: Miner): void {
    if (!this.down.delete(miner)) return
    miner.node.start()
    for (const transaction of this.#own.get(miner) ?? []) this.#restore(miner, transaction)
  }

  /** Payments of which nothing is in the chain that ends there, although it could be. */
  open(tip: Uint8Array): Payment[] {
    const isMined = ({ ways }: Payment): boolean => ways.some((way) => this.ledger.holds(tip, way))
    const wasTaken = ({ ways }: Payment): boolean => ways.some((way) => this.#taken.has(hashKey(txidOf(way))))
    return this.payments.filter(
      (payment) => wasTaken(payment) && !isMined(payment) && !this.#isImpossible(payment, tip),
    )
  }

  /** Payments that can't be mined any more, since what they spend was never made. */
  lost(tip: Uint8Array): number {
    return this.payments.reduce(
      (sum, { ways }) => sum + ways.filter((way) => !this.ledger.holds(tip, way)).length,
      0,
    )
  }

  /** Throws unless the node's coins are those of the model, and its mempool fits them. */
  check({ node, chain }: Miner): void {
    const { core } = node
    const tip = core?.chain?.tip
    const engine = chain.engine
    if (core === undefined || tip === undefined || engine === undefined) return
    const coins = this.ledger.coinsAt(tip.hash)
    const rows = new Map(chain.disk.load('c'))
    let supply = 0
    for (const key of this.ledger.outputs) {
      const row = rows.get(key)
      const stored = row === undefined ? undefined : decodeCoin(row)
      const coin = engine.coins.knows(key) ? engine.coins.get(key) : stored
      if (coin?.value !== coins.get(key)?.value)
        throw new Error(`${node.name} has other coins than the model`)
      supply += coin?.value ?? 0
    }
    let issued = 0
    for (let height = 1; height <= tip.height; height++) issued += subsidy(regtest.chain, height)
    if (supply !== issued) throw new Error(`${node.name} has ${supply} at height ${tip.height}`)
    core.mempool?.table.assertConsistent()
    for (const entry of core.mempool?.table.all() ?? [])
      for (const key of entry.spends)
        if (!coins.has(key) && ![...entry.parents].some((parent) => key.includes(parent.key)))
          throw new Error(`${node.name} keeps a spend of what is not there`)
  }

  #isImpossible({ from }: Payment, tip: Uint8Array): boolean {
    if (from === undefined) return false
    const [parent] = from.ways
    return parent === undefined || !this.ledger.holds(tip, parent)
  }

  #note(block: BuiltBlock): void {
    this.found.set(toHex(block.hash), block)
    this.ledger.add(block)
  }

  #handIn(miner: Miner, transaction: Transaction): void {
    const own = this.#own.get(miner) ?? []
    own.push(transaction)
    this.#own.set(miner, own)
    const known = knownTransaction(transaction)
    miner.node.command({ type: 'withChain', use: (_, mempool) => mempool?.submit('local', known) })
  }

  #restore({ node }: Miner, transaction: Transaction): void {
    const dumped = { known: knownTransaction(transaction), time: 1_800_000_000, isLocal: true }
    node.command({ type: 'withChain', use: (_, mempool) => mempool?.restore(dumped) })
  }
}

/** Throws if something is not as it must be. */
export function payments(options: PaymentOptions): PaymentResult {
  const { nodes = 8, payments: count = 30 } = options
  const town = new Town(options)
  const { chains, random } = town
  const { world } = chains
  town.begin(nodes)
  const names = Object.keys(FAULTS) as FaultName[]
  const faults = options.faults ?? names.filter(() => random.below(2) === 0)
  const judges = [1, 2].map((i) => {
    const tip = chains.miners[0]?.node.core?.chain?.tip.hash ?? new Uint8Array(32)
    const judge = new TransactionJudge(world, regtest, `77.${i}.0.1`, town.ledger, tip)
    judge.follow(town.pick(chains.miners).node)
    return judge
  })
  const faultyUntil = world.time.mono + FAULTY_MS
  const later = (meanMs: number, run: () => void): void => {
    world.time.after(2 * meanMs * random.unit(), () => {
      if (world.time.mono >= faultyUntil) return
      run()
      later(meanMs, run)
    })
  }
  later(MEAN_BLOCK_MS, () => town.find(town.pick(chains.miners)))
  later((0.8 * FAULTY_MS) / count, () => town.pay())
  for (const name of faults) later(MEAN_FAULT_MS, () => FAULTS[name](town))
  world.run(FAULTY_MS)
  world.net.heal()
  for (const miner of [...town.down]) town.restart(miner)
  const minedAfterMs = untilAllIsMined(town)
  for (const miner of chains.miners) town.check(miner)
  world.check()
  const tip = chains.miners[0]?.node.core?.chain?.tip
  const charges = judges.flatMap((judge) => judge.charges)
  if (charges.length > 0) throw new Error(`a judge gives points: ${charges.slice(0, 3).join('; ')}`)
  return {
    traceHash: world.trace.hash,
    faults,
    height: tip?.height ?? 0,
    payments: town.payments.length,
    lost: town.lost(tip?.hash ?? new Uint8Array(32)),
    minedAfterMs,
    judged: judges.reduce((sum, { taken }) => sum + taken.size, 0),
  }
}

/** Blocks go on being found, by one after the other. */
function untilAllIsMined(town: Town): number {
  const { chains } = town
  const { world, miners } = chains
  const startedAt = world.time.mono
  for (;;) {
    const block = town.find(town.pick(miners))
    world.run(MEAN_BLOCK_MS)
    const elapsed = world.time.mono - startedAt
    const isDone =
      block !== undefined &&
      miners.every((miner) => chains.has(miner, block)) &&
      town.open(block.hash).length === 0 &&
      miners.every(({ node }) => node.core?.mempool?.table.size === 0)
    if (isDone) return elapsed
    if (elapsed < MINED_WITHIN_MS) continue
    const left = miners.map(({ node }) => `${node.core?.mempool?.table.size}`).join(' ')
    const open = block === undefined ? 0 : town.open(block.hash).length
    throw new Error(`${open} payments are not mined after ${elapsed} ms; waiting per node: ${left}`)
  }
}
