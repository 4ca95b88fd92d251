/** The merkle root of a block's transactions (chain 3.3), and whether other lists of transactions have the same. */
import { bytesEqual } from '../primitives/bytes.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import type { Job } from './io.ts'
import { Pace, withoutRest } from './pace.ts'
import { rest } from './requests.ts'

const HASH_BYTES = 32
/** Of a pair, as {@link Pace} counts. */
const HASH_WORK = 2

export interface MerkleRoot {
  /** 32 bytes in wire order. Zero for no transactions. */
  readonly root: Uint8Array
  /**
   * Two equal nodes were hashed together. A shorter list has the same root then, so nothing that is found wrong
   * with this one says anything about the header.
   */
  readonly mutated: boolean
}

/** Does not change what it is given. */
export function merkleRoot(txids: readonly Uint8Array[]): MerkleRoot {
  return withoutRest(merkleRootInTurns(txids))
}

export function* merkleRootInTurns(txids: readonly Uint8Array[], pace = new Pace()): Job<MerkleRoot> {
  const [first] = txids
  if (first === undefined) return { root: new Uint8Array(HASH_BYTES), mutated: false }
  let mutated = false
  let level = txids
  const pair = new Uint8Array(2 * HASH_BYTES)
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? first
      const right = level[i + 1]
      if (right !== undefined && bytesEqual(left, right)) mutated = true
      pair.set(left)
      pair.set(right ?? left, HASH_BYTES)
      next.push(sha3_256(pair))
      if (pace.isOver(HASH_WORK)) yield* rest()
    }
    level = next
  }
  return { root: level[0] ?? first, mutated }
}
