/**
 * Everything that this node says: builds messages, frames them and puts them into a peer's send queue. A frame
 * is queued whole or not at all; frames of one turn leave together. One method per thing to say.
 */
import { FRAME_HEADER_BYTES, FrameEncoder } from '../framing/encoder.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now } from '../primitives/brand.ts'
import { latin1Encode } from '../primitives/bytes.ts'
import { type Endpoint, UNSPECIFIED_V4 } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import { NODE_NETWORK, type TimedAddress } from '../wire/address.ts'
import { COMPACT_VERSION } from '../wire/compact.ts'
import type { HeaderList } from '../wire/header.ts'
import { Inventory, InvType } from '../wire/inventory.ts'
import type { Message, MessageType } from '../wire/messages.ts'
import { type CurrentVersion, MAX_USER_AGENT_BYTES, type VersionMessage } from '../wire/version.ts'
import type { NodeEvent } from './seam.ts'

/** What peers are told about us. */
export interface Identity {
  readonly userAgent: string
  /** Told by a node that has no chain. */
  readonly startHeight: number
  /** What we offer; full blocks if not said. */
  readonly services?: bigint | undefined
  /** New blocks are to be announced by `inv`, and not by headers or compact blocks. */
  readonly prefersInv?: boolean | undefined
}

export interface SenderHooks {
  /** Something waits for the peer now. */
  queued(peer: Peer): void
  /** The peer's queue has no room for a frame. */
  queueFull(peer: Peer): void
  event(event: NodeEvent): void
  /** Of our chain; undefined if there is none. */
  height(): number | undefined
  /** Are events wanted for every message? */
  readonly tracing: boolean
}

/** Greatest that `version` has room for. */
const MAX_HEIGHT = 0x7fff_ffff
/** As many headers as possible. */
const NO_HASH = new Uint8Array(32)
/** Logged by default; the rest is for those who trace. */
const NOTABLE: ReadonlySet<MessageType> = new Set(['version', 'verack', 'ping', 'reject'])

export class MessageSender {
  readonly #network: NetworkParams
  readonly #identity: Identity
  readonly #random: RandomSource
  readonly #hooks: SenderHooks
  readonly #encoder: FrameEncoder

  /** Throws RangeError if the identity can't be told. */
  constructor(network: NetworkParams, identity: Identity, random: RandomSource, hooks: SenderHooks) {
    checkIdentity(identity)
    this.#network = network
    this.#identity = identity
    this.#random = random
    this.#hooks = hooks
    this.#encoder = new FrameEncoder(network.magic, network.chain)
  }

  /** False if the peer's queue was full, which also ends the peer. */
  send(peer: Peer, message: Message, routine = false): boolean {
    const frame = this.#encoder.encode(message)
    if (!this.#push(peer, message.type, frame)) return false
    if (NOTABLE.has(message.type) || this.#hooks.tracing) {
      const { type: command } = message
      this.#hooks.event({ type: 'sent', peer: peer.id, command, bytes: frame.length, routine })
    }
    return true
  }

  version(peer: Peer, now: Now): void {
    peer.sentVersion = true
    this.send(peer, this.#versionFor(peer, now))
  }

  verack(peer: Peer): void {
    this.send(peer, { type: 'verack' })
  }

  /** A ping with a fresh nonce; the next one falls due an interval later. */
  ping(peer: Peer, now: Now): void {
    const nonce = this.#random.nonce()
    this.send(peer, { type: 'ping', nonce }, peer.pings.sent(nonce, now.mono, peer.isFirstRelease))
  }

  /** Answers a ping by its payload and checksum, which are the pong's too. */
  pong(peer: Peer, payload: Uint8Array, checksum: number): void {
    const bytes = FRAME_HEADER_BYTES + payload.length
    if (!this.#push(peer, 'pong', this.#encoder.pongFor(payload, checksum)) || !this.#hooks.tracing) return
    this.#hooks.event({ type: 'sent', peer: peer.id, command: 'pong', bytes, routine: true })
  }

  reject(peer: Peer, command: MessageType, code: number, reason: string): void {
    this.send(peer, { type: 'reject', command, code, reason })
  }

  getaddr(peer: Peer): void {
    this.send(peer, { type: 'getaddr' })
  }

  addr(peer: Peer, addresses: readonly TimedAddress[], now: Now): void {
    peer.addresses.sent(now.mono)
    this.send(peer, { type: 'addr', addresses })
  }

  /** Asks to be told of new blocks in the form that we want; who asks for none is told by `inv`. */
  announcementsWanted(peer: Peer): void {
    if (this.#identity.prefersInv === true) return
    this.send(peer, { type: 'sendheaders' })
    this.send(peer, { type: 'sendcmpct', announce: true, version: COMPACT_VERSION })
  }

  /** Asks for headers behind the first of these hashes that the peer has. */
  getheaders(peer: Peer, locator: readonly Uint8Array[]): void {
    this.send(peer, { type: 'getheaders', locator, stop: NO_HASH })
  }

  /** Asks for blocks by their hashes. */
  getBlocks(peer: Peer, hashes: readonly Uint8Array[]): void {
    const entries = hashes.map((hash) => ({ type: InvType.block, hash }))
    this.send(peer, { type: 'getdata', inventory: Inventory.of(entries) })
  }

  headers(peer: Peer, headers: HeaderList): void {
    this.send(peer, { type: 'headers', headers })
  }

  /** A whole frame, for {@link sendFrame}: to be sent to many, or in part again. */
  frame(message: Message): Uint8Array {
    return this.#encoder.encode(message)
  }

  /** The header of a frame with a payload that is at hand. */
  frameHeader(type: MessageType, payloadBytes: number, checksum: number): Uint8Array {
    return this.#encoder.header(type, payloadBytes, checksum)
  }

  /** Queues the parts of one frame as they are. False if the peer's queue was full, which also ends the peer. */
  sendFrame(peer: Peer, command: MessageType, ...parts: readonly Uint8Array[]): boolean {
    if (!this.#push(peer, command, ...parts)) return false
    if (!this.#hooks.tracing) return true
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    this.#hooks.event({ type: 'sent', peer: peer.id, command, bytes, routine: false })
    return true
  }

  get #services(): bigint {
    return this.#identity.services ?? NODE_NETWORK
  }

  #push(peer: Peer, command: MessageType, ...parts: readonly Uint8Array[]): boolean {
    const before = peer.sendQueue.bytes
    if (!peer.sendQueue.push(...parts)) {
      this.#hooks.queueFull(peer)
      return false
    }
    peer.sent.count(command, peer.sendQueue.bytes - before)
    this.#hooks.queued(peer)
    return true
  }

  #versionFor(peer: Peer, now: Now): VersionMessage {
    const common = {
      type: 'version',
      version: this.#network.protocolVersion,
      services: this.#services,
      time: BigInt(now.unix),
      nonce: peer.localNonce,
      userAgent: this.#identity.userAgent,
      startHeight: this.#hooks.height() ?? this.#identity.startHeight,
      // Peers for blocks only are not to send us transactions.
      relay: peer.kind !== 'blockRelay',
    } as const
    if (this.#network.dialect === 'v1') return { layout: 'v1', ...common }
    const addresses = versionAddresses(peer.remote, this.#services)
    return { layout: 'current', ...common, ...addresses, genesisHash: this.#network.genesisHash }
  }
}

/** At once, where the program that says so sees it, and not when the first peer comes. */
function checkIdentity({ userAgent, startHeight }: Identity): void {
  if (latin1Encode(userAgent).length > MAX_USER_AGENT_BYTES)
    throw new RangeError(`the user agent has ${userAgent.length} bytes, ${MAX_USER_AGENT_BYTES} at most`)
  if (!Number.isInteger(startHeight) || startHeight < 0 || startHeight > MAX_HEIGHT)
    throw new RangeError(`${startHeight} is no height`)
}

/** The peer as we see it, and ourselves as unknown (wire-protocol 5.1). */
function versionAddresses(remote: Endpoint, services: bigint): Pick<CurrentVersion, 'receiver' | 'sender'> {
  return {
    receiver: { services: NODE_NETWORK, ip: remote.ip, port: remote.port },
    sender: { services, ip: UNSPECIFIED_V4, port: 0 },
  }
}
