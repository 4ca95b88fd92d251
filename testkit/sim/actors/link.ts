/** One connection of an actor: frames its messages, tells it what came, keeps nothing. */
import { FrameDecoder, type FrameEvent } from '../../../src/framing/decoder.ts'
import { FrameEncoder } from '../../../src/framing/encoder.ts'
import type { NetworkParams } from '../../../src/params/networks.ts'
import { formatIp } from '../../../src/primitives/ip.ts'
import { decodePayload, type Message, type MessageError } from '../../../src/wire/messages.ts'
import type { SimSocket } from '../socket.ts'

export interface LinkHandler {
  message(link: Link, message: Message): void
  /** What the other side sent could not be read. */
  odd?(link: Link, what: Exclude<FrameEvent, { kind: 'frame' }> | MessageError): void
  closed?(link: Link): void
}

const encoders = new Map<NetworkParams, FrameEncoder>()

export class Link {
  readonly network: NetworkParams
  readonly inbound: boolean
  readonly remoteIp: string
  readonly #socket: SimSocket
  readonly #encoder: FrameEncoder
  readonly #decoder: FrameDecoder
  readonly #handler: LinkHandler

  constructor(network: NetworkParams, socket: SimSocket, inbound: boolean, handler: LinkHandler) {
    this.network = network
    this.inbound = inbound
    this.remoteIp = formatIp(socket.remote.ip)
    this.#socket = socket
    this.#encoder = encoderOf(network)
    this.#decoder = new FrameDecoder(network.magic, network.chain)
    this.#handler = handler
    socket.handler = {
      data: (chunk) => this.#data(chunk),
      flushed: () => undefined,
      closed: () => handler.closed?.(this),
    }
    socket.resume()
  }

  get isOpen(): boolean {
    return this.#socket.state === 'open'
  }

  /** Where the other side is reached, and from where we are. */
  get remote(): SimSocket['remote'] {
    return this.#socket.remote
  }

  get local(): SimSocket['local'] {
    return this.#socket.local
  }

  /** Bytes that the other side has not made room for. */
  get unsentBytes(): number {
    return this.#socket.out.waitingBytes
  }

  send(...messages: Message[]): void {
    for (const message of messages) this.#socket.write([this.#encoder.encode(message)])
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write([bytes])
  }

  stopReading(): void {
    this.#socket.pause()
  }

  close(): void {
    const wasOpen = this.isOpen
    this.#socket.close(true)
    if (wasOpen) this.#handler.closed?.(this)
  }

  #data(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    for (let event = this.#decoder.next(); event !== undefined; event = this.#decoder.next()) {
      if (!this.isOpen) return
      if (event.kind !== 'frame') {
        this.#handler.odd?.(this, event)
        continue
      }
      const decoded = decodePayload(event.type, event.payload, this.network.chain)
      if (decoded.ok) this.#handler.message(this, decoded.value)
      else this.#handler.odd?.(this, decoded.error)
    }
  }
}

function encoderOf(network: NetworkParams): FrameEncoder {
  const encoder = encoders.get(network) ?? new FrameEncoder(network.magic, network.chain)
  encoders.set(network, encoder)
  return encoder
}
