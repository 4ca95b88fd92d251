/** A store without a disk, for tests and for embedding a node that keeps nothing. */
import type { IoResult } from '../chain/io.ts'
import { errorText } from '../primitives/errors.ts'
import type { ChainStore, FoundBlock, StoredPair, StoreRequest, StoreSize } from './chain-store.ts'
import { MemoryDisk } from './memory-disk.ts'

const SCAN_ROWS = 1_000

/** A chain store that is gone with the process. */
export function memoryChainStore(): ChainStore {
  return new MemoryChainStore()
}

class MemoryChainStore implements ChainStore {
  readonly #disk = new MemoryDisk()
  #isClosed = false

  perform(request: StoreRequest): Promise<IoResult> {
    if (this.#isClosed) return Promise.resolve({ ok: false, error: 'the store of the chain is closed' })
    return Promise.resolve(this.#answer(request))
  }

  #answer(request: StoreRequest): IoResult {
    try {
      return this.#disk.perform(request)
    } catch (error) {
      return { ok: false, error: errorText(error) }
    }
  }

  async *scan(prefix: string): AsyncGenerator<readonly StoredPair[]> {
    const pairs = this.#disk.pairs(prefix)
    for (let at = 0; at < pairs.length; at += SCAN_ROWS) yield pairs.slice(at, at + SCAN_ROWS)
  }

  async *scanBlockFiles(): AsyncGenerator<FoundBlock> {
    yield* this.#disk.blocks()
  }

  finishReindex(): Promise<void> {
    return Promise.resolve()
  }

  size(): Promise<StoreSize> {
    return Promise.resolve(this.#disk.size())
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }
}
