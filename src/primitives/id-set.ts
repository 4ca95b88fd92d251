/**
 * A set of small numbers, such as ids of headers, one bit each, in pieces of 1,024: neighbours are members together,
 * so that a peer from which the whole chain was asked costs a bit for each of its blocks.
 */
const PIECE_BITS = 1_024
const WORD_BITS = 32

export class IdSet {
  readonly #pieces = new Map<number, Uint32Array>()

  has(id: number): boolean {
    const word = this.#pieces.get(Math.floor(id / PIECE_BITS))?.[(id % PIECE_BITS) >> 5] ?? 0
    return (word & (1 << (id % WORD_BITS))) !== 0
  }

  add(id: number): void {
    const piece = Math.floor(id / PIECE_BITS)
    let words = this.#pieces.get(piece)
    if (words === undefined) {
      words = new Uint32Array(PIECE_BITS / WORD_BITS)
      this.#pieces.set(piece, words)
    }
    const at = (id % PIECE_BITS) >> 5
    words[at] = (words[at] ?? 0) | (1 << (id % WORD_BITS))
  }
}
