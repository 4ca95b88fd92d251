/** Files of blocks for tests, through which one sees what a store does to them, and which fail on request. */
import type { RawFile } from '../src/storage/raw-file.ts'
import { type OpenFile, openSystemFile } from '../src/storage/raw-file.ts'

type Call = 'open' | 'read' | 'write' | 'datasync' | 'close'

export class FlakyFiles {
  /** What was done, such as "datasync blk00000.dat". */
  readonly calls: string[] = []
  /** Asked before each call on a file; an error code makes it fail. */
  fault: (call: Call, name: string, position: number) => string | undefined = () => undefined
  /** A write or a read does no more than this at once. */
  mostBytes = Number.POSITIVE_INFINITY
  openCount = 0
  mostOpen = 0

  readonly openFile: OpenFile = async (path, flags) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    this.#note('open', name, 0)
    const file = await openSystemFile(path, flags)
    this.openCount++
    this.mostOpen = Math.max(this.mostOpen, this.openCount)
    return this.#wrap(file, name)
  }

  #wrap(file: RawFile, name: string): RawFile {
    return {
      read: async (buffer, offset, length, position) => {
        this.#note('read', name, position)
        return await file.read(buffer, offset, Math.min(length, this.mostBytes), position)
      },
      write: async (buffer, offset, length, position) => {
        this.#note('write', name, position)
        return await file.write(buffer, offset, Math.min(length, this.mostBytes), position)
      },
      writev: async (buffers, position) => {
        this.#note('write', name, position)
        if (this.mostBytes === Number.POSITIVE_INFINITY) return await file.writev(buffers, position)
        const bytes = Buffer.concat(buffers).subarray(0, this.mostBytes)
        return await file.write(bytes, 0, bytes.length, position)
      },
      datasync: async () => {
        this.#note('datasync', name, 0)
        await file.datasync()
      },
      close: async () => {
        this.#note('close', name, 0)
        this.openCount--
        await file.close()
      },
    }
  }

  #note(call: Call, name: string, position: number): void {
    this.calls.push(`${call} ${name}`)
    const code = this.fault(call, name, position)
    if (code !== undefined) throw Object.assign(new Error(`${code}: made up`), { code })
  }
}
