/**
 * What the chain wants of the world: hashes that take long, and a disk. It asks and goes on when the answer comes
 * as an input; jobs are generators that yield requests, so that a simulator can answer late, or crash, between
 * any two of them.
 */
import type { SignatureCheck } from '../script/signature-check.ts'

/** Where a block stands: its `block` message payload, behind a record header that the store writes. */
export interface BlockPosition {
  /** Number of an append-only file, from 0. */
  readonly file: number
  /** Of the record, in bytes from the file's start. */
  readonly offset: number
  /** Bytes of the payload. */
  readonly length: number
}

/** Bytes of a record around its payload: see the store. */
export const BLOCK_RECORD_OVERHEAD = 48

/** `value` undefined deletes. Keys are latin1 text, one character a byte. */
export interface StoreChange {
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** A block as it is stored and served: the payload of a `block` message, and that message's checksum. */
export interface StoredBlock {
  readonly payload: Uint8Array
  readonly checksum: number
}

export type IoRequest =
  /**
   * Proof-of-work hashes of 80-byte headers, in order. Answer: `Uint8Array[]`; undefined if this machine can't make
   * them, which the operator has been told.
   */
  | { readonly kind: 'hash'; readonly headers: readonly Uint8Array[]; readonly urgent: boolean }
  /** Does each signature hold? Answer: `boolean[]`, in order. */
  | { readonly kind: 'verify'; readonly checks: readonly SignatureCheck[] }
  /** Answer: `(Uint8Array | undefined)[]`, in order. */
  | { readonly kind: 'get'; readonly keys: readonly string[] }
  /** Writes a block behind the last one of its file, or over what a crash left there. Answer: undefined. */
  | {
      readonly kind: 'append'
      readonly position: BlockPosition
      readonly hash: Uint8Array
      readonly block: StoredBlock
    }
  /**
   * Answer: `(StoredBlock | undefined)[]`, in order; undefined where the record is missing or damaged. Only with
   * `verify` is the payload hashed and compared with its checksum.
   */
  | { readonly kind: 'read'; readonly positions: readonly BlockPosition[]; readonly verify: boolean }
  /**
   * All changes or none. `sync`: when answered, they and every block appended before survive a power failure, and
   * they never survive without those blocks. Answer: undefined.
   */
  | { readonly kind: 'commit'; readonly changes: readonly StoreChange[]; readonly sync: boolean }
  /** Answer: undefined. */
  | { readonly kind: 'deleteFiles'; readonly files: readonly number[] }
  /** Answered in a later turn of the event loop, after other input. Answer: undefined. */
  | { readonly kind: 'rest' }

/** `error`: what went wrong, one line for the operator, such as "no space left on the disk". */
export type IoResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string }

/** A chain job: yields requests, is given their answers, returns what came of it. */
export type Job<T> = Generator<IoRequest, T, unknown>

/** How a room asks: `done` is called exactly once, from within the input that brings the answer. */
export type AskIo = (request: IoRequest, done: (result: IoResult) => void) => void
