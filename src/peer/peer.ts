/**
 * One connection, as far as the protocol is concerned: who it is, how far the handshake got, what is buffered
 * either way and what was counted. It knows neither sockets nor other peers. Bounded by the decoder's partial
 * frame, the send queue and the ping table.
 */
import { FrameDecoder } from '../framing/decoder.ts'
import { FRAME_HEADER_BYTES } from '../framing/encoder.ts'
import type { PayloadForm } from '../params/chain-params.ts'
import {
  AWAIT_VERSION_TIMEOUT_MS,
  FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS,
  FIRST_RELEASE_TIMEOUT_MS,
  FRAME_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  INACTIVITY_TIMEOUT_MS,
  MAX_HANDSHAKE_PAYLOAD_BYTES,
  MIN_FRAME_BYTES_PER_MS,
  MISBEHAVIOUR_DECAY_MS,
  SEED_ANSWER_TIMEOUT_MS,
  SEND_QUEUE_HIGH_BYTES,
  SEND_STALL_TIMEOUT_MS,
  V1_ANSWER_TIMEOUT_MS,
} from '../params/limits.ts'
import { type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import { type Endpoint, formatEndpoint } from '../primitives/ip.ts'
import { maxBlockBytes } from '../wire/block.ts'
import { CURRENT_FORM } from '../wire/codec.ts'
import { AddressExchange } from './address-exchange.ts'
import { PeerAllowance } from './allowance.ts'
import type { DisconnectReason } from './disconnect.ts'
import type { PeerVersion } from './handshake.ts'
import { PingTracker } from './ping-tracker.ts'
import { SendQueue } from './send-queue.ts'
import { Traffic } from './traffic.ts'

/**
 * `awaitVersion`: the peer's `version` has not come. `awaitVerack`: it has, and our `version` went out.
 * `ready`: the handshake is complete.
 */
export type PeerState = 'awaitVersion' | 'awaitVerack' | 'ready'

/**
 * Who opened the connection and what for: the peer; we, because the operator said so (for good or once); we, of
 * our own choice: for everything (`automatic`), for blocks only, to see whether somebody is there (`feeler`), or
 * to be told addresses (`seed`).
 */
export type ConnectionKind = 'inbound' | 'manual' | 'oneTry' | 'automatic' | 'blockRelay' | 'feeler' | 'seed'

export interface PeerInit {
  readonly id: PeerId
  readonly kind: ConnectionKind
  readonly remote: Endpoint
  /** What was dialled, such as "node.example:8444"; the remote endpoint for inbound peers. */
  readonly address: string
  readonly magic: number
  /** Of the network's messages; left out, that of all but the first release. */
  readonly form?: PayloadForm
  /** Sent in our `version` to this peer only. */
  readonly localNonce: bigint
  readonly group: string
  readonly groupOrder: number
  readonly node: string
}

export class Peer {
  readonly id: PeerId
  kind: ConnectionKind
  /** A probe that is to stay, if it succeeds. */
  explores = false
  readonly remote: Endpoint
  readonly address: string
  readonly localNonce: bigint
  /** Network group of its address, and that group's place in an order which only this node knows. */
  readonly group: string
  readonly groupOrder: number
  /** The same for all connections to one node, whichever side opened them. */
  readonly node: string
  readonly connectedAt: Now
  state: PeerState = 'awaitVersion'
  /** From the peer's first `version`. */
  version: PeerVersion | undefined
  sentVersion = false
  /** A `verack` that overtook the peer's `version`. */
  gotVerack = false
  /** Others of its network are of the first release, so it may be, as long as it has not said what it is. */
  mayBeFirstRelease = false
  readyAt: MonoMs | undefined

  readonly decoder: FrameDecoder
  readonly sendQueue: SendQueue
  readonly pings = new PingTracker()
  readonly sent = new Traffic()
  readonly received = new Traffic()
  /** When a byte last came; the connect counts as one. */
  lastLifeAt: MonoMs

  #frameSince: MonoMs | undefined
  #frameNumber = 0
  #frameBytes = 0
  #score = 0
  #scoreAt: MonoMs
  /** Does the shell currently not read from the socket? */
  readingPaused = false
  /** Was it reported that too much waits to be sent? */
  congestionReported = false
  /** The embedding program asked us to stop handing it messages of this peer. */
  held = false
  /** It has asked for so many blocks that it gets these first. */
  awaitsBlocks = false
  /** Is the peer in the list of those with input left over from their last turn? */
  queuedForTurn = false

  /** Where it stands in the core's agenda, which keeps this; -1 for nowhere. */
  agendaPlace = -1
  /** What of it is held in memory, as it was last accounted for. */
  readonly heldBytes = { received: 0, toSend: 0 }

  prefersHeaders = false
  compactAnnounce: boolean | undefined
  readonly addresses: AddressExchange
  /** What the peer may send, and ask for, in a time. */
  readonly allowance: PeerAllowance
  /** It has used up an allowance: nothing of it is taken before then. */
  throttledUntil: MonoMs | undefined
  lastBlockAt: MonoMs | undefined
  lastTransactionAt: MonoMs | undefined

  constructor(init: PeerInit, now: Now) {
    this.id = init.id
    this.kind = init.kind
    this.remote = init.remote
    this.address = init.address
    this.localNonce = init.localNonce
    this.group = init.group
    this.groupOrder = init.groupOrder
    this.node = init.node
    this.connectedAt = now
    this.lastLifeAt = now.mono
    this.#scoreAt = now.mono
    this.addresses = new AddressExchange(now.mono)
    this.allowance = new PeerAllowance(now.mono)
    const form = init.form ?? CURRENT_FORM
    this.decoder = new FrameDecoder(init.magic, form, MAX_HANDSHAKE_PAYLOAD_BYTES)
    this.sendQueue = new SendQueue(SEND_QUEUE_HIGH_BYTES + FRAME_HEADER_BYTES + maxBlockBytes(form))
  }

  get inbound(): boolean {
    return this.kind === 'inbound'
  }

  get remoteText(): string {
    return formatEndpoint(this.remote)
  }

  /** A node of the first release: it names no nonce, and may be busy with others for minutes. */
  get isFirstRelease(): boolean {
    return this.version?.layout === 'v1' && this.version.nonce === 0n
  }

  /** One that we dialled: it wants to be talked to often. */
  get isV1Listener(): boolean {
    return !this.inbound && this.isFirstRelease
  }

  /** Does a ping wait for such a node to read it, for so long that others must be what it waits for? */
  readsLate(now: MonoMs): boolean {
    const { waitingSince } = this.pings
    return this.isFirstRelease && waitingSince !== undefined && now >= waitingSince + V1_ANSWER_TIMEOUT_MS
  }

  /** Has it read what we sent before this moment, as far as its pongs tell? */
  hasRead(before: MonoMs | number): boolean {
    const { answeredAt } = this.pings
    return answeredAt !== undefined && answeredAt > before
  }

  /**
   * Notes whether a frame has begun and not ended; called after each turn. A frame is another one if the number
   * of those counted has changed, or, because one that is passed over is counted before its end, if it is shorter.
   */
  noteFrame(now: MonoMs): void {
    const { frameBytes } = this.decoder
    const isAnother = this.#frameNumber !== this.received.messages || frameBytes < this.#frameBytes
    if (frameBytes === 0) this.#frameSince = undefined
    else if (this.#frameSince === undefined || isAnother) this.#frameSince = now
    this.#frameNumber = this.received.messages
    this.#frameBytes = frameBytes
  }

  /** Input is taken again after it had to wait: what did not come meanwhile is not the peer's fault. */
  waitIsOver(now: MonoMs): void {
    this.lastLifeAt = now
    if (this.#frameSince !== undefined) this.#frameSince = now
  }

  /** Must input wait, because answers pile up or the embedding program is not ready for more? */
  get mustWait(): boolean {
    return this.held || this.awaitsBlocks || this.sendQueue.congested || this.throttledUntil !== undefined
  }

  /** Misbehaviour points, which fade with time. */
  score(now: MonoMs): number {
    return Math.max(0, this.#score - Math.floor((now - this.#scoreAt) / MISBEHAVIOUR_DECAY_MS))
  }

  /** Returns all points. */
  addPoints(points: number, now: MonoMs): number {
    this.#score = this.score(now) + points
    this.#scoreAt = now
    return this.#score
  }

  /** The next moment at which something about this peer has to be looked at. */
  nextDeadline(): MonoMs {
    const silence = this.mustWait ? Number.POSITIVE_INFINITY : this.#silenceDeadline()
    const stall = (this.sendQueue.progressAt ?? Number.POSITIVE_INFINITY) + SEND_STALL_TIMEOUT_MS
    const handshake = this.#handshakeDeadline()
    const ping = this.pings.nextPingAt ?? Number.POSITIVE_INFINITY
    const own = Math.min(ping, this.throttledUntil ?? Number.POSITIVE_INFINITY, this.addresses.sendAt)
    return monoMs(Math.min(silence, stall, handshake, own, this.#purposeDeadline()))
  }

  /** The reason to close this peer for its silence, if there is one. */
  timeout(now: MonoMs): DisconnectReason | undefined {
    if (now >= this.#handshakeDeadline()) return this.sentVersion ? 'handshakeTimeout' : 'noVersion'
    if (now >= this.#purposeDeadline()) return 'seedDone'
    const { progressAt } = this.sendQueue
    if (progressAt !== undefined && now >= progressAt + SEND_STALL_TIMEOUT_MS) return 'sendStalled'
    // While we don't read, silence is our doing.
    if (this.mustWait) return undefined
    if (now >= this.#frameDeadline()) return 'slowMessage'
    return now >= this.#inactivityDeadline() ? 'inactive' : undefined
  }

  #silenceDeadline(): number {
    return Math.min(this.#inactivityDeadline(), this.#frameDeadline())
  }

  #inactivityDeadline(): number {
    if (this.state !== 'ready') return Number.POSITIVE_INFINITY
    return this.lastLifeAt + (this.#mayBeDeaf ? FIRST_RELEASE_TIMEOUT_MS : INACTIVITY_TIMEOUT_MS)
  }

  #frameDeadline(): number {
    if (this.#frameSince === undefined) return Number.POSITIVE_INFINITY
    return this.#frameSince + FRAME_TIMEOUT_MS + this.decoder.frameBytes / MIN_FRAME_BYTES_PER_MS
  }

  #handshakeDeadline(): number {
    if (this.state === 'ready') return Number.POSITIVE_INFINITY
    return this.connectedAt.mono + this.#handshakeTimeoutMs()
  }

  get #mayBeDeaf(): boolean {
    return this.version === undefined ? this.mayBeFirstRelease : this.isFirstRelease
  }

  #handshakeTimeoutMs(): number {
    if (this.#mayBeDeaf) return FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS
    return this.sentVersion ? HANDSHAKE_TIMEOUT_MS : AWAIT_VERSION_TIMEOUT_MS
  }

  /** A seed that tells nothing has no further use. */
  #purposeDeadline(): number {
    return this.kind === 'seed' ? this.connectedAt.mono + SEED_ANSWER_TIMEOUT_MS : Number.POSITIVE_INFINITY
  }
}
