/** The hashes made last, by their headers, so that none is made twice. At most POW_CACHED_HASHES, some 200 bytes each. */
import { POW_CACHED_HASHES } from '../params/limits.ts'

export class HashCache {
  // Oldest first. Text, one character a byte, is what a Map compares by its content, and it needs the least memory.
  readonly #hashes = new Map<string, string>()

  /** A fresh array of 32 bytes, or undefined. */
  get(header: string): Uint8Array | undefined {
    const hash = this.#hashes.get(header)
    if (hash === undefined) return undefined
    this.#hashes.delete(header)
    this.#hashes.set(header, hash)
    return bytesOf(hash)
  }

  put(header: string, hash: Uint8Array): void {
    this.#hashes.set(header, textOf(hash))
    if (this.#hashes.size <= POW_CACHED_HASHES) return
    for (const oldest of this.#hashes.keys()) {
      this.#hashes.delete(oldest)
      return
    }
  }
}

/** One character a byte: a key by content. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}
