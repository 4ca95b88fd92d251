/** What relay keeps of one peer: what it has, what it asked for, and, of an old one, how far it was told. */
import type { HeaderNode } from '../chain/header-node.ts'
import type { Peer } from '../peer/peer.ts'
import { KnownHeaders } from './known-headers.ts'

/** A block that the peer wants: whole, or the transactions at these places. */
export interface Ask {
  readonly node: HeaderNode
  readonly indexes: readonly number[] | undefined
}

export class RelayPeer {
  readonly peer: Peer
  readonly known = new KnownHeaders()
  /** What it asked for and did not get yet, in order. */
  readonly asks: Ask[] = []
  /** Blocks that it asked for and that we did not have, by hash, with when that was, in monotonic milliseconds. */
  readonly missed = new Map<string, number>()
  /** Bytes that are being read for it; 0 while nothing is. */
  readingBytes = 0
  gone = false
  /** It was not told of the tip, because too much waits to be sent to it. */
  missedTip = false

  constructor(peer: Peer) {
    this.peer = peer
  }

  /** One of the first release, which understands no headers. */
  get isV1(): boolean {
    return this.peer.version?.layout === 'v1'
  }
}
