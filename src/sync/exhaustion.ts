/**
 * The block needed first was asked of everybody who has it, and nobody brings it. A new connection may be asked again, so
 * one of them has to go: rather one whom we dialled, since he comes back.
 */
import type { HeaderNode } from '../chain/header-node.ts'
import { EXHAUSTED_MS } from '../params/limits.ts'
import type { SyncPeer } from './sync-peer.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Exhaustion {
  #since: number | undefined

  reset(): void {
    this.#since = undefined
  }

  /** `block`: the one needed first, if it is not on its way. Returns who has to go now, or when to look again. */
  look(
    block: HeaderNode | undefined,
    peers: Iterable<SyncPeer>,
    now: number,
  ): { readonly at: number; readonly victim: SyncPeer | undefined } {
    const having = block === undefined ? [] : Array.from(peers).filter((peer) => peer.has(block))
    // Nothing more is expected of one that has stalled, though it may have its reasons to stay.
    const isExhausted =
      block !== undefined &&
      having.length > 0 &&
      having.every(
        ({ asked, arrivals, isStalled }) => asked.has(block.id) && (isStalled || !arrivals.has(block.id)),
      )
    if (!isExhausted) {
      this.#since = undefined
      return { at: NEVER, victim: undefined }
    }
    this.#since ??= now
    if (now < this.#since + EXHAUSTED_MS) return { at: this.#since + EXHAUSTED_MS, victim: undefined }
    this.#since = undefined
    return { at: NEVER, victim: having.find(({ peer }) => !peer.inbound) ?? having[0] }
  }
}
