/**
 * The mempool on disk: `mempool.dlt` in the data directory, apart from what the C++ node keeps there under another
 * name. Read in the background once the chain has come to where it was when the file was written, or there is nothing to
 * catch up with, a few transactions at a time: where the chain is fetched anew, that is late. Written beside and renamed, at the end and some time after each change: the more there is to write, the later. A file that can't
 * be used is set aside with a warning, and what was read of it before is kept.
 */
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DUMP_HEAD_BYTES,
  type DumpedTransaction,
  type DumpOrigin,
  decodePart,
  encodeDump,
  PART_HEAD_BYTES,
  readDumpHead,
  readPartHead,
} from '../mempool/dump.ts'
import {
  MAX_RESTORING,
  MEMPOOL_SAVE_BYTES_PER_SECOND,
  MEMPOOL_SAVE_LONGEST_MS,
  MEMPOOL_SAVE_MS,
} from '../params/limits.ts'
import { errorCode, errorText } from '../primitives/errors.ts'
import { writePiecesAtomically } from '../storage/atomic-file.ts'
import type { ChainControl } from './chain-control.ts'
import { type NodeClock, systemNodeClock } from './node-clock.ts'

/** Whose mempool it is. */
export type MempoolOwner = Pick<
  ChainControl,
  'mempool' | 'mempoolFile' | 'restoreTransaction' | 'tipHeight' | 'whenAt'
>

export const MEMPOOL_FILE = 'mempool.dlt'

export interface MempoolFileOptions {
  readonly dataDir: string
  /** Hash of the network's first block: transactions of one network mean nothing on another. */
  readonly genesisHash: Uint8Array
  readonly warn: (text: string) => void
  /** Told how many came back. */
  readonly restored: (count: number) => void
  readonly clock?: NodeClock
}

/** What came of reading it. `unfinished`: the node stops, or its disk has failed. */
type Reading = 'whole' | 'unfinished' | Exclude<DumpOrigin, 'ours'>

export class MempoolFile {
  readonly path: string
  readonly #options: MempoolFileOptions
  readonly #clock: NodeClock
  #chain: MempoolOwner | undefined
  #loading: Promise<void> = Promise.resolve()
  #isLoaded = false
  readonly #closing = new AbortController()
  #forgetTimer: () => void = () => undefined
  #lastSave: Promise<void> = Promise.resolve()
  /** As the mempool counts its changes. */
  #savedChanges: number | undefined
  #restMs = MEMPOOL_SAVE_MS

  constructor(options: MempoolFileOptions) {
    this.path = join(options.dataDir, MEMPOOL_FILE)
    this.#options = options
    this.#clock = options.clock ?? systemNodeClock
  }

  /** Has everything been read that there was? */
  get isLoaded(): boolean {
    return this.#isLoaded
  }

  /** Makes itself known, so that nobody thinks that there is nothing to be read. To be called before anybody can ask. */
  announce(chain: MempoolOwner): void {
    if (chain.mempool !== undefined) chain.mempoolFile = this
  }

  /** Reads the file in the background; from then on it follows the mempool. To be called when the node runs. */
  follow(chain: MempoolOwner): void {
    if (chain.mempool === undefined) return
    this.announce(chain)
    this.#chain = chain
    this.#loading = this.#load(chain)
    void this.#loading.then(() => {
      if (this.#isLoaded) this.#keep()
    })
  }

  /** Writes the mempool as it is. Rejects with the system's error. */
  save(): Promise<void> {
    const next = this.#lastSave.catch(() => undefined).then(() => this.#write())
    this.#lastSave = next
    return next
  }

  /** Writes it for the last time. Before all was read the file is left as it is. To be called when the node has stopped. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#forgetTimer()
    await this.#loading
    if (this.#isLoaded) await this.save().catch((error: unknown) => this.#cannotSave(error))
  }

  /** Saves what has changed, and looks again after a rest. */
  #keep(): void {
    if (this.#closing.signal.aborted) return
    this.#forgetTimer = this.#clock.after(this.#restMs, () => {
      void this.#saveChanges().then(() => this.#keep())
    })
  }

  async #saveChanges(): Promise<void> {
    if (this.#savedChanges === this.#chain?.mempool?.table.changes) return
    try {
      await this.save()
    } catch (error) {
      this.#cannotSave(error)
      this.#restMs = MEMPOOL_SAVE_LONGEST_MS
    }
  }

  async #write(): Promise<void> {
    const chain = this.#chain
    const table = chain?.mempool?.table
    if (chain === undefined || table === undefined) return
    const { changes, bytes } = table
    const place = { genesis: this.#options.genesisHash, height: chain.tipHeight }
    await writePiecesAtomically(this.path, encodeDump(place, [...table.all()]))
    this.#savedChanges = changes
    const restMs = (1_000 * bytes) / MEMPOOL_SAVE_BYTES_PER_SECOND
    this.#restMs = Math.min(Math.max(restMs, MEMPOOL_SAVE_MS), MEMPOOL_SAVE_LONGEST_MS)
  }

  #cannotSave(error: unknown): void {
    this.#options.warn(`Can't save transactions in ${this.path}: ${errorText(error)}`)
  }

  async #load(chain: MempoolOwner): Promise<void> {
    const restorer = new Restorer(chain)
    const reader: PartReader = {
      // Before, what they spend may not be known: where the chain is fetched anew nothing is.
      begin: async (height) => {
        if (!this.#isEnding(restorer))
          await chain.whenAt(height, this.#closing.signal).catch(() => restorer.stop())
        return !this.#isEnding(restorer)
      },
      take: async (transactions) => {
        for (const dumped of transactions) if (!this.#isEnding(restorer)) await restorer.add(dumped)
        return !this.#isEnding(restorer)
      },
    }
    try {
      const outcome = await readParts(this.path, this.#options.genesisHash, reader)
      await restorer.idle()
      await this.#judge(outcome)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        await this.#setAside(`can't be read (${errorText(error)})`, 'unreadable')
    }
    // What has not come back is still in the file.
    if (this.#isEnding(restorer)) return
    this.#isLoaded = true
    if (restorer.accepted > 0) this.#options.restored(restorer.accepted)
  }

  #isEnding(restorer: Restorer): boolean {
    return this.#closing.signal.aborted || restorer.isStopped
  }

  async #judge(outcome: Reading): Promise<void> {
    if (outcome === 'damaged')
      await this.#setAside('is damaged', 'damaged', '; what could be read of it was taken')
    if (outcome === 'otherVersion')
      await this.#setAside('was written by another version of this node', 'other-version')
    if (outcome === 'otherNetwork') await this.#setAside('is of another network', 'other-network')
  }

  async #setAside(why: string, mark: string, rest = ''): Promise<void> {
    const aside = `${this.path}.${mark}-${Date.now()}`
    const outcome = await rename(this.path, aside).then(
      () => `it was set aside as ${aside}`,
      (error: unknown) => `it can't be set aside (${errorText(error)})`,
    )
    this.#options.warn(`${this.path} ${why}: ${outcome}${rest}`)
  }
}

/** Gives transactions to the mempool, a few at once. */
class Restorer {
  accepted = 0
  #isStopped = false
  readonly #chain: MempoolOwner
  readonly #open = new Set<Promise<void>>()

  constructor(chain: MempoolOwner) {
    this.#chain = chain
  }

  /** Does the chain take nothing any more? */
  get isStopped(): boolean {
    return this.#isStopped
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when there is room for the next one. */
  async add(dumped: DumpedTransaction): Promise<void> {
    const judged = this.#chain
      .restoreTransaction(dumped)
      .then(({ verdict }) => {
        if (verdict === 'accepted') this.accepted++
      })
      .catch(() => this.stop())
      .finally(() => this.#open.delete(judged))
    this.#open.add(judged)
    if (this.#open.size >= MAX_RESTORING) await Promise.race(this.#open)
  }

  async idle(): Promise<void> {
    await Promise.all(this.#open)
  }
}

/** Each answers whether to go on. */
interface PartReader {
  /** `height`: of the tip when the file was written. */
  begin(height: number): Promise<boolean>
  take(transactions: readonly DumpedTransaction[]): Promise<boolean>
}

async function readParts(path: string, genesisHash: Uint8Array, reader: PartReader): Promise<Reading> {
  const file = await open(path, 'r')
  try {
    const { origin, height } = readDumpHead(await read(file, DUMP_HEAD_BYTES), genesisHash)
    if (origin !== 'ours') return origin
    if (!(await reader.begin(height))) return 'unfinished'
    for (;;) {
      const part = readPartHead(await read(file, PART_HEAD_BYTES))
      if (part === undefined) return 'damaged'
      if (part.length === 0) return 'whole'
      const transactions = decodePart(await read(file, part.length), part.checksum)
      if (transactions === undefined) return 'damaged'
      if (!(await reader.take(transactions))) return 'unfinished'
    }
  } finally {
    await file.close()
  }
}

/** Fewer bytes if the file ends before. */
async function read(file: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}
