/**
 * The hasher that a chain needs: SHA3-256, or RandomX in other threads (chain 2.3). Whoever asks bounds how much waits
 * in it; what is remembered is bounded by POW_CACHED_HASHES, what runs at once by the processors and by the pool of
 * threads that hashing shares with files and names.
 */
import { availableParallelism } from 'node:os'
import { POW_MAX_THREADS, POW_SPARE_THREADS } from '../params/limits.ts'
import type { PowHasher } from './pow-hasher.ts'
import type { KnownHash } from './randomx-engine.ts'
import { RandomXHasher } from './randomx-hasher.ts'
import { findRandomX } from './randomx-library.ts'
import { Sha3Hasher } from './sha3-hasher.ts'

export type PowAlgorithm =
  | { readonly kind: 'sha3' }
  /** The key's bytes, or their ASCII text. */
  | { readonly kind: 'randomx'; readonly key: Uint8Array | string }

export interface PowHasherOptions {
  readonly algorithm: PowAlgorithm
  /** A block of the chain whose hash is known, its first one: RandomX is tested with it before it is used. */
  readonly known?: KnownHash | undefined
  /** Hashes made at once; as many as {@link hashThreads} says if not said, and never more. */
  readonly threads?: number | undefined
  /** Hash five times as fast from 2.1 GB more of memory, where that is free, after a minute of building. */
  readonly fullDataset?: boolean | undefined
  /** Of librandomx, if not where the system finds it. */
  readonly libraryPath?: string | undefined
  /** Takes a line for the operator. */
  readonly notice?: ((line: string) => void) | undefined
}

/** Loads nothing yet. */
export function createPowHasher(options: PowHasherOptions): PowHasher {
  const { algorithm } = options
  if (algorithm.kind === 'sha3') return new Sha3Hasher()
  return new RandomXHasher({
    key: Buffer.from(algorithm.key),
    known: options.known,
    find: () => findRandomX(options.libraryPath),
    threads: Math.max(1, Math.min(options.threads ?? POW_MAX_THREADS, hashThreads())),
    fullDataset: options.fullDataset ?? false,
    // Of the system, or of the container that we are in.
    availableBytes: () => process.availableMemory(),
    notice: options.notice ?? (() => undefined),
  })
}

/** Of the system's pool, where UV_THREADPOOL_SIZE does not say otherwise. */
const POOL_THREADS = 4

/** How many hashes are made at once. */
export function hashThreads(
  processors = availableParallelism(),
  poolSize = process.env['UV_THREADPOOL_SIZE'],
): number {
  const said = Number(poolSize)
  const pool = said >= 1 ? said : POOL_THREADS
  return Math.max(1, Math.min(processors, pool - POW_SPARE_THREADS, POW_MAX_THREADS))
}
