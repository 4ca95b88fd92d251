/**
 * What the relay of transactions keeps of one peer: what it knows, what it is to be told, what it asked for. Bounded
 * by limits on each; gone with the peer.
 */
import type { MempoolEntry } from '../mempool/entry.ts'
import { MAX_TX_KNOWN } from '../params/limits.ts'
import { Fingerprints } from '../peer/fingerprints.ts'
import type { Peer } from '../peer/peer.ts'

export class TxPeer {
  readonly peer: Peer
  /** Keys of what it has told or sent us. */
  readonly shown = new Fingerprints(MAX_TX_KNOWN)
  /** Keys of what it was told. */
  readonly told = new Fingerprints(MAX_TX_KNOWN)
  /** What it is to be told, and whether even if it was told before. */
  readonly queue = new Map<MempoolEntry, boolean>()
  /** When it is told next; infinite if there is nothing. Monotonic milliseconds. */
  announceAt = Number.POSITIVE_INFINITY
  /** From when on it counts as being where we are. Undefined while it is far behind. */
  currentAt: number | undefined
  /** Height of the last of the blocks that it has asked for, and when it did. */
  asked: { readonly height: number; readonly at: number } | undefined
  /** Transactions that it asked for and that wait for room. */
  asks: MempoolEntry[] = []
  /** When `mempool` was answered last. */
  poolToldAt = Number.NEGATIVE_INFINITY

  constructor(peer: Peer) {
    this.peer = peer
  }

  /** Does it want to be told of transactions? Nodes of the first release can't do anything with them. */
  get wants(): boolean {
    const { version, kind } = this.peer
    return version?.relay === true && version.layout !== 'v1' && kind !== 'blockRelay'
  }

  /** May it tell us of transactions? We asked some peers for blocks only. */
  get mayTell(): boolean {
    const { version, kind } = this.peer
    return version?.layout !== 'v1' && kind !== 'blockRelay'
  }
}
