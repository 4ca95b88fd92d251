/**
 * The record of a block in a file: 48 bytes, then the payload. The header has a check of its own, so that records
 * are told from anything else without reading their payload. A secret goes into the check, so that nobody can put
 * into a block what would be taken for another one when files are searched.
 */
import { BLOCK_RECORD_OVERHEAD, type StoredBlock } from '../chain/io.ts'
import { MAX_STORED_BLOCK_BYTES } from '../params/limits.ts'
import { sha3_256 } from '../primitives/sha3.ts'

const LENGTH_AT = 4
const CHECKSUM_AT = 8
const CHECK_AT = 12
const HASH_AT = 16

/** Whose records they are. */
export interface RecordMark {
  /** Of the network. */
  readonly magic: number
  /** 16 bytes that nobody else knows. */
  readonly secret: Uint8Array
}

export interface RecordHeader {
  /** Bytes of the payload. */
  readonly length: number
  /** Of the message that the payload came in, or would be sent in. */
  readonly checksum: number
  /** 32 bytes in wire order. */
  readonly hash: Uint8Array
}

export function encodeRecordHeader(mark: RecordMark, hash: Uint8Array, block: StoredBlock): Uint8Array {
  const bytes = new Uint8Array(BLOCK_RECORD_OVERHEAD)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, mark.magic, true)
  view.setUint32(LENGTH_AT, block.payload.length, true)
  view.setUint32(CHECKSUM_AT, block.checksum, true)
  bytes.set(hash, HASH_AT)
  view.setUint32(CHECK_AT, headerCheck(mark, bytes), true)
  return bytes
}

/** The header at the start of `bytes`, its hash being a view; undefined if there is none or it is damaged. */
export function decodeRecordHeader(mark: RecordMark, bytes: Uint8Array): RecordHeader | undefined {
  if (bytes.length < BLOCK_RECORD_OVERHEAD) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const length = view.getUint32(LENGTH_AT, true)
  if (view.getUint32(0, true) !== mark.magic || length > MAX_STORED_BLOCK_BYTES) return undefined
  if (view.getUint32(CHECK_AT, true) !== headerCheck(mark, bytes)) return undefined
  const hash = bytes.subarray(HASH_AT, BLOCK_RECORD_OVERHEAD)
  return { length, checksum: view.getUint32(CHECKSUM_AT, true), hash }
}

/** First four bytes of the SHA3-256 of the secret, magic, length, checksum and hash. */
function headerCheck({ secret }: RecordMark, header: Uint8Array): number {
  const input = new Uint8Array(secret.length + BLOCK_RECORD_OVERHEAD - 4)
  input.set(secret)
  input.set(header.subarray(0, CHECK_AT), secret.length)
  input.set(header.subarray(HASH_AT, BLOCK_RECORD_OVERHEAD), secret.length + CHECK_AT)
  const digest = sha3_256(input)
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0, true)
}
