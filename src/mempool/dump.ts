/**
 * The pool as it is written to a file and read again: a head, then parts, each with its length and checksum, and an empty
 * one at the end. Parts are of bounded size, so that neither side needs the whole at once. Fees are not kept: each
 * transaction is judged anew, and may be where the chain has come to where it was.
 *
 * Head: "DILTXP" · version, two digits · hash of the network's first block 32 · height of the tip u32 · checksum u32 of
 * all before.
 * Part: bytes u32 · checksum u32 · transactions. Transaction: time u32 (Unix seconds) · own u8 · length and bytes.
 */
import { bytesEqual, latin1Encode } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { BLOCK_TRANSACTION, readTransaction } from '../wire/transaction.ts'
import { eachBehind, type KnownTransaction, knownTransaction, type MempoolEntry } from './entry.ts'

const MAGIC = latin1Encode('DILTXP')
const VERSION = latin1Encode('03')
const NAMED_BYTES = MAGIC.length + VERSION.length + 32 + 4
export const DUMP_HEAD_BYTES = NAMED_BYTES + 4
export const PART_HEAD_BYTES = 8
/** A part ends with the transaction that makes it longer than this. */
const PART_BYTES = 262_144
/** That, and a transaction of the largest size. */
const MAX_PART_BYTES = PART_BYTES + 1_100_000

export interface DumpedTransaction {
  readonly known: KnownTransaction
  /** Unix seconds. */
  readonly time: number
  readonly isLocal: boolean
}

/** What the head of a file says about it. */
export type DumpOrigin = 'ours' | 'otherNetwork' | 'otherVersion' | 'damaged'

/** What a file is written behind: the hash of the network's first block, and the height of the tip. */
export interface DumpPlace {
  readonly genesis: Uint8Array
  readonly height: number
}

/** The file, piece by piece. Entries that have left the pool meanwhile do no harm. */
export function* encodeDump(place: DumpPlace, entries: Iterable<MempoolEntry>): Generator<Uint8Array> {
  yield dumpHead(place)
  let part = new ByteWriter(PART_BYTES)
  // A transaction that came back out of a block may be younger here than what spends from it.
  for (const { bytes, time, isLocal } of eachBehind(entries, ({ parents }) => parents)) {
    part
      .u32(time)
      .u8(isLocal ? 1 : 0)
      .varBytes(bytes)
    if (part.length < PART_BYTES) continue
    yield framed(part)
    part = new ByteWriter(PART_BYTES)
  }
  if (part.length > 0) yield framed(part)
  yield framed(new ByteWriter(0))
}

function dumpHead({ genesis, height }: DumpPlace): Uint8Array {
  const named = new ByteWriter(DUMP_HEAD_BYTES).bytes(MAGIC).bytes(VERSION).fixed(genesis, 32).u32(height)
  return named.u32(messageChecksum(named.view())).view()
}

/** Shorter than a head: it is damaged. `height` is of use if it is ours. */
export function readDumpHead(
  head: Uint8Array,
  genesis: Uint8Array,
): { readonly origin: DumpOrigin; readonly height: number } {
  const reader = new ByteReader(head)
  if (!bytesEqual(reader.bytes(MAGIC.length, 'magic'), MAGIC)) return { origin: 'damaged', height: 0 }
  const version = reader.bytes(VERSION.length, 'version')
  // Of another version nothing else is known.
  if (isNumber(version) && !bytesEqual(version, VERSION)) return { origin: 'otherVersion', height: 0 }
  const network = reader.bytes(32, 'network')
  const height = reader.u32('height')
  const checksum = reader.u32('checksum')
  const isWhole = !reader.failed && checksum === messageChecksum(head.subarray(0, NAMED_BYTES))
  if (!isWhole) return { origin: 'damaged', height: 0 }
  return { origin: bytesEqual(network, genesis) ? 'ours' : 'otherNetwork', height }
}

function isNumber(digits: Uint8Array): boolean {
  return digits.length > 0 && digits.every((digit) => digit >= 0x30 && digit <= 0x39)
}

function framed(part: ByteWriter): Uint8Array {
  const content = part.view()
  const writer = new ByteWriter(PART_HEAD_BYTES + content.length)
  writer.u32(content.length).u32(messageChecksum(content)).bytes(content)
  return writer.view()
}

/** What stands before a part; undefined if no part can be that long. A length of 0 is the end. */
export function readPartHead(
  head: Uint8Array,
): { readonly length: number; readonly checksum: number } | undefined {
  const reader = new ByteReader(head)
  const length = reader.u32('length')
  const checksum = reader.u32('checksum')
  return reader.failed || length > MAX_PART_BYTES ? undefined : { length, checksum }
}

/** Undefined if the part is damaged. */
export function decodePart(content: Uint8Array, checksum: number): DumpedTransaction[] | undefined {
  if (messageChecksum(content) !== checksum) return undefined
  const reader = new ByteReader(content)
  const dumped: DumpedTransaction[] = []
  while (reader.remaining > 0) {
    const time = reader.u32('time')
    const isLocal = reader.u8('isLocal') === 1
    const inner = new ByteReader(reader.varBytes('transaction', content.length))
    const transaction = readTransaction(inner, BLOCK_TRANSACTION)
    if (reader.failed || inner.failed) return undefined
    dumped.push({ known: knownTransaction(transaction), time, isLocal })
  }
  return dumped
}
