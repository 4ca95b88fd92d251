/**
 * Everything that happened to a wallet, as far as chain and mempool tell: a function of its keys and of what it was
 * given, in any order that the chain allows. Blocks are taken again without harm, so looking through the chain once more
 * repairs it. As large as the number of transactions that are about the wallet.
 */
import { coinKey } from '../chain/coin.ts'
import type { Transaction } from '../wire/transaction.ts'
import {
  type BlockPlace,
  entryOf,
  type HistoryEntry,
  isRelevant,
  type Ownership,
  type OwnOutput,
} from './history-entry.ts'

/** An output that paid to this wallet, spent or not. */
export interface OwnCoin {
  readonly coin: string
  readonly entry: HistoryEntry
  readonly output: OwnOutput
}

export class WalletHistory {
  readonly #own: Ownership
  readonly #entries = new Map<string, HistoryEntry>()
  /** Outputs to this wallet by coin key. */
  readonly #outputs = new Map<string, { readonly key: string; readonly output: OwnOutput }>()
  /** Entries that spend an output of this wallet, by coin key. */
  readonly #spenders = new Map<string, Set<string>>()
  /** Keys of entries that have changed since they were last drained. */
  #changed = new Set<string>()

  constructor(isOwn: (hash: Uint8Array) => boolean) {
    this.#own = { isOwn, output: (coin) => this.#outputs.get(coin)?.output }
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): HistoryEntry | undefined {
    return this.#entries.get(key)
  }

  entries(): Iterable<HistoryEntry> {
    return this.#entries.values()
  }

  /** One that paid to this wallet; undefined if it is not known. */
  output(coin: string): OwnOutput | undefined {
    return this.#outputs.get(coin)?.output
  }

  outputOf(txid: Uint8Array, index: number): OwnOutput | undefined {
    return this.output(coinKey(txid, index))
  }

  /** What has made an output of this wallet; undefined if that is not known. */
  makerOf(coin: string): HistoryEntry | undefined {
    const found = this.#outputs.get(coin)
    return found === undefined ? undefined : this.#entries.get(found.key)
  }

  *coins(): Generator<OwnCoin> {
    for (const [coin, { key, output }] of this.#outputs) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) yield { coin, entry, output }
    }
  }

  *spendersOf(coin: string): Generator<HistoryEntry> {
    for (const key of this.#spenders.get(coin) ?? []) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) yield entry
    }
  }

  isRelevant(transaction: Transaction): boolean {
    return isRelevant(transaction, this.#own)
  }

  /** A transaction was mined. `txid` is asked for only if it is about this wallet. */
  mined(transaction: Transaction, txid: () => Uint8Array, block: BlockPlace): HistoryEntry | undefined {
    if (!this.isRelevant(transaction)) return undefined
    const made = entryOf(transaction, txid(), this.#own, { time: block.time, block, raw: undefined })
    const before = this.#entries.get(made.key)
    const entry =
      before === undefined ? made : { ...made, time: Math.min(before.time, made.time), raw: before.raw }
    this.#put(entry)
    for (const { coin } of entry.spent) this.#endRivals(coin, entry)
    return entry
  }

  /**
   * A transaction waits to be mined. `raw`: its bytes, if this wallet made it. Undefined if it is not about this wallet,
   * or was mined already.
   */
  seen(
    transaction: Transaction,
    txid: Uint8Array,
    time: number,
    raw: Uint8Array | undefined,
  ): HistoryEntry | undefined {
    if (!this.isRelevant(transaction)) return undefined
    const made = entryOf(transaction, txid, this.#own, { time, block: undefined, raw })
    const before = this.#entries.get(made.key)
    if (before?.block !== undefined) return undefined
    const entry =
      before === undefined ? made : { ...made, time: Math.min(before.time, time), raw: before.raw ?? raw }
    this.#put(entry)
    return entry
  }

  /** An entry as it was kept on disk. */
  restore(entry: HistoryEntry): void {
    this.#put(entry)
    this.#changed.delete(entry.key)
  }

  /**
   * What was mined above that height waits again; coinbases are gone. Returns those that were mined, as they were, so that
   * the bytes of our own can be looked up and given to {@link keepRaw}.
   */
  undoAbove(height: number): HistoryEntry[] {
    return this.undo((block) => block.height > height)
  }

  /** The same for blocks of one's own choice. */
  undo(isUndone: (block: BlockPlace) => boolean): HistoryEntry[] {
    const undone: HistoryEntry[] = []
    for (const entry of [...this.#entries.values()]) {
      if (entry.block === undefined || !isUndone(entry.block)) continue
      undone.push(entry)
      if (entry.isCoinbase) this.forget(entry.key)
      else this.#put({ ...entry, block: undefined })
    }
    return undone
  }

  /** Its block will not be undone any more, so the bytes are not needed. */
  dropRaw(key: string): void {
    const entry = this.#entries.get(key)
    if (entry?.block !== undefined && entry.raw !== undefined) this.#put({ ...entry, raw: undefined })
  }

  /** The bytes of an unmined transaction of our own. */
  keepRaw(key: string, raw: Uint8Array): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.block === undefined) this.#put({ ...entry, raw })
  }

  /** It will not be mined: entries of others are forgotten, our own are kept as failed. */
  fail(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.block !== undefined) return
    if (entry.raw === undefined) this.forget(key)
    else if (!entry.isFailed) this.#put({ ...entry, isFailed: true })
  }

  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#unlink(entry)
    this.#entries.delete(key)
    this.#changed.add(key)
  }

  /** Keys of entries that have changed since the last call, and what became of them. */
  drainChanges(): Map<string, HistoryEntry | undefined> {
    const changed = this.#changed
    this.#changed = new Set()
    return new Map(Array.from(changed, (key) => [key, this.#entries.get(key)]))
  }

  #put(entry: HistoryEntry): void {
    const before = this.#entries.get(entry.key)
    if (before !== undefined) this.#unlink(before)
    this.#entries.set(entry.key, entry)
    for (const output of entry.received)
      this.#outputs.set(coinKey(entry.txid, output.index), { key: entry.key, output })
    for (const { coin } of entry.spent) {
      const spenders = this.#spenders.get(coin)
      if (spenders === undefined) this.#spenders.set(coin, new Set([entry.key]))
      else spenders.add(entry.key)
    }
    this.#changed.add(entry.key)
  }

  #unlink({ key, txid, received, spent }: HistoryEntry): void {
    for (const { index } of received) this.#outputs.delete(coinKey(txid, index))
    for (const { coin } of spent) {
      const spenders = this.#spenders.get(coin)
      spenders?.delete(key)
      if (spenders?.size === 0) this.#spenders.delete(coin)
    }
  }

  /** What else wanted to spend the same will not be mined. */
  #endRivals(coin: string, winner: HistoryEntry): void {
    for (const rival of [...this.spendersOf(coin)])
      if (rival.key !== winner.key && rival.block === undefined) this.fail(rival.key)
  }
}
