/**
 * How fast a peer brings blocks, and what follows from it: how many may be under way from it at once, and how long
 * its silence is borne. Bounded by constants; a peer that was not tried yet is given some credit.
 */
import {
  BLOCK_TIMEOUT_MAX_MS,
  BLOCK_TIMEOUT_MIN_MS,
  MAX_BLOCKS_IN_FLIGHT,
  MAX_BYTES_IN_FLIGHT_PER_PEER,
  MIN_BLOCK_BYTES_PER_MS,
  MIN_BLOCKS_IN_FLIGHT,
  START_BLOCKS_IN_FLIGHT,
} from '../params/limits.ts'

/** What a peer is taken for before it has brought anything. */
const ASSUMED_MS_PER_BLOCK = 500
/** Blocks come in bursts: so long, or so many, are looked at together. */
const SAMPLE_MS = 100
const SAMPLE_BLOCKS = 64
const MIN_MS_PER_BLOCK = 0.01
/** Weight of the latest sample in the average. */
const WEIGHT = 0.5
/** So much of a peer's work is asked for ahead. */
const AHEAD_MS = 1_000

export class PeerSpeed {
  #msPerBlock = ASSUMED_MS_PER_BLOCK
  #isAssumed = true
  #isTried = false
  #sampleMs = 0
  #sampleBlocks = 0

  /** Average time between two blocks of it while some were under way. */
  get msPerBlock(): number {
    return this.#msPerBlock
  }

  /** A block came so long after the one before, or after it was asked for. */
  delivered(ms: number): void {
    this.#isTried = true
    this.#sampleMs += ms
    this.#sampleBlocks++
    if (this.#sampleMs < SAMPLE_MS && this.#sampleBlocks < SAMPLE_BLOCKS) return
    const sample = Math.max(MIN_MS_PER_BLOCK, this.#sampleMs / this.#sampleBlocks)
    this.#sampleMs = 0
    this.#sampleBlocks = 0
    this.#msPerBlock += (this.#isAssumed ? 1 : WEIGHT) * (sample - this.#msPerBlock)
    this.#isAssumed = false
  }

  /** It kept us waiting: others are preferred until it has shown that it can do better. */
  stalled(): void {
    if (this.#isAssumed && this.#isTried && this.#sampleBlocks === 0) return
    this.#msPerBlock = Math.max(ASSUMED_MS_PER_BLOCK, 2 * this.#msPerBlock)
    this.#isAssumed = true
    this.#isTried = true
    this.#sampleMs = 0
    this.#sampleBlocks = 0
  }

  /** Blocks that may be under way from it at once. */
  capacity(blockBytes: number): number {
    const isNew = this.#isAssumed && (!this.#isTried || this.#sampleBlocks > 0)
    const byTime = AHEAD_MS / this.#msPerBlock
    const bySpeed = Math.max(MIN_BLOCKS_IN_FLIGHT, isNew ? START_BLOCKS_IN_FLIGHT : byTime)
    const byBytes = Math.max(MIN_BLOCKS_IN_FLIGHT, MAX_BYTES_IN_FLIGHT_PER_PEER / Math.max(1, blockBytes))
    return Math.floor(Math.min(bySpeed, byBytes, MAX_BLOCKS_IN_FLIGHT))
  }

  /** How long it may bring nothing while blocks of this size are under way. */
  patienceMs(blockBytes: number): number {
    const ms = BLOCK_TIMEOUT_MIN_MS + blockBytes / MIN_BLOCK_BYTES_PER_MS + 4 * this.#msPerBlock
    return Math.min(BLOCK_TIMEOUT_MAX_MS, ms)
  }
}
