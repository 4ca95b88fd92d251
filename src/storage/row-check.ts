/**
 * Rows with a check: the database does not verify its own when it reads, so a bit that flips on the disk would be an
 * amount of money that nobody questions. Four bytes of CRC-32 over key and value stand behind each value.
 */
import { crc32 } from 'node:zlib'

const CHECK_BYTES = 4

export interface CheckedRow {
  readonly key: Uint8Array
  /** The value and its check. */
  readonly value: Uint8Array
}

/** `key`: latin1 text. One allocation for both. */
export function encodeRow(key: string, value: Uint8Array): CheckedRow {
  const bytes = Buffer.allocUnsafe(key.length + value.length + CHECK_BYTES)
  bytes.write(key, 'latin1')
  bytes.set(value, key.length)
  const checkAt = bytes.length - CHECK_BYTES
  bytes.writeUInt32LE(crc32(bytes.subarray(0, checkAt)), checkAt)
  return { key: bytes.subarray(0, key.length), value: bytes.subarray(key.length) }
}

/** The value as it was given, a view; undefined if the row is damaged. */
export function decodeRow(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  const length = value.length - CHECK_BYTES
  if (length < 0) return undefined
  const content = new Uint8Array(value.buffer, value.byteOffset, length)
  const check = new DataView(value.buffer, value.byteOffset).getUint32(length, true)
  return check === crc32(content, crc32(key)) ? content : undefined
}
