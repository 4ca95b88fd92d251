/**
 * Reads little-endian fields from bytes that a stranger sent. It never throws and never trusts a count: the
 * first failure sticks, later reads return zero or empty values, and `finish` reports what failed and where.
 * Returned byte arrays are views, not copies. Encodings: wire-protocol 3.
 */
import { latin1Decode, readU16, readU32 } from './bytes.ts'
import { err, ok, type Result } from './result.ts'

export type DecodeErrorCode =
  /** The bytes end before the field does. */
  | 'truncated'
  /** A count or length is above what the protocol allows. */
  | 'tooLarge'
  /** The field's value is not one that the protocol knows. */
  | 'badValue'

export interface DecodeError {
  readonly code: DecodeErrorCode
  /** Name of the field, as in the specification. */
  readonly field: string
  /** Where the field begins, in bytes from the start of the payload. */
  readonly offset: number
}

const EMPTY = new Uint8Array(0)
/** Where eight bytes become one number. A view of each payload would cost a small one more than all its fields. */
const scratch = new DataView(new ArrayBuffer(8))

/**
 * Reads fields one behind the other, all little-endian. Never throws: the first failure sticks, every read behind it gives
 * zeros or nothing, and `finish` tells of it. Views are of the bytes given.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0
  #error: DecodeError | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** True once a read has failed; loops test it to stop early. */
  get failed(): boolean {
    return this.#error !== undefined
  }

  /** Records a failure of a field's meaning; the first one wins. */
  fail(code: DecodeErrorCode, field: string, offset = this.#at): void {
    this.#error ??= { code, field, offset }
  }

  /** The value, or the first failure. Bytes left over are not a failure (wire-protocol 2). */
  finish<T>(value: T): Result<T, DecodeError> {
    return this.#error === undefined ? ok(value) : err(this.#error)
  }

  /** The byte at an absolute offset, without moving; 0 if there is none. */
  peekU8(offset: number): number {
    return this.#bytes[offset] ?? 0
  }

  /** The next four bytes as an i32, without moving; 0 if there are fewer. */
  peekI32(): number {
    return this.remaining < 4 ? 0 : readU32(this.#bytes, this.#at) | 0
  }

  skip(length: number, field: string): void {
    this.#take(length, field)
  }

  u8(field: string): number {
    const at = this.#take(1, field)
    return at < 0 ? 0 : (this.#bytes[at] ?? 0)
  }

  u16(field: string): number {
    const at = this.#take(2, field)
    return at < 0 ? 0 : readU16(this.#bytes, at)
  }

  u32(field: string): number {
    const at = this.#take(4, field)
    return at < 0 ? 0 : readU32(this.#bytes, at)
  }

  i32(field: string): number {
    const at = this.#take(4, field)
    return at < 0 ? 0 : readU32(this.#bytes, at) | 0
  }

  u64(field: string): bigint {
    const at = this.#take(8, field)
    return at < 0 ? 0n : this.#eight(at).getBigUint64(0, true)
  }

  i64(field: string): bigint {
    const at = this.#take(8, field)
    return at < 0 ? 0n : this.#eight(at).getBigInt64(0, true)
  }

  f64(field: string): number {
    const at = this.#take(8, field)
    return at < 0 ? 0 : this.#eight(at).getFloat64(0, true)
  }

  bool(field: string): boolean {
    return this.u8(field) !== 0
  }

  /** The next `length` bytes as a view. */
  bytes(length: number, field: string): Uint8Array {
    const at = this.#take(length, field)
    return at < 0 ? EMPTY : this.#bytes.subarray(at, at + length)
  }

  /** 32 bytes in wire order, as a view. */
  hash(field: string): Uint8Array {
    return this.bytes(32, field)
  }

  /** All bytes that are left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining, 'rest')
  }

  /** Bytes from an earlier offset up to here, as a view. */
  since(offset: number): Uint8Array {
    return this.failed ? EMPTY : this.#bytes.subarray(offset, this.#at)
  }

  /**
   * A compact size. Longer forms than needed are accepted, as every node does. Above 2^53 the result is only
   * approximate, which is enough: no count or length is allowed to be that large.
   */
  compactSize(field: string): number {
    const first = this.u8(field)
    if (first < 0xfd) return first
    if (first === 0xfd) return this.u16(field)
    if (first === 0xfe) return this.u32(field)
    const low = this.u32(field)
    return this.u32(field) * 0x1_0000_0000 + low
  }

  /** A number of entries: at most `max`, and not more than the bytes left can hold. */
  count(field: string, max: number, minEntryBytes: number): number {
    const offset = this.#at
    const n = this.compactSize(field)
    if (n > max) this.fail('tooLarge', field, offset)
    else if (n * minEntryBytes > this.remaining) this.fail('truncated', field, offset)
    return this.failed ? 0 : n
  }

  /** Bytes behind their compact size length, at most `max`, as a view. */
  varBytes(field: string, max: number): Uint8Array {
    return this.bytes(this.count(field, max, 1), field)
  }

  /** Text behind its compact size length; any bytes, one character each. */
  varString(field: string, max: number): string {
    return latin1Decode(this.varBytes(field, max))
  }

  /** Eight bytes, to be looked at before the next are. */
  #eight(at: number): DataView {
    scratch.setUint32(0, readU32(this.#bytes, at), true)
    scratch.setUint32(4, readU32(this.#bytes, at + 4), true)
    return scratch
  }

  #take(length: number, field: string): number {
    if (this.#error !== undefined) return -1
    const at = this.#at
    if (length > this.#bytes.length - at) {
      this.fail('truncated', field)
      return -1
    }
    this.#at = at + length
    return at
  }
}
