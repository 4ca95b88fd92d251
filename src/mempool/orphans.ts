/**
 * Transactions whose parents are not known: they wait here for a while, and cost their sender nothing. Bounded in
 * number, bytes, time, and per sender.
 */
import type { Source } from '../chain/outcomes.ts'
import {
  MAX_ORPHAN_TRANSACTION_BYTES,
  MAX_ORPHAN_TRANSACTIONS,
  MAX_ORPHAN_TRANSACTIONS_PER_PEER,
  ORPHAN_TRANSACTION_MS,
} from '../params/limits.ts'
import type { MonoMs, PeerId } from '../primitives/brand.ts'
import type { KnownTransaction } from './entry.ts'

export interface Orphan {
  readonly known: KnownTransaction
  readonly source: Source
  readonly isLocal: boolean
  readonly until: number
  /** Keys of the transactions that it waits for. */
  readonly missing: readonly string[]
}

export class OrphanTransactions {
  readonly #orphans = new Map<string, Orphan>()
  /** By what they wait for. */
  readonly #waiting = new Map<string, Set<string>>()
  #bytes = 0

  get size(): number {
    return this.#orphans.size
  }

  has(key: string): boolean {
    return this.#orphans.has(key)
  }

  *all(): Generator<KnownTransaction> {
    for (const { known } of this.#orphans.values()) yield known
  }

  add(
    { known, source, isLocal }: Pick<Orphan, 'known' | 'source' | 'isLocal'>,
    missing: readonly string[],
    now: MonoMs,
  ): void {
    if (this.#orphans.has(known.key)) return
    const own = [...this.#orphans.values()].filter((orphan) => orphan.source === source)
    if (own.length >= MAX_ORPHAN_TRANSACTIONS_PER_PEER && own[0] !== undefined) this.remove(own[0].known.key)
    const orphan = { known, source, isLocal, until: now + ORPHAN_TRANSACTION_MS, missing }
    this.#orphans.set(known.key, orphan)
    this.#bytes += known.bytes.length
    for (const key of missing) {
      const waiting = this.#waiting.get(key) ?? new Set()
      waiting.add(known.key)
      this.#waiting.set(key, waiting)
    }
    this.#shrink()
  }

  /** Takes out those that waited for this transaction. */
  take(parentKey: string): Pick<Orphan, 'known' | 'source' | 'isLocal'>[] {
    const keys = [...(this.#waiting.get(parentKey) ?? [])]
    return keys.flatMap((key) => {
      const orphan = this.#orphans.get(key)
      this.remove(key)
      return orphan === undefined ? [] : [orphan]
    })
  }

  remove(key: string): void {
    const orphan = this.#orphans.get(key)
    if (orphan === undefined) return
    this.#orphans.delete(key)
    this.#bytes -= orphan.known.bytes.length
    for (const parent of orphan.missing) {
      const waiting = this.#waiting.get(parent)
      waiting?.delete(key)
      if (waiting?.size === 0) this.#waiting.delete(parent)
    }
  }

  /** What a peer brought goes with it. */
  forget(source: PeerId): void {
    for (const [key, orphan] of this.#orphans) if (orphan.source === source) this.remove(key)
  }

  expire(now: MonoMs): void {
    for (const [key, orphan] of this.#orphans) {
      // In order of arrival, and all wait for the same time.
      if (orphan.until > now) return
      this.remove(key)
    }
  }

  #shrink(): void {
    for (const key of this.#orphans.keys()) {
      const fits =
        this.#orphans.size <= MAX_ORPHAN_TRANSACTIONS && this.#bytes <= MAX_ORPHAN_TRANSACTION_BYTES
      if (fits) return
      this.remove(key)
    }
  }
}
