/**
 * Compact targets, what they demand of a hash and what they count as work (difficulty 1 to 3). A compact target is
 * an unsigned 32-bit number: size in bytes above, three bytes of mantissa below. Every u32 has a meaning here.
 */
const MANTISSA = 0x00ff_ffff
/** Bit 23 is written, and counts as work, but is ignored when a target is read. */
const SIGN_BIT = 0x0080_0000
const TARGET_MANTISSA = MANTISSA & ~SIGN_BIT
const MAX_SIZE = 32
const MANTISSA_BYTES = 3
export const MAX_WORK = 2n ** 256n - 1n
const MAX_U64 = 2n ** 64n - 1n
/** What difficulty 1 is for people (rpc 4.1). */
const DIFFICULTY_ONE_BITS = 0x1f06_0000

/** The target, from 0 to 2^255. 0 for what no hash can meet. */
export function targetOfBits(bits: number): bigint {
  const { mantissa, size } = read(bits)
  return BigInt(mantissa) << BigInt(8 * (size - MANTISSA_BYTES))
}

/** The target as hashes are compared with it: 32 bytes, least significant first. */
export function targetBytes(bits: number): Uint8Array {
  const bytes = new Uint8Array(MAX_SIZE)
  const { mantissa, size } = read(bits)
  for (let i = 0; i < MANTISSA_BYTES; i++) bytes[size - MANTISSA_BYTES + i] = mantissa >>> (8 * i)
  return bytes
}

/** The sign bit is not avoided, so such a target comes back smaller: see {@link fixSignBit}. */
export function encodeTarget(target: bigint): number {
  if (target === 0n) return 0
  const size = Math.ceil(target.toString(16).length / 2)
  const excess = BigInt(8 * (size - MANTISSA_BYTES))
  const mantissa = Number(excess >= 0n ? target >> excess : target << -excess)
  return size * 0x100_0000 + mantissa
}

/** The same target with a mantissa that does not need bit 23. */
export function fixSignBit(bits: number): number {
  if ((bits & SIGN_BIT) === 0) return bits
  return ((bits >>> 24) + 1) * 0x100_0000 + ((bits & MANTISSA) >>> 8)
}

/** Compares the numbers as they are written, not the targets that they mean (difficulty 2.4). */
export function clampBits(bits: number, minBits: number, maxBits: number): number {
  return Math.min(Math.max(bits, minBits), maxBits)
}

/** Work of one block. Another measure than usual, but the one by which the network chooses (difficulty 3). */
export function workOfBits(bits: number): bigint {
  const mantissa = bits & MANTISSA
  if (mantissa === 0 || read(bits).mantissa === 0) return MAX_WORK
  const exponent = Math.min(Math.max(MAX_SIZE - (bits >>> 24), 0), MAX_SIZE - 1)
  return ((MAX_U64 / BigInt(mantissa)) << BigInt(8 * exponent)) & MAX_WORK
}

/** Work of a chain and one block more. */
export function addWork(chain: bigint, block: bigint): bigint {
  const sum = chain + block
  return sum > MAX_WORK ? MAX_WORK : sum
}

/** Is the hash, 32 bytes in wire order, below the target? */
export function hashMeetsBits(hash: Uint8Array, bits: number): boolean {
  const { mantissa, size } = read(bits)
  if (mantissa === 0) return false
  for (let i = MAX_SIZE - 1; i >= size; i--) if (hash[i] !== 0) return false
  const top = ((hash[size - 1] ?? 0) << 16) | ((hash[size - 2] ?? 0) << 8) | (hash[size - 3] ?? 0)
  return top < mantissa
}

/** How many times harder than 0x1f060000, for people; 0 for a target that no hash can meet. */
export function difficultyOfBits(bits: number): number {
  const { mantissa, size } = read(bits)
  const one = read(DIFFICULTY_ONE_BITS)
  return mantissa === 0 ? 0 : (one.mantissa / mantissa) * 256 ** (one.size - size)
}

/** A target as mantissa · 256^(size - 3), with size from 3 to 32; mantissa 0 for none. */
function read(bits: number): { mantissa: number; size: number } {
  const size = bits >>> 24
  const mantissa = bits & TARGET_MANTISSA
  if (size === 0 || size > MAX_SIZE) return { mantissa: 0, size: MANTISSA_BYTES }
  if (size >= MANTISSA_BYTES) return { mantissa, size }
  return { mantissa: mantissa >>> (8 * (MANTISSA_BYTES - size)), size: MANTISSA_BYTES }
}
