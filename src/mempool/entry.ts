/** One transaction that waits to be mined. */

import { coinKey } from '../chain/coin.ts'
import { hashKey } from '../chain/header-node.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { Transaction } from '../wire/transaction.ts'
import { writeTransaction } from '../wire/transaction.ts'

/** A transaction with its bytes, in shortest form, and their hash. */
export interface KnownTransaction {
  readonly transaction: Transaction
  readonly bytes: Uint8Array
  /** 32 bytes in wire order. */
  readonly id: Uint8Array
  readonly key: string
}

/** Owns its bytes: what came in a larger message is copied. */
export function knownTransaction(transaction: Transaction): KnownTransaction {
  const writer = new ByteWriter(512)
  writeTransaction(writer, transaction)
  const bytes = writer.copy()
  const id = sha3_256(bytes)
  return { transaction, bytes, id, key: hashKey(id) }
}

export interface MempoolEntry extends KnownTransaction {
  /** In ions. */
  readonly fee: number
  /** Ions per byte. */
  readonly feeRate: number
  /** When it came, in Unix seconds. */
  readonly time: number
  /** Height of the tip then. */
  readonly height: number
  /** From 0, in order of arrival. */
  readonly sequence: number
  /** Coin keys of what it spends. */
  readonly spends: readonly string[]
  /** Entries whose outputs it spends, and that spend its. */
  readonly parents: Set<MempoolEntry>
  readonly children: Set<MempoolEntry>
}

export function spentKeys({ inputs }: Transaction): string[] {
  return inputs.map(({ previousHash, previousIndex }) => coinKey(previousHash, previousIndex))
}

/** Memory that an entry takes, roughly: its bytes, the same again decoded, and tables. */
export function memoryOf(entry: MempoolEntry): number {
  return 2 * entry.bytes.length + 600 + 200 * entry.spends.length
}

/** Everything that it needs to be mined first, itself excluded. */
export function ancestorsOf(entry: Pick<MempoolEntry, 'parents'>): Set<MempoolEntry> {
  return reach(entry.parents, (next) => next.parents)
}

/** Everything that can't be mined without it, itself excluded. */
export function descendantsOf(entry: Pick<MempoolEntry, 'children'>): Set<MempoolEntry> {
  return reach(entry.children, (next) => next.children)
}

function reach(
  from: Iterable<MempoolEntry>,
  next: (entry: MempoolEntry) => Iterable<MempoolEntry>,
): Set<MempoolEntry> {
  const found = new Set<MempoolEntry>()
  const open = [...from]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    if (found.has(entry)) continue
    found.add(entry)
    open.push(...next(entry))
  }
  return found
}
