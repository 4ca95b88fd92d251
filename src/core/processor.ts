/**
 * The message processor: takes a peer's frames in bounded turns, decodes them and hands each message to the
 * handler of its type. What comes before the handshake is complete, and what no handler wants, is let pass.
 */
import type { Frame, SkippedFrame } from '../framing/decoder.ts'
import { FRAME_HEADER_BYTES } from '../framing/encoder.ts'
import { MAX_BYTES_PER_TURN, MAX_MESSAGES_PER_TURN, MESSAGES_PER_TRANSACTION } from '../params/limits.ts'
import type { Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import { OTHER_TRAFFIC } from '../peer/traffic.ts'
import type { Now } from '../primitives/brand.ts'
import { decodePayload, type Message, type MessageType } from '../wire/messages.ts'
import type { OffenceDetail } from './ends.ts'
import { type HandlerContext, handleMessage } from './handlers.ts'

export interface ProcessorHooks extends HandlerContext {
  offend(peer: Peer, offence: Offence, detail: OffenceDetail): void
  /** Is the peer still in the table? A handler may have ended it. */
  isAlive(peer: Peer): boolean
  /** Does an embedding program want messages? */
  readonly delivering: boolean
}

/** Understood before the handshake is complete. */
const HANDSHAKE: ReadonlySet<MessageType> = new Set(['version', 'verack', 'reject'])

/** Announced by events of their own. */
const REPORTED: ReadonlySet<MessageType> = new Set(['version', 'verack', 'pong', 'reject'])

/** What a turn has used. */
export interface TurnCost {
  readonly messages: number
  /** The same, where those that are more work count as more. */
  readonly weight: number
  readonly bytes: number
}

export class MessageProcessor {
  readonly #hooks: ProcessorHooks

  constructor(hooks: ProcessorHooks) {
    this.#hooks = hooks
  }

  /** One turn of a peer: as many of its buffered messages as fit the budget. */
  turn(peer: Peer, now: Now): TurnCost {
    let messages = 0
    let weight = 0
    let bytes = 0
    while (weight < MAX_MESSAGES_PER_TURN && bytes < MAX_BYTES_PER_TURN && !peer.mustWait) {
      const event = peer.decoder.next()
      if (event === undefined) break
      messages++
      weight += event.kind === 'frame' && event.type === 'tx' ? MESSAGES_PER_TRANSACTION : 1
      if (event.kind === 'frame') {
        bytes += event.payload.length
        this.#frame(peer, event, now)
      } else if (event.kind === 'skipped') {
        this.#skipped(peer, event)
      } else {
        this.#hooks.offend(peer, event.code, event)
      }
      if (!this.#hooks.isAlive(peer)) break
    }
    return { messages, weight, bytes }
  }

  #frame(peer: Peer, frame: Frame, now: Now): void {
    const bytes = FRAME_HEADER_BYTES + frame.payload.length
    peer.received.count(frame.type, bytes)
    if (this.#hooks.tracing && !REPORTED.has(frame.type)) {
      this.#hooks.event({ type: 'received', peer: peer.id, command: frame.type, bytes })
    }
    if (peer.state !== 'ready' && !HANDSHAKE.has(frame.type)) return this.#ignore(peer, frame.type)
    if (frame.type === 'ping') {
      // Nodes of the first release don't look at pongs, and our ping does as well.
      if (!peer.readsLate(now.mono)) this.#hooks.sender.pong(peer, frame.payload, frame.checksum)
      return
    }
    const decoded = decodePayload(frame.type, frame.payload, this.#hooks.network.chain)
    if (!decoded.ok) return this.#hooks.offend(peer, 'malformed', decoded.error)
    const isOurPong = decoded.value.type === 'pong' && peer.pings.expects(decoded.value.nonce)
    const handled = handleMessage(this.#hooks, peer, decoded.value, now, frame)
    if (!handled) this.#ignore(peer, frame.type)
    // Handshake and keepalive are our own affair.
    const isOurs = frame.type === 'version' || frame.type === 'verack' || isOurPong
    if (!isOurs) this.#deliver(peer, decoded.value)
  }

  #deliver(peer: Peer, message: Message): void {
    if (!this.#hooks.delivering || peer.state !== 'ready') return
    this.#hooks.event({ type: 'message', peer: peer.id, message })
  }

  #skipped(peer: Peer, frame: SkippedFrame): void {
    peer.received.count(OTHER_TRAFFIC, FRAME_HEADER_BYTES + frame.length)
    if (frame.why === 'badSize') return this.#hooks.offend(peer, 'badSize', frame)
    if (this.#hooks.tracing) this.#hooks.event({ type: 'skipped', peer: peer.id, frame })
  }

  #ignore(peer: Peer, command: MessageType): void {
    if (this.#hooks.tracing) this.#hooks.event({ type: 'ignored', peer: peer.id, command })
  }
}
