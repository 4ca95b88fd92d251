/**
 * The headers of the active chain as they are served, so that an answer to `getheaders` is a view of memory and not
 * 2,000 copies. Owns the entries only, 81 bytes each; grows with the chain. What was handed out is never changed:
 * it may still be on its way to a peer when the chain is reorganised.
 */
import { concatBytes } from '../primitives/bytes.ts'
import { HEADER_ENTRY_BYTES, HeaderList, MAX_HEADERS } from '../wire/header.ts'
import type { HeaderNode } from './header-node.ts'

/**
 * Headers of one piece of memory: as many as one answer holds. Whoever starts at genesis asks for whole pieces, and
 * for the same as all others who do.
 */
const CHUNK_HEADERS = MAX_HEADERS

interface Chunk {
  bytes: Uint8Array
  /** Entries of it that somebody was given, from its start. */
  shared: number
  /** All of it as a list, the same one each time. */
  whole: HeaderList | undefined
}

export class ActiveHeaders {
  readonly #chunks: Chunk[] = []
  #height = 0

  /** Of the last header held; 0 if there is none, since nobody asks for genesis. */
  get height(): number {
    return this.#height
  }

  /** Adds the next block of the active chain. Throws RangeError if it is not the next. */
  push(node: HeaderNode): void {
    if (node.height !== this.#height + 1)
      throw new RangeError(`header ${node.height} does not follow header ${this.#height}`)
    const at = this.#height % CHUNK_HEADERS
    if (at === 0) {
      const bytes = new Uint8Array(CHUNK_HEADERS * HEADER_ENTRY_BYTES)
      this.#chunks.push({ bytes, shared: 0, whole: undefined })
    }
    this.#chunks.at(-1)?.bytes.set(node.bytes, at * HEADER_ENTRY_BYTES)
    this.#height = node.height
  }

  /** Forgets what is above this height. */
  truncate(height: number): void {
    if (height >= this.#height) return
    this.#height = Math.max(0, height)
    this.#chunks.length = Math.ceil(this.#height / CHUNK_HEADERS)
    const last = this.#chunks.at(-1)
    if (last === undefined) return
    const kept = this.#height - (this.#chunks.length - 1) * CHUNK_HEADERS
    if (last.shared <= kept) return
    last.bytes = last.bytes.slice()
    last.shared = 0
    last.whole = undefined
  }

  /**
   * Up to `count` headers, and no more than 2,000, from height `from` (1 or more) on. A whole run of 2,000 behind a
   * multiple of 2,000 is the same list each time, as long as the chain does not change there.
   */
  slice(from: number, count: number): HeaderList {
    const n = Math.min(count, MAX_HEADERS, this.#height - from + 1)
    const index = Math.floor((from - 1) / CHUNK_HEADERS)
    const chunk = this.#chunks[index]
    if (chunk === undefined || n <= 0) return HeaderList.fromEntries(new Uint8Array(0))
    const at = (from - 1) % CHUNK_HEADERS
    if (at === 0 && n === CHUNK_HEADERS) {
      chunk.shared = CHUNK_HEADERS
      chunk.whole ??= HeaderList.fromEntries(chunk.bytes)
      return chunk.whole
    }
    const first = entries(chunk, at, Math.min(at + n, CHUNK_HEADERS))
    const next = this.#chunks[index + 1]
    const rest = at + n - CHUNK_HEADERS
    if (rest <= 0 || next === undefined) return HeaderList.fromEntries(first)
    return HeaderList.fromEntries(concatBytes([first, entries(next, 0, rest)]))
  }
}

/** A view. */
function entries(chunk: Chunk, from: number, end: number): Uint8Array {
  chunk.shared = Math.max(chunk.shared, end)
  return chunk.bytes.subarray(from * HEADER_ENTRY_BYTES, end * HEADER_ENTRY_BYTES)
}
