/**
 * A stand-in for RandomX, whose hashes take as long as the test wants: the hash of a header is its SHA3-256. Keeps
 * account of what is in use, and throws where the real one would end the process.
 */
import type { CacheMaker } from '../src/crypto/randomx-engine.ts'
import type { RandomXCache, RandomXDataset, RandomXMachine } from '../src/crypto/randomx-ffi.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'

const NONCE_OFFSET = 76

export class FakeRandomX implements CacheMaker {
  /** Items of a data set. */
  readonly itemCount: number
  /** Do hashes and fillings wait for {@link endOne}? */
  isSlow = false
  hasCacheMemory = true
  hasDatasetMemory = true
  hasMachineMemory = true
  /** What fails when items are filled. */
  fillError: Error | undefined
  /** Flips a bit of every hash. */
  isWrong = false
  caches = 0
  datasets = 0
  lightMachines = 0
  fullMachines = 0
  /** Headers in the order in which hashing them began, and "fill" for parts of a data set. */
  readonly begun: string[] = []
  readonly filled = new Set<number>()
  readonly #running: (() => void)[] = []

  constructor(itemCount = 100_000) {
    this.itemCount = itemCount
  }

  get running(): number {
    return this.#running.length
  }

  /** Lets what began first end. */
  endOne(): void {
    this.#running.shift()?.()
  }

  /** Lets what began last end. */
  endLast(): void {
    this.#running.pop()?.()
  }

  async createCache(): Promise<RandomXCache | undefined> {
    if (!this.hasCacheMemory) return undefined
    this.caches++
    return {
      isCompiled: true,
      createMachine: () => (this.hasMachineMemory ? this.#machine(false) : undefined),
      allocateDataset: () => (this.hasDatasetMemory ? this.#dataset() : undefined),
      free: () => {
        if (this.lightMachines + this.datasets > 0) throw new Error('the cache is in use')
        this.caches--
      },
    }
  }

  #dataset(): RandomXDataset {
    this.datasets++
    let filling = 0
    this.filled.clear()
    return {
      itemCount: this.itemCount,
      fill: async (start, count) => {
        filling++
        await this.#work('fill')
        filling--
        if (this.fillError !== undefined) throw this.fillError
        for (let i = start; i < start + count; i++) this.filled.add(i)
      },
      createMachine: () => (this.hasMachineMemory ? this.#machine(true) : undefined),
      free: () => {
        if (this.fullMachines + filling > 0) throw new Error('the data set is in use')
        this.datasets--
      },
    }
  }

  #machine(isFull: boolean): RandomXMachine {
    if (isFull) this.fullMachines++
    else this.lightMachines++
    let isBusy = false
    return {
      hash: async (header) => {
        if (isBusy) throw new Error('two hashes at once')
        if (isFull && this.filled.size < this.itemCount) throw new Error('the data set is not whole')
        isBusy = true
        await this.#work(textOf(header))
        isBusy = false
        const hash = sha3_256(header)
        if (this.isWrong) hash[0] = (hash[0] ?? 0) ^ 1
        return hash
      },
      free: () => {
        if (isBusy) throw new Error('the machine is busy')
        if (isFull) this.fullMachines--
        else this.lightMachines--
      },
    }
  }

  #work(name: string): Promise<void> {
    this.begun.push(name)
    // Like all work of other threads, it never ends before others had their turn.
    return new Promise((end) => (this.isSlow ? this.#running.push(end) : setImmediate(end)))
  }
}

/** The header as {@link headerOf} was given it, and for others the nonce. */
function textOf(header: Uint8Array): string {
  const text = Buffer.from(header).toString('latin1').replace(/\0+$/, '')
  return text.length < NONCE_OFFSET ? text : `nonce ${Buffer.from(header).readUInt32LE(NONCE_OFFSET)}`
}

/** 80 bytes that begin with this text. */
export function headerOf(text: string): Uint8Array {
  const header = new Uint8Array(80)
  header.set(Buffer.from(text, 'latin1'))
  return header
}
