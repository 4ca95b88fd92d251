/**
 * RandomX as proof of work: requests share hashes, hashes wait in lanes for a slot, each slot has a machine of the
 * engine. All hashing happens in the system's pool of threads, of which POW_SPARE_THREADS are left to others, so the event
 * loop, files and names go on.
 */
import { FullDataset } from './full-dataset.ts'
import { HashRequests } from './hash-requests.ts'
import { checkRange, type NonceRange, NonceScan, type ScanOptions } from './nonce-scan.ts'
import { closedError, type PowHasher } from './pow-hasher.ts'
import { type EngineOptions, type EngineState, RandomXEngine } from './randomx-engine.ts'
import { HEADER_BYTES } from './randomx-ffi.ts'
import { RateMeter } from './rate-meter.ts'
import { Slots } from './slots.ts'

const LANES = { urgent: 0, dataset: 1, ordinary: 2, scan: 3 } as const

const MODES: Readonly<Record<Exclude<EngineState, 'ready'>, string>> = {
  unused: 'randomx (not used yet)',
  starting: 'randomx (starting)',
  missing: 'randomx missing',
  noMemory: 'randomx (too little memory)',
  wrong: 'randomx (wrong hashes)',
  closed: 'randomx (closed)',
}

export interface RandomXHasherOptions extends EngineOptions {
  readonly threads: number
  readonly fullDataset: boolean
  availableBytes(): number
  notice(line: string): void
}

export class RandomXHasher implements PowHasher {
  readonly threads: number
  readonly #engine: RandomXEngine
  readonly #slots: Slots
  readonly #requests: HashRequests
  readonly #full: FullDataset
  readonly #rate = new RateMeter(() => performance.now())
  readonly #scans = new Set<NonceScan>()
  #closing: Promise<void> | undefined

  constructor(options: RandomXHasherOptions) {
    const { availableBytes, notice, threads } = options
    this.threads = threads
    this.#engine = new RandomXEngine(options)
    this.#slots = new Slots(threads, Object.keys(LANES).length)
    this.#requests = new HashRequests(this.#hash)
    const dataset = { engine: this.#engine, slots: this.#slots, lane: LANES.dataset, availableBytes, notice }
    this.#full = new FullDataset(dataset)
    this.#full.isWanted = options.fullDataset
  }

  get mode(): string {
    const { state, isCompiled } = this.#engine
    if (state !== 'ready') return MODES[state]
    return `randomx ${this.#full.mode}${isCompiled ? '' : ', interpreted'}`
  }

  get hashesPerSecond(): number {
    return this.#rate.perSecond
  }

  async ready(): Promise<void> {
    this.#throwIfClosed()
    await this.#engine.ready()
    this.#throwIfClosed()
    this.#full.adjust()
  }

  async hash(headers: readonly Uint8Array[], urgent: boolean): Promise<Uint8Array[]> {
    this.#throwIfClosed()
    if (headers.some((header) => header.length !== HEADER_BYTES)) {
      throw new RangeError(`RandomX is of headers of ${HEADER_BYTES} bytes`)
    }
    const known = this.#requests.recall(headers)
    if (known !== undefined) return known
    await this.ready()
    const request = this.#requests.ask(headers)
    this.#slots.add(urgent ? LANES.urgent : LANES.ordinary, request)
    return request.hashes
  }

  async scan(range: NonceRange, options: ScanOptions = {}): Promise<number | undefined> {
    checkRange(range)
    await this.ready()
    const again = (): void => this.#slots.add(LANES.scan, scan)
    const scan: NonceScan = new NonceScan(range, this.#hash, options, again)
    this.#scans.add(scan)
    again()
    try {
      return await scan.found
    } finally {
      this.#scans.delete(scan)
    }
  }

  setFullDataset(wanted: boolean): void {
    if (this.#closing === undefined) this.#full.isWanted = wanted
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#requests.failAll(closedError())
    for (const scan of this.#scans) scan.giveUp()
    await this.#full.close()
    // What is being hashed ends first.
    await this.#slots.alone(() => undefined)
    await this.#engine.close()
  }

  readonly #hash = async (slot: number, header: Uint8Array): Promise<Uint8Array> => {
    const hash = await this.#engine.hash(slot, header)
    this.#rate.add(1)
    return hash
  }

  #throwIfClosed(): void {
    if (this.#closing !== undefined) throw closedError()
  }
}
