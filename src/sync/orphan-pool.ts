/**
 * Blocks whose parent is not known, until it comes. Bounded in number, bytes, time, and per peer; when it is full,
 * who has most in it loses his oldest. An orphan says nothing against its sender.
 */
import { hashKey } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import { MAX_ORPHAN_BYTES, MAX_ORPHANS, MAX_ORPHANS_PER_PEER, ORPHAN_EXPIRY_MS } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import type { Block } from '../wire/block.ts'

export interface Orphan {
  readonly from: PeerId
  readonly block: Block
  readonly received: StoredBlock | undefined
  readonly at: number
}

export class OrphanPool {
  /** In order of arrival. */
  readonly #orphans = new Set<Orphan>()
  #bytes = 0

  get size(): number {
    return this.#orphans.size
  }

  /** When the oldest expires; infinite if there is none. */
  get nextDeadline(): number {
    for (const { at } of this.#orphans) return at + ORPHAN_EXPIRY_MS
    return Number.POSITIVE_INFINITY
  }

  *keyedIds(): Generator<PeerId> {
    for (const { from } of this.#orphans) yield from
  }

  /** False if it is there already. */
  add(orphan: Orphan): boolean {
    const header = orphan.block.header.bytes
    for (const { block } of this.#orphans) if (bytesEqual(block.header.bytes, header)) return false
    this.#orphans.add(orphan)
    this.#bytes += bytesOf(orphan)
    if (this.#count(orphan.from) > MAX_ORPHANS_PER_PEER) this.#dropOldest(orphan.from)
    while (this.#orphans.size > MAX_ORPHANS) this.#dropOldest(this.#heaviest(() => 1))
    while (this.#bytes > MAX_ORPHAN_BYTES) this.#dropOldest(this.#heaviest(bytesOf))
    return true
  }

  /** Takes out those that stand on this block. */
  take(parentHash: Uint8Array): Orphan[] {
    const parent = hashKey(parentHash)
    const found = [...this.#orphans].filter(({ block }) => hashKey(block.header.previousHash) === parent)
    for (const orphan of found) this.#drop(orphan)
    return found
  }

  forget(id: PeerId): void {
    for (const orphan of this.#orphans) if (orphan.from === id) this.#drop(orphan)
  }

  expire(now: number): void {
    for (const orphan of this.#orphans) {
      if (orphan.at + ORPHAN_EXPIRY_MS > now) return
      this.#drop(orphan)
    }
  }

  #count(id: PeerId): number {
    let count = 0
    for (const { from } of this.#orphans) if (from === id) count++
    return count
  }

  /** Who has most in it. */
  #heaviest(weight: (orphan: Orphan) => number): PeerId | undefined {
    const sums = new Map<PeerId, number>()
    for (const orphan of this.#orphans) sums.set(orphan.from, (sums.get(orphan.from) ?? 0) + weight(orphan))
    let heaviest: PeerId | undefined
    for (const [id, sum] of sums) if (heaviest === undefined || sum > (sums.get(heaviest) ?? 0)) heaviest = id
    return heaviest
  }

  #dropOldest(id: PeerId | undefined): void {
    for (const orphan of this.#orphans) if (orphan.from === id) return this.#drop(orphan)
  }

  #drop(orphan: Orphan): void {
    if (this.#orphans.delete(orphan)) this.#bytes -= bytesOf(orphan)
  }
}

/** The message may keep a little more memory alive than the block needs. */
function bytesOf({ block, received }: Orphan): number {
  return received?.payload.length ?? block.header.bytes.length + block.transactionData.length
}
