/** Bytes that wait in order, in the chunks in which they came. */

const NOTHING: readonly Uint8Array[] = []

export class ByteQueue {
  /** Undefined while it is empty: the first chunk brings a list, which leaves with all bytes. */
  #chunks: Uint8Array[] | undefined
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** Takes up to so many bytes out; fewer only if there are no more. */
  take(maxBytes: number): readonly Uint8Array[] {
    const chunks = this.#chunks
    if (chunks === undefined || maxBytes <= 0) return NOTHING
    if (this.#bytes <= maxBytes) {
      this.clear()
      return chunks
    }
    let room = maxBytes
    let whole = 0
    for (; room >= (chunks[whole]?.length ?? 0); whole++) room -= chunks[whole]?.length ?? 0
    const taken = chunks.splice(0, whole)
    const [head] = chunks
    if (head !== undefined && room > 0) {
      taken.push(head.subarray(0, room))
      chunks[0] = head.subarray(room)
    }
    this.#bytes -= maxBytes
    return taken
  }

  clear(): void {
    this.#chunks = undefined
    this.#bytes = 0
  }
}
