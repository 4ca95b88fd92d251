/**
 * What to pay to be mined soon: what it takes to stand among those that fit into the next blocks, as the pool is now.
 * While the pool holds less than a block, the smallest fee is enough.
 */
import { MIN_FEE_PER_BYTE } from '../params/limits.ts'
import type { MempoolEntry } from './entry.ts'

/** Blocks are rarely filled to the last byte. */
const USABLE = 0.9

/** Ions per byte for a transaction that is to be mined within so many blocks. */
export function estimateFeeRate(
  sorted: readonly MempoolEntry[],
  blockBytes: number,
  targetBlocks: number,
): number {
  let room = blockBytes * USABLE * targetBlocks
  for (const { bytes, feeRate } of sorted) {
    room -= bytes.length
    // Others come meanwhile: a tenth more than the last one that fits.
    if (room <= 0) return Math.max(MIN_FEE_PER_BYTE, feeRate * 1.1)
  }
  return MIN_FEE_PER_BYTE
}
