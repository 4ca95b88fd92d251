/** The search for a nonce that makes a header's hash small enough, one hash a piece. Its memory is one header. */
import type { SlotHash } from './hash-requests.ts'
import type { Piece, PieceSource } from './slots.ts'

const NONCE_OFFSET = 76
const HEADER_BYTES = 80

/** What to look for. */
export interface NonceRange {
  /** 80 bytes; its nonce is ignored. */
  readonly header: Uint8Array
  readonly startNonce: number
  /** Nonces to try; the range ends at 2^32. */
  readonly count: number
  /** 32 bytes, little-endian; a hash must be below it. */
  readonly target: Uint8Array
}

/** How to look for it. */
export interface ScanOptions {
  /** Gives the search up. */
  readonly signal?: AbortSignal | undefined
  /** Hashes at once; as many as there are threads if not said. */
  readonly threads?: number | undefined
  /** Is told of so many more hashes that were tried. */
  readonly tried?: ((hashes: number) => void) | undefined
}

/** Throws RangeError on what is no range. */
export function checkRange({ header, startNonce, count, target }: NonceRange): void {
  const isWhole = Number.isSafeInteger(startNonce) && Number.isSafeInteger(count)
  if (!isWhole || startNonce < 0 || count < 0 || startNonce + count > 2 ** 32) {
    throw new RangeError(`no range of nonces: ${count} from ${startNonce}`)
  }
  if (header.length !== HEADER_BYTES || target.length !== 32) throw new RangeError('no header or no target')
}

/** The header with this nonce, a fresh array. */
export function withNonce(header: Uint8Array, nonce: number): Uint8Array {
  const changed = header.slice()
  setNonce(changed, nonce)
  return changed
}

export function setNonce(header: Uint8Array, nonce: number): void {
  new DataView(header.buffer, header.byteOffset).setUint32(NONCE_OFFSET, nonce, true)
}

/** Compares as 256-bit little-endian numbers. */
export function isBelow(hash: Uint8Array, target: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (hash[i] ?? 0) - (target[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

export class NonceScan implements PieceSource {
  /** The lowest nonce that fits; undefined if none does, or if the search was given up. */
  readonly found: Promise<number | undefined>
  readonly #range: NonceRange
  readonly #hash: SlotHash
  readonly #options: ScanOptions
  readonly #again: () => void
  #next: number
  #underWay = 0
  /** Has enough under way, and asks for another turn when one ends. */
  #isResting = false
  #best: number | undefined
  #isOver = false
  #resolve: (nonce: number | undefined) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  /** `again`: to be asked for pieces anew. */
  constructor(range: NonceRange, hash: SlotHash, options: ScanOptions, again: () => void) {
    this.#range = { ...range, header: range.header.slice(), target: range.target.slice() }
    this.#hash = hash
    this.#options = options
    this.#again = again
    this.#next = range.startNonce
    this.found = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    options.signal?.addEventListener('abort', this.giveUp, { once: true })
    if (options.signal?.aborted === true) this.giveUp()
  }

  next(): Piece | undefined {
    if (this.#isOver || this.#best !== undefined || this.#next >= this.#end) {
      this.#endIfDone()
      return undefined
    }
    this.#isResting = this.#underWay >= (this.#options.threads ?? Number.POSITIVE_INFINITY)
    if (this.#isResting) return undefined
    const nonce = this.#next++
    this.#underWay++
    return async (slot) => {
      try {
        const hash = await this.#hash(slot, withNonce(this.#range.header, nonce))
        this.#underWay--
        this.#options.tried?.(1)
        if (isBelow(hash, this.#range.target) && nonce < (this.#best ?? this.#end)) this.#best = nonce
        this.#endIfDone()
        if (!this.#isResting || this.#isOver) return
        // Once, however many pieces end before it is asked.
        this.#isResting = false
        this.#again()
      } catch (error) {
        this.fail(error)
      }
    }
  }

  fail(error: unknown): void {
    this.#over()
    this.#reject(error)
  }

  get #end(): number {
    return this.#range.startNonce + this.#range.count
  }

  readonly giveUp = (): void => {
    this.#over()
    this.#resolve(undefined)
  }

  // A lower nonce may still be under way.
  #endIfDone(): void {
    if (this.#isOver || this.#underWay > 0) return
    if (this.#best === undefined && this.#next < this.#end) return
    this.#over()
    this.#resolve(this.#best)
  }

  #over(): void {
    this.#isOver = true
    this.#options.signal?.removeEventListener('abort', this.giveUp)
  }
}
