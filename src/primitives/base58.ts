/**
 * Base58 and base58check with double SHA3-256 (chain 9). The work grows with the square of the length, so callers
 * bound what they hand in.
 */
import { bytesEqual, concatBytes } from './bytes.ts'
import { err, ok, type Result } from './result.ts'
import { sha3_256d } from './sha3.ts'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const DIGITS: ReadonlyMap<string, number> = new Map(
  [...ALPHABET].map((character, value) => [character, value]),
)
const CHECKSUM_BYTES = 4

export function encodeBase58(bytes: Uint8Array): string {
  const digits = changeBase(bytes, 256, 58)
  return '1'.repeat(leadingZeros(bytes)) + digits.map((digit) => ALPHABET[digit]).join('')
}

/** Undefined if a character is not one of the alphabet. */
export function decodeBase58(text: string): Uint8Array | undefined {
  const digits: number[] = []
  for (const character of text) {
    const digit = DIGITS.get(character)
    if (digit === undefined) return undefined
    digits.push(digit)
  }
  const zeros = new Uint8Array(leadingZeros(digits))
  return concatBytes([zeros, Uint8Array.from(changeBase(digits, 58, 256))])
}

export function encodeBase58Check(payload: Uint8Array): string {
  return encodeBase58(concatBytes([payload, checksumOf(payload)]))
}

/** The payload in front of the checksum. */
export function decodeBase58Check(text: string): Result<Uint8Array, 'badCharacter' | 'badChecksum'> {
  const bytes = decodeBase58(text)
  if (bytes === undefined) return err('badCharacter')
  const payload = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES))
  const isRight = bytesEqual(bytes.subarray(payload.length), checksumOf(payload))
  return isRight ? ok(payload) : err('badChecksum')
}

function checksumOf(payload: Uint8Array): Uint8Array {
  return sha3_256d(payload).subarray(0, CHECKSUM_BYTES)
}

/** Digits from the most significant, without zeros in front. */
function changeBase(digits: ArrayLike<number>, from: number, to: number): number[] {
  const reversed: number[] = []
  for (let i = 0; i < digits.length; i++) {
    let carry = digits[i] ?? 0
    for (let j = 0; j < reversed.length; j++) {
      carry += (reversed[j] ?? 0) * from
      reversed[j] = carry % to
      carry = Math.floor(carry / to)
    }
    for (; carry > 0; carry = Math.floor(carry / to)) reversed.push(carry % to)
  }
  return reversed.reverse()
}

function leadingZeros(digits: ArrayLike<number>): number {
  let count = 0
  while (count < digits.length && digits[count] === 0) count++
  return count
}
