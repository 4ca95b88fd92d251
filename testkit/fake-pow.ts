/** Proof of work whose searches end when the test says so, and a clock that stands until it is moved. Hashes are SHA3. */
import { isBelow, type NonceRange, type ScanOptions, withNonce } from '../src/crypto/nonce-scan.ts'
import type { PowHasher } from '../src/crypto/pow-hasher.ts'
import type { NodeClock } from '../src/node/node-clock.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { Changes } from './changes.ts'

export class FakeSearch {
  readonly header: BlockHeader
  readonly options: ScanOptions
  isOver = false
  readonly #range: NonceRange
  readonly #done: (nonce: number | undefined) => void

  constructor(range: NonceRange, options: ScanOptions, done: (nonce: number | undefined) => void) {
    this.#range = range
    this.header = new BlockHeader(range.header.slice())
    this.options = options
    this.#done = done
  }

  /** Finds a nonce that fits, also if the search was given up. */
  find(): void {
    let nonce = this.#range.startNonce
    while (!isBelow(sha3_256(withNonce(this.#range.header, nonce)), this.#range.target)) nonce++
    this.options.tried?.(nonce + 1 - this.#range.startNonce)
    this.end(nonce)
  }

  end(nonce: number | undefined): void {
    this.isOver = true
    this.#done(nonce)
  }
}

export class FakePow implements PowHasher {
  readonly mode = 'fake'
  readonly threads = 3
  readonly hashesPerSecond = 0
  readonly searches: FakeSearch[] = []
  readonly datasetWishes: boolean[] = []
  /** Do searches go on although they were given up, as one that has just found something does? */
  isDeaf = false
  /** Each of the next searches fails with it. */
  error: Error | undefined
  readonly #changes = new Changes()

  /** The search of this number, from 0, once it has begun. */
  search(number: number): Promise<FakeSearch> {
    return this.#changes.until(
      () => this.searches[number],
      () => `search ${number}`,
    )
  }

  async hash(headers: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return headers.map(sha3_256)
  }

  scan(range: NonceRange, options: ScanOptions = {}): Promise<number | undefined> {
    if (this.error !== undefined) return Promise.reject(this.error)
    return new Promise((resolve) => {
      const search = new FakeSearch(range, options, resolve)
      options.signal?.addEventListener('abort', () => {
        if (!this.isDeaf) search.end(undefined)
      })
      this.searches.push(search)
      this.#changes.notify()
    })
  }

  async ready(): Promise<void> {}

  setFullDataset(wanted: boolean): void {
    this.datasetWishes.push(wanted)
  }

  async close(): Promise<void> {}
}

export class StandingClock implements NodeClock {
  #nowMs = 1_000_000
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs) continue
      this.#timers.delete(timer)
      timer.call()
    }
  }
}
