/** Where blocks go: positions in append-only files, and what each file holds. Follows from the tree at a start. */
import { BLOCK_FILE_BYTES } from '../params/limits.ts'
import type { HeaderNode } from './header-node.ts'
import { BLOCK_RECORD_OVERHEAD, type BlockPosition } from './io.ts'

interface FileContent {
  bytes: number
  highest: number
}

export class BlockFiles {
  readonly #files = new Map<number, FileContent>()
  #file = 0
  #end = 0

  /** Bytes of all files that hold blocks. */
  get bytes(): number {
    let bytes = 0
    for (const file of this.#files.values()) bytes += file.bytes
    return bytes
  }

  /** A place for a block of this payload length. */
  allot(length: number, height: number): BlockPosition {
    const size = BLOCK_RECORD_OVERHEAD + length
    if (this.#end > 0 && this.#end + size > BLOCK_FILE_BYTES) {
      this.#file++
      this.#end = 0
    }
    const position = { file: this.#file, offset: this.#end, length }
    this.note(position, height)
    return position
  }

  /** A block stands there. */
  note({ file, offset, length }: BlockPosition, height: number): void {
    const end = offset + BLOCK_RECORD_OVERHEAD + length
    const content = this.#files.get(file) ?? { bytes: 0, highest: 0 }
    content.bytes = Math.max(content.bytes, end)
    content.highest = Math.max(content.highest, height)
    this.#files.set(file, content)
    if (file > this.#file || (file === this.#file && end > this.#end)) {
      this.#file = file
      this.#end = end
    }
  }

  /** The oldest files whose blocks all lie below this height, as many as bring all files down to that size. */
  prunable(below: number, targetBytes: number): number[] {
    let bytes = this.bytes
    const chosen: number[] = []
    for (const [file, content] of [...this.#files].sort(([a], [b]) => a - b)) {
      if (bytes <= targetBytes) break
      if (file === this.#file || content.highest >= below) continue
      chosen.push(file)
      bytes -= content.bytes
    }
    return chosen
  }

  forget(files: readonly number[]): void {
    for (const file of files) this.#files.delete(file)
  }

  /** Does the block stand in one of these files? */
  static isIn(node: HeaderNode, files: ReadonlySet<number>): boolean {
    return node.position !== undefined && files.has(node.position.file)
  }
}
