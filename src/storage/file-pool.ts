/** Files of blocks that are open for reading: a bounded number, closed in the order in which they were last used. */
import { MAX_OPEN_BLOCK_FILES } from '../params/limits.ts'
import { ifThere } from './if-there.ts'
import type { OpenFile, RawFile } from './raw-file.ts'

interface Entry {
  /** Undefined if there is no such file. */
  readonly file: Promise<RawFile | undefined>
  users: number
  isForgotten: boolean
}

export class FilePool {
  readonly #pathOf: (file: number) => string
  readonly #openFile: OpenFile
  /** The least recently used first. */
  readonly #entries = new Map<number, Entry>()

  constructor(pathOf: (file: number) => string, openFile: OpenFile) {
    this.#pathOf = pathOf
    this.#openFile = openFile
  }

  /** Files open, or being opened. */
  get size(): number {
    return this.#entries.size
  }

  /** Does something with a file, which stays open meanwhile. `work` gets undefined if there is no such file. */
  async use<T>(number: number, work: (file: RawFile | undefined) => Promise<T>): Promise<T> {
    const entry = this.#take(number)
    entry.users++
    try {
      const file = await entry.file
      if (file === undefined) this.#drop(number, entry)
      return await work(file)
    } catch (error) {
      // Whatever is wrong with the file, the next user tries afresh.
      this.#drop(number, entry)
      throw error
    } finally {
      entry.users--
      if (entry.isForgotten && entry.users === 0) await closeQuietly(entry)
      else await this.#closeSurplus()
    }
  }

  /** The file is to be deleted: the next user opens it anew. */
  async forget(number: number): Promise<void> {
    const entry = this.#entries.get(number)
    if (entry === undefined) return
    this.#drop(number, entry)
    if (entry.users === 0) await closeQuietly(entry)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((number) => this.forget(number)))
  }

  #take(number: number): Entry {
    const known = this.#entries.get(number)
    const entry = known ?? { file: this.#open(number), users: 0, isForgotten: false }
    this.#entries.delete(number)
    this.#entries.set(number, entry)
    return entry
  }

  async #open(number: number): Promise<RawFile | undefined> {
    return await ifThere(() => this.#openFile(this.#pathOf(number), 'r'))
  }

  #drop(number: number, entry: Entry): void {
    entry.isForgotten = true
    if (this.#entries.get(number) === entry) this.#entries.delete(number)
  }

  async #closeSurplus(): Promise<void> {
    for (const [number, entry] of this.#entries) {
      if (this.#entries.size <= MAX_OPEN_BLOCK_FILES) return
      if (entry.users > 0) continue
      this.#drop(number, entry)
      await closeQuietly(entry)
    }
  }
}

/** It was read only: nothing is lost by an error. */
async function closeQuietly(entry: Entry): Promise<void> {
  try {
    await (await entry.file)?.close()
  } catch {
    // It could not even be opened, or is gone.
  }
}
