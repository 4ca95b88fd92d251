/**
 * A store on a disk. Owns the order of requests: writes are done one after the other as they were given; reads go
 * beside them, as soon as those writes are done that they have to see, and don't see later ones. How much waits is up
 * to who asks.
 */
import type { BlockPosition, IoResult, StoreChange } from '../chain/io.ts'
import { UserError } from '../primitives/errors.ts'
import { type BlockFiles, blockFileBytes } from './block-files.ts'
import { scanFiles } from './block-scanner.ts'
import type { ChainStore, FoundBlock, StoredPair, StoreRequest, StoreSize } from './chain-store.ts'
import type { RowIndex } from './row-index.ts'
import { storeErrorText } from './store-error.ts'
import { endReindex } from './store-marks.ts'

const CLOSED: IoResult = { ok: false, error: 'the store of the chain is closed' }

export class DiskChainStore implements ChainStore {
  readonly #dir: string
  readonly #rows: RowIndex
  readonly #blocks: BlockFiles
  /** Settles when all writes given so far are done. */
  #writes: Promise<unknown> = Promise.resolve()
  /** Settles when all commits given so far are done. */
  #commits: Promise<unknown> = Promise.resolve()
  /** For each file that is about to be written to or deleted, settles when that is done. */
  readonly #fileWrites = new Map<number, Promise<unknown>>()
  readonly #reads = new Set<Promise<unknown>>()
  #failure: IoResult | undefined
  #closing: Promise<void> | undefined

  constructor(dir: string, rows: RowIndex, blocks: BlockFiles) {
    this.#dir = dir
    this.#rows = rows
    this.#blocks = blocks
  }

  perform(request: StoreRequest): Promise<IoResult> {
    if (this.#closing !== undefined) return Promise.resolve(CLOSED)
    switch (request.kind) {
      case 'get':
        return this.#read(this.#commits, () => this.#rows.get(request.keys))
      case 'read':
        return this.#read(this.#writesTo(request.positions), () =>
          this.#blocks.read(request.positions, request.verify),
        )
      case 'append': {
        const { position, hash, block } = request
        return this.#writeTo([position.file], () => this.#blocks.append(position, hash, block))
      }
      case 'commit': {
        const result = this.#write(() => this.#commit(request.changes, request.sync))
        this.#commits = result
        return result
      }
      case 'deleteFiles':
        return this.#deleteFiles(request.files)
    }
  }

  async *scan(prefix: string): AsyncGenerator<readonly StoredPair[]> {
    await this.#commits
    try {
      yield* this.#rows.scan(prefix)
    } catch (error) {
      throw new UserError(storeErrorText(error))
    }
  }

  async *scanBlockFiles(): AsyncGenerator<FoundBlock> {
    await this.#writes
    yield* scanFiles(this.#blocks)
  }

  async size(): Promise<StoreSize> {
    const [blockBytes, storeBytes] = await Promise.all([blockFileBytes(this.#blocks.dir), this.#rows.bytes()])
    return { blockBytes, storeBytes }
  }

  async finishReindex(): Promise<void> {
    await endReindex(this.#dir)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writes
    await Promise.all(this.#reads)
    await Promise.all([this.#rows.close(), this.#blocks.close()])
  }

  async #commit(changes: readonly StoreChange[], sync: boolean): Promise<void> {
    const lasting = sync || this.#rows.isSyncDue(changes)
    // Rows must never survive without the blocks that they speak of.
    if (lasting) await this.#blocks.sync()
    await this.#rows.commit(changes, lasting)
  }

  #deleteFiles(files: readonly number[]): Promise<IoResult> {
    // Who asked for a block before must get it.
    const reads = [...this.#reads]
    return this.#writeTo(files, async () => {
      await Promise.all(reads)
      await this.#blocks.delete(files)
    })
  }

  #write(work: () => Promise<void>): Promise<IoResult> {
    const result = this.#writes.then(async () => {
      if (this.#failure !== undefined) return this.#failure
      const done = await attempt(work)
      // What a failed write or sync has left behind is not known: nothing may be built on it.
      if (!done.ok) this.#failure = done
      return done
    })
    this.#writes = result
    return result
  }

  #writeTo(files: readonly number[], work: () => Promise<void>): Promise<IoResult> {
    const result = this.#write(work).then((done) => {
      for (const file of files) if (this.#fileWrites.get(file) === result) this.#fileWrites.delete(file)
      return done
    })
    for (const file of files) this.#fileWrites.set(file, result)
    return result
  }

  #writesTo(positions: readonly BlockPosition[]): Promise<unknown> {
    if (this.#fileWrites.size === 0) return Promise.resolve()
    return Promise.all(new Set(positions.map(({ file }) => this.#fileWrites.get(file))))
  }

  #read(after: Promise<unknown>, work: () => Promise<unknown>): Promise<IoResult> {
    const result = after.then(() => attempt(work))
    this.#reads.add(result)
    return result.finally(() => this.#reads.delete(result))
  }
}

async function attempt(work: () => Promise<unknown>): Promise<IoResult> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, error: storeErrorText(error) }
  }
}
