/**
 * Makes the index of blocks anew from the files that hold them. Coins follow when the node connects what it finds
 * indexed. What a record says of a block's hash is believed: it was computed when the block was stored, and the
 * record's own checks show damage.
 */
import { addWork, hashMeetsBits, workOfBits } from '../chain/compact-bits.ts'
import { hashKey, NodeFlag } from '../chain/header-node.ts'
import type { HeaderTree } from '../chain/header-tree.ts'
import type { BlockPosition, StoreChange } from '../chain/io.ts'
import { newTree } from '../chain/restore.ts'
import { encodeHeaderRow, headerRowKey } from '../chain/rows.ts'
import type { ChainParams } from '../params/chain-params.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import { ByteReader } from '../primitives/reader.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import type { ChainStore, FoundBlock } from '../storage/chain-store.ts'
import { BlockHeader, HEADER_BYTES } from '../wire/header.ts'

/** Blocks whose parents stand further on in the files. */
interface Waiting {
  readonly hash: Uint8Array
  readonly header: Uint8Array
  readonly position: BlockPosition
  readonly transactionCount: number
}

const ROWS_PER_COMMIT = 2_000
const PROGRESS_EVERY = 20_000

/** Throws UserError if the store can't be written. */
export async function rebuildIndex(
  params: ChainParams,
  store: ChainStore,
  notice: (line: string) => void,
): Promise<void> {
  const index = new Rebuild(params)
  let found = 0
  for await (const block of store.scanBlockFiles()) {
    index.take(block)
    if (++found % PROGRESS_EVERY === 0) notice(`Reindexing: ${found} blocks found`)
    if (index.changes.length >= ROWS_PER_COMMIT) await commit(store, index.changes.splice(0))
  }
  await commit(store, index.changes.splice(0))
  notice(`Reindexed ${index.count} blocks of ${found} found; now they are connected again`)
}

async function commit(store: ChainStore, changes: readonly StoreChange[]): Promise<void> {
  const result = await store.perform({ kind: 'commit', changes, sync: true })
  if (!result.ok) throw new UserError(`can't write the new index: ${result.error}`)
}

class Rebuild {
  readonly changes: StoreChange[] = []
  count = 0
  readonly #params: ChainParams
  readonly #tree: HeaderTree
  /** By the hash of the parent that is missing. */
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(params: ChainParams) {
    this.#params = params
    this.#tree = newTree(params)
  }

  take({ position, hash, block }: FoundBlock): void {
    const header = block.payload.slice(0, HEADER_BYTES)
    if (header.length < HEADER_BYTES || messageChecksum(block.payload) !== block.checksum) return
    if (!hashMeetsBits(hash, new BlockHeader(header).bits)) return
    const transactionCount = this.#countTransactions(block.payload)
    const open: Waiting[] = [{ hash: hash.slice(), header, position, transactionCount }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!this.#add(next)) continue
      const key = hashKey(next.hash)
      for (const child of this.#waiting.get(key) ?? []) open.push(child)
      this.#waiting.delete(key)
    }
  }

  /** False if its parent has not been found yet, or it is known already. */
  #add(block: Waiting): boolean {
    const previous = block.header.subarray(4, 36)
    const parent = this.#tree.get(previous)
    if (parent === undefined) {
      const key = hashKey(previous)
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), block])
      return false
    }
    const known = this.#tree.get(block.hash)
    if (known !== undefined && !bytesEqual(known.bytes, block.header)) return false
    const work = addWork(parent.work, workOfBits(new BlockHeader(block.header).bits))
    const node = this.#tree.add(block.hash, block.header, parent, work)
    // The later copy is the one that counts: it was written because the earlier one was lost.
    node.position = block.position
    node.transactionCount = block.transactionCount
    node.set(NodeFlag.bodyChecked)
    this.changes.push({ key: headerRowKey(node), value: encodeHeaderRow(node) })
    if (known === undefined) this.count++
    return known === undefined
  }

  /** The number that the block's transactions begin with. */
  #countTransactions(payload: Uint8Array): number {
    if (this.#params.body === 'opaque') return 0
    const reader = new ByteReader(payload.subarray(HEADER_BYTES))
    reader.compactSize('length')
    const count = reader.compactSize('count')
    return reader.failed ? 0 : count
  }
}
