/**
 * Writes little-endian fields into a growing buffer. What it is given comes from our own code, so a value
 * outside its field's range is a bug and throws RangeError. Encodings: wire-protocol 3.
 */
import { latin1Encode } from './bytes.ts'

const MAX_U32 = 0xffff_ffff

/** Writes fields one behind the other, all little-endian. Throws RangeError on a value that has no such form. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #at = 0

  constructor(initialCapacity = 256) {
    this.#bytes = new Uint8Array(initialCapacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#at
  }

  get capacity(): number {
    return this.#bytes.length
  }

  /** Starts anew in the same memory: views given out by `view` are overwritten, copies are not. */
  reset(): void {
    this.#at = 0
  }

  /** What was written, as a view that the next write may change. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  /** What was written, as a copy of its own. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  /** Overwrites what was written at this offset. */
  patchU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true)
  }

  u8(value: number): this {
    check(value, 0, 0xff)
    const at = this.#grow(1)
    this.#view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    check(value, 0, 0xffff)
    const at = this.#grow(2)
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    check(value, 0, MAX_U32)
    const at = this.#grow(4)
    this.#view.setUint32(at, value, true)
    return this
  }

  i32(value: number): this {
    check(value, -0x8000_0000, 0x7fff_ffff)
    const at = this.#grow(4)
    this.#view.setInt32(at, value, true)
    return this
  }

  u64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is not a u64`)
    const at = this.#grow(8)
    this.#view.setBigUint64(at, value, true)
    return this
  }

  i64(value: bigint): this {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not an i64`)
    const at = this.#grow(8)
    this.#view.setBigInt64(at, value, true)
    return this
  }

  f64(value: number): this {
    const at = this.#grow(8)
    this.#view.setFloat64(at, value, true)
    return this
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** Bytes whose number is fixed by the format: 32 of a hash, 16 of an address. */
  fixed(value: Uint8Array, length: number): this {
    if (value.length !== length) throw new RangeError(`expected ${length} bytes, got ${value.length}`)
    return this.bytes(value)
  }

  hash(value: Uint8Array): this {
    return this.fixed(value, 32)
  }

  /** A compact size in its shortest form. */
  compactSize(value: number): this {
    check(value, 0, Number.MAX_SAFE_INTEGER)
    if (value < 0xfd) return this.u8(value)
    if (value <= 0xffff) return this.u8(0xfd).u16(value)
    if (value <= MAX_U32) return this.u8(0xfe).u32(value)
    return this.u8(0xff).u64(BigInt(value))
  }

  /** A number of entries, at most as many as readers accept. */
  count(value: number, max: number): this {
    check(value, 0, max)
    return this.compactSize(value)
  }

  varBytes(value: Uint8Array, max = Number.MAX_SAFE_INTEGER): this {
    return this.count(value.length, max).bytes(value)
  }

  varString(value: string, max = Number.MAX_SAFE_INTEGER): this {
    return this.varBytes(latin1Encode(value), max)
  }

  /** Makes room for `length` bytes and returns where they begin. The memory may be another one afterwards. */
  #grow(length: number): number {
    const at = this.#at
    const end = at + length
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#at = end
    return at
  }
}

function check(value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${value} is outside ${min}..${max}`)
  }
}
