/**
 * Outgoing bytes of one peer. Frames of one turn are collected and leave together; bytes stay accounted for
 * until the shell says that the system took them. Bounded by SEND_QUEUE_MAX_BYTES, or what takes its place.
 */
import { SEND_QUEUE_HIGH_BYTES, SEND_QUEUE_LOW_BYTES, SEND_QUEUE_MAX_BYTES } from '../params/limits.ts'
import type { MonoMs } from '../primitives/brand.ts'
import { concatBytes } from '../primitives/bytes.ts'

/** Up to here frames are copied into one piece; larger turns are written as they are, in one call. */
const JOIN_BYTES = 32_768

const NO_FRAMES: Uint8Array[] = []

export class SendQueue {
  readonly #maxBytes: number
  /** Never added to while it is empty: the first frame brings a list of its own. */
  #frames = NO_FRAMES
  #collectedBytes = 0
  #handedBytes = 0
  #congested = false
  /** When bytes last left, or began to wait; undefined while none wait. */
  progressAt: MonoMs | undefined

  constructor(maxBytes = SEND_QUEUE_MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that have not left this process. */
  get bytes(): number {
    return this.#collectedBytes + this.#handedBytes
  }

  /** Is anything waiting to be taken? */
  get hasCollected(): boolean {
    return this.#frames.length > 0
  }

  /** Is so much waiting that no more work should be done for this peer? With hysteresis. */
  get congested(): boolean {
    return this.#congested
  }

  /** Takes one frame, in one part or more. False if there is no room; nothing was taken then. */
  push(...parts: Uint8Array[]): boolean {
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (this.bytes + bytes > this.#maxBytes) return false
    if (this.#frames.length === 0) this.#frames = parts
    else this.#frames.push(...parts)
    this.#collectedBytes += bytes
    if (this.bytes > SEND_QUEUE_HIGH_BYTES) this.#congested = true
    return true
  }

  /** What this turn collected, to be written at once; undefined if nothing. */
  take(now: MonoMs): readonly Uint8Array[] | undefined {
    const frames = this.#frames
    if (frames.length === 0) return undefined
    this.progressAt ??= now
    this.#frames = NO_FRAMES
    this.#handedBytes += this.#collectedBytes
    const join = frames.length > 1 && this.#collectedBytes <= JOIN_BYTES
    this.#collectedBytes = 0
    return join ? [concatBytes(frames)] : frames
  }

  /** The system took `bytes` of what was handed over. */
  flushed(bytes: number, now: MonoMs): void {
    this.#handedBytes -= Math.min(bytes, this.#handedBytes)
    this.progressAt = this.#handedBytes > 0 ? now : undefined
    if (this.bytes <= SEND_QUEUE_LOW_BYTES) this.#congested = false
  }
}
