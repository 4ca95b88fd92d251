/**
 * What one peer may make us do in a time: messages, bytes, and requests whose answer costs us work. Far above what
 * honest peers do; beyond it a peer is not punished but waits.
 */
import {
  BYTE_ALLOWANCE,
  BYTES_PER_SECOND,
  MESSAGE_ALLOWANCE,
  MESSAGES_PER_SECOND,
  WORK_ALLOWANCE,
  WORK_PER_SECOND,
} from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

export class PeerAllowance {
  /** What is left; below zero the peer has to wait. */
  #messages = MESSAGE_ALLOWANCE
  #bytes = BYTE_ALLOWANCE
  #work = WORK_ALLOWANCE
  /** When time was last counted. */
  #at: MonoMs

  constructor(now: MonoMs) {
    this.#at = now
  }

  /** Messages that were worked on, and bytes that have come, whatever they turn out to be. */
  use(messages: number, bytes: number): void {
    this.#messages -= messages
    this.#bytes -= bytes
  }

  /** The peer asked for something that costs us work: so many usual pieces of it. */
  useWork(pieces = 1): void {
    this.#work -= pieces
  }

  /** The work was worth it: the peer brought something new. */
  refundWork(pieces = 1): void {
    this.#work = Math.min(WORK_ALLOWANCE, this.#work + pieces)
  }

  /** When the peer may go on; undefined if it may now. */
  waitUntil(now: MonoMs): MonoMs | undefined {
    this.#refill(now)
    if (this.#messages > 0 && this.#bytes > 0 && this.#work > 0) return undefined
    const messagesMs = waitMs(this.#messages, MESSAGES_PER_SECOND)
    const bytesMs = waitMs(this.#bytes, BYTES_PER_SECOND)
    return monoMs(now + Math.max(messagesMs, bytesMs, waitMs(this.#work, WORK_PER_SECOND)))
  }

  /** All at once: this is looked at after each turn, and three buckets apart would be three times as much to look at. */
  #refill(now: MonoMs): void {
    const seconds = (now - this.#at) / 1_000
    this.#at = now
    if (seconds <= 0) return
    this.#messages = Math.min(MESSAGE_ALLOWANCE, this.#messages + MESSAGES_PER_SECOND * seconds)
    this.#bytes = Math.min(BYTE_ALLOWANCE, this.#bytes + BYTES_PER_SECOND * seconds)
    this.#work = Math.min(WORK_ALLOWANCE, this.#work + WORK_PER_SECOND * seconds)
  }
}

/** How long until there is one to take. */
function waitMs(left: number, perSecond: number): number {
  return left > 0 ? 0 : Math.ceil((1_000 * (1 - left)) / perSecond)
}
