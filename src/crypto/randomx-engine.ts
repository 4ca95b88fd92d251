/**
 * RandomX made ready: the library, the cache, a test of both, and one machine for each slot, light ones or, once a
 * data set is filled, full ones. Nothing is loaded before it is needed. Memory: 256 MiB, 2 MiB for each slot, and the
 * data set while it is in use.
 */
import { bytesEqual } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import type { RandomXCache, RandomXDataset, RandomXMachine } from './randomx-ffi.ts'

/** A header and its hash, in wire order: 80 and 32 bytes. */
export interface KnownHash {
  readonly header: Uint8Array
  readonly hash: Uint8Array
}

/** As much of the library as is needed here. */
export interface CacheMaker {
  createCache(key: Uint8Array): Promise<RandomXCache | undefined>
}

export interface EngineOptions {
  readonly key: Uint8Array
  readonly known: KnownHash | undefined
  /** Rejects with UserError if there is none. */
  find(): Promise<CacheMaker>
}

/** What the user can change while we run, a missing library or a lack of memory, is tried again when asked again. */
export type EngineState = 'unused' | 'starting' | 'ready' | 'missing' | 'noMemory' | 'wrong' | 'closed'

export class RandomXEngine {
  readonly #options: EngineOptions
  #state: EngineState = 'unused'
  #opening: Promise<void> | undefined
  #cache: RandomXCache | undefined
  #dataset: RandomXDataset | undefined
  /** By slot. */
  readonly #machines: (RandomXMachine | undefined)[] = []

  constructor(options: EngineOptions) {
    this.#options = options
  }

  get state(): EngineState {
    return this.#state
  }

  get isCompiled(): boolean {
    return this.#cache?.isCompiled === true
  }

  get isFull(): boolean {
    return this.#dataset !== undefined
  }

  /** Loads and tests at the first call. Rejects with UserError where RandomX can't be used. */
  ready(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      if (this.#state === 'missing' || this.#state === 'noMemory') this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  /** One hash at a time on each slot, once {@link ready}. */
  async hash(slot: number, header: Uint8Array): Promise<Uint8Array> {
    this.#machines[slot] ??= this.#createMachine()
    return this.#machines[slot].hash(header)
  }

  /** Unfilled; undefined if there is no memory. */
  allocateDataset(): RandomXDataset | undefined {
    return this.#cache?.allocateDataset()
  }

  /** From now on hashes come from this data set, which is filled. Only while no slot hashes. */
  useDataset(dataset: RandomXDataset): void {
    this.#freeMachines()
    this.#dataset = dataset
  }

  /** Back to the cache. Only while no slot hashes. */
  dropDataset(): void {
    this.#freeMachines()
    this.#dataset?.free()
    this.#dataset = undefined
  }

  /** Only while no slot hashes. */
  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#opening?.catch(() => undefined)
    this.dropDataset()
    this.#cache?.free()
    this.#cache = undefined
  }

  async #open(): Promise<void> {
    this.#enter('starting')
    const library = await this.#options.find().catch((error: unknown) => {
      this.#enter('missing')
      throw error
    })
    this.#cache = await library.createCache(this.#options.key)
    if (this.#cache === undefined) {
      this.#enter('noMemory')
      throw new UserError('RandomX needs 256 MiB of memory, and there is less')
    }
    this.#enter('starting')
    if (!(await this.#isRight())) {
      this.#enter('wrong')
      throw new UserError(
        "RandomX computes another hash of this chain's first block than is known: install librandomx 1.1.10 or newer" +
          ', as it comes with Debian and Ubuntu, or put chain.genesis in the chain file right',
      )
    }
    this.#enter('ready')
  }

  async #isRight(): Promise<boolean> {
    const { known } = this.#options
    return known === undefined || bytesEqual(await this.hash(0, known.header), known.hash)
  }

  /** Throws if it was closed meanwhile. */
  #enter(state: EngineState): void {
    if (this.#state === 'closed') throw new Error('RandomX was closed')
    this.#state = state
  }

  #createMachine(): RandomXMachine {
    const machine = this.#dataset?.createMachine() ?? this.#cache?.createMachine()
    if (machine === undefined) throw new UserError('RandomX needs 2 MiB more memory, and there is less')
    return machine
  }

  #freeMachines(): void {
    for (const machine of this.#machines.splice(0)) machine?.free()
  }
}
