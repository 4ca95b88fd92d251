/**
 * What keeps a chain: rows by key, and blocks in append-only files. Answers the requests of src/chain/io.ts.
 * docs/STORAGE.md says what is where on a disk, and what survives which accident.
 */
import type { BlockPosition, IoRequest, IoResult, StoredBlock } from '../chain/io.ts'

/** What a store answers: everything of {@link IoRequest} that is about a disk. */
export type StoreRequest = Extract<
  IoRequest,
  { readonly kind: 'get' | 'append' | 'read' | 'commit' | 'deleteFiles' }
>

export type StoredPair = readonly [key: string, value: Uint8Array]

/** A block found in the files. That it is valid, and has this hash, is what its writer said: check both. */
export interface FoundBlock {
  readonly position: BlockPosition
  readonly hash: Uint8Array
  readonly block: StoredBlock
}

export interface StoreSize {
  readonly blockBytes: number
  readonly storeBytes: number
}

export interface ChainStore {
  /**
   * Never rejects. Requests take effect in the order given: a `get` or `read` sees all that was asked for before
   * it, answered or not, and nothing that was asked for later. What is given with a request must not be changed
   * before it is answered. After a write that failed every further write fails with the same error, so that nothing
   * is stored behind a gap; what was committed before stays, and can be read.
   */
  perform(request: StoreRequest): Promise<IoResult>
  /**
   * All pairs whose key begins with the prefix, by ascending bytes, in batches of bounded size, as they were when
   * the first batch was asked for. Throws an error with a message for the operator if the rows are damaged.
   */
  scan(prefix: string): AsyncIterable<readonly StoredPair[]>
  /**
   * All whole blocks of all files in order of position, for rebuilding the rows; damage between them is passed
   * over. What a crash left behind the last block of a file may be among them.
   */
  scanBlockFiles(): AsyncIterable<FoundBlock>
  /** To be called when the rows are rebuilt; a store opened with `reindex` does not open without it before that. */
  finishReindex(): Promise<void>
  /** Bytes on the disk. */
  size(): Promise<StoreSize>
  /** Resolves when all that was asked for is done and the files are closed. Later requests fail. */
  close(): Promise<void>
}
