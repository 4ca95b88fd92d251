/**
 * The mempool on disk: `mempool.dlt` in the data directory, apart from what the C++ node keeps there under another
 * name. Read in the background after the start, a few transactions at a time; written every ten minutes and at the end,
 * beside and renamed. A damaged file is set aside with a warning, and what was read of it before is kept.
 */
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DUMP_MAGIC,
  type DumpedTransaction,
  decodePart,
  encodeDump,
  PART_HEAD_BYTES,
  readPartHead,
} from '../mempool/dump.ts'
import { MAX_RESTORING, MEMPOOL_SAVE_INTERVAL_MS } from '../params/limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { errorCode, errorText } from '../primitives/errors.ts'
import { writePiecesAtomically } from '../storage/atomic-file.ts'
import type { ChainControl } from './chain-control.ts'

/** Whose mempool it is. */
export type MempoolOwner = Pick<ChainControl, 'mempool' | 'mempoolFile' | 'restoreTransaction'>

export const MEMPOOL_FILE = 'mempool.dlt'

export interface MempoolFileOptions {
  readonly dataDir: string
  readonly warn: (text: string) => void
  /** Told how many came back. */
  readonly restored: (count: number) => void
}

export class MempoolFile {
  readonly path: string
  readonly #options: MempoolFileOptions
  #chain: MempoolOwner | undefined
  #loading: Promise<void> = Promise.resolve()
  #isLoaded = false
  #closing = false
  #timer: NodeJS.Timeout | undefined
  #lastSave: Promise<void> = Promise.resolve()

  constructor(options: MempoolFileOptions) {
    this.path = join(options.dataDir, MEMPOOL_FILE)
    this.#options = options
  }

  /** Has everything been read that there was? */
  get isLoaded(): boolean {
    return this.#isLoaded
  }

  /** Reads the file in the background; from then on it follows the mempool. To be called when the node runs. */
  follow(chain: MempoolOwner): void {
    if (chain.mempool === undefined) return
    chain.mempoolFile = this
    this.#chain = chain
    this.#loading = this.#load(chain)
    this.#timer = setInterval(() => {
      // What can't be written now is written the next time.
      if (this.#isLoaded) void this.save().catch((error: unknown) => this.#cannotSave(error))
    }, MEMPOOL_SAVE_INTERVAL_MS).unref()
  }

  /** Writes the mempool as it is. Rejects with the system's error. */
  save(): Promise<void> {
    const next = this.#lastSave.catch(() => undefined).then(() => this.#write())
    this.#lastSave = next
    return next
  }

  /** Writes it for the last time. Before all was read the file is left as it is. To be called when the node has stopped. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closing = true
    await this.#loading
    if (this.#isLoaded) await this.save().catch((error: unknown) => this.#cannotSave(error))
  }

  async #write(): Promise<void> {
    const mempool = this.#chain?.mempool
    if (mempool === undefined) return
    await writePiecesAtomically(this.path, encodeDump([...mempool.table.all()]))
  }

  #cannotSave(error: unknown): void {
    this.#options.warn(`Can't save transactions in ${this.path}: ${errorText(error)}`)
  }

  async #load(chain: MempoolOwner): Promise<void> {
    const restorer = new Restorer(chain)
    try {
      const isWhole = await readParts(this.path, async (transactions) => {
        for (const dumped of transactions) if (!this.#closing) await restorer.add(dumped)
        return !this.#closing
      })
      await restorer.idle()
      if (!isWhole) await this.#setAside()
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#options.warn(`Can't read ${this.path}: ${errorText(error)}`)
    }
    if (this.#closing) return
    this.#isLoaded = true
    if (restorer.accepted > 0) this.#options.restored(restorer.accepted)
  }

  async #setAside(): Promise<void> {
    const aside = `${this.path}.damaged-${Date.now()}`
    const outcome = await rename(this.path, aside).then(
      () => `it was set aside as ${aside}`,
      (error: unknown) => `it can't be set aside (${errorText(error)})`,
    )
    this.#options.warn(`${this.path} is damaged: ${outcome}; what could be read of it was taken`)
  }
}

/** Gives transactions to the mempool, a few at once. */
class Restorer {
  accepted = 0
  readonly #chain: MempoolOwner
  readonly #open = new Set<Promise<void>>()

  constructor(chain: MempoolOwner) {
    this.#chain = chain
  }

  /** Resolves when there is room for the next one. */
  async add(dumped: DumpedTransaction): Promise<void> {
    const judged = this.#chain
      .restoreTransaction(dumped)
      .then(({ verdict }) => {
        if (verdict === 'accepted') this.accepted++
      })
      // The node stops.
      .catch(() => undefined)
      .finally(() => this.#open.delete(judged))
    this.#open.add(judged)
    if (this.#open.size >= MAX_RESTORING) await Promise.race(this.#open)
  }

  async idle(): Promise<void> {
    await Promise.all(this.#open)
  }
}

/** False if the file is damaged. `take` answers whether to go on. */
async function readParts(
  path: string,
  take: (transactions: readonly DumpedTransaction[]) => Promise<boolean>,
): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const magic = await readExactly(file, DUMP_MAGIC.length)
    if (magic === undefined || !bytesEqual(magic, DUMP_MAGIC)) return false
    for (;;) {
      const head = await readExactly(file, PART_HEAD_BYTES)
      const part = head === undefined ? undefined : readPartHead(head)
      if (part === undefined) return false
      if (part.length === 0) return true
      const content = await readExactly(file, part.length)
      const transactions = content === undefined ? undefined : decodePart(content, part.checksum)
      if (transactions === undefined) return false
      if (!(await take(transactions))) return true
    }
  } finally {
    await file.close()
  }
}

/** Undefined if the file ends before. */
async function readExactly(file: FileHandle, length: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}
