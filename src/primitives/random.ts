/**
 * Random numbers as a pure generator: SHA3-256 over a 32-byte seed and a counter. The shell seeds it from the
 * system's entropy, the simulator from its seed number. Outputs don't reveal each other, so a peer that sees
 * one nonce can't guess the next.
 */
import { sha3_256, sha3_256Into } from './sha3.ts'

const DIGEST_BYTES = 32

/** Numbers from a secret seed of 32 bytes; the same seed, the same numbers. */
export class RandomSource {
  readonly #block = new Uint8Array(40)
  readonly #counter: DataView
  readonly #digest = new Uint8Array(DIGEST_BYTES)
  readonly #pool = new DataView(this.#digest.buffer)
  #at = DIGEST_BYTES
  #drawn = 0

  /** `seed`: 32 bytes. Throws RangeError on another length. */
  constructor(seed: Uint8Array) {
    if (seed.length !== 32) throw new RangeError(`a seed has 32 bytes, not ${seed.length}`)
    this.#block.set(seed)
    this.#counter = new DataView(this.#block.buffer, 32)
  }

  /** A generator of its own for one room, so that draws in one room don't shift those in another. */
  fork(room: string): RandomSource {
    const label = Uint8Array.from(room, (c) => c.charCodeAt(0) & 0xff)
    const input = new Uint8Array(32 + label.length)
    input.set(this.#block.subarray(0, 32))
    input.set(label, 32)
    return new RandomSource(sha3_256(input))
  }

  u32(): number {
    const at = this.#take(4)
    return this.#pool.getUint32(at, true)
  }

  u64(): bigint {
    const at = this.#take(8)
    return this.#pool.getBigUint64(at, true)
  }

  /** A u64 that is not zero: on the wire a nonce of 0 means "none". */
  nonce(): bigint {
    const value = this.u64()
    return value === 0n ? 1n : value
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }

  #take(length: number): number {
    if (this.#at + length > DIGEST_BYTES) {
      this.#counter.setBigUint64(0, BigInt(this.#drawn++), true)
      sha3_256Into(this.#digest, this.#block)
      this.#at = 0
    }
    const at = this.#at
    this.#at = at + length
    return at
  }
}
