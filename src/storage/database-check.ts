/**
 * Looks over LevelDB's files before it opens them. LevelDB checks its list of tables by itself, but reads tables without
 * looking at their checksums, ends the process where a table makes no sense, and passes over damage in the middle of
 * a log, as if the commits behind it had not been built on those that are lost.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { maskedCrc32c } from './crc32c.ts'
import { readIfThere } from './if-there.ts'
import { DamagedRows } from './store-error.ts'

const LOG_BLOCK_BYTES = 32_768
const FRAGMENT_HEADER_BYTES = 7
/** Types of fragments: a whole record, and the first, ..., the last of one. */
const FULL = 1
const FIRST = 2
const LAST = 4
const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const TABLE_MAGIC = 0xdb47_7524_8b80_fb57n

/**
 * Throws DamagedRows if commits are missing that others follow. A torn end is none: LevelDB drops the commit that it
 * belongs to, which nobody was told had worked.
 */
export async function checkLogs(dir: string): Promise<void> {
  await checkFiles(dir, '.log', isLogSound)
}

/** Throws DamagedRows if a table is not what was written. Reads all of them, some 300 MB in a second. */
export async function checkTables(dir: string): Promise<void> {
  await checkFiles(dir, '.ldb', isTableSound)
}

async function checkFiles(
  dir: string,
  suffix: string,
  isSound: (bytes: Uint8Array) => boolean,
): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(suffix))
  for (const name of names) {
    const bytes = await readIfThere(join(dir, name))
    if (bytes !== undefined && !isSound(bytes)) throw new DamagedRows(`${name} is damaged`)
  }
}

/** Does nothing that begins a commit stand behind damage? */
export function isLogSound(log: Uint8Array): boolean {
  let at = 0
  for (let next = fragmentAt(log, at); next !== undefined; next = fragmentAt(log, at)) at = next.end
  for (let start = nextBlock(at); start < log.length; start = nextBlock(start)) {
    for (let next = fragmentAt(log, start); next !== undefined; next = fragmentAt(log, start)) {
      if (next.type === FULL || next.type === FIRST) return false
      start = next.end
    }
  }
  return true
}

function nextBlock(at: number): number {
  return (Math.floor(at / LOG_BLOCK_BYTES) + 1) * LOG_BLOCK_BYTES
}

/** The fragment of a record that begins there, or behind the padding of a block that has no room for one. */
function fragmentAt(log: Uint8Array, at: number): { type: number; end: number } | undefined {
  const room = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
  const start = room < FRAGMENT_HEADER_BYTES ? at + room : at
  if (start + FRAGMENT_HEADER_BYTES > log.length) return undefined
  const view = new DataView(log.buffer, log.byteOffset + start)
  const end = start + FRAGMENT_HEADER_BYTES + view.getUint16(4, true)
  const type = view.getUint8(6)
  if (type < FULL || type > LAST || end > log.length) return undefined
  // The checksum is of the type and the content, which follow each other.
  return view.getUint32(0, true) === maskedCrc32c(log, start + 6, end) ? { type, end } : undefined
}

interface Extent {
  readonly start: number
  readonly length: number
}

export function isTableSound(table: Uint8Array): boolean {
  if (table.length < FOOTER_BYTES) return false
  const footer = table.subarray(table.length - FOOTER_BYTES)
  const view = new DataView(footer.buffer, footer.byteOffset)
  if (view.getBigUint64(FOOTER_BYTES - 8, true) !== TABLE_MAGIC) return false
  const cursor = new VarintCursor(footer)
  return [cursor.extent(), cursor.extent()].every(
    (index) =>
      isBlockSound(table, index) && extentsIn(table, index).every((block) => isBlockSound(table, block)),
  )
}

function isBlockSound(table: Uint8Array, { start, length }: Extent): boolean {
  const end = start + length
  if (end + TRAILER_BYTES > table.length - FOOTER_BYTES) return false
  const stored = new DataView(table.buffer, table.byteOffset).getUint32(end + 1, true)
  // Of the content and the byte behind it, which says how it is compressed.
  return stored === maskedCrc32c(table, start, end + 1)
}

/** The places that a block of places names: keys, each but what it shares with the one before, and extents. */
function extentsIn(table: Uint8Array, { start, length }: Extent): Extent[] {
  const end = start + length
  const restarts = new DataView(table.buffer, table.byteOffset).getUint32(end - 4, true)
  const cursor = new VarintCursor(table.subarray(start, end - 4 - 4 * restarts))
  const extents: Extent[] = []
  while (cursor.remaining > 0) {
    cursor.next()
    const keyBytes = cursor.next()
    cursor.next()
    cursor.skip(keyBytes)
    extents.push(cursor.extent())
  }
  return extents
}

/** Numbers of seven bits a byte, the lowest first. Reads zeros behind the end. */
class VarintCursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  next(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  extent(): Extent {
    const start = this.next()
    return { start, length: this.next() }
  }
}
