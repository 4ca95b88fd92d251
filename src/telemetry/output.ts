/**
 * The way from the log to a stream whose reader may stall, such as a pager: what nobody reads is kept up to
 * MAX_UNREAD_BYTES; further lines are left out and counted, and the log says so when it is read again.
 */

/** Some ten thousand lines: a reader that is slow for a moment loses nothing. */
const MAX_UNREAD_BYTES = 1_048_576

export interface OutputStream {
  /** Bytes that wait for the reader. */
  readonly writableLength: number
  write(text: string): unknown
}

/** Returns what writes a line. `onGap` is called before the first line behind a gap, with the lines left out. */
export function boundedWriter(stream: OutputStream, onGap: (lines: number) => void): (text: string) => void {
  let left = 0
  return (text) => {
    if (stream.writableLength > MAX_UNREAD_BYTES) {
      left++
      return
    }
    if (left > 0) {
      const lines = left
      left = 0
      onGap(lines)
    }
    stream.write(text)
  }
}
