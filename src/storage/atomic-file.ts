/**
 * Files that are whole at every moment: written beside, synced, then renamed over the old one. A process killed
 * at any point, or a full disk, leaves the old content or the new.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  return writeBeside(path, mode, (file) => file.writeFile(content))
}

/** The same for what is too large to be in memory twice: others have their turn between two pieces. */
export function writePiecesAtomically(
  path: string,
  pieces: Iterable<Uint8Array>,
  mode = 0o600,
): Promise<void> {
  return writeBeside(path, mode, async (file) => {
    for (const piece of pieces) await file.writeFile(piece)
  })
}

async function writeBeside(
  path: string,
  mode: number,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const beside = `${path}.new`
  try {
    // What a crash left there goes first: it may have another mode, or be another file's second name.
    await rm(beside, { force: true })
    const file = await open(beside, 'wx', mode)
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes the rename itself last through a power cut, where the system can do that. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch {
    // Not every system can sync a folder; the file itself is safe.
  }
}

function writeFileAtomicallySync(path: string, content: string | Uint8Array, mode = 0o600): void {
  const beside = `${path}.now`
  rmSync(beside, { force: true })
  try {
    const file = openSync(beside, 'wx', mode)
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

/** Of its time a keeper spends at most a twentieth on writing, however often and by whom its content is changed. */
const PAUSE_PER_WRITE = 20

/**
 * Keeps a file up to date with something that changes: one write at a time, and whatever changed during a write
 * is in the next one. Content is asked for when it is written.
 */
export class FileKeeper {
  readonly #path: string
  readonly #content: () => string | Uint8Array
  readonly #onError: (error: unknown) => void
  #writing: Promise<void> | undefined
  #dirty = false
  #hurry: () => void = () => undefined

  constructor(path: string, content: () => string | Uint8Array, onError: (error: unknown) => void) {
    this.#path = path
    this.#content = content
    this.#onError = onError
  }

  /** The content has changed: write it now. */
  changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write()
  }

  /** Writes before it returns. Blocks the event loop: for what an operator does, not for what strangers cause. */
  saveNow(): void {
    // A write under way may still bring older content, so another one has to follow it.
    this.#dirty = this.#writing !== undefined
    try {
      writeFileAtomicallySync(this.#path, this.#content())
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Resolves when everything is on disk, or could not be written and was reported. */
  async idle(): Promise<void> {
    this.#hurry()
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      const startedAt = performance.now()
      await writeFileAtomically(this.#path, this.#content()).catch(this.#onError)
      if (this.#dirty) await this.#pause(PAUSE_PER_WRITE * (performance.now() - startedAt))
    }
    this.#writing = undefined
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
