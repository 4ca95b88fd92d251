/**
 * The pool as it is written to a file and read again: magic, count, then each transaction with when it came and
 * whether it is our own, and a hash of all of it. Fees are not kept: each transaction is judged anew.
 */

import { bytesEqual } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { BLOCK_TRANSACTION, readTransaction } from '../wire/transaction.ts'
import { type KnownTransaction, knownTransaction, type MempoolEntry } from './entry.ts'

/** "DILTXP" and the number of the layout. */
const MAGIC = new Uint8Array([0x44, 0x49, 0x4c, 0x54, 0x58, 0x50, 1])
const HASH_BYTES = 32
const MAX_TRANSACTIONS = 1_000_000

export interface DumpedTransaction {
  readonly known: KnownTransaction
  /** Unix seconds. */
  readonly time: number
  readonly isLocal: boolean
}

export function encodeDump(
  entries: Iterable<Pick<MempoolEntry, 'bytes' | 'time' | 'isLocal'>>,
  count: number,
): Uint8Array {
  const writer = new ByteWriter(65_536)
  writer.bytes(MAGIC).count(count, MAX_TRANSACTIONS)
  for (const { bytes, time, isLocal } of entries)
    writer
      .u32(time)
      .u8(isLocal ? 1 : 0)
      .varBytes(bytes)
  writer.bytes(sha3_256(writer.view()))
  return writer.copy()
}

/** Undefined if the file is damaged or of another layout. */
export function decodeDump(file: Uint8Array): DumpedTransaction[] | undefined {
  const content = file.subarray(0, Math.max(0, file.length - HASH_BYTES))
  if (!bytesEqual(sha3_256(content), file.subarray(content.length))) return undefined
  const reader = new ByteReader(content)
  if (!bytesEqual(reader.bytes(MAGIC.length, 'magic'), MAGIC)) return undefined
  const count = reader.count('count', MAX_TRANSACTIONS, 6)
  const dumped: DumpedTransaction[] = []
  for (let i = 0; i < count && !reader.failed; i++) {
    const time = reader.u32('time')
    const isLocal = reader.u8('isLocal') === 1
    const inner = new ByteReader(reader.varBytes('transaction', content.length))
    const transaction = readTransaction(inner, BLOCK_TRANSACTION)
    if (inner.failed) return undefined
    dumped.push({ known: knownTransaction(transaction), time, isLocal })
  }
  return reader.failed ? undefined : dumped
}
