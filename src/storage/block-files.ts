/**
 * Blocks in files `blk00000.dat`, `blk00001.dat`, ...: records at the positions that the chain allots. One file is
 * open for writing at a time, so at most one has anything in it that a power failure could take.
 */
import { constants } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BLOCK_RECORD_OVERHEAD, type BlockPosition, type StoredBlock } from '../chain/io.ts'
import { MAX_STORED_BLOCK_BYTES } from '../params/limits.ts'
import { errorCode } from '../primitives/errors.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { syncFolder } from './atomic-file.ts'
import { decodeRecordHeader, encodeRecordHeader, type RecordMark } from './block-record.ts'
import { FilePool } from './file-pool.ts'
import { ifThere } from './if-there.ts'
import { type OpenFile, type RawFile, readRange, writeBoth } from './raw-file.ts'
import { planReads, type ReadSpan } from './read-plan.ts'

const NOTHING = new Uint8Array(0)
const FILE_NAME = /^blk(\d{5,9})\.dat$/

interface Writer {
  readonly number: number
  readonly file: RawFile
  isDirty: boolean
}

function pathOf(dir: string, number: number): string {
  return join(dir, `blk${String(number).padStart(5, '0')}.dat`)
}

/** Numbers of the files in a folder, ascending. */
export async function listBlockFiles(dir: string): Promise<number[]> {
  const names = await readdir(dir)
  const numbers = names.map((name) => Number(FILE_NAME.exec(name)?.[1] ?? Number.NaN))
  return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b)
}

/** How much is in the files of a folder. */
export async function blockFileBytes(dir: string): Promise<number> {
  const numbers = await listBlockFiles(dir)
  const sizes = await Promise.all(numbers.map((number) => ifThere(() => stat(pathOf(dir, number)))))
  return sizes.reduce((sum, file) => sum + (file?.size ?? 0), 0)
}

/**
 * Makes sure of what the process before this one appended and did not sync, if it was killed. To be called before
 * the rows are opened, since that makes sure of them.
 */
export async function syncLastBlockFile(dir: string, openFile: OpenFile): Promise<void> {
  const last = (await listBlockFiles(dir)).at(-1)
  if (last === undefined) return
  const file = await openFile(pathOf(dir, last), 'r+')
  await file.datasync().finally(() => file.close())
  await syncFolder(dir)
}

export class BlockFiles {
  readonly dir: string
  readonly mark: RecordMark
  readonly #openFile: OpenFile
  readonly #pool: FilePool
  #writer: Writer | undefined
  /** A file may have been made since its folder was last synced. */
  #isFolderDirty = false

  constructor(dir: string, mark: RecordMark, openFile: OpenFile) {
    this.dir = dir
    this.mark = mark
    this.#openFile = openFile
    this.#pool = new FilePool((number) => pathOf(dir, number), openFile)
  }

  /** Numbers of the files that exist, ascending. */
  list(): Promise<number[]> {
    return listBlockFiles(this.dir)
  }

  async append(position: BlockPosition, hash: Uint8Array, block: StoredBlock): Promise<void> {
    const { length } = block.payload
    if (length !== position.length || length > MAX_STORED_BLOCK_BYTES || hash.length !== 32)
      throw new RangeError(`a block of ${length} bytes does not fit its place of ${position.length}`)
    const writer = await this.#writerOf(position.file)
    writer.isDirty = true
    const header = encodeRecordHeader(this.mark, hash, block)
    await writeBoth(writer.file, header, block.payload, position.offset)
  }

  /** Whatever was appended survives a power failure when this resolves. */
  async sync(): Promise<void> {
    if (this.#writer?.isDirty === true) {
      await this.#writer.file.datasync()
      this.#writer.isDirty = false
    }
    if (!this.#isFolderDirty) return
    await syncFolder(this.dir)
    this.#isFolderDirty = false
  }

  /** Undefined where there is no such record; with `verify`, also where the payload is not what was written. */
  async read(positions: readonly BlockPosition[], verify: boolean): Promise<(StoredBlock | undefined)[]> {
    const blocks: (StoredBlock | undefined)[] = new Array(positions.length).fill(undefined)
    for (const span of planReads(positions)) await this.#readSpan(span, positions, verify, blocks)
    return blocks
  }

  async delete(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      if (this.#writer?.number === number) await this.#closeWriter()
      await this.#pool.forget(number)
      await rm(pathOf(this.dir, number), { force: true })
    }
    await syncFolder(this.dir)
  }

  /** Of a file that may be there or not; whatever reads it goes on if it is deleted meanwhile. */
  use<T>(number: number, work: (file: RawFile | undefined) => Promise<T>): Promise<T> {
    return this.#pool.use(number, work)
  }

  async close(): Promise<void> {
    await this.#pool.close()
    await this.#closeWriter()
  }

  async #writerOf(number: number): Promise<Writer> {
    if (this.#writer?.number === number) return this.#writer
    // What is in the old file must last before anything does that comes later; see sync().
    if (this.#writer?.isDirty === true) await this.#writer.file.datasync()
    await this.#closeWriter()
    this.#isFolderDirty = true
    const file = await this.#openFile(pathOf(this.dir, number), constants.O_WRONLY | constants.O_CREAT)
    this.#writer = { number, file, isDirty: false }
    return this.#writer
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.file.close()
  }

  async #readSpan(
    span: ReadSpan,
    positions: readonly BlockPosition[],
    verify: boolean,
    blocks: (StoredBlock | undefined)[],
  ): Promise<void> {
    const bytes = await this.#bytesOf(span)
    if (bytes === 'unreadable') {
      // One bad spot on the disk must not cost the neighbours.
      for (const member of span.members.length > 1 ? span.members : []) {
        const position = positions[member]
        const [alone] = position === undefined ? [] : await this.read([position], verify)
        blocks[member] = alone
      }
      return
    }
    for (const member of span.members) {
      const position = positions[member]
      if (position === undefined) continue
      const at = position.offset - span.start
      blocks[member] = this.#blockIn(
        bytes.subarray(at, at + BLOCK_RECORD_OVERHEAD + position.length),
        position,
        verify,
      )
    }
  }

  async #bytesOf({ file: number, start, end }: ReadSpan): Promise<Uint8Array | 'unreadable'> {
    try {
      return await this.#pool.use(number, async (file) =>
        file === undefined ? NOTHING : await readRange(file, start, end),
      )
    } catch (error) {
      if (errorCode(error) === 'EIO') return 'unreadable'
      throw error
    }
  }

  #blockIn(record: Uint8Array, { length }: BlockPosition, verify: boolean): StoredBlock | undefined {
    const header = decodeRecordHeader(this.mark, record)
    const payload = record.subarray(BLOCK_RECORD_OVERHEAD)
    if (header?.length !== length || payload.length !== length) return undefined
    if (verify && messageChecksum(payload) !== header.checksum) return undefined
    return { payload, checksum: header.checksum }
  }
}
