/**
 * A random world of payments on one chain: blocks with and without what waits, rivals, chains of waiting payments,
 * branches that win or turn out bad. Made from one seed; what is to be in the mempool then is said in the plainest way.
 */
import { coinKey } from '../src/chain/coin.ts'
import { hashKey } from '../src/chain/header-node.ts'
import { isFinal } from '../src/chain/transaction-rules.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import type { RandomSource } from '../src/primitives/random.ts'
import { type Transaction, txidOf } from '../src/wire/transaction.ts'
import { type BuiltBlock, ChainBuilder, spend } from './chain-builder.ts'
import { inputsOf, LedgerModel, type ModelCoin } from './ledger-model.ts'

export const WORLD_FEE = 60_000
const MIN_VALUE = 50_000

export type Payments = ReadonlyMap<string, Transaction>

export const keyOf = (transaction: Transaction): string => hashKey(txidOf(transaction))

export class PaymentWorld {
  readonly params: ChainParams
  readonly builder: ChainBuilder
  readonly ledger: LedgerModel
  /** The active chain, genesis first. */
  chain: BuiltBlock[]
  /** Every transaction that was ever made. */
  readonly made = new Map<string, Transaction>()
  readonly #random: RandomSource
  #salt = 0

  constructor(params: ChainParams, random: RandomSource, blocks: number) {
    this.params = params
    this.#random = random
    this.builder = new ChainBuilder(params)
    this.ledger = new LedgerModel(params, this.builder.genesis)
    this.chain = [this.builder.genesis]
    for (let i = 0; i < blocks; i++) this.chain.push(this.block(this.tip, []))
  }

  get tip(): BuiltBlock {
    return this.chain.at(-1) ?? this.builder.genesis
  }

  below(n: number): number {
    return this.#random.below(n)
  }

  pick<T>(items: Iterable<T>): T | undefined {
    const all = [...items]
    return all[this.below(Math.max(1, all.length))]
  }

  /** A block behind another, with these payments as far as they may stand there. */
  block(parent: BuiltBlock, wanted: Iterable<Transaction>): BuiltBlock {
    const coins = new Map(this.ledger.coinsAt(parent.hash))
    const transactions: Transaction[] = []
    const height = parent.height + 1
    let fees = 0
    for (const transaction of wanted) {
      if (this.ledger.holds(parent.hash, transaction) || transactions.includes(transaction)) continue
      if (
        this.ledger.wrongAt(transaction, coins, height) !== undefined ||
        !this.#isFinal(transaction, height)
      )
        continue
      for (const key of inputsOf(transaction)) {
        fees += coins.get(key)?.value ?? 0
        coins.delete(key)
      }
      for (const [i, { value }] of transaction.outputs.entries()) {
        fees -= Number(value)
        coins.set(coinKey(txidOf(transaction), i), { value: Number(value), height, isCoinbase: false })
      }
      transactions.push(transaction)
    }
    const block = this.builder.next(parent, { transactions, fees, salt: ++this.#salt })
    for (const transaction of block.transactions) this.made.set(keyOf(transaction), transaction)
    this.ledger.add(block)
    return block
  }

  /** Pays with one of the outputs that there are behind a block, or that these payments make; undefined if none will do. */
  payment(
    at: BuiltBlock,
    waiting: Payments,
    isUsable: (key: string) => boolean = () => true,
  ): Transaction | undefined {
    const coins = this.coinsWith(at, waiting)
    for (let tries = 0; tries < 8; tries++) {
      const from = this.pick([...waiting.values(), ...this.made.values()])
      if (from === undefined) return undefined
      const index = this.below(from.outputs.length)
      const key = coinKey(txidOf(from), index)
      const coin = coins.get(key)
      const parts = 1 + this.below(3)
      const value = Math.floor(((coin?.value ?? 0) - WORLD_FEE * (1 + this.below(3))) / parts)
      if (coin === undefined || value < MIN_VALUE || !isUsable(key)) continue
      const plain = spend(from, [index], Array<number>(parts).fill(value))
      const payment =
        this.below(6) === 0
          ? {
              ...plain,
              lockTime: at.height + 1,
              inputs: plain.inputs.map((each) => ({ ...each, sequence: 0 })),
            }
          : plain
      this.made.set(keyOf(payment), payment)
      return payment
    }
    return undefined
  }

  /** Another payment of what this one spends. */
  rivalOf(payment: Transaction): Transaction | undefined {
    const [input] = payment.inputs
    const from = input === undefined ? undefined : this.made.get(hashKey(input.previousHash))
    const output = input === undefined ? undefined : from?.outputs[input.previousIndex]
    if (input === undefined || from === undefined || output === undefined) return undefined
    const rival = spend(
      from,
      [input.previousIndex],
      [Number(output.value) - 5 * WORLD_FEE - this.below(1_000)],
    )
    this.made.set(keyOf(rival), rival)
    return rival
  }

  /** Of these payments, which exclude each other nowhere, those that may wait behind a block: all that can be mined next. */
  allowed(at: BuiltBlock, candidates: Payments): Map<string, Transaction> {
    const left = new Map(candidates)
    for (const [key, transaction] of left) if (this.ledger.holds(at.hash, transaction)) left.delete(key)
    for (let before = -1; before !== left.size; ) {
      before = left.size
      const coins = this.coinsWith(at, left)
      for (const [key, transaction] of left)
        if (!this.#mayWait(transaction, coins, at.height + 1)) left.delete(key)
    }
    return left
  }

  coinsWith(at: BuiltBlock, waiting: Payments): Map<string, ModelCoin> {
    const coins = new Map(this.ledger.coinsAt(at.hash))
    for (const transaction of waiting.values())
      for (const [i, { value }] of transaction.outputs.entries())
        coins.set(coinKey(txidOf(transaction), i), {
          value: Number(value),
          height: at.height + 1,
          isCoinbase: false,
        })
    return coins
  }

  #mayWait(transaction: Transaction, coins: ReadonlyMap<string, ModelCoin>, height: number): boolean {
    return this.ledger.wrongAt(transaction, coins, height) === undefined && this.#isFinal(transaction, height)
  }

  #isFinal(transaction: Transaction, height: number): boolean {
    return isFinal(transaction, height, this.tip.header.time)
  }
}

/** Does something spend twice? */
export function hasRivals(payments: Iterable<Transaction>): boolean {
  const spent = [...payments].flatMap(inputsOf)
  return new Set(spent).size < spent.length
}
