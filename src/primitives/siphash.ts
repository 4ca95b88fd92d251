/**
 * SipHash-2-4 of 32-byte inputs: a hash that nobody can find collisions of who does not know its key. 64-bit words
 * are pairs of 32-bit ones, because BigInt would cost twenty times as much. Owns the key and the last result only.
 */

const KEY_BYTES = 16
const INPUT_BYTES = 32
/** Two rounds for each of the four words of input and for the one with its length, then four more. */
const ROUNDS = 14
const LENGTH_ROUND = 8
const FINAL_ROUND = 10

export class SipHash {
  readonly #k0low: number
  readonly #k0high: number
  readonly #k1low: number
  readonly #k1high: number
  /** The last result as two unsigned 32-bit words. */
  low = 0
  high = 0

  /** `key`: 16 bytes, k0 and k1 as little-endian words. Throws RangeError on another length. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a SipHash key has 16 bytes, not ${key.length}`)
    this.#k0low = word(key, 0)
    this.#k0high = word(key, 4)
    this.#k1low = word(key, 8)
    this.#k1high = word(key, 12)
  }

  /** Hashes 32 bytes; the result stands in `low` and `high`. Throws RangeError on another length. */
  hash(input: Uint8Array): this {
    if (input.length !== INPUT_BYTES) throw new RangeError(`SipHash of ${input.length} bytes, not of 32`)
    let v0l = this.#k0low ^ 0x70736575
    let v0h = this.#k0high ^ 0x736f6d65
    let v1l = this.#k1low ^ 0x6e646f6d
    let v1h = this.#k1high ^ 0x646f7261
    let v2l = this.#k0low ^ 0x6e657261
    let v2h = this.#k0high ^ 0x6c796765
    let v3l = this.#k1low ^ 0x79746573
    let v3h = this.#k1high ^ 0x74656462
    // The word at hand: four of the input, then its length.
    let ml = 0
    let mh = 0
    for (let round = 0; round < ROUNDS; round++) {
      if (round === FINAL_ROUND) v2l ^= 0xff
      if (round < FINAL_ROUND && (round & 1) === 0) {
        ml = round < LENGTH_ROUND ? word(input, round * 4) : 0
        mh = round < LENGTH_ROUND ? word(input, round * 4 + 4) : INPUT_BYTES << 24
        v3l ^= ml
        v3h ^= mh
      }
      // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
      let l = (v0l + v1l) | 0
      let h = (v0h + v1h + (l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0
      let t = ((v1l << 13) | (v1h >>> 19)) ^ l
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ h
      v1l = t
      v0l = h
      v0h = l
      // v2 += v3; v3 = rotl(v3, 16) ^ v2
      v2l = (v2l + v3l) | 0
      v2h = (v2h + v3h + (v2l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0
      t = ((v3l << 16) | (v3h >>> 16)) ^ v2l
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h
      v3l = t
      // v0 += v3; v3 = rotl(v3, 21) ^ v0
      v0l = (v0l + v3l) | 0
      v0h = (v0h + v3h + (v0l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0
      t = ((v3l << 21) | (v3h >>> 11)) ^ v0l
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h
      v3l = t
      // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
      l = (v2l + v1l) | 0
      h = (v2h + v1h + (l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0
      t = ((v1l << 17) | (v1h >>> 15)) ^ l
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ h
      v1l = t
      v2l = h
      v2h = l
      if (round < FINAL_ROUND && (round & 1) === 1) {
        v0l ^= ml
        v0h ^= mh
      }
    }
    this.low = (v0l ^ v1l ^ v2l ^ v3l) >>> 0
    this.high = (v0h ^ v1h ^ v2h ^ v3h) >>> 0
    return this
  }
}

/** Four bytes as a signed little-endian word; bytes behind the end count as zero. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}
