/** LevelDB's numbers: seven bits a byte, the lowest first. */

/** A place in a file. */
export interface Extent {
  readonly start: number
  readonly length: number
}

/** Reads zeros behind the end. */
export class VarintCursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  next(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  extent(): Extent {
    const start = this.next()
    return { start, length: this.next() }
  }
}
