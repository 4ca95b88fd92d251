/** A peer of a node, for benchmarks that look at single messages: shakes hands, says things, waits for things. */
import { connect, type Socket } from 'node:net'
import { FrameDecoder } from '../src/framing/decoder.ts'
import { regtest } from '../src/params/networks.ts'
import { decodePayload, type Message } from '../src/wire/messages.ts'
import { frameOf, versionMessage } from './frames.ts'

export interface JoinOptions {
  /** Own address, such as 127.0.0.2. */
  readonly from?: string
  /** Of the chain that it says to have. */
  readonly height?: number
  /** What is said after the handshake. */
  readonly wants?: readonly Message[]
}

export class BenchPeer {
  /** Called with each message that comes. */
  onMessage: (message: Message) => void = () => undefined
  /** Resolves when the other side, or we, have closed the connection. */
  readonly ended: Promise<void>
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder(regtest.magic)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => this.#take(chunk))
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** Connects, shakes hands, and says what it wants. */
  static async join(port: number, { from, height = 0, wants = [] }: JoinOptions = {}): Promise<BenchPeer> {
    const socket = connect({ host: '127.0.0.1', port, ...(from === undefined ? {} : { localAddress: from }) })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const peer = new BenchPeer(socket)
    const ended = peer.ended.then(() => Promise.reject(new Error('the node has closed the connection')))
    peer.send(versionMessage(height))
    await Promise.race([peer.until(({ type }) => type === 'verack'), ended])
    peer.send({ type: 'verack' }, ...wants)
    await Promise.race([peer.until(({ type }) => type === 'ping'), ended])
    ended.catch(() => undefined)
    return peer
  }

  send(...messages: readonly Message[]): void {
    for (const message of messages) this.#socket.write(frameOf(message))
  }

  sendFrame(frame: Uint8Array): void {
    this.#socket.write(frame)
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
