/** A wallet's history after any course of blocks, reorganisations and waiting transactions, against one made anew. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coinKey } from '../../src/chain/coin.ts'
import { hashKey } from '../../src/chain/header-node.ts'
import { isCoinbase } from '../../src/chain/transaction-rules.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { p2pkhHash, p2pkhScript } from '../../src/script/templates.ts'
import { balanceOf, isAlive, type Surroundings, unspentCoins } from '../../src/wallet/balance.ts'
import { WalletHistory } from '../../src/wallet/history.ts'
import type { HistoryEntry } from '../../src/wallet/history-entry.ts'
import { decodeEntry, ENTRY_PREFIX, encodeEntry } from '../../src/wallet/history-rows.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'

const MATURITY = 3
/** Keys 0 to 3 are ours. */
const OWN_KEYS = 4
const hashOf = (key: number): Uint8Array => new Uint8Array(20).fill(key + 1)
const isOwn = (hash: Uint8Array): boolean => (hash[0] ?? 99) <= OWN_KEYS

interface Output {
  readonly txid: Uint8Array
  readonly index: number
  readonly value: number
}

interface Mined {
  readonly hash: Uint8Array
  readonly transactions: readonly Transaction[]
}

type Step =
  | { readonly kind: 'mine'; readonly to: number; readonly spends: readonly Payment[] }
  | { readonly kind: 'undo'; readonly blocks: number }
  | { readonly kind: 'wait'; readonly payment: Payment }
  /** What waits is mined, but for those whose coins are gone. */
  | { readonly kind: 'confirm' }

interface Payment {
  /** Which of the unspent outputs, by their order. */
  readonly inputs: readonly number[]
  readonly to: readonly number[]
  readonly byUs: boolean
}

const payment: fc.Arbitrary<Payment> = fc.record({
  inputs: fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }),
  to: fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }),
  byUs: fc.boolean(),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('mine' as const),
    to: fc.nat(6),
    spends: fc.array(payment, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('undo' as const), blocks: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('wait' as const), payment }),
  fc.record({ kind: fc.constant('confirm' as const) }),
)

/** A chain and a pool without rules but those of money, and a wallet that watches both. */
class World {
  readonly wallet = new WalletHistory(isOwn)
  readonly blocks: Mined[] = []
  readonly pool = new Map<string, { transaction: Transaction; byUs: boolean }>()
  #serial = 0

  take(step: Step): void {
    if (step.kind === 'mine') this.#mine(step.to, step.spends)
    else if (step.kind === 'undo') this.#undo(Math.min(step.blocks, this.blocks.length))
    else if (step.kind === 'wait') this.#wait(step.payment)
    else
      this.#mine(
        5,
        [],
        [...this.pool.values()].map(({ transaction }) => transaction),
      )
  }

  get around(): Surroundings {
    return {
      tipHeight: this.blocks.length,
      maturityBlocks: MATURITY,
      isPending: (key) => this.pool.has(key),
    }
  }

  /** What the chain says is not spent, in order. */
  outputs(withPool: boolean): Output[] {
    const unspent = new Map<string, Output>()
    const take = (transaction: Transaction): void => {
      const txid = txidOf(transaction)
      for (const { previousHash, previousIndex } of transaction.inputs)
        unspent.delete(coinKey(previousHash, previousIndex))
      for (const [index, { value }] of transaction.outputs.entries())
        unspent.set(coinKey(txid, index), { txid, index, value: Number(value) })
    }
    for (const { transactions } of this.blocks) transactions.forEach(take)
    if (withPool) for (const { transaction } of this.pool.values()) take(transaction)
    return [...unspent.values()]
  }

  #pay({ inputs, to }: Payment, from: Output[]): Transaction | undefined {
    const chosen = inputs.flatMap((n) => (from.length === 0 ? [] : from.splice(n % from.length, 1)))
    if (chosen.length === 0) return undefined
    const value = chosen.reduce((sum, output) => sum + output.value, 0)
    const share = Math.floor(value / (to.length + 1))
    return {
      version: 1,
      inputs: chosen.map(({ txid, index }) => ({
        previousHash: txid,
        previousIndex: index,
        scriptSig: new Uint8Array(0),
        sequence: 0xffff_ffff,
      })),
      outputs: to.map((key) => ({ value: BigInt(share), scriptPubKey: p2pkhScript(hashOf(key)) })),
      lockTime: this.#serial++,
    }
  }

  #mine(to: number, spends: readonly Payment[], ready: readonly Transaction[] = []): void {
    const coinbase: Transaction = {
      version: 1,
      inputs: [
        {
          previousHash: new Uint8Array(32),
          previousIndex: 0xffff_ffff,
          scriptSig: Uint8Array.of(this.#serial & 0xff, this.#serial >> 8),
          sequence: 0xffff_ffff,
        },
      ],
      outputs: [{ value: 1_000_000n, scriptPubKey: p2pkhScript(hashOf(to)) }],
      lockTime: this.#serial++,
    }
    const from = this.outputs(false)
    const fits = (transaction: Transaction): boolean =>
      transaction.inputs.every((input) => {
        const at = from.findIndex(({ txid, index }) => coinKey(txid, index) === keyOf(input))
        if (at < 0) return false
        from.splice(at, 1)
        return true
      })
    const transactions = [
      coinbase,
      ...ready.filter(fits),
      ...spends.flatMap((spend) => this.#pay(spend, from) ?? []),
    ]
    const hash = sha3_256(Uint8Array.of(this.#serial & 0xff, this.#serial >> 8))
    this.blocks.push({ hash, transactions })
    this.#tell(this.wallet, this.blocks.length)
    this.#clean()
  }

  #tell(wallet: WalletHistory, height: number): void {
    const block = this.blocks[height - 1]
    if (block === undefined) throw new Error('no block')
    for (const [position, transaction] of block.transactions.entries()) {
      const place = { height, hash: block.hash, time: 1_000 + height, position }
      wallet.mined(transaction, () => txidOf(transaction), place)
    }
  }

  #undo(count: number): void {
    const undone = this.blocks.splice(this.blocks.length - count)
    this.wallet.undoAbove(this.blocks.length)
    // What was mined waits again, as a mempool has it.
    for (const { transactions } of undone)
      for (const transaction of transactions.filter((each) => !isCoinbase(each)))
        this.pool.set(hashKey(txidOf(transaction)), { transaction, byUs: false })
    this.#clean()
  }

  #wait(wish: Payment): void {
    const transaction = this.#pay(wish, this.outputs(true))
    if (transaction === undefined) return
    const txid = txidOf(transaction)
    // Only what spends nothing but our own can be made by us.
    const byUs =
      wish.byUs && transaction.inputs.every((input) => this.wallet.output(keyOf(input)) !== undefined)
    this.pool.set(hashKey(txid), { transaction, byUs })
    this.wallet.seen(transaction, txid, 5_000, byUs ? Uint8Array.of(1) : undefined)
  }

  /** What can't be mined any more leaves the pool, and the wallet is told, as by a mempool. */
  #clean(): void {
    const spent = new Set(
      this.blocks.flatMap(({ transactions }) => transactions.flatMap(({ inputs }) => inputs.map(keyOf))),
    )
    const mined = new Set(
      this.blocks.flatMap(({ transactions }) => transactions.map((t) => hashKey(txidOf(t)))),
    )
    let before = -1
    while (before !== this.pool.size) {
      before = this.pool.size
      const unspent = new Set(this.outputs(false).map(({ txid, index }) => coinKey(txid, index)))
      const coming = new Set<string>()
      for (const [key, { transaction }] of this.pool) {
        const isPossible = transaction.inputs.every(
          (input) => unspent.has(keyOf(input)) || coming.has(keyOf(input)),
        )
        if (mined.has(key)) this.pool.delete(key)
        else if (isPossible) {
          for (const input of transaction.inputs) unspent.delete(keyOf(input))
          for (const index of transaction.outputs.keys()) coming.add(coinKey(txidOf(transaction), index))
        } else {
          this.pool.delete(key)
          // What a block has spent the wallet sees by itself; the rest it is told.
          if (!transaction.inputs.some((input) => spent.has(keyOf(input)))) this.wallet.fail(key)
        }
      }
    }
  }

  /** The same, told once from the beginning. */
  anew(): WalletHistory {
    const wallet = new WalletHistory(isOwn)
    for (let height = 1; height <= this.blocks.length; height++) this.#tell(wallet, height)
    for (const { transaction, byUs } of this.pool.values())
      wallet.seen(transaction, txidOf(transaction), 5_000, byUs ? Uint8Array.of(1) : undefined)
    return wallet
  }

  /** Counted without any wallet. */
  ownMoney(): number {
    const scripts = new Map<string, Uint8Array>()
    const all = [
      ...this.blocks.flatMap(({ transactions }) => transactions),
      ...[...this.pool.values()].map((p) => p.transaction),
    ]
    for (const transaction of all)
      for (const [index, { scriptPubKey }] of transaction.outputs.entries())
        scripts.set(coinKey(txidOf(transaction), index), scriptPubKey)
    return this.outputs(true)
      .filter(({ txid, index }) =>
        isOwn(p2pkhHash(scripts.get(coinKey(txid, index)) ?? new Uint8Array()) ?? hashOf(9)),
      )
      .reduce((sum, { value }) => sum + value, 0)
  }
}

function keyOf({ previousHash, previousIndex }: Transaction['inputs'][number]): string {
  return coinKey(previousHash, previousIndex)
}

/** What matters of a wallet, in an order of its own. */
function pictureOf(wallet: WalletHistory, around: Surroundings): unknown {
  const coins = [...unspentCoins(wallet, around)].map(
    ({ coin, output, confirmations, isMature }) =>
      `${toHex(Buffer.from(coin, 'latin1'))} ${output.value} ${confirmations} ${isMature}`,
  )
  const entries = [...wallet.entries()]
    .filter((entry) => isAlive(entry, around))
    .map(({ txid, block, fee, received, spent, paid }) =>
      [toHex(txid), block?.height, fee, received.length, spent.length, paid.length].join(' '),
    )
  return { coins: coins.sort(), entries: entries.sort(), balance: balanceOf(wallet, around) }
}

describe("a wallet's history", () => {
  it('depends on chain and pool, not on the way to them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World()
        for (const each of steps) world.take(each)
        const { around } = world
        expect(pictureOf(world.wallet, around)).toEqual(pictureOf(world.anew(), around))
        const { confirmed, unconfirmed, immature } = balanceOf(world.wallet, around)
        expect(confirmed + unconfirmed + immature).toBe(world.ownMoney())
      }),
      { numRuns: 200 },
    )
  })

  it('is read back from its rows as it was', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const world = new World()
        const rows = new Map<string, HistoryEntry | undefined>()
        for (const each of steps) {
          world.take(each)
          for (const [key, entry] of world.wallet.drainChanges()) rows.set(key, entry)
        }
        const restored = new WalletHistory(isOwn)
        for (const [key, entry] of rows) {
          if (entry === undefined) continue
          const decoded = decodeEntry(ENTRY_PREFIX + key, encodeEntry(entry))
          expect(decoded).toEqual(entry)
          if (decoded !== undefined) restored.restore(decoded)
        }
        expect(restored.drainChanges().size).toBe(0)
        expect(pictureOf(restored, world.around)).toEqual(pictureOf(world.wallet, world.around))
      }),
      { numRuns: 60 },
    )
  })
})
