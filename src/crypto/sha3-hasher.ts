/**
 * SHA3-256 as proof of work, for chains that are private to a test. A hash takes less than a microsecond, so it is
 * made where it is asked for, and nothing is remembered; a search lets others have their turn after each SCAN_SLICE.
 */
import { setImmediate as othersTurn } from 'node:timers/promises'
import { sha3_256 } from '../primitives/sha3.ts'
import { checkRange, isBelow, type NonceRange, type ScanOptions, setNonce } from './nonce-scan.ts'
import { closedError, type PowHasher } from './pow-hasher.ts'
import { RateMeter } from './rate-meter.ts'

const SCAN_SLICE = 2_048

export class Sha3Hasher implements PowHasher {
  readonly mode = 'sha3'
  readonly threads = 1
  readonly #rate = new RateMeter(() => performance.now())
  #isClosed = false

  get hashesPerSecond(): number {
    return this.#rate.perSecond
  }

  async ready(): Promise<void> {
    if (this.#isClosed) throw closedError()
  }

  async hash(headers: readonly Uint8Array[]): Promise<Uint8Array[]> {
    await this.ready()
    this.#rate.add(headers.length)
    return headers.map(sha3_256)
  }

  async scan(range: NonceRange, { signal, tried }: ScanOptions = {}): Promise<number | undefined> {
    await this.ready()
    checkRange(range)
    const header = range.header.slice()
    const end = range.startNonce + range.count
    for (let from = range.startNonce; from < end; from += SCAN_SLICE) {
      if (signal?.aborted === true || this.#isClosed) return undefined
      const to = Math.min(end, from + SCAN_SLICE)
      for (let nonce = from; nonce < to; nonce++) {
        setNonce(header, nonce)
        if (!isBelow(sha3_256(header), range.target)) continue
        this.#count(nonce + 1 - from, tried)
        return nonce
      }
      this.#count(to - from, tried)
      await othersTurn()
    }
    return undefined
  }

  #count(hashes: number, tried: ScanOptions['tried']): void {
    this.#rate.add(hashes)
    tried?.(hashes)
  }

  setFullDataset(): void {}

  async close(): Promise<void> {
    this.#isClosed = true
  }
}
