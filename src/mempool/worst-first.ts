/**
 * Who goes first when there is too little room: who pays least per byte, by itself or together with what depends on it,
 * whichever is more. While some go, others become worth more or less.
 */
import { Heap } from '../primitives/heap.ts'
import type { MempoolEntry } from './entry.ts'

interface Ranked {
  readonly entry: MempoolEntry
  readonly rate: number
}

export class WorstFirst {
  /** Those that pay most by themselves first. */
  readonly #sorted: readonly MempoolEntry[]
  #at: number
  /** Those that are worth more for what depends on them, or were; some more than once. */
  readonly #lifted = new Heap<Ranked>(isWorse)

  constructor(sorted: readonly MempoolEntry[]) {
    this.#sorted = sorted
    this.#at = sorted.length - 1
  }

  /** The next one; only of those that are still there. */
  next(isThere: (entry: MempoolEntry) => boolean): MempoolEntry | undefined {
    for (;;) {
      const plain = this.#plain(isThere)
      const lifted = this.#liftedFirst(isThere)
      if (plain === undefined && lifted === undefined) return undefined
      if (plain === undefined || (lifted !== undefined && isWorse(lifted, plain))) {
        this.#lifted.pop()
        return lifted?.entry
      }
      this.#at--
      const rate = worthOf(plain.entry)
      if (rate === plain.rate) return plain.entry
      this.#lifted.push({ entry: plain.entry, rate })
    }
  }

  /** Something has gone that depended on these. */
  changed(entries: Iterable<MempoolEntry>): void {
    for (const entry of entries) this.#lifted.push({ entry, rate: worthOf(entry) })
  }

  #plain(isThere: (entry: MempoolEntry) => boolean): Ranked | undefined {
    for (let entry = this.#sorted[this.#at]; entry !== undefined; entry = this.#sorted[--this.#at])
      if (isThere(entry)) return { entry, rate: entry.feeRate }
    return undefined
  }

  #liftedFirst(isThere: (entry: MempoolEntry) => boolean): Ranked | undefined {
    for (let first = this.#lifted.first; first !== undefined; first = this.#lifted.first) {
      const rate = worthOf(first.entry)
      if (rate === first.rate && isThere(first.entry)) return first
      this.#lifted.pop()
      if (isThere(first.entry)) this.#lifted.push({ entry: first.entry, rate })
    }
    return undefined
  }
}

function worthOf({ feeRate, withDescendants: { fee, bytes } }: MempoolEntry): number {
  return Math.max(feeRate, fee / bytes)
}

/** Of those that are worth the same, the last one that came goes first. */
function isWorse(a: Ranked, b: Ranked): boolean {
  return a.rate < b.rate || (a.rate === b.rate && a.entry.sequence > b.entry.sequence)
}
