/** A peer of a node, for benchmarks that look at single messages: shakes hands, says things, waits for things. */
import { connect, type Socket } from 'node:net'
import { FrameDecoder } from '../src/framing/decoder.ts'
import { regtest } from '../src/params/networks.ts'
import { decodePayload, type Message } from '../src/wire/messages.ts'
import { frameOf, versionMessage } from './frames.ts'

export class BenchPeer {
  /** Called with each message that comes. */
  onMessage: (message: Message) => void = () => undefined
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder(regtest.magic)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => this.#take(chunk))
  }

  /** Connects, shakes hands with a chain of that height, and says what it wants. */
  static async join(
    port: number,
    { height = 0, wants = [] }: { readonly height?: number; readonly wants?: readonly Message[] } = {},
  ): Promise<BenchPeer> {
    const socket = connect({ host: '127.0.0.1', port })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const peer = new BenchPeer(socket)
    peer.send(versionMessage(height))
    await peer.until(({ type }) => type === 'verack')
    peer.send({ type: 'verack' }, ...wants)
    await peer.until(({ type }) => type === 'ping')
    return peer
  }

  send(...messages: readonly Message[]): void {
    for (const message of messages) this.#socket.write(frameOf(message))
  }

  until(isIt: (message: Message) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onMessage = (message) => {
        if (isIt(message)) resolve()
      }
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
    for (let event = this.#decoder.next(); event?.kind === 'frame'; event = this.#decoder.next()) {
      const decoded = decodePayload(event.type, event.payload)
      if (!decoded.ok) continue
      if (decoded.value.type === 'ping') this.send({ type: 'pong', nonce: decoded.value.nonce })
      this.onMessage(decoded.value)
    }
  }
}
