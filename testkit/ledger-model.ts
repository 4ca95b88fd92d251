/**
 * The coins behind each block of a tree of blocks, computed in the plainest way: what an engine with caches, undo data
 * and commits must agree with. Refuses blocks that spend what is not there or take more than they may.
 */
import { coinKey } from '../src/chain/coin.ts'
import { subsidy } from '../src/chain/coinbase-rules.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { toHex } from '../src/primitives/bytes.ts'
import { type Transaction, txidOf } from '../src/wire/transaction.ts'
import type { BuiltBlock } from './chain-builder.ts'

export interface ModelCoin {
  readonly value: number
  readonly height: number
  readonly isCoinbase: boolean
}

interface State {
  readonly height: number
  readonly coins: ReadonlyMap<string, ModelCoin>
  /** Ids in hex of all transactions up to here. */
  readonly txids: ReadonlySet<string>
}

export class LedgerModel {
  readonly #params: ChainParams
  readonly #states = new Map<string, State>()
  /** Keys of all outputs that any block has made. */
  readonly outputs = new Set<string>()

  constructor(params: ChainParams, genesis: BuiltBlock) {
    this.#params = params
    this.#states.set(toHex(genesis.hash), { height: 0, coins: new Map(), txids: new Set() })
  }

  /** Throws if the block may not be behind its parent. */
  add(block: BuiltBlock): void {
    const parent = this.#stateOf(block.header.previousHash)
    const coins = new Map(parent.coins)
    const txids = new Set(parent.txids)
    const [coinbase, ...rest] = block.transactions
    if (coinbase === undefined) throw new Error('a block without a coinbase')
    let fees = 0
    for (const transaction of rest) {
      const wrong = this.wrongAt(transaction, coins, block.height)
      if (wrong !== undefined) throw new Error(`block ${block.height} ${wrong}`)
      for (const key of inputsOf(transaction)) {
        fees += coins.get(key)?.value ?? 0
        coins.delete(key)
      }
      fees -= total(transaction)
      this.#create(transaction, block.height, coins, txids)
    }
    if (total(coinbase) !== subsidy(this.#params, block.height) + fees)
      throw new Error(`block ${block.height} takes ${total(coinbase)}`)
    this.#create(coinbase, block.height, coins, txids)
    this.#states.set(toHex(block.hash), { height: block.height, coins, txids })
  }

  coinsAt(hash: Uint8Array): ReadonlyMap<string, ModelCoin> {
    return this.#stateOf(hash).coins
  }

  holds(hash: Uint8Array, transaction: Transaction): boolean {
    return this.#stateOf(hash).txids.has(toHex(txidOf(transaction)))
  }

  heightOf(hash: Uint8Array): number {
    return this.#stateOf(hash).height
  }

  /** Why a transaction may not be mined at this height with these coins; undefined if it may. */
  wrongAt(
    transaction: Transaction,
    coins: ReadonlyMap<string, ModelCoin>,
    height: number,
  ): string | undefined {
    let value = 0
    for (const key of inputsOf(transaction)) {
      const coin = coins.get(key)
      if (coin === undefined) return 'spends what is not there'
      if (coin.isCoinbase && height - coin.height < this.#params.coinbaseMaturityBlocks)
        return 'spends a coinbase too early'
      value += coin.value
    }
    return value < total(transaction) ? 'pays more than it has' : undefined
  }

  #create(transaction: Transaction, height: number, coins: Map<string, ModelCoin>, txids: Set<string>): void {
    const id = txidOf(transaction)
    txids.add(toHex(id))
    const isCoinbase = inputsOf(transaction).length === 0
    for (const [i, { value }] of transaction.outputs.entries()) {
      const key = coinKey(id, i)
      coins.set(key, { value: Number(value), height, isCoinbase })
      this.outputs.add(key)
    }
  }

  #stateOf(hash: Uint8Array): State {
    const state = this.#states.get(toHex(hash))
    if (state === undefined) throw new Error('a block that the model has not seen')
    return state
  }
}

/** Keys of what it spends; of a coinbase none. */
export function inputsOf({ inputs }: Transaction): string[] {
  return inputs.flatMap(({ previousHash, previousIndex }) =>
    previousIndex === 0xffff_ffff ? [] : [coinKey(previousHash, previousIndex)],
  )
}

function total({ outputs }: Transaction): number {
  return outputs.reduce((sum, { value }) => sum + Number(value), 0)
}
