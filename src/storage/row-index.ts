/**
 * The rows of a chain in LevelDB. Owns its folder; one process at a time, by LevelDB's own lock. Memory: the cache,
 * and twice WRITE_BUFFER_BYTES while much is written.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ClassicLevel } from 'classic-level'
import type { StoreChange } from '../chain/io.ts'
import { MAX_UNSYNCED_ROW_BYTES } from '../params/limits.ts'
import type { StoredPair } from './chain-store.ts'
import { ifThere } from './if-there.ts'
import type { OpenFile } from './raw-file.ts'
import { decodeRow, encodeRow } from './row-check.ts'
import { DamagedRows } from './store-error.ts'

export const DEFAULT_CACHE_BYTES = 8_388_608
const WRITE_BUFFER_BYTES = 8_388_608
/** Few files, of a size that is still compacted in moments. */
const TABLE_BYTES = 8_388_608
const SCAN_ROWS = 1_000
const SCAN_BYTES = 1_048_576
/** A long commit is put together in pieces of some milliseconds, between which others have their turn. */
const CHANGES_PER_TURN = 1_000

export interface RowIndexOptions {
  /** Make the database if it is not there. */
  readonly create: boolean
  readonly cacheBytes: number
  /** How logs are opened to be synced. */
  readonly openFile: OpenFile
}

type Rows = ClassicLevel<Uint8Array, Uint8Array>

export class RowIndex {
  readonly #dir: string
  readonly #rows: Rows
  readonly #openFile: OpenFile
  /** Bytes committed that a power failure may take. */
  #unsyncedBytes = 0

  private constructor(dir: string, rows: Rows, openFile: OpenFile) {
    this.#dir = dir
    this.#rows = rows
    this.#openFile = openFile
  }

  /** Rejects with what the database says. */
  static async open(dir: string, { create, cacheBytes, openFile }: RowIndexOptions): Promise<RowIndex> {
    // Loaded when it is needed: programs that only answer `--version` don't pay for it.
    const { ClassicLevel } = await import('classic-level')
    const rows: Rows = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view' })
    await rows.open({
      createIfMissing: create,
      cacheSize: cacheBytes,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxFileSize: TABLE_BYTES,
      // Hashes, keys and amounts don't get smaller.
      compression: false,
    })
    return new RowIndex(dir, rows, openFile)
  }

  static async destroy(dir: string): Promise<void> {
    const { ClassicLevel } = await import('classic-level')
    await ClassicLevel.destroy(dir)
  }

  /** In order, as they are now, whatever is committed next. Rejects with DamagedRows, or what the database says. */
  async get(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const encoded = keys.map((key) => Buffer.from(key, 'latin1'))
    const snapshot = this.#rows.snapshot()
    try {
      const values = await this.#rows.getMany(encoded, { snapshot })
      return values.map((value, i) => (value === undefined ? undefined : contentOf(encoded[i], value)))
    } finally {
      await snapshot.close()
    }
  }

  /** Does a commit like this one have to be made durable, asked for or not? */
  isSyncDue(changes: readonly StoreChange[]): boolean {
    return this.#unsyncedBytes > 0 && this.#unsyncedBytes + bytesOf(changes) > MAX_UNSYNCED_ROW_BYTES
  }

  async commit(changes: readonly StoreChange[], sync: boolean): Promise<void> {
    if (sync) await this.#syncLogs()
    const batch = this.#rows.batch()
    try {
      for (const [i, { key, value }] of changes.entries()) {
        if (i > 0 && i % CHANGES_PER_TURN === 0) await nextTurn()
        if (value === undefined) batch.del(Buffer.from(key, 'latin1'))
        else {
          const row = encodeRow(key, value)
          batch.put(row.key, row.value)
        }
      }
    } catch (error) {
      await batch.close()
      throw error
    }
    await batch.write({ sync })
    this.#unsyncedBytes = sync ? 0 : this.#unsyncedBytes + bytesOf(changes)
  }

  async *scan(prefix: string): AsyncGenerator<readonly StoredPair[]> {
    const iterator = this.#rows.iterator({
      ...rangeOf(prefix),
      highWaterMarkBytes: SCAN_BYTES,
      fillCache: false,
    })
    try {
      for (;;) {
        const entries = await iterator.nextv(SCAN_ROWS)
        if (entries.length === 0) return
        yield entries.map(([key, value]) => [latin1(key), contentOf(key, value)] as const)
      }
    } finally {
      await iterator.close()
    }
  }

  async bytes(): Promise<number> {
    let bytes = 0
    for (const name of await readdir(this.#dir)) bytes += await sizeIfThere(join(this.#dir, name))
    return bytes
  }

  close(): Promise<void> {
    return this.#rows.close()
  }

  /**
   * LevelDB syncs the log that it writes to. Rows committed without `sync` may be in the log before, which it has
   * left without syncing: if a power failure took these and spared a later commit, there would be a hole.
   */
  async #syncLogs(): Promise<void> {
    if (this.#unsyncedBytes === 0) return
    const logs = (await readdir(this.#dir)).filter((name) => name.endsWith('.log'))
    for (const name of logs) {
      const file = await ifThere(() => this.#openFile(join(this.#dir, name), 'r+'))
      await file?.datasync().finally(() => file.close())
    }
    this.#unsyncedBytes = 0
  }
}

function contentOf(key: Uint8Array | undefined, value: Uint8Array): Uint8Array {
  const content = key === undefined ? undefined : decodeRow(key, value)
  if (content === undefined) throw new DamagedRows('a row is not what was written')
  return content
}

function bytesOf(changes: readonly StoreChange[]): number {
  let bytes = 0
  for (const { key, value } of changes) bytes += key.length + (value?.length ?? 0)
  return bytes
}

/** From the prefix to the first key behind all that begin with it, if there is one. */
function rangeOf(prefix: string): { gte?: Uint8Array; lt?: Uint8Array } {
  const start = Buffer.from(prefix, 'latin1')
  let length = start.length
  while (length > 0 && start[length - 1] === 0xff) length--
  if (length === 0) return { gte: start }
  const end = Uint8Array.from(start.subarray(0, length))
  end[length - 1] = (end[length - 1] ?? 0) + 1
  return { gte: start, lt: end }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Tables and logs come and go while we look. */
async function sizeIfThere(path: string): Promise<number> {
  return (await ifThere(() => stat(path)))?.size ?? 0
}
