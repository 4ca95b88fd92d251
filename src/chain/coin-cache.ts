/**
 * The unspent outputs as the active chain's tip sees them, in layers: what the last block changed, until it is merged;
 * what waits for a commit; what is on its way to the store; and what the store holds. Layers change hands at once, and
 * their contents move in turns, so that neither a big block nor a big commit keeps others waiting. Bounded by its
 * budget, except for what is not committed, which the engine bounds.
 */
import { CHAIN_COINS_PER_TURN } from '../params/limits.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type Coin, decodeCoin, encodeCoin } from './coin.ts'
import type { Job, StoreChange } from './io.ts'
import { rest } from './requests.ts'

/** What becomes of outputs, by their keys. Undefined: spent. */
export type CoinChanges = Map<string, Coin | undefined>

interface Change {
  readonly coin: Coin | undefined
  /** The store holds nothing under this key, so an output spent meanwhile need never be written. */
  readonly isFresh: boolean
}

/** Of a map's entry, its key and its objects, beside the script. */
const ENTRY_BYTES = 220

export class CoinCache {
  readonly #budgetBytes: number
  /** Not merged into the layers below yet. */
  #block: CoinChanges | undefined
  #dirty = new Map<string, Change>()
  #dirtyBytes = 0
  #flying: ReadonlyMap<string, Change> = new Map()
  #flyingBytes = 0
  /** As the store holds it, where no other layer says otherwise. */
  readonly #clean = new Map<string, Coin | undefined>()
  #cleanBytes = 0
  #holders = 0

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /** Memory held, roughly. */
  get bytes(): number {
    return this.#dirtyBytes + this.#flyingBytes + this.#cleanBytes
  }

  /** Of that, what waits to be committed. */
  get dirtyBytes(): number {
    return this.#dirtyBytes
  }

  /** Are the changes of a block on their way? Nothing can be committed meanwhile. */
  get isMerging(): boolean {
    return this.#block !== undefined
  }

  /** Does it know about this key without asking the store? */
  knows(key: string): boolean {
    const isChanged = this.#block?.has(key) === true || this.#dirty.has(key) || this.#flying.has(key)
    return isChanged || this.#clean.has(key)
  }

  /** Is there no room for what may as well be asked for again? */
  get isFull(): boolean {
    return this.bytes >= this.#budgetBytes
  }

  /** The coin, if it is unspent; what is not known counts as not there. */
  get(key: string): Coin | undefined {
    if (this.#block?.has(key) === true) return this.#block.get(key)
    const change = this.#dirty.get(key) ?? this.#flying.get(key)
    return change === undefined ? this.#clean.get(key) : change.coin
  }

  /** What the store holds under a key; false if that is no coin. Does not override what is known. */
  loaded(key: string, value: Uint8Array | undefined): boolean {
    if (this.knows(key)) return true
    const coin = value === undefined ? undefined : decodeCoin(value)
    if (value !== undefined && coin === undefined) return false
    this.#setClean(key, coin)
    return true
  }

  /** Makes these changes, all at once; they are the cache's from now on. {@link merge} must follow. */
  apply(changes: CoinChanges): void {
    if (this.#block !== undefined) throw new Error('changes of another block are not merged yet')
    this.#block = changes
    this.hold()
  }

  /** Brings what was applied to where it can be committed. Changes nothing that is to be seen. */
  *merge(): Job<void> {
    if (this.#block === undefined) return
    let done = 0
    for (const [key, coin] of this.#block) {
      this.#change(key, coin)
      if (++done % CHAIN_COINS_PER_TURN === 0) yield* rest()
    }
    this.#block = undefined
    this.release()
  }

  /** Everything that differs from the store is on its way from now on: {@link encodeFlying}, then {@link landed}. */
  takeOff(): void {
    if (this.#block !== undefined || this.#flying.size > 0) throw new Error('not the time for a commit')
    this.#flying = this.#dirty
    this.#flyingBytes = this.#dirtyBytes
    this.#dirty = new Map()
    this.#dirtyBytes = 0
  }

  *encodeFlying(): Job<StoreChange[]> {
    const changes: StoreChange[] = []
    const writer = new ByteWriter()
    for (const [key, { coin }] of this.#flying) {
      changes.push({ key, value: coin === undefined ? undefined : encodeCoin(coin, writer) })
      if (changes.length % CHAIN_COINS_PER_TURN === 0) yield* rest()
    }
    return changes
  }

  /** The store holds what was on its way; forgets what goes beyond the budget. */
  *landed(): Job<void> {
    let done = 0
    for (const [key, { coin }] of this.#flying) {
      if (!this.#dirty.has(key)) this.#setClean(key, coin)
      if (++done % CHAIN_COINS_PER_TURN === 0) yield* rest()
    }
    this.#flying = new Map()
    this.#flyingBytes = 0
    yield* this.trim()
  }

  /** Somebody relies on what is known, or is about to be: it is not forgotten until {@link release}. */
  hold(): void {
    this.#holders++
  }

  release(): void {
    this.#holders--
  }

  /** Forgets what can be asked for again and goes beyond the budget, the oldest first. */
  *trim(): Job<void> {
    if (this.bytes <= this.#budgetBytes) return
    let done = 0
    for (const [key, coin] of this.#clean) {
      // An answer of the store that is older than what was forgotten would be believed.
      if (this.#holders > 0 || this.bytes <= this.#budgetBytes * 0.9) return
      this.#clean.delete(key)
      this.#cleanBytes -= bytesOf(coin)
      if (++done % CHAIN_COINS_PER_TURN === 0) yield* rest()
    }
  }

  #change(key: string, coin: Coin | undefined): void {
    const before = this.#dirty.get(key)
    if (before !== undefined) this.#dirtyBytes -= bytesOf(before.coin)
    const isFresh = before?.isFresh ?? this.#isNotStored(key)
    if (isFresh && coin === undefined) {
      this.#dirty.delete(key)
      return
    }
    this.#dirty.set(key, { coin, isFresh })
    this.#dirtyBytes += bytesOf(coin)
    this.#dropClean(key)
  }

  /** Only if that is known; one that is on its way there counts as stored. */
  #isNotStored(key: string): boolean {
    const flying = this.#flying.get(key)
    if (flying !== undefined) return flying.coin === undefined
    return this.#clean.has(key) && this.#clean.get(key) === undefined
  }

  #setClean(key: string, coin: Coin | undefined): void {
    this.#dropClean(key)
    this.#clean.set(key, coin)
    this.#cleanBytes += bytesOf(coin)
  }

  #dropClean(key: string): void {
    const coin = this.#clean.get(key)
    if (this.#clean.delete(key)) this.#cleanBytes -= bytesOf(coin)
  }
}

function bytesOf(coin: Coin | undefined): number {
  return ENTRY_BYTES + (coin?.script.length ?? 0)
}
