/**
 * What synchronisation keeps of one peer. Bounded: a bit for each block asked of it, the blocks under way, and a
 * few numbers. Gone with the peer.
 */
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import type { Peer } from '../peer/peer.ts'
import { IdSet } from '../primitives/id-set.ts'
import { NODE_NETWORK } from '../wire/address.ts'
import { PeerSpeed } from './peer-speed.ts'

/** Blocks that a node without the service bit of a full one can be expected to have. */
const RECENT_BLOCKS = 288

/** A block that was asked of a peer, or that it brings in parts, and has not come. */
export interface Arrival {
  readonly node: HeaderNode
  readonly askedAt: number
  /** It comes as a compact block; no `getdata` went out for it. */
  readonly inParts: boolean
}

/** What we ask of a peer about headers, and how that goes. Times in monotonic milliseconds. */
export interface HeaderTalk {
  /** When the question went out that is not answered yet. */
  askedAt: number | undefined
  /** When the first question went out of those that were asked without an answer. */
  silentSince: number | undefined
  /** Was it ever asked on this connection? */
  asked: boolean
  /** It has answered, and told all that it has. */
  complete: boolean
  /** Its last answer was full, or stopped halfway: there is more. */
  more: boolean
  /** It has something whose header we lack. */
  wanted: boolean
  /** Where to go on: behind a header that is kept aside, or one that is in the tree. */
  from: { readonly hash: Uint8Array } | undefined
  /** Messages of it that the chain has not judged yet. */
  judging: number
  /** Answers in a row that did not fit. */
  unconnected: number
  /** How often in a row the chain had no time for its headers. */
  busy: number
  /** Not to be asked before. */
  retryAt: number
  /** How often somebody else had to be asked instead. */
  slow: number
  /** When it last told all that it has. */
  completeAt: number
}

export class SyncPeer {
  readonly peer: Peer
  readonly readyAt: number
  readonly talk: HeaderTalk = {
    askedAt: undefined,
    silentSince: undefined,
    asked: false,
    complete: false,
    more: false,
    wanted: false,
    from: undefined,
    judging: 0,
    unconnected: 0,
    busy: 0,
    retryAt: 0,
    slow: 0,
    completeAt: 0,
  }
  /** The most work of what it is known to have. */
  best: HeaderNode | undefined
  /** Hash of something that it has and whose header we lack. */
  unknown: Uint8Array | undefined

  /** Its latest headers are too far ahead of our clock. */
  isAhead = false

  readonly speed = new PeerSpeed()
  /** Blocks asked of it on this connection: none is asked twice (wire-protocol 5.7). */
  asked = new IdSet()
  /** By id of the header, in the order in which they were asked. */
  readonly arrivals = new Map<number, Arrival>()
  /** When it last brought a block, or had the first of those under way to bring. */
  progressAt = 0
  /** When we last were not reading what it sends: until then nothing was late. */
  unreadAt = 0
  /** It brings nothing: it is asked for nothing more before it does. */
  isStalled = false
  /** Blocks that were never brought, though others were. */
  lost = 0
  getdataAt = 0
  /** Blocks that it sent unasked, with headers not known, and that are being judged. */
  unasked = 0

  /** Its chain has less work than ours had: since when, and how much that was. */
  lag: { readonly since: number; readonly work: bigint; readonly askedAt: number | undefined } | undefined
  /** It was seen last on another branch: when it is asked where it is, for which tip of ours. Infinite when it was. */
  stray: { readonly tip: HeaderNode; readonly askAt: number } | undefined
  /** It had our tip once. */
  kept = false

  constructor(peer: Peer, now: number) {
    this.peer = peer
    this.readyAt = now
  }

  get id(): Peer['id'] {
    return this.peer.id
  }

  /** What it said of its height when it came; anybody may say anything. */
  get claimedHeight(): number {
    return Math.max(this.peer.version?.startHeight ?? 0, this.best?.height ?? 0)
  }

  /** A node of the first release: it takes no notice of `getheaders`. Ours in that dialect tell a nonce. */
  get isMute(): boolean {
    return this.peer.isFirstRelease
  }

  /** A node of the first release that has yet to read our latest question: it is busy with others, and owes nothing. */
  get isDeaf(): boolean {
    if (!this.isMute) return false
    const latest = [...this.arrivals.values()].at(-1)
    return latest !== undefined && !this.peer.hasRead(latest.askedAt)
  }

  get isV1(): boolean {
    return this.peer.version?.layout === 'v1'
  }

  /** May we close it for being of little use? Not whom the operator named. */
  get isOurChoice(): boolean {
    return this.peer.kind === 'automatic' || this.peer.kind === 'blockRelay'
  }

  /** Its chain has this block, or header. */
  shows(node: HeaderNode): void {
    if (node.isFailed) return
    if (this.best === undefined || this.best.isFailed || node.work > this.best.work) this.best = node
  }

  /** Does it have this block, as far as we know? */
  has(node: HeaderNode): boolean {
    return this.best !== undefined && node.height >= this.lowest && node.isAncestorOf(this.best)
  }

  /** Height of the first block that it can be expected to have. */
  get lowest(): number {
    const isFull = ((this.peer.version?.services ?? NODE_NETWORK) & NODE_NETWORK) !== 0n
    return isFull ? 0 : Math.max(0, (this.best?.height ?? 0) - RECENT_BLOCKS)
  }

  expect(arrival: Arrival): void {
    if (this.arrivals.size === 0) this.progressAt = arrival.askedAt
    this.arrivals.set(arrival.node.id, arrival)
  }

  /** Headers were taken out: it did not keep us waiting for their blocks, though they stay asked of it. */
  dropRemoved(now: number): void {
    for (const { node } of this.arrivals.values()) {
      if (!node.has(NodeFlag.removed)) continue
      this.arrivals.delete(node.id)
      this.progressAt = now
      this.isStalled = false
    }
  }

  /** Its bytes of a large message come in right now. */
  get isReceiving(): boolean {
    return this.peer.decoder.frameBytes > 0
  }

  get oldest(): Arrival | undefined {
    for (const arrival of this.arrivals.values()) return arrival
    return undefined
  }
}
