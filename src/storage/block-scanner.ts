/**
 * Finds the blocks in files without knowing where they stand. Reads each file once, from its start to its end; holds
 * one piece of it, or one record if that is longer.
 */
import { BLOCK_RECORD_OVERHEAD, type StoredBlock } from '../chain/io.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { errorCode } from '../primitives/errors.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import type { BlockFiles } from './block-files.ts'
import { decodeRecordHeader } from './block-record.ts'
import type { FoundBlock } from './chain-store.ts'
import { type RawFile, readRange } from './raw-file.ts'

const PIECE_BYTES = 1_048_576
/** What a disk can't read is passed over in pieces of this size, as zeros. */
const SECTOR_BYTES = 4_096

export async function* scanFiles(blocks: BlockFiles): AsyncGenerator<FoundBlock> {
  for (const number of await blocks.list()) {
    const scan = new FileScan(blocks, number)
    for (let found = await scan.next(); found !== undefined; found = await scan.next()) yield found
  }
}

class FileScan {
  readonly #blocks: BlockFiles
  readonly #number: number
  readonly #magicBytes: Uint8Array
  #piece: Uint8Array = new Uint8Array(0)
  /** Where in the file the piece starts, and where we are in it. */
  #start = 0
  #at = 0

  constructor(blocks: BlockFiles, number: number) {
    this.#blocks = blocks
    this.#number = number
    this.#magicBytes = new Uint8Array(4)
    new DataView(this.#magicBytes.buffer).setUint32(0, blocks.mark.magic, true)
  }

  /** The next whole block behind what was found before. */
  async next(): Promise<FoundBlock | undefined> {
    while (await this.#fill(BLOCK_RECORD_OVERHEAD)) {
      const offset = this.#start + this.#at
      const header = decodeRecordHeader(this.#blocks.mark, this.#piece.subarray(this.#at))
      if (header !== undefined && (await this.#fill(BLOCK_RECORD_OVERHEAD + header.length))) {
        const from = this.#at + BLOCK_RECORD_OVERHEAD
        const payload = this.#piece.slice(from, from + header.length)
        if (messageChecksum(payload) === header.checksum) {
          this.#at = from + header.length
          const block: StoredBlock = { payload, checksum: header.checksum }
          const position = { file: this.#number, offset, length: header.length }
          return { position, hash: header.hash.slice(), block }
        }
      }
      this.#skipToMagic()
    }
    return undefined
  }

  /** Makes so many bytes from here on available. False where the file ends before. */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#piece.length - this.#at >= bytes) return true
    this.#start += this.#at
    this.#at = 0
    const end = this.#start + Math.max(bytes, PIECE_BYTES)
    this.#piece = await this.#blocks.use(this.#number, (file) => readFrom(file, this.#start, end))
    return this.#piece.length >= bytes
  }

  /** To the next place where a record may begin, or where it is cut off by the end of the piece. */
  #skipToMagic(): void {
    const bytes = Buffer.from(this.#piece.buffer, this.#piece.byteOffset, this.#piece.length)
    const next = bytes.indexOf(this.#magicBytes, this.#at + 1)
    this.#at = next >= 0 ? next : Math.max(this.#at + 1, this.#piece.length - 3)
  }
}

async function readFrom(file: RawFile | undefined, start: number, end: number): Promise<Uint8Array> {
  if (file === undefined) return new Uint8Array(0)
  try {
    return await readRange(file, start, end)
  } catch (error) {
    if (errorCode(error) !== 'EIO') throw error
    if (end - start <= SECTOR_BYTES) return new Uint8Array(end - start)
    // In smaller pieces, so that little is lost.
    const middle = start + Math.ceil((end - start) / 2 / SECTOR_BYTES) * SECTOR_BYTES
    return concatBytes([await readFrom(file, start, middle), await readFrom(file, middle, end)])
  }
}
