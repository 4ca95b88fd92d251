/**
 * Looks over LevelDB's files before it opens them. LevelDB checks its list of tables by itself, but reads tables without
 * looking at their checksums, ends the process where a table makes no sense, and passes over damage in the middle of
 * a log, as if the commits behind it had not been built on those that are lost.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { concatBytes, latin1Decode } from '../primitives/bytes.ts'
import { isTooLarge } from '../primitives/errors.ts'
import { maskedCrc32c } from './crc32c.ts'
import { readIfThere } from './if-there.ts'
import { DamagedRows } from './store-error.ts'
import { tablesIn } from './table-list.ts'
import { type Extent, VarintCursor } from './varint-cursor.ts'

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

/**
 * Throws DamagedRows if a table is not what was written. Reads all that count, some 300 MB in a second. Others are remains
 * of one that was being written when the process was killed, or that nobody needs any more: LevelDB deletes them.
 */
export async function checkTables(dir: string): Promise<void> {
  const live = await liveTables(dir)
  // What is wrong with the list LevelDB says itself.
  if (live === undefined) return
  await checkFiles(dir, '.ldb', isTableSound, (name) => live.has(Number.parseInt(name, 10)))
}

async function checkFiles(
  dir: string,
  suffix: string,
  isSound: (bytes: Uint8Array) => boolean,
  counts: (name: string) => boolean = () => true,
): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(suffix) && counts(name))
  for (const name of names) {
    const bytes = await bytesOf(join(dir, name))
    if (bytes !== undefined && !isSound(bytes)) throw new DamagedRows(`${name} is damaged`)
  }
}

/** Nothing of a file that no memory could hold: LevelDB writes none. */
async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readIfThere(path)
  } catch (error) {
    if (isTooLarge(error)) return new Uint8Array(0)
    throw error
  }
}

/** Numbers of the tables that count; undefined if that can't be read. */
async function liveTables(dir: string): Promise<ReadonlySet<number> | undefined> {
  const current = await bytesOf(join(dir, 'CURRENT'))
  const name = /^(MANIFEST-\d+)\n$/.exec(latin1Decode(current ?? new Uint8Array(0)))?.[1]
  const list = name === undefined ? undefined : await bytesOf(join(dir, name))
  return list === undefined ? undefined : tablesIn(recordsOf(list))
}

/** The whole records of a log up to the first damage. */
function* recordsOf(log: Uint8Array): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  for (let next = fragmentAt(log, 0); next !== undefined; next = fragmentAt(log, next.end)) {
    if (next.type === FULL || next.type === FIRST) parts = []
    parts.push(log.subarray(next.start, next.end))
    if (next.type === FULL || next.type === LAST) yield concatBytes(parts)
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

interface Fragment {
  readonly type: number
  /** Of its content. */
  readonly start: number
  readonly end: number
}

/** The fragment of a record that begins there, or behind the padding of a block that has no room for one. */
function fragmentAt(log: Uint8Array, at: number): Fragment | undefined {
  const room = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
  const start = room < FRAGMENT_HEADER_BYTES ? at + room : at
  if (start + FRAGMENT_HEADER_BYTES > log.length) return undefined
  const view = new DataView(log.buffer, log.byteOffset + start)
  const end = start + FRAGMENT_HEADER_BYTES + view.getUint16(4, true)
  const type = view.getUint8(6)
  if (type < FULL || type > LAST || end > log.length) return undefined
  // The checksum is of the type and the content, which follow each other.
  if (view.getUint32(0, true) !== maskedCrc32c(log, start + 6, end)) return undefined
  return { type, start: start + FRAGMENT_HEADER_BYTES, end }
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
