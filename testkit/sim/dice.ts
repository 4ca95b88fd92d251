/**
 * Chance for the virtual network: a small generator (Chris Doty-Humphrey's sfc32) seeded from the world's, for what is
 * drawn once per packet and that nobody has to be kept from guessing.
 */
import type { RandomSource } from '../../src/primitives/random.ts'

/** Draws after which the seed's words are mixed. */
const WARM_UP = 12

export class Dice {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: RandomSource) {
    this.#a = seed.u32() | 0
    this.#b = seed.u32() | 0
    this.#c = seed.u32() | 0
    for (let i = 0; i < WARM_UP; i++) this.u32()
  }

  u32(): number {
    const drawn = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + drawn) | 0
    return drawn >>> 0
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }
}
