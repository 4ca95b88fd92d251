/** Proof of work behind one interface, whatever it is made of (chain 2.3). */
import type { NonceRange, ScanOptions } from './nonce-scan.ts'

export interface PowHasher {
  /**
   * Hashes of 80-byte headers: 32 bytes each, wire order, fresh arrays, in the order of the headers. `urgent` ones, such
   * as a new tip's, overtake those of a long synchronisation. Rejects with UserError if RandomX can't be used, and with
   * Error once closed.
   */
  hash(headers: readonly Uint8Array[], urgent: boolean): Promise<Uint8Array[]>
  /**
   * The lowest nonce of the range whose hash is below the target; undefined if there is none, or as soon as the signal
   * aborts or the hasher is closed. Runs on threads that nobody else wants. Rejects as {@link hash} does.
   */
  scan(range: NonceRange, options?: ScanOptions): Promise<number | undefined>
  /** Loads now what the first hash would load: half a second and 256 MiB for RandomX. Rejects as {@link hash} does. */
  ready(): Promise<void>
  /** RandomX: is the full data set wanted from now on? Does nothing for SHA3. */
  setFullDataset(wanted: boolean): void
  /** Hashes made at once, at most. */
  readonly threads: number
  /** Over the last 10 to 20 seconds, for whatever purpose. */
  readonly hashesPerSecond: number
  /** How hashing is done, for people: "sha3", "randomx light", "randomx full (building 40 %)", "randomx missing". */
  readonly mode: string
  /** Pending requests reject, searches end; resolves when nothing runs any more and all memory is given back. */
  close(): Promise<void>
}

export function closedError(): Error {
  return new Error('the proof-of-work hasher is closed')
}
