/**
 * What blocks held that a reorganisation took off, until it is taken in again: parents come before children, since what
 * stood in a lower block comes first. Bounded by memory; what stood in the highest blocks goes first, for nothing here
 * depends on it.
 */
import { MAX_RETURNED_BYTES } from '../params/limits.ts'
import type { KnownTransaction } from './entry.ts'

/** Of one, beside its bytes. */
const ENTRY_BYTES = 2_000

export interface ReturnedTransaction {
  readonly known: KnownTransaction
  /** Of the block that held it. */
  readonly height: number
  /** Its place among all that ever came. */
  readonly order: number
}

interface Level {
  readonly height: number
  /** The next one to be taken is the last. */
  items: ReturnedTransaction[]
}

export class ReturnedTransactions {
  /** Highest first. */
  readonly #levels: Level[] = []
  readonly #byKey = new Map<string, ReturnedTransaction>()
  #bytes = 0
  #orders = 0

  get size(): number {
    return this.#byKey.size
  }

  /** Memory held, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  /** Those of one block, in order. */
  add(height: number, transactions: readonly KnownTransaction[]): void {
    const items: ReturnedTransaction[] = []
    for (const known of transactions) {
      const item = { known, height, order: this.#orders++ }
      this.#note(item)
      items.push(item)
    }
    const level = this.#level(height)
    level.items = items.reverse().concat(level.items)
    this.#shrink()
  }

  /** One that was taken out comes back to its place. */
  putBack(item: ReturnedTransaction): void {
    if (this.#byKey.has(item.known.key)) return
    this.#note(item)
    const { items } = this.#level(item.height)
    const at = items.findLastIndex(({ order }) => order > item.order)
    items.splice(at + 1, 0, item)
    this.#shrink()
  }

  /** Takes out the one that may be what all others depend on. */
  next(): ReturnedTransaction | undefined {
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      const item = level.items.pop()
      if (item === undefined) this.#levels.pop()
      else if (this.#forget(item)) return item
    }
    return undefined
  }

  /** These stand in a block again. */
  delete(keys: Iterable<string>): void {
    const heights = new Set<number>()
    for (const key of keys) {
      const item = this.#byKey.get(key)
      if (item === undefined) continue
      this.#forget(item)
      heights.add(item.height)
    }
    for (const height of heights) {
      const level = this.#level(height)
      level.items = level.items.filter((item) => this.#byKey.get(item.known.key) === item)
    }
  }

  #note(item: ReturnedTransaction): void {
    const before = this.#byKey.get(item.known.key)
    if (before !== undefined) this.#forget(before)
    this.#byKey.set(item.known.key, item)
    this.#bytes += bytesOf(item)
  }

  /** False if it was gone before. */
  #forget(item: ReturnedTransaction): boolean {
    if (this.#byKey.get(item.known.key) !== item) return false
    this.#byKey.delete(item.known.key)
    this.#bytes -= bytesOf(item)
    return true
  }

  #level(height: number): Level {
    const at = this.#levels.findIndex((level) => level.height <= height)
    const found = this.#levels[at]
    if (found?.height === height) return found
    const level = { height, items: [] }
    this.#levels.splice(at < 0 ? this.#levels.length : at, 0, level)
    return level
  }

  #shrink(): void {
    while (this.#bytes > MAX_RETURNED_BYTES) {
      const [highest] = this.#levels
      if (highest === undefined) return
      let gone = 0
      while (gone < highest.items.length && this.#bytes > MAX_RETURNED_BYTES) {
        const item = highest.items[gone++]
        if (item !== undefined) this.#forget(item)
      }
      highest.items.splice(0, gone)
      if (highest.items.length === 0) this.#levels.shift()
    }
  }
}

function bytesOf({ known }: ReturnedTransaction): number {
  return known.bytes.length + ENTRY_BYTES
}
