/**
 * Which of the transactions that wait go into the next block: those that pay most per byte, each behind what it
 * depends on, as many as fit.
 */
import { isFinal } from '../chain/transaction-rules.ts'
import type { MempoolEntry } from './entry.ts'

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

/** After so many that did not fit in a row, the block is as good as full. */
const MAX_MISSES = 1_000

/** `sorted`: those that pay most per byte first. */
export function selectForBlock(sorted: readonly MempoolEntry[], limits: SelectionLimits): Selection {
  const chosen = new Set<MempoolEntry>()
  /** Those that wait for a parent, by that parent. */
  const held = new Map<MempoolEntry, MempoolEntry[]>()
  let bytes = 0
  let fees = 0
  let misses = 0
  const consider = (entry: MempoolEntry): void => {
    if (chosen.has(entry)) return
    for (const parent of entry.parents) {
      if (chosen.has(parent)) continue
      held.set(parent, [...(held.get(parent) ?? []), entry])
      return
    }
    const isTooMuch = bytes + entry.bytes.length > limits.maxBytes || chosen.size >= limits.maxTransactions
    if (isTooMuch || !isFinal(entry.transaction, limits.height, limits.time)) {
      misses++
      return
    }
    misses = 0
    chosen.add(entry)
    bytes += entry.bytes.length
    fees += entry.fee
    const children = held.get(entry)
    held.delete(entry)
    for (const child of children ?? []) consider(child)
  }
  for (const entry of sorted) {
    if (misses >= MAX_MISSES) break
    consider(entry)
  }
  return { entries: [...chosen], fees, bytes }
}
