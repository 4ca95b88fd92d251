/**
 * The transactions that wait, by id and by what they spend: no two spend the same. Bounded by a budget of memory;
 * what pays least goes first.
 */
import type { Coin } from '../chain/coin.ts'
import { coinKey } from '../chain/coin.ts'
import { MAX_MEMPOOL_TRANSACTIONS } from '../params/limits.ts'
import {
  ancestorsOf,
  descendantsOf,
  type KnownTransaction,
  leavesFirst,
  type MempoolEntry,
  memoryOf,
  type PackageSums,
  spentKeys,
  sumsOf,
} from './entry.ts'
import { WorstFirst } from './worst-first.ts'

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
    const own = { fee: facts.fee, bytes: known.bytes.length }
    const entry: MempoolEntry = {
      ...known,
      ...facts,
      feeRate: own.fee / own.bytes,
      sequence: this.#sequence++,
      spends: spentKeys(known.transaction),
      parents: new Set(parents),
      children: new Set(),
      withAncestors: own,
      withDescendants: own,
    }
    for (const parent of parents) parent.children.add(entry)
    this.#adoptChildren(entry)
    this.#sumUp(entry)
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
    const ancestors = ancestorsOf(entry)
    const descendants = descendantsOf(entry)
    this.#entries.delete(entry.key)
    for (const coin of entry.spends) this.#spenders.delete(coin)
    for (const parent of entry.parents) parent.children.delete(entry)
    for (const child of entry.children) child.parents.delete(entry)
    // Out of the middle it takes along what its parents and its children were to each other.
    const isMiddle = ancestors.size > 0 && descendants.size > 0
    for (const other of ancestors)
      other.withDescendants = isMiddle
        ? sumsOf(other, descendantsOf(other))
        : without(other.withDescendants, entry)
    for (const other of descendants)
      other.withAncestors = isMiddle ? sumsOf(other, ancestorsOf(other)) : without(other.withAncestors, entry)
    this.#memory -= memoryOf(entry)
    this.#bytes -= entry.bytes.length
    this.#changes++
    this.#sorted = undefined
  }

  /** Takes one out with everything that depends on it. Returns all of them. */
  removeWithDescendants(entry: MempoolEntry): MempoolEntry[] {
    const gone = leavesFirst(entry)
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

  /**
   * Makes room, if there is too much: what pays least goes, with what depends on it. What is worth more to miners for what
   * depends on it counts as that. Returns all of them.
   */
  shrink(): MempoolEntry[] {
    const full = this.#room(1)
    if (this.#memory <= full.memory && this.#entries.size <= full.transactions) return []
    // A little more than is needed, since sorting costs more than what it is for.
    const goal = this.#room(SHRUNK)
    const worst = new WorstFirst(this.sorted())
    const gone: MempoolEntry[] = []
    while (this.#memory > goal.memory || this.#entries.size > goal.transactions) {
      const entry = worst.next((each) => this.#entries.get(each.key) === each)
      if (entry === undefined) break
      const { fee, bytes } = entry.withDescendants
      this.#floorRate = Math.max(this.#floorRate, fee / bytes)
      const others = new Set<MempoolEntry>()
      for (const each of leavesFirst(entry)) {
        for (const other of ancestorsOf(each)) others.add(other)
        this.remove(each)
        gone.push(each)
      }
      worst.changed([...others].filter((each) => this.#entries.get(each.key) === each))
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
      assertSums(entry.withAncestors, sumsOf(entry, ancestorsOf(entry)))
      assertSums(entry.withDescendants, sumsOf(entry, descendantsOf(entry)))
    }
    if (memory !== this.#memory) throw new Error('memory is miscounted')
  }

  #room(share: number): { readonly memory: number; readonly transactions: number } {
    return { memory: share * this.#budgetBytes, transactions: share * MAX_MEMPOOL_TRANSACTIONS }
  }

  #sumUp(entry: MempoolEntry): void {
    const ancestors = ancestorsOf(entry)
    entry.withAncestors = sumsOf(entry, ancestors)
    if (entry.children.size === 0) {
      for (const other of ancestors) other.withDescendants = withOne(other.withDescendants, entry)
      return
    }
    const descendants = descendantsOf(entry)
    entry.withDescendants = sumsOf(entry, descendants)
    for (const other of ancestors) other.withDescendants = sumsOf(other, descendantsOf(other))
    for (const other of descendants) other.withAncestors = sumsOf(other, ancestorsOf(other))
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

function withOne({ fee, bytes }: PackageSums, entry: MempoolEntry): PackageSums {
  return { fee: fee + entry.fee, bytes: bytes + entry.bytes.length }
}

function without({ fee, bytes }: PackageSums, entry: MempoolEntry): PackageSums {
  return { fee: fee - entry.fee, bytes: bytes - entry.bytes.length }
}

function assertSums(kept: PackageSums, counted: PackageSums): void {
  if (kept.fee !== counted.fee || kept.bytes !== counted.bytes) throw new Error('a sum is wrong')
}
