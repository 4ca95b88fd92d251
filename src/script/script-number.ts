/**
 * Numbers on the stack: little-endian magnitude, the highest bit of the last byte is the sign, nothing is zero.
 * They need not be in their shortest form (chain 7.2). At most 5 bytes, so that plain numbers hold them.
 */
const MAX_NUMBER_BYTES = 5
const SIGN = 0x80

/** Undefined if there are more than 5 bytes. */
export function decodeScriptNumber(bytes: Uint8Array): number | undefined {
  if (bytes.length > MAX_NUMBER_BYTES) return undefined
  const last = bytes.length - 1
  let magnitude = 0
  for (let i = last; i >= 0; i--) {
    const byte = bytes[i] ?? 0
    magnitude = magnitude * 256 + (i === last ? byte & ~SIGN : byte)
  }
  const isNegative = ((bytes[last] ?? 0) & SIGN) !== 0
  // Negative zero is zero.
  return isNegative && magnitude > 0 ? -magnitude : magnitude
}

/** The shortest form of a whole number. */
export function encodeScriptNumber(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number`)
  const bytes: number[] = []
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256)
  const last = bytes.at(-1)
  if (last === undefined) return new Uint8Array(0)
  if ((last & SIGN) !== 0) bytes.push(0)
  if (value < 0) bytes.push((bytes.pop() ?? 0) | SIGN)
  return Uint8Array.from(bytes)
}

/** Is an element true? All zero bytes are false, also with the sign. */
export function isTrue(element: Uint8Array): boolean {
  const last = element.length - 1
  for (let i = 0; i <= last; i++) {
    if (element[i] !== 0) return i !== last || element[i] !== SIGN
  }
  return false
}
