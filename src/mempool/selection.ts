/**
 * Which of the transactions that wait go into the next block: those that pay most per byte together with what they depend
 * on, so that a child pulls its parents along; each behind what it depends on, as many as fit. The same pool and limits
 * give the same block.
 */
import { isFinal } from '../chain/transaction-rules.ts'
import { MAX_SELECTION_STEPS } from '../params/limits.ts'
import { Heap } from '../primitives/heap.ts'
import { descendantsOf, eachBehind, type MempoolEntry } from './entry.ts'

export interface SelectionLimits {
  /** Of all chosen transactions together. */
  readonly maxBytes: number
  readonly maxTransactions: number
  /** Height and time (Unix seconds) of the block. */
  readonly height: number
  readonly time: number
}

export interface Selection {
  /** Parents first. */
  readonly entries: readonly MempoolEntry[]
  readonly fees: number
  readonly bytes: number
}

/** An entry with those that it needs and that are not chosen yet. */
interface Candidate {
  readonly entry: MempoolEntry
  /** Of all of them. */
  readonly fee: number
  readonly bytes: number
  /** Ions per byte. No more than its own: what its parents pay is got by choosing these alone. */
  readonly rate: number
}

/** After so many that did not fit in a row, the block is as good as full. */
const MAX_MISSES = 1_000

/** `sorted`: those that pay most per byte first, then those that came first. */
export function selectForBlock(sorted: readonly MempoolEntry[], limits: SelectionLimits): Selection {
  return new BlockFilling(sorted, limits).fill()
}

class BlockFilling {
  readonly #sorted: readonly MempoolEntry[]
  readonly #limits: SelectionLimits
  /** Where the first stands that was not looked at. */
  #at = 0
  /** Those with parents that were come across, and some more than once. */
  readonly #children = new Heap<Candidate>(isBetter)
  /** What holds for those of which something is chosen that they need; others of the heap are out of date. */
  readonly #latest = new Map<MempoolEntry, Candidate>()
  readonly #chosen = new Set<MempoolEntry>()
  /** What can't be in this block. */
  readonly #excluded = new Set<MempoolEntry>()
  #bytes = 0
  #fees = 0
  #steps = 0

  constructor(sorted: readonly MempoolEntry[], limits: SelectionLimits) {
    this.#sorted = sorted
    this.#limits = limits
  }

  fill(): Selection {
    let misses = 0
    for (let entry = this.#next(); entry !== undefined && misses < MAX_MISSES; entry = this.#next()) {
      const group = this.#groupOf(entry)
      if (group === undefined || !group.every((each) => this.#isFinal(each))) {
        this.#excluded.add(entry)
      } else if (this.#fits(group)) {
        misses = 0
        this.#choose(group)
      } else {
        misses++
        this.#excluded.add(entry)
      }
    }
    return { entries: [...this.#chosen], fees: this.#fees, bytes: this.#bytes }
  }

  /** The best that was not looked at. */
  #next(): MempoolEntry | undefined {
    for (let entry = this.#sorted[this.#at]; entry !== undefined; entry = this.#sorted[++this.#at]) {
      if (this.#chosen.has(entry) || this.#latest.has(entry)) continue
      const candidate = firstCandidate(entry)
      // With its parents it is worth no more than by itself, so those that follow here can't be better.
      if (entry.parents.size > 0) {
        this.#children.push(candidate)
        continue
      }
      const child = this.#nextChild()
      if (child !== undefined && isBetter(child, candidate)) break
      this.#at++
      return entry
    }
    const child = this.#nextChild()
    this.#children.pop()
    return child?.entry
  }

  #nextChild(): Candidate | undefined {
    for (let first = this.#children.first; first !== undefined; first = this.#children.first) {
      const isCurrent = (this.#latest.get(first.entry) ?? first) === first
      if (isCurrent && !this.#chosen.has(first.entry)) return first
      this.#children.pop()
    }
    return undefined
  }

  /** An entry behind what it needs and is not chosen yet; undefined if something of that can't be in the block. */
  #groupOf(entry: MempoolEntry): MempoolEntry[] | undefined {
    const group: MempoolEntry[] = []
    const needs = ({ parents }: MempoolEntry): MempoolEntry[] =>
      [...parents].filter((each) => !this.#chosen.has(each))
    for (const each of eachBehind([entry], needs)) {
      if (this.#excluded.has(each)) return undefined
      group.push(each)
    }
    return group
  }

  #isFinal({ transaction }: MempoolEntry): boolean {
    return isFinal(transaction, this.#limits.height, this.#limits.time)
  }

  #fits(group: readonly MempoolEntry[]): boolean {
    const bytes = group.reduce((sum, each) => sum + each.bytes.length, this.#bytes)
    const { maxBytes, maxTransactions } = this.#limits
    return bytes <= maxBytes && this.#chosen.size + group.length <= maxTransactions
  }

  #choose(group: readonly MempoolEntry[]): void {
    for (const entry of group) {
      this.#chosen.add(entry)
      this.#bytes += entry.bytes.length
      this.#fees += entry.fee
    }
    const changed = new Map<MempoolEntry, { fee: number; bytes: number }>()
    for (const entry of group) if (entry.children.size > 0) this.#relieve(entry, changed)
    for (const [entry, { fee, bytes }] of changed) {
      const candidate = candidateOf(entry, fee, bytes)
      this.#latest.set(entry, candidate)
      this.#children.push(candidate)
    }
  }

  /** What depends on one that was chosen needs that no more. */
  #relieve(chosen: MempoolEntry, changed: Map<MempoolEntry, { fee: number; bytes: number }>): void {
    // Where everything depends on everything, the order is as it was found from here on.
    if (this.#steps > MAX_SELECTION_STEPS) return
    for (const entry of descendantsOf(chosen)) {
      this.#steps++
      if (this.#chosen.has(entry) || this.#excluded.has(entry)) continue
      const { fee, bytes } = changed.get(entry) ?? this.#latest.get(entry) ?? entry.withAncestors
      changed.set(entry, { fee: fee - chosen.fee, bytes: bytes - chosen.bytes.length })
    }
  }
}

function firstCandidate(entry: MempoolEntry): Candidate {
  const { fee, bytes } = entry.withAncestors
  return candidateOf(entry, fee, bytes)
}

function candidateOf(entry: MempoolEntry, fee: number, bytes: number): Candidate {
  return { entry, fee, bytes, rate: Math.min(entry.feeRate, fee / bytes) }
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.rate > b.rate || (a.rate === b.rate && a.entry.sequence < b.entry.sequence)
}
