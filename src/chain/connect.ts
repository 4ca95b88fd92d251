/**
 * Joins a block to the coins, or takes it off again. Connecting looks at everything before it changes anything, so
 * that a bad block leaves no trace.
 */
import type { ChainParams } from '../params/chain-params.ts'
import { CHAIN_COINS_PER_TURN } from '../params/limits.ts'
import type { BlockBody, BlockTransaction } from './block-body.ts'
import { type Coin, coinKey, coinKeysOf, isSpendable } from './coin.ts'
import type { CoinCache, CoinChanges } from './coin-cache.ts'
import { checkCoinbase } from './coinbase-rules.ts'
import { DamagedStore } from './damage.ts'
import { type Fault, fault } from './faults.ts'
import type { HeaderNode } from './header-node.ts'
import type { Job } from './io.ts'
import { Pace } from './pace.ts'
import { getValues, rest } from './requests.ts'
import { checkScripts, type SpendingTransaction } from './script-checks.ts'
import { isFinalInBlock, relativeLockFault } from './transaction-rules.ts'
import { encodeUndo } from './undo.ts'

/** Of an output that is made, or spent, in microseconds. */
const COIN_WORK = 3
const NOTHING: Plan = { changes: new Map(), spending: [], undo: [], fees: 0 }

export type ConnectResult =
  | { readonly ok: true; readonly undo: Uint8Array }
  | { readonly ok: false; readonly fault: Fault }

/** Where a block stands or would stand; `time` in Unix seconds. */
export type Place = Pick<HeaderNode, 'height' | 'time'>

/** What a look at a block shows. */
interface Plan {
  /** Outputs from before the block that it spends, and those that it leaves. */
  readonly changes: CoinChanges
  /** Its transactions but the coinbase, with what they spend. */
  readonly spending: SpendingTransaction[]
  readonly undo: Coin[]
  fees: number
}

/** If it ends well, the coins are those behind the block, and are to be merged. */
export function* connectBlock(
  params: ChainParams,
  coins: CoinCache,
  node: HeaderNode,
  body: BlockBody,
): Job<ConnectResult> {
  coins.hold()
  try {
    const planned = params.body === 'opaque' ? NOTHING : yield* examineBlock(params, coins, node, body)
    if ('code' in planned) return { ok: false, fault: planned }
    const undo = yield* encodeUndo(planned.undo)
    coins.apply(planned.changes)
    return { ok: true, undo }
  } finally {
    coins.release()
  }
}

/** What connecting the block behind the tip would do, or the rule that it breaks. Changes nothing. */
export function* examineBlock(
  params: ChainParams,
  coins: CoinCache,
  place: Place,
  body: BlockBody,
): Job<Plan | Fault> {
  // Until the end, since whoever connects the block goes on with what was loaded.
  coins.hold()
  try {
    yield* loadCoins(coins, yield* keysToLoad(body))
    const isStrict = place.height > params.trustedHeight
    const plan: Plan = { changes: new Map(), spending: [], undo: [], fees: 0 }
    const look = { params, coins, place, isStrict, pace: new Pace(), plan, gone: new Set<string>() }
    const broken = yield* lookThrough(look, body)
    if (broken !== undefined) return broken
    const coinbase = body.transactions[0]
    const wrong =
      coinbase === undefined
        ? fault('bad-cb-missing')
        : checkCoinbase(params, place.height, coinbase.transaction, plan.fees)
    // What costs most comes last; where a checkpoint vouches for the block, it is left out.
    const refused = wrong ?? (isStrict ? yield* checkScripts(plan.spending, params.chainId) : undefined)
    return refused ?? plan
  } finally {
    coins.release()
  }
}

/**
 * Takes off the tip's block: the coins are those before it then, and are to be merged. Throws DamagedStore if the undo
 * data is not the block's.
 */
export function* disconnectBlock(coins: CoinCache, body: BlockBody, undo: readonly Coin[]): Job<void> {
  const changes: CoinChanges = new Map()
  let next = undo.length
  let done = 0
  for (const entry of body.transactions.toReversed()) {
    for (const key of madeKeys(entry)) {
      if (++done % CHAIN_COINS_PER_TURN === 0) yield* rest()
      changes.set(key, undefined)
    }
    if (entry === body.transactions[0]) continue
    for (const input of entry.transaction.inputs.toReversed()) {
      if (++done % CHAIN_COINS_PER_TURN === 0) yield* rest()
      const coin = undo[--next]
      if (coin === undefined) throw new DamagedStore('undo data does not fit its block')
      // If the block itself made it, it goes again with the transaction that did.
      changes.set(coinKey(input.previousHash, input.previousIndex), coin)
    }
  }
  if (next !== 0) throw new DamagedStore('undo data does not fit its block')
  coins.apply(changes)
}

/**
 * Asks the store for what the cache does not know. `isBounded`: strangers may choose the keys, of which there is no end.
 * So the cache is kept to its budget, and what is not there is remembered only while there is room.
 */
export function* loadCoins(coins: CoinCache, keys: readonly string[], isBounded = false): Job<void> {
  if (isBounded) yield* coins.trim()
  coins.hold()
  try {
    for (let from = 0; from < keys.length; from += CHAIN_COINS_PER_TURN) {
      const missing = keys.slice(from, from + CHAIN_COINS_PER_TURN).filter((key) => !coins.knows(key))
      const values = yield* getValues(missing)
      for (const [i, key] of missing.entries()) {
        if (isBounded && values[i] === undefined && coins.isFull) continue
        if (!coins.loaded(key, values[i])) throw new DamagedStore('an unspent output can not be read')
      }
      if (missing.length === 0 && from + CHAIN_COINS_PER_TURN < keys.length) yield* rest()
    }
  } finally {
    coins.release()
  }
}

/** Keys of the outputs that a transaction leaves. */
function* madeKeys({ txid, transaction }: BlockTransaction): Generator<string> {
  const keyOf = coinKeysOf(txid)
  for (const [i, { scriptPubKey }] of transaction.outputs.entries())
    if (isSpendable(scriptPubKey)) yield keyOf(i)
}

/**
 * Outputs that the block spends, and those that it makes: they may be there already. A coinbase may repeat an earlier
 * one byte by byte, and then what was paid from that one may be repeated as well.
 */
export function* keysToLoad({ transactions }: BlockBody): Job<string[]> {
  const keys: string[] = []
  const pace = new Pace()
  for (const [i, entry] of transactions.entries()) {
    for (const key of madeKeys(entry)) {
      if (pace.isOver(COIN_WORK)) yield* rest()
      keys.push(key)
    }
    if (i === 0) continue
    for (const { previousHash, previousIndex } of entry.transaction.inputs) {
      if (pace.isOver(COIN_WORK)) yield* rest()
      keys.push(coinKey(previousHash, previousIndex))
    }
  }
  return keys
}

/** A look at a block that is under way: where it would stand, how much is asked of it, and what was seen so far. */
interface Look {
  readonly params: ChainParams
  readonly coins: CoinCache
  readonly place: Place
  readonly isStrict: boolean
  readonly pace: Pace
  readonly plan: Plan
  /** Keys of what it has spent. */
  readonly gone: Set<string>
}

function* lookThrough(look: Look, { transactions }: BlockBody): Job<Fault | undefined> {
  for (const [i, entry] of transactions.entries()) {
    const isCoinbase = i === 0
    const wrong =
      (isCoinbase ? undefined : yield* spend(look, entry)) ?? (yield* make(look, entry, isCoinbase))
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function* make(
  { coins, place, isStrict, pace, plan }: Look,
  { txid, transaction }: BlockTransaction,
  isCoinbase: boolean,
): Job<Fault | undefined> {
  const { height } = place
  const keyOf = coinKeysOf(txid)
  for (const [out, { value, scriptPubKey }] of transaction.outputs.entries()) {
    if (pace.isOver(COIN_WORK)) yield* rest()
    if (!isSpendable(scriptPubKey)) continue
    const key = keyOf(out)
    if (isStrict && coins.get(key) !== undefined) return fault('bad-txns-BIP30')
    // What is kept must not keep the whole block alive.
    plan.changes.set(key, { value: Number(value), script: scriptPubKey.slice(), height, isCoinbase })
  }
  return undefined
}

function* spend(look: Look, { transaction }: BlockTransaction): Job<Fault | undefined> {
  const { params, coins, place, isStrict, pace, plan, gone } = look
  const { height, time } = place
  const spent: Coin[] = []
  let inputValue = 0
  for (const { previousHash, previousIndex } of transaction.inputs) {
    if (pace.isOver(COIN_WORK)) yield* rest()
    const key = coinKey(previousHash, previousIndex)
    const own = plan.changes.get(key)
    const coin = own ?? (gone.has(key) ? undefined : coins.get(key))
    if (coin === undefined) return fault('bad-txns-inputs-missingorspent')
    if (isStrict && coin.isCoinbase && height - coin.height < params.coinbaseMaturityBlocks)
      return fault('bad-txns-premature-spend-of-coinbase')
    // One that the block has made in the place of an older one takes that along.
    if (own === undefined || coins.get(key) !== undefined) plan.changes.set(key, undefined)
    else plan.changes.delete(key)
    gone.add(key)
    spent.push(coin)
    inputValue += coin.value
  }
  let outputValue = 0
  for (const output of transaction.outputs) outputValue += Number(output.value)
  if (isStrict) {
    if (inputValue < outputValue) return fault('bad-txns-in-belowout')
    if (!isFinalInBlock(transaction, height, time)) return fault('bad-txns-nonfinal')
    const locked = relativeLockFault(transaction, height, (i) => spent[i]?.height ?? height)
    if (locked !== undefined) return locked
  }
  plan.fees += inputValue - outputValue
  plan.spending.push({ transaction, coins: spent })
  for (const coin of spent) plan.undo.push(coin)
  return undefined
}
