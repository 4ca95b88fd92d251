/** One transaction that waits to be mined. */

import { coinKey, coinKeysOf } from '../chain/coin.ts'
import { hashKey } from '../chain/header-node.ts'
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import {
  BLOCK_TRANSACTION,
  readTransaction,
  type Transaction,
  writeTransaction,
} from '../wire/transaction.ts'

/** What was decoded once can be decoded again. */
const ANY = { ...BLOCK_TRANSACTION, maxScriptPubKeyBytes: BLOCK_TRANSACTION.maxScriptSigBytes }

/** A transaction with its bytes, in shortest form, and their hash. */
export interface KnownTransaction {
  /** Its parts are views of its bytes. */
  readonly transaction: Transaction
  readonly bytes: Uint8Array
  /** 32 bytes in wire order. */
  readonly id: Uint8Array
  readonly key: string
}

/** Owns its bytes, so that it does not keep alive the message or block that it came in. */
export function knownTransaction(transaction: Transaction): KnownTransaction {
  const writer = new ByteWriter(512)
  writeTransaction(writer, transaction)
  const bytes = writer.copy()
  const id = sha3_256(bytes)
  return { transaction: readTransaction(new ByteReader(bytes), ANY), bytes, id, key: hashKey(id) }
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
  /** With this height of the tip or a higher one its confirmed inputs may be spent. */
  validFrom: number
  /** This node itself is behind it, and tells of it until it is mined. */
  isLocal: boolean
  /** From 0, in order of arrival. */
  readonly sequence: number
  /** Coin keys of what it spends. */
  readonly spends: readonly string[]
  /** Entries whose outputs it spends, and that spend its. */
  readonly parents: Set<MempoolEntry>
  readonly children: Set<MempoolEntry>
  /** Together with everything that it needs to be mined first, and with everything that can't be mined without it. */
  withAncestors: PackageSums
  withDescendants: PackageSums
}

/** Of some entries together. */
export interface PackageSums {
  /** In ions. */
  readonly fee: number
  readonly bytes: number
}

export function spentKeys({ inputs }: Transaction): string[] {
  return inputs.map(({ previousHash, previousIndex }) => coinKey(previousHash, previousIndex))
}

/** Coin keys of what it makes: if one is there, it stands in a block. */
export function madeKeys({ id, transaction }: KnownTransaction): string[] {
  const keyOf = coinKeysOf(id)
  return transaction.outputs.map((_, i) => keyOf(i))
}

/** Memory that an entry takes, roughly: its bytes, what is decoded of them, and its places in tables. */
export function memoryOf({ bytes, spends, transaction }: MempoolEntry): number {
  return bytes.length + 1_200 + 600 * spends.length + 300 * transaction.outputs.length
}

/** Everything that it needs to be mined first, itself excluded. */
export function ancestorsOf(entry: Pick<MempoolEntry, 'parents'>): Set<MempoolEntry> {
  return reach(entry.parents, (next) => next.parents)
}

/** Everything that can't be mined without it, itself excluded. */
export function descendantsOf(entry: Pick<MempoolEntry, 'children'>): Set<MempoolEntry> {
  return reach(entry.children, (next) => next.children)
}

/** The same, and it itself, each behind everything that can't be mined without it. */
export function leavesFirst(entry: MempoolEntry): MempoolEntry[] {
  return [...eachBehind([entry], ({ children }) => children)]
}

/** These, each once and behind what it waits for, which comes too. */
export function* eachBehind(
  entries: Iterable<MempoolEntry>,
  waitsFor: (entry: MempoolEntry) => Iterable<MempoolEntry>,
): Generator<MempoolEntry> {
  const done = new Set<MempoolEntry>()
  for (const entry of entries) {
    const open = [entry]
    for (let next = open.at(-1); next !== undefined; next = open.at(-1)) {
      const first = done.has(next) ? [] : [...waitsFor(next)].filter((each) => !done.has(each))
      if (first.length > 0) {
        open.push(...first)
        continue
      }
      open.pop()
      if (done.has(next)) continue
      done.add(next)
      yield next
    }
  }
}

/** Of these and one more, which is not among them. */
export function sumsOf(entry: MempoolEntry, others: Iterable<MempoolEntry>): PackageSums {
  let { fee } = entry
  let { length: bytes } = entry.bytes
  for (const other of others) {
    fee += other.fee
    bytes += other.bytes.length
  }
  return { fee, bytes }
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
