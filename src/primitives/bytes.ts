/** Small helpers on byte arrays: hex, text, comparison. All pure, none keeps a reference to its input. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
const NO_DIGIT = 0xff
/** Value of each hex digit by its character code. */
const DIGIT_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return value < 0 ? NO_DIGIT : value
})

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Bytes of a hex text of even length; undefined if it is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = DIGIT_VALUES[text.charCodeAt(2 * i)] ?? NO_DIGIT
    const low = DIGIT_VALUES[text.charCodeAt(2 * i + 1)] ?? NO_DIGIT
    if (high === NO_DIGIT || low === NO_DIGIT) return undefined
    bytes[i] = (high << 4) | low
  }
  return bytes
}

/** A 32-byte hash as people read it: hex of the reversed bytes (wire-protocol 3, "display order"). */
export function hashToHex(hash: Uint8Array): string {
  return toHex(hash.slice().reverse())
}

/** The 32 bytes, in wire order, of a hash in display order; undefined if the text is not 64 hex digits. */
export function hashFromHex(text: string): Uint8Array | undefined {
  return text.length === 64 ? fromHex(text)?.reverse() : undefined
}

/** Not in constant time: not for secrets. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A little-endian u16 at `offset`; bytes beyond the end count as 0. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8)
}

/** A little-endian u32 at `offset`; bytes beyond the end count as 0. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (readU16(bytes, offset) | (readU16(bytes, offset + 2) << 16)) >>> 0
}

/** Writes a u32, or the same bits of an i32, as little-endian. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** As many arguments at once as fit on any stack. */
const MAX_CHARACTERS_AT_ONCE = 4_096

/** One character per byte, so that any bytes survive a round trip. */
export function latin1Decode(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += MAX_CHARACTERS_AT_ONCE) {
    // One call for all is several times faster than one per byte, and leaves a flat string for maps to hash.
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + MAX_CHARACTERS_AT_ONCE))
  }
  return text
}

/** Inverse of {@link latin1Decode}. Throws RangeError on a character above U+00FF. */
export function latin1Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 255) throw new RangeError(`character U+${code.toString(16)} has no single-byte form`)
    bytes[i] = code
  }
  return bytes
}

/** Text from a stranger, made safe for a log or a terminal: printable ASCII stays, the rest becomes "?". */
export function printable(text: string, maxLength = 256): string {
  const safe = text.slice(0, maxLength).replace(/[^\x20-\x7e]/g, '?')
  return text.length > maxLength ? `${safe}...` : safe
}
