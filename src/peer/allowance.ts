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
import { TokenBucket } from './token-bucket.ts'

export class PeerAllowance {
  readonly #messages: TokenBucket
  readonly #bytes: TokenBucket
  readonly #work: TokenBucket

  constructor(now: MonoMs) {
    this.#messages = new TokenBucket(MESSAGE_ALLOWANCE, MESSAGES_PER_SECOND, now)
    this.#bytes = new TokenBucket(BYTE_ALLOWANCE, BYTES_PER_SECOND, now)
    this.#work = new TokenBucket(WORK_ALLOWANCE, WORK_PER_SECOND, now)
  }

  /** Messages that were worked on, and bytes that have come, whatever they turn out to be. */
  use(messages: number, bytes: number): void {
    this.#messages.take(messages)
    this.#bytes.take(bytes)
  }

  /** The peer asked for something that costs us work: so many usual pieces of it. */
  useWork(pieces = 1): void {
    this.#work.take(pieces)
  }

  /** The work was worth it: the peer brought something new. */
  refundWork(pieces = 1): void {
    this.#work.refund(pieces)
  }

  /** When the peer may go on; undefined if it may now. */
  waitUntil(now: MonoMs): MonoMs | undefined {
    const at = Math.max(this.#messages.readyAt(now), this.#bytes.readyAt(now), this.#work.readyAt(now))
    return at > now ? monoMs(at) : undefined
  }
}
