/** A core with a whole chain and a mempool in the hand, whose disk and signatures answer within the same input. */
import { ChainEngine } from '../src/chain/engine.ts'
import type { Effect, Input } from '../src/core/seam.ts'
import { knownTransaction } from '../src/mempool/entry.ts'
import type { Mempool, TransactionOutcome } from '../src/mempool/mempool.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { regtest } from '../src/params/networks.ts'
import type { PeerId } from '../src/primitives/brand.ts'
import { toHex } from '../src/primitives/bytes.ts'
import { Inventory, InvType } from '../src/wire/inventory.ts'
import type { Message } from '../src/wire/messages.ts'
import { type Transaction, txidOf } from '../src/wire/transaction.ts'
import type { CurrentVersion } from '../src/wire/version.ts'
import { BenchDisk } from './chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from './chain-builder.ts'
import { CoreProbe, type ProbeOptions } from './sim/probe.ts'
import { versionOf } from './sim/scripted.ts'

export const QUICK: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 2 }
export const builder = new ChainBuilder(QUICK)
/** Blocks whose coinbases may be spent, but for the last. */
export const TRUNK: readonly BuiltBlock[] = builder.chain(builder.genesis, 60)
export const VALUE = 5_000_000_000
export const FEE = 100_000

/** More often than silence ends a connection. */
const LIFE_SIGN_MS = 25_000

export function coinbaseOf(height: number): Transaction {
  const transaction = TRUNK[height - 1]?.transactions[0]
  if (transaction === undefined) throw new Error(`no coinbase at ${height}`)
  return transaction
}

/** Spends the reward of a block. */
export function pay(height: number, fee = FEE): Transaction {
  return spend(coinbaseOf(height), [0], [VALUE - fee])
}

export function inventoryOf(...transactions: readonly Transaction[]): Inventory {
  return Inventory.of(
    transactions.map((transaction) => ({ type: InvType.transaction, hash: txidOf(transaction) })),
  )
}

export const invOf = (...transactions: readonly Transaction[]): Message => ({
  type: 'inv',
  inventory: inventoryOf(...transactions),
})

export class TransactionProbe extends CoreProbe {
  readonly disk = new BenchDisk()
  /** While true nothing is answered. */
  held = false
  #open: Extract<Effect, { type: 'io' }>[] = []

  constructor(options: ProbeOptions = {}, blocks: readonly BuiltBlock[] = TRUNK, isCaughtUp = true) {
    super({ ...options, chain: (hooks) => new ChainEngine({ params: QUICK }, hooks) })
    this.#open = this.effects.filter((effect) => effect.type === 'io')
    this.mine(...blocks)
    if (isCaughtUp) this.handle({ type: 'withChain', use: (chain) => chain.caughtUp() })
    this.effects = []
  }

  get mempool(): Mempool {
    const { mempool } = this.core
    if (mempool === undefined) throw new Error('no mempool')
    return mempool
  }

  override handle(input: Input): readonly Effect[] {
    const effects = [...super.handle(input)]
    this.#open.push(...effects.filter((effect) => effect.type === 'io'))
    if (!this.held) effects.push(...this.answer())
    return effects
  }

  /** Answers whatever is asked, until nothing is. */
  answer(): readonly Effect[] {
    const effects: Effect[] = []
    for (let next = this.#open.shift(); next !== undefined; next = this.#open.shift()) {
      const more = super.handle({ type: 'ioDone', id: next.id, result: this.disk.perform(next.request) })
      this.#open.push(...more.filter((effect) => effect.type === 'io'))
      effects.push(...more)
    }
    return effects
  }

  mine(...blocks: readonly BuiltBlock[]): void {
    this.handle({
      type: 'withChain',
      use: (chain) => {
        for (const { block, stored } of blocks) chain.submitBlock('local', block, stored)
      },
    })
  }

  /** Hands one in, as RPC does. */
  submit(transaction: Transaction): TransactionOutcome {
    let outcome: TransactionOutcome | undefined
    this.handle({
      type: 'withChain',
      use: (_, pool) =>
        pool?.submit('local', knownTransaction(transaction), (said) => {
          outcome = said
        }),
    })
    if (outcome === undefined) throw new Error('nothing was said')
    return outcome
  }

  /** A peer that came to us; by default it is where we are. */
  inbound(ip: string, fields: Partial<CurrentVersion> = {}): PeerId {
    const id = this.accept(ip)
    if (id === undefined) throw new Error('refused')
    return this.#greet(id, fields)
  }

  /** One that we dialled. */
  outbound(ip: string, fields: Partial<CurrentVersion> = {}): PeerId {
    this.handle({ type: 'addTarget', target: { host: ip, port: 18_444 }, keep: true })
    const id = this.connect(ip)
    if (id === undefined) throw new Error('refused')
    return this.#greet(id, fields)
  }

  /** Ids of transactions that a peer was told of by `inv`, in order. */
  told(id: PeerId): string[] {
    return this.#idsIn(id, 'inv')
  }

  /** The same that it was asked for. */
  askedOf(id: PeerId): string[] {
    return this.#idsIn(id, 'getdata')
  }

  /** Ids of transactions that it was sent. */
  given(id: PeerId): string[] {
    return this.sentTo(id).flatMap((message) => (message.type === 'tx' ? [idOf(message.transaction)] : []))
  }

  /** Lets time pass while peers read what they are sent and give signs of life. */
  live(ms: number): void {
    for (let left = ms; left > 0; left -= LIFE_SIGN_MS) {
      this.wait(Math.min(left, LIFE_SIGN_MS))
      for (const { id } of [...this.core.peers.all()]) {
        this.flush(id)
        this.receive(id, { type: 'ping', nonce: 1n })
      }
    }
  }

  /** Forgets what was said so far, as having been read by everybody. */
  clear(): void {
    for (const peer of this.core.peers.all()) this.flush(peer.id)
    this.effects = []
  }

  #idsIn(id: PeerId, type: 'inv' | 'getdata'): string[] {
    return this.sentTo(id).flatMap((message) =>
      message.type === type
        ? [...message.inventory].flatMap((entry) =>
            entry.type === InvType.transaction ? [toHex(entry.hash)] : [],
          )
        : [],
    )
  }

  #greet(id: PeerId, fields: Partial<CurrentVersion>): PeerId {
    const startHeight = this.core.chain?.tip.height ?? 0
    const version = { ...versionOf(this.network), startHeight, ...fields }
    this.receive(id, version as Message, { type: 'verack' })
    this.clear()
    return id
  }
}

export function idOf(transaction: Transaction): string {
  return toHex(txidOf(transaction))
}
