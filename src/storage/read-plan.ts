/** Which parts of which files to read for a list of blocks: neighbours at once, nobody's memory for long. */
import { BLOCK_RECORD_OVERHEAD, type BlockPosition } from '../chain/io.ts'
import { MAX_STORED_BLOCK_BYTES } from '../params/limits.ts'

/** Records so near to each other are read in one go: a second read costs as much as reading what lies between. */
const MAX_GAP_BYTES = 16_384
/** Blocks are handed on as views of what was read at once; whoever keeps one keeps all of that. */
const MAX_SPAN_BYTES = 1_048_576

export interface ReadSpan {
  readonly file: number
  readonly start: number
  end: number
  /** Which of the positions lie in it. */
  readonly members: number[]
}

/** A block longer than a span has one for itself. Each position is in one; one that no block can have in none. */
export function planReads(positions: readonly BlockPosition[]): ReadSpan[] {
  const sorted = [...positions.entries()].sort(([, a], [, b]) => a.file - b.file || a.offset - b.offset)
  const spans: ReadSpan[] = []
  let last: ReadSpan | undefined
  for (const [member, { file, offset, length }] of sorted) {
    if (length > MAX_STORED_BLOCK_BYTES) continue
    const end = offset + BLOCK_RECORD_OVERHEAD + length
    const joins =
      last !== undefined &&
      last.file === file &&
      offset - last.end <= MAX_GAP_BYTES &&
      Math.max(end, last.end) - last.start <= MAX_SPAN_BYTES
    if (joins && last !== undefined) {
      last.members.push(member)
      last.end = Math.max(end, last.end)
    } else {
      last = { file, start: offset, end, members: [member] }
      spans.push(last)
    }
  }
  return spans
}
