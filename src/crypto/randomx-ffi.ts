/**
 * The one file that calls foreign code: librandomx by way of koffi. A wrong pointer there ends the process, so no
 * pointer leaves this file, one that was given back can't be used again, a machine makes one hash at a time, and
 * memory that something still works with can't be given back. What a caller does wrong in this respect throws.
 */
import type { KoffiFunc, LibraryHandle } from 'koffi'

// randomx.h, randomx_flags.
const FLAG_FULL_MEM = 4
const FLAG_JIT = 8
const FLAG_SECURE = 16

export const HEADER_BYTES = 80
export const HASH_BYTES = 32

// koffi's form of `void *`; null is the null pointer.
type Pointer = bigint | null

interface Functions {
  readonly getFlags: () => number
  readonly allocCache: (flags: number) => Pointer
  readonly initCache: KoffiFunc<(cache: Pointer, key: Uint8Array, keyBytes: number) => void>
  readonly releaseCache: (cache: Pointer) => void
  readonly allocDataset: (flags: number) => Pointer
  readonly datasetItemCount: () => number
  readonly initDataset: KoffiFunc<(dataset: Pointer, cache: Pointer, start: number, count: number) => void>
  readonly releaseDataset: (dataset: Pointer) => void
  readonly createVm: (flags: number, cache: Pointer, dataset: Pointer) => Pointer
  readonly destroyVm: (vm: Pointer) => void
  readonly calculateHash: KoffiFunc<
    (vm: Pointer, input: Uint8Array, inputBytes: number, output: Uint8Array) => void
  >
}

function bind(library: LibraryHandle): Functions {
  return {
    getFlags: library.func('int randomx_get_flags()'),
    allocCache: library.func('void *randomx_alloc_cache(int flags)'),
    initCache: library.func('void randomx_init_cache(void *cache, const uint8_t *key, size_t size)'),
    releaseCache: library.func('void randomx_release_cache(void *cache)'),
    allocDataset: library.func('void *randomx_alloc_dataset(int flags)'),
    datasetItemCount: library.func('unsigned long randomx_dataset_item_count()'),
    initDataset: library.func(
      'void randomx_init_dataset(void *dataset, void *cache, unsigned long start, unsigned long count)',
    ),
    releaseDataset: library.func('void randomx_release_dataset(void *dataset)'),
    createVm: library.func('void *randomx_create_vm(int flags, void *cache, void *dataset)'),
    destroyVm: library.func('void randomx_destroy_vm(void *vm)'),
    calculateHash: library.func(
      'void randomx_calculate_hash(void *vm, const uint8_t *input, size_t size, _Out_ uint8_t *output)',
    ),
  }
}

/** A pointer with its owner's account: who works with it now, and whether it was given back. */
class Held {
  readonly #release: (pointer: Pointer) => void
  #pointer: Pointer
  #users = 0

  constructor(pointer: bigint, release: (pointer: Pointer) => void) {
    this.#pointer = pointer
    this.#release = release
  }

  get users(): number {
    return this.#users
  }

  /** The pointer; it stays valid until {@link letGo} was called as often. */
  hold(): bigint {
    if (this.#pointer === null) throw new Error('RandomX memory is used after it was given back')
    this.#users++
    return this.#pointer
  }

  letGo(): void {
    this.#users--
  }

  free(): void {
    if (this.#users > 0) throw new Error('RandomX memory is given back while it is used')
    const pointer = this.#pointer
    this.#pointer = null
    if (pointer !== null) this.#release(pointer)
  }
}

/** What hashes can be made from, slowly: 256 MiB, shared by any number of machines. */
export interface RandomXCache {
  /** Is machine code made of the hash's random programs? */
  readonly isCompiled: boolean
  /** 2 MiB more each. Undefined if there is no memory. */
  createMachine(): RandomXMachine | undefined
  /** Room for the full data set, unfilled. Undefined if there is no memory. */
  allocateDataset(): RandomXDataset | undefined
  /** After all machines and data sets are freed. */
  free(): void
}

/** Some 2 GiB made from a cache, from which hashes are made five times as fast. */
export interface RandomXDataset {
  readonly itemCount: number
  /** Fills items in another thread; parts that don't overlap may be filled at once. */
  fill(start: number, count: number): Promise<void>
  /** Its hashes are wrong until all items are filled. Undefined if there is no memory. */
  createMachine(): RandomXMachine | undefined
  /** After all machines are freed. */
  free(): void
}

/** Makes one hash at a time. */
export interface RandomXMachine {
  /** The hash of 80 bytes, made in another thread: 32 bytes, fresh. */
  hash(header: Uint8Array): Promise<Uint8Array>
  free(): void
}

/** The library, loaded. */
export class RandomXLibrary {
  readonly #functions: Functions
  readonly #flags: number

  private constructor(functions: Functions) {
    this.#functions = functions
    // Who forbids the JavaScript engine to make machine code (`node --jitless`) forbids it to us; without it a hash
    // takes five times as long. SECURE: memory is never writable and executable at once.
    const mayCompile = 'WebAssembly' in globalThis
    this.#flags = mayCompile ? functions.getFlags() | FLAG_SECURE : functions.getFlags() & ~FLAG_JIT
  }

  /**
   * The function that loads a library by a name or path as the system takes it, and throws what the system says if
   * there is none, or another one. Rejects where foreign functions can't be called at all.
   */
  static async loader(): Promise<(path: string) => RandomXLibrary> {
    const { load } = await import('koffi')
    return (path) => new RandomXLibrary(bind(load(path)))
  }

  /** Filled from the key, in half a second of another thread. Undefined if there is no memory. */
  async createCache(key: Uint8Array): Promise<RandomXCache | undefined> {
    const functions = this.#functions
    // There is none either where code may not be made.
    for (const flags of new Set([this.#flags, this.#flags & ~FLAG_JIT])) {
      const pointer = functions.allocCache(flags)
      if (pointer === null) continue
      const held = new Held(pointer, functions.releaseCache)
      await call(held, (cache, done) => functions.initCache.async(cache, key, key.length, done))
      return new Cache(functions, flags, held)
    }
    return undefined
  }
}

class Cache implements RandomXCache {
  readonly #functions: Functions
  readonly #flags: number
  readonly #held: Held

  constructor(functions: Functions, flags: number, held: Held) {
    this.#functions = functions
    this.#flags = flags
    this.#held = held
  }

  get isCompiled(): boolean {
    return (this.#flags & FLAG_JIT) !== 0
  }

  createMachine(): RandomXMachine | undefined {
    return Machine.create(this.#functions, this.#held, (cache) =>
      this.#functions.createVm(this.#flags, cache, null),
    )
  }

  allocateDataset(): RandomXDataset | undefined {
    const pointer = this.#functions.allocDataset(this.#flags)
    if (pointer === null) return undefined
    this.#held.hold()
    const held = new Held(pointer, (dataset) => {
      this.#functions.releaseDataset(dataset)
      this.#held.letGo()
    })
    return new Dataset(this.#functions, this.#flags, held, this.#held)
  }

  free(): void {
    this.#held.free()
  }
}

class Dataset implements RandomXDataset {
  readonly #functions: Functions
  readonly #flags: number
  readonly #held: Held
  readonly #cache: Held
  readonly itemCount: number

  constructor(functions: Functions, flags: number, held: Held, cache: Held) {
    this.#functions = functions
    this.#flags = flags
    this.#held = held
    this.#cache = cache
    this.itemCount = functions.datasetItemCount()
  }

  async fill(start: number, count: number): Promise<void> {
    if (start < 0 || count < 0 || start + count > this.itemCount) throw new RangeError('beyond the data set')
    const cache = this.#cache.hold()
    try {
      await call(this.#held, (dataset, done) =>
        this.#functions.initDataset.async(dataset, cache, start, count, done),
      )
    } finally {
      this.#cache.letGo()
    }
  }

  createMachine(): RandomXMachine | undefined {
    return Machine.create(this.#functions, this.#held, (dataset) =>
      this.#functions.createVm(this.#flags | FLAG_FULL_MEM, null, dataset),
    )
  }

  free(): void {
    this.#held.free()
  }
}

class Machine implements RandomXMachine {
  readonly #functions: Functions
  readonly #held: Held
  readonly #input = new Uint8Array(HEADER_BYTES)
  readonly #output = new Uint8Array(HASH_BYTES)

  private constructor(functions: Functions, held: Held) {
    this.#functions = functions
    this.#held = held
  }

  /** `memory` is held until the machine is freed. */
  static create(
    functions: Functions,
    memory: Held,
    make: (pointer: Pointer) => Pointer,
  ): RandomXMachine | undefined {
    const pointer = make(memory.hold())
    if (pointer === null) {
      memory.letGo()
      return undefined
    }
    const release = (vm: Pointer): void => {
      functions.destroyVm(vm)
      memory.letGo()
    }
    return new Machine(functions, new Held(pointer, release))
  }

  async hash(header: Uint8Array): Promise<Uint8Array> {
    if (this.#held.users > 0) throw new Error('a RandomX machine makes one hash at a time')
    if (header.length !== HEADER_BYTES) throw new RangeError(`a header has ${HEADER_BYTES} bytes`)
    this.#input.set(header)
    await call(this.#held, (vm, done) =>
      this.#functions.calculateHash.async(vm, this.#input, HEADER_BYTES, this.#output, done),
    )
    return this.#output.slice()
  }

  free(): void {
    this.#held.free()
  }
}

/** Runs one asynchronous call; what it works with can't be given back before it has ended. */
function call(held: Held, start: (pointer: bigint, done: (error: unknown) => void) => void): Promise<void> {
  const pointer = held.hold()
  return new Promise<void>((resolve, reject) => {
    start(pointer, (error) => {
      held.letGo()
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}
