/**
 * A bounded set of texts that are remembered by 32 bits each, so that what thousands of peers know of thousands of
 * addresses costs few bytes. It may take a text for one that it knows, once in two million times when it is full: then a
 * peer is not told an address, no more. Only the peer itself could bring that about, and only for itself.
 */

const FIRST_CAPACITY = 32
const EMPTY = 0

export class Fingerprints {
  readonly #maxSize: number
  /** Open addressing: an entry stands at the first free place from its own on. At most half full. */
  #places = new Uint32Array(0)
  #size = 0

  /** `maxSize`: when it holds so many, it forgets all before it takes another. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  get size(): number {
    return this.#size
  }

  add(text: string): void {
    if (this.#size >= this.#maxSize) this.clear()
    if (2 * (this.#size + 1) > this.#places.length) this.#grow()
    const print = fingerprint(text)
    const place = this.#find(print)
    if (this.#places[place] === print) return
    this.#places[place] = print
    this.#size++
  }

  has(text: string): boolean {
    if (this.#size === 0) return false
    const print = fingerprint(text)
    return this.#places[this.#find(print)] === print
  }

  clear(): void {
    this.#places.fill(EMPTY)
    this.#size = 0
  }

  /** Where it stands, or would. */
  #find(print: number): number {
    const last = this.#places.length - 1
    let place = print & last
    while (this.#places[place] !== EMPTY && this.#places[place] !== print) place = (place + 1) & last
    return place
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Uint32Array(Math.max(FIRST_CAPACITY, 2 * before.length))
    for (const print of before) if (print !== EMPTY) this.#places[this.#find(print)] = print
  }
}

/** 32 bits of a text, never 0: FNV-1a, and a last mix so that the low bits depend on all of it. */
function fingerprint(text: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}
