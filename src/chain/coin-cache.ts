/**
 * The unspent outputs as the active chain's tip sees them: what was changed since the last commit, over what the
 * store holds. Bounded by its budget, except for changes that wait to be committed, which the engine bounds.
 */
import { ByteWriter } from '../primitives/writer.ts'
import { type Coin, decodeCoin, encodeCoin } from './coin.ts'
import type { StoreChange } from './io.ts'

interface Entry {
  /** Undefined: spent, or never there. */
  readonly coin: Coin | undefined
  /** Differs from what the store holds. */
  readonly dirty: boolean
  /** The store holds nothing under this key, so an output spent meanwhile need never be written. */
  readonly isFresh: boolean
}

/** Of a map's entry, its key and its objects, beside the script. */
const ENTRY_BYTES = 220

export class CoinCache {
  readonly #entries = new Map<string, Entry>()
  readonly #dirtyKeys = new Set<string>()
  readonly #budgetBytes: number
  #bytes = 0
  #dirtyBytes = 0
  #holders = 0

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  /** Memory held, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of that, what waits to be committed. */
  get dirtyBytes(): number {
    return this.#dirtyBytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Does it know about this key without asking the store? */
  knows(key: string): boolean {
    return this.#entries.has(key)
  }

  /** The coin, if it is unspent; the key must be known. */
  get(key: string): Coin | undefined {
    return this.#entries.get(key)?.coin
  }

  /** What the store holds under a key; false if that is no coin. Does not override what is known. */
  loaded(key: string, value: Uint8Array | undefined): boolean {
    if (this.#entries.has(key)) return true
    const coin = value === undefined ? undefined : decodeCoin(value)
    if (value !== undefined && coin === undefined) return false
    this.#put(key, { coin, dirty: false, isFresh: value === undefined })
    return true
  }

  /** A new output. `mayExist`: the store may hold an older one under this key. */
  add(key: string, coin: Coin, mayExist: boolean): void {
    const before = this.#entries.get(key)
    const isFresh = before === undefined ? !mayExist : before.isFresh
    this.#put(key, { coin, dirty: true, isFresh })
  }

  /** The output is not there any more. Its key must be known. */
  spend(key: string): void {
    const before = this.#entries.get(key)
    if (before?.isFresh === true && before.dirty) this.#drop(key, before)
    else this.#put(key, { coin: undefined, dirty: true, isFresh: before?.isFresh ?? false })
  }

  /** Everything that differs from the store, which counts as written from now on. */
  takeChanges(): StoreChange[] {
    const changes: StoreChange[] = []
    const writer = new ByteWriter()
    for (const [key, coin] of this.dirty()) {
      changes.push({ key, value: coin === undefined ? undefined : encodeCoin(coin, writer) })
      this.#entries.set(key, { coin, dirty: false, isFresh: coin === undefined })
    }
    this.#dirtyKeys.clear()
    this.#dirtyBytes = 0
    return changes
  }

  /** Somebody relies on what is known, or is about to be: it is not forgotten until {@link release}. */
  hold(): void {
    this.#holders++
  }

  release(): void {
    this.#holders--
  }

  /** Forgets clean entries, the oldest first, down to the budget. Not while changes are on their way to the store. */
  trim(): void {
    // An answer of the store that is older than what was forgotten would be believed.
    if (this.#bytes <= this.#budgetBytes || this.#holders > 0) return
    for (const [key, entry] of this.#entries) {
      if (!entry.dirty) this.#drop(key, entry)
      if (this.#bytes <= this.#budgetBytes * 0.9) return
    }
  }

  /** Changes that are not committed, for whoever reads the store beside it. */
  *dirty(): Generator<readonly [key: string, coin: Coin | undefined]> {
    for (const key of this.#dirtyKeys) yield [key, this.#entries.get(key)?.coin]
  }

  #put(key: string, entry: Entry): void {
    const before = this.#entries.get(key)
    if (before !== undefined) this.#account(before, -1)
    this.#account(entry, 1)
    this.#entries.set(key, entry)
    if (entry.dirty) this.#dirtyKeys.add(key)
    else this.#dirtyKeys.delete(key)
  }

  #drop(key: string, entry: Entry): void {
    this.#account(entry, -1)
    this.#entries.delete(key)
    this.#dirtyKeys.delete(key)
  }

  #account(entry: Entry, sign: 1 | -1): void {
    const bytes = sign * (ENTRY_BYTES + (entry.coin?.script.length ?? 0))
    this.#bytes += bytes
    if (entry.dirty) this.#dirtyBytes += bytes
  }
}
