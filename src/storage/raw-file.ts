/** The part of the system's files that a store uses, and loops around calls that may do less than asked. */
import { open } from 'node:fs/promises'

export interface RawFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>
  /** What was written, and the length, survive a power failure. */
  datasync(): Promise<void>
  close(): Promise<void>
}

/** Tests put a disk that fails in its place. */
export type OpenFile = (path: string, flags: string | number) => Promise<RawFile>

/** Readable by its owner alone, like the rest of the data directory. */
export const openSystemFile: OpenFile = (path, flags) => open(path, flags, 0o600)

/** The bytes from `start` to `end`, less where the file ends before. */
export async function readRange(file: RawFile, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(end - start)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, start + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length)
}

/** Writes both parts, one behind the other. */
export async function writeBoth(
  file: RawFile,
  head: Uint8Array,
  body: Uint8Array,
  position: number,
): Promise<void> {
  // A full disk takes a part first; only the next call fails.
  const { bytesWritten } = await file.writev([head, body], position)
  await writeFrom(file, head, bytesWritten, position)
  await writeFrom(file, body, Math.max(0, bytesWritten - head.length), position + head.length)
}

async function writeFrom(file: RawFile, bytes: Uint8Array, from: number, position: number): Promise<void> {
  for (let at = from; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
