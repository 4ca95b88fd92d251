/**
 * The transactions that wait, by id and by what they spend: no two spend the same. Bounded by a budget of memory;
 * what pays least goes first.
 */
import type { Coin } from '../chain/coin.ts'
import { coinKey } from '../chain/coin.ts'
import { MAX_MEMPOOL_TRANSACTIONS } from '../params/limits.ts'
import { descendantsOf, type KnownTransaction, type MempoolEntry, memoryOf, spentKeys } from './entry.ts'

export interface EntryFacts {
  readonly fee: number
  readonly time: number
  readonly height: number
  readonly validFrom: number
  readonly isLocal: boolean
}

/** How full it is after it was full, and when it is no longer called full. */
const SHRUNK = 0.99
const FLOOR_ENDS = 0.9

export class MempoolTable {
  readonly #entries = new Map<string, MempoolEntry>()
  /** By the coin key of what is spent. */
  readonly #spenders = new Map<string, MempoolEntry>()
  readonly #budgetBytes: number
  #memory = 0
  #bytes = 0
  #sequence = 0
  #floorRate = 0
  #changes = 0
  /** Those that pay most first; made when asked for after a change. */
  #sorted: MempoolEntry[] | undefined

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Of all transactions as they are sent. */
  get bytes(): number {
    return this.#bytes
  }

  /** Memory held, roughly. */
  get memory(): number {
    return this.#memory
  }

  get budgetBytes(): number {
    return this.#budgetBytes
  }

  /** How often something has come or gone. */
  get changes(): number {
    return this.#changes
  }

  get(key: string): MempoolEntry | undefined {
    return this.#entries.get(key)
  }

  spenderOf(coin: string): MempoolEntry | undefined {
    return this.#spenders.get(coin)
  }

  /** In order of arrival. */
  all(): Iterable<MempoolEntry> {
    return this.#entries.values()
  }

  /** Those that pay most per byte first, then those that came first. */
  sorted(): readonly MempoolEntry[] {
    this.#sorted ??= [...this.#entries.values()].sort(
      (a, b) => b.feeRate - a.feeRate || a.sequence - b.sequence,
    )
    return this.#sorted
  }

  /** An output of a transaction that waits, as a coin of the next block. */
  outputOf(txKey: string, index: number, height: number): Coin | undefined {
    const output = this.#entries.get(txKey)?.transaction.outputs[index]
    if (output === undefined) return undefined
    return { value: Number(output.value), script: output.scriptPubKey, height, isCoinbase: false }
  }

  /** None of what it spends may be spent by another one. */
  add(known: KnownTransaction, facts: EntryFacts, parents: ReadonlySet<MempoolEntry>): MempoolEntry {
    const entry: MempoolEntry = {
      ...known,
      ...facts,
      feeRate: facts.fee / known.bytes.length,
      sequence: this.#sequence++,
      spends: spentKeys(known.transaction),
      parents: new Set(parents),
      children: new Set(),
    }
    for (const parent of parents) parent.children.add(entry)
    this.#adoptChildren(entry)
    this.#entries.set(entry.key, entry)
    for (const coin of entry.spends) this.#spenders.set(coin, entry)
    this.#memory += memoryOf(entry)
    this.#bytes += entry.bytes.length
    this.#changes++
    this.#sorted = undefined
    return entry
  }

  /** Takes one out; those that depend on it stay, as when it was mined. */
  remove(entry: MempoolEntry): void {
    if (this.#entries.get(entry.key) !== entry) return
    this.#entries.delete(entry.key)
    for (const coin of entry.spends) this.#spenders.delete(coin)
    for (const parent of entry.parents) parent.children.delete(entry)
    for (const child of entry.children) child.parents.delete(entry)
    this.#memory -= memoryOf(entry)
    this.#bytes -= entry.bytes.length
    this.#changes++
    this.#sorted = undefined
  }

  /** Takes one out with everything that depends on it. Returns all of them. */
  removeWithDescendants(entry: MempoolEntry): MempoolEntry[] {
    const gone = [...descendantsOf(entry), entry]
    for (const other of gone) this.remove(other)
    return gone
  }

  /**
   * Ions per byte that one has to pay more than, to be taken: what had to go lately paid as much. 0 while there is
   * plenty of room.
   */
  get floorRate(): number {
    const { memory, transactions } = this.#room(FLOOR_ENDS)
    if (this.#memory <= memory && this.#entries.size <= transactions) this.#floorRate = 0
    return this.#floorRate
  }

  /** Makes room, if there is too much: what pays least goes, with what depends on it. Returns all of them. */
  shrink(): MempoolEntry[] {
    const full = this.#room(1)
    if (this.#memory <= full.memory && this.#entries.size <= full.transactions) return []
    // A little more than is needed, since sorting costs more than what it is for.
    const goal = this.#room(SHRUNK)
    const gone: MempoolEntry[] = []
    for (const entry of [...this.sorted()].reverse()) {
      if (this.#memory <= goal.memory && this.#entries.size <= goal.transactions) break
      if (this.#entries.get(entry.key) !== entry) continue
      this.#floorRate = Math.max(this.#floorRate, entry.feeRate)
      gone.push(...this.removeWithDescendants(entry))
    }
    return gone
  }

  /** Throws if tables disagree. For tests. */
  assertConsistent(): void {
    let memory = 0
    for (const entry of this.#entries.values()) {
      memory += memoryOf(entry)
      for (const coin of entry.spends)
        if (this.#spenders.get(coin) !== entry) throw new Error('a spender is missing')
      for (const other of [...entry.parents, ...entry.children])
        if (this.#entries.get(other.key) !== other) throw new Error('a relative has gone')
    }
    if (memory !== this.#memory) throw new Error('memory is miscounted')
  }

  #room(share: number): { readonly memory: number; readonly transactions: number } {
    return { memory: share * this.#budgetBytes, transactions: share * MAX_MEMPOOL_TRANSACTIONS }
  }

  /** A transaction that was mined and comes back may have spenders here. */
  #adoptChildren(entry: MempoolEntry): void {
    for (let i = 0; i < entry.transaction.outputs.length; i++) {
      const child = this.#spenders.get(coinKey(entry.id, i))
      if (child === undefined) continue
      entry.children.add(child)
      child.parents.add(entry)
    }
  }
}
