/**
 * The same requests as a disk answers, answered at once from memory, and forgotten with it. Holds what it was given:
 * all rows and all blocks.
 */
import type { BlockPosition, IoResult, StoreChange, StoredBlock } from '../chain/io.ts'
import { BLOCK_RECORD_OVERHEAD } from '../chain/io.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import type { FoundBlock, StoredPair, StoreRequest, StoreSize } from './chain-store.ts'

const NOTHING = new Uint8Array(0)

export interface MemoryRecord {
  readonly hash: Uint8Array
  readonly block: StoredBlock
}

export type ReplacedRecords = readonly (readonly [offset: number, record: MemoryRecord])[]

export class MemoryFile {
  /** By offset. */
  readonly records = new Map<number, MemoryRecord>()
  /** Where the record that reaches farthest ends. */
  end = 0

  /** Returns what was written over, and is gone. */
  put(offset: number, record: MemoryRecord): ReplacedRecords {
    const end = endOf(offset, record)
    const replaced =
      offset < this.end
        ? [...this.records].filter(([at, other]) => at < end && endOf(at, other) > offset)
        : []
    for (const [at] of replaced) this.records.delete(at)
    this.records.set(offset, record)
    this.end = Math.max(this.end, end)
    return replaced
  }
}

export class MemoryDisk {
  readonly rows = new Map<string, Uint8Array>()
  readonly files = new Map<number, MemoryFile>()

  /** Throws RangeError for a block that does not fit its place. */
  perform(request: StoreRequest): IoResult {
    switch (request.kind) {
      case 'get':
        return done(request.keys.map((key) => this.rows.get(key)?.slice()))
      case 'append':
        this.append(request.position, request.hash, request.block)
        return done(undefined)
      case 'read':
        return done(request.positions.map((position) => this.blockAt(position, request.verify)))
      case 'commit':
        this.commit(request.changes)
        return done(undefined)
      case 'deleteFiles':
        for (const file of request.files) this.files.delete(file)
        return done(undefined)
    }
  }

  /** Returns what was written over. */
  append({ file, offset, length }: BlockPosition, hash: Uint8Array, block: StoredBlock): ReplacedRecords {
    const { payload, checksum } = block
    if (payload.length !== length)
      throw new RangeError(`a block of ${payload.length} bytes does not fit its place of ${length}`)
    const known = this.files.get(file) ?? new MemoryFile()
    this.files.set(file, known)
    return known.put(offset, { hash: hash.slice(), block: { payload: payload.slice(), checksum } })
  }

  commit(changes: readonly StoreChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.rows.delete(key)
      else this.rows.set(key, value.slice())
    }
  }

  /** By ascending keys. */
  pairs(prefix: string): StoredPair[] {
    const keys = [...this.rows.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.map((key) => [key, this.rows.get(key)?.slice() ?? NOTHING])
  }

  /** All blocks that are what their checksum says, in order of position. */
  *blocks(): Generator<FoundBlock> {
    for (const [file, { records }] of [...this.files].sort(([a], [b]) => a - b)) {
      for (const [offset, { hash, block }] of [...records].sort(([a], [b]) => a - b)) {
        if (messageChecksum(block.payload) !== block.checksum) continue
        yield { position: { file, offset, length: block.payload.length }, hash, block }
      }
    }
  }

  size(): StoreSize {
    let [blockBytes, storeBytes] = [0, 0]
    for (const file of this.files.values()) blockBytes += file.end
    for (const [key, value] of this.rows) storeBytes += key.length + value.length
    return { blockBytes, storeBytes }
  }

  blockAt({ file, offset, length }: BlockPosition, verify: boolean): StoredBlock | undefined {
    const block = this.files.get(file)?.records.get(offset)?.block
    if (block?.payload.length !== length) return undefined
    return verify && messageChecksum(block.payload) !== block.checksum ? undefined : block
  }
}

function done(value: unknown): IoResult {
  return { ok: true, value }
}

function endOf(offset: number, { block }: MemoryRecord): number {
  return offset + BLOCK_RECORD_OVERHEAD + block.payload.length
}
