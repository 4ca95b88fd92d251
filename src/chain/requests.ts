/** How jobs ask: one function per kind of request, each giving the answer its type. Used with `yield*`. */
import type { SignatureCheck } from '../script/signature-check.ts'
import type { BlockPosition, IoRequest, Job, StoreChange, StoredBlock } from './io.ts'

function* ask<T>(request: IoRequest): Job<T> {
  // What a request is answered by is said in io.ts; here alone the answer gets its type.
  return (yield request) as T
}

/** Undefined if this machine can't make such hashes. */
export function* hashHeaders(headers: readonly Uint8Array[], urgent: boolean): Job<Uint8Array[] | undefined> {
  return yield* ask<Uint8Array[] | undefined>({ kind: 'hash', headers, urgent })
}

export function* verifySignatures(checks: readonly SignatureCheck[]): Job<boolean[]> {
  return checks.length === 0 ? [] : yield* ask<boolean[]>({ kind: 'verify', checks })
}

export function* getValues(keys: readonly string[]): Job<(Uint8Array | undefined)[]> {
  return keys.length === 0 ? [] : yield* ask<(Uint8Array | undefined)[]>({ kind: 'get', keys })
}

export function* appendBlock(position: BlockPosition, hash: Uint8Array, block: StoredBlock): Job<void> {
  yield* ask<undefined>({ kind: 'append', position, hash, block })
}

/** The block as it was stored; undefined if it is missing or damaged. */
export function* readBlock(position: BlockPosition): Job<StoredBlock | undefined> {
  const blocks = yield* ask<(StoredBlock | undefined)[]>({
    kind: 'read',
    positions: [position],
    verify: true,
  })
  return blocks[0]
}

export function* commitChanges(changes: readonly StoreChange[]): Job<void> {
  yield* ask<undefined>({ kind: 'commit', changes, sync: true })
}

/** As {@link commitChanges}, for what can be made again: a power failure may take it, with all that was committed later. */
export function* commitLazily(changes: readonly StoreChange[]): Job<void> {
  yield* ask<undefined>({ kind: 'commit', changes, sync: false })
}

export function* deleteBlockFiles(files: readonly number[]): Job<void> {
  if (files.length > 0) yield* ask<undefined>({ kind: 'deleteFiles', files })
}

/** Lets other input in. */
export function* rest(): Job<void> {
  yield* ask<undefined>({ kind: 'rest' })
}
