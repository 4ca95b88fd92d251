/**
 * A peer made by hand: a raw TCP connection that sends what it is told, well-formed or not, and keeps every
 * message that comes. It shares nothing with the node but codec and framing.
 */
import { randomBytes } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { FrameDecoder } from '../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../src/framing/encoder.ts'
import { type NetworkParams, regtest } from '../src/params/networks.ts'
import { latin1Encode } from '../src/primitives/bytes.ts'
import { UNSPECIFIED_V4 } from '../src/primitives/ip.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import { decodePayload, type Message, type MessageOf, type MessageType } from '../src/wire/messages.ts'
import type { VersionMessage } from '../src/wire/version.ts'
import { Changes, DEADLINE_MS } from './changes.ts'

export interface PeerOptions {
  /** Default: regtest. */
  readonly network?: NetworkParams
  /** Answer pings, as every live node does. Default true. */
  readonly answersPings?: boolean
}

export interface DialOptions extends PeerOptions {
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Own address, such as 127.0.0.2. */
  readonly localAddress?: string
}

/** What a frame says in its header where that is not what it should be. */
export interface FrameLies {
  readonly magic?: number
  readonly length?: number
  readonly checksum?: number
  /** The command field as 12 bytes. */
  readonly commandField?: Uint8Array
}

export class TcpPeer {
  readonly network: NetworkParams
  readonly socket: Socket
  /** Our own port. */
  readonly localPort: number
  /** Everything that was received, in order. */
  readonly messages: Message[] = []
  readonly #changes = new Changes()
  readonly #encoder: FrameEncoder
  readonly #decoder: FrameDecoder
  readonly #taken = new Map<MessageType, number>()
  readonly #answersPings: boolean
  #bytesReceived = 0
  #ended = false
  #error: string | undefined

  constructor(socket: Socket, options: PeerOptions = {}) {
    this.network = options.network ?? regtest
    this.socket = socket
    this.localPort = socket.localPort ?? 0
    this.#answersPings = options.answersPings ?? true
    this.#encoder = new FrameEncoder(this.network.magic, this.network.chain)
    this.#decoder = new FrameDecoder(this.network.magic, this.network.chain)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => {
      this.#error = error.message
    })
    socket.once('close', () => {
      this.#ended = true
      this.#changes.notify()
    })
  }

  static connect(options: DialOptions): Promise<TcpPeer> {
    const { port, host = '127.0.0.1', localAddress } = options
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new TcpPeer(socket, options))
      })
    })
  }

  /** Connects and shakes hands, as a dialler of the network's dialect does. */
  static async join(options: DialOptions): Promise<TcpPeer> {
    const peer = await TcpPeer.connect(options)
    await peer.shakeHands()
    return peer
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  /** Types of all messages so far. */
  get types(): MessageType[] {
    return this.messages.map((message) => message.type)
  }

  /** False if the system's buffer is full. */
  send(...messages: readonly Message[]): boolean {
    return this.sendBytes(Buffer.concat(messages.map((message) => this.#encoder.encode(message))))
  }

  sendBytes(bytes: Uint8Array): boolean {
    return this.socket.writable && this.socket.write(bytes)
  }

  sendFrame(command: string, payload: Uint8Array, lies: FrameLies = {}): boolean {
    return this.sendBytes(makeFrame(this.network.magic, command, payload, lies))
  }

  /** Resolves when what was sent has been taken by the system, or the connection has ended. */
  drained(): Promise<true> {
    this.socket.once('drain', () => this.#changes.notify())
    const look = (): true | undefined =>
      this.#ended || this.socket.destroyed || !this.socket.writableNeedDrain ? true : undefined
    return this.#changes.until(look, () => 'the node reads')
  }

  /** The next message of this type that was not asked for before. Rejects if the connection ends first. */
  next<T extends MessageType>(type: T, timeoutMs = DEADLINE_MS): Promise<MessageOf<T>> {
    const look = (): MessageOf<T> | undefined => {
      for (let at = this.#taken.get(type) ?? 0; at < this.messages.length; at++) {
        const message = this.messages[at]
        if (message === undefined || !isOf(message, type)) continue
        this.#taken.set(type, at + 1)
        return message
      }
      if (this.#ended) throw new Error(`connection ended without '${type}', got ${this.types.join(' ')}`)
      return undefined
    }
    return this.#changes.until(look, () => `'${type}', got ${this.types.join(' ')}`, timeoutMs)
  }

  /** Resolves when the other side has closed the connection. */
  waitForEnd(timeoutMs = DEADLINE_MS): Promise<{ readonly error: string | undefined }> {
    const look = () => (this.#ended ? { error: this.#error } : undefined)
    return this.#changes.until(look, () => 'end of the connection', timeoutMs)
  }

  /** Sends a ping and waits for its pong. Returns milliseconds. */
  async ping(timeoutMs = DEADLINE_MS): Promise<number> {
    const nonce = randomBytes(8).readBigUInt64LE()
    const before = performance.now()
    let next = this.messages.length
    this.send({ type: 'ping', nonce })
    const look = (): true | undefined => {
      for (; next < this.messages.length; next++) {
        const message = this.messages[next]
        if (message?.type === 'pong' && message.nonce === nonce) return true
      }
      if (this.#ended) throw new Error('connection ended without a pong')
      return undefined
    }
    await this.#changes.until(look, () => `pong ${nonce}`, timeoutMs)
    return performance.now() - before
  }

  /**
   * The handshake, whoever dialled: `current` speaks first only as dialler, `v1` always does. Returns the node's
   * `version`.
   */
  async shakeHands(own: Partial<VersionMessage> = {}): Promise<MessageOf<'version'>> {
    this.send(versionMessage(this.network, own))
    const version = await this.next('version')
    this.send({ type: 'verack' })
    await this.next('verack')
    return version
  }

  /** The listener's part of it in the current dialect: it speaks when spoken to. */
  async answerHandshake(own: Partial<VersionMessage> = {}): Promise<MessageOf<'version'>> {
    const version = await this.next('version')
    this.send(versionMessage(this.network, own), { type: 'verack' })
    await this.next('verack')
    return version
  }

  /** Ends the connection after what was sent. */
  close(): void {
    this.socket.end()
  }

  /** Ends it at once, with a reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  #take(chunk: Uint8Array): void {
    this.#bytesReceived += chunk.length
    this.#decoder.push(chunk)
    for (let event = this.#decoder.next(); event !== undefined; event = this.#decoder.next()) {
      if (event.kind !== 'frame') throw new Error(`the node sent nonsense: ${JSON.stringify(event)}`)
      const decoded = decodePayload(event.type, event.payload, this.network.chain)
      if (!decoded.ok) throw new Error(`the node sent nonsense: ${JSON.stringify(decoded.error)}`)
      this.messages.push(decoded.value)
      if (decoded.value.type === 'ping' && this.#answersPings) this.send({ ...decoded.value, type: 'pong' })
    }
    this.#changes.notify()
  }
}

/** Takes connections and hands them out as peers, in the order in which they came. */
export class PeerListener {
  readonly port: number
  readonly #server: Server
  readonly #peers: TcpPeer[] = []
  readonly #changes = new Changes()
  #taken = 0

  private constructor(server: Server, options: PeerOptions) {
    const address = server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    this.#server = server
    server.on('connection', (socket) => {
      this.#peers.push(new TcpPeer(socket, options))
      this.#changes.notify()
    })
  }

  /** `port` 0 takes any free one. */
  static open(options: PeerOptions = {}, port = 0, host = '127.0.0.1'): Promise<PeerListener> {
    return new Promise((resolve, reject) => {
      const server = createServer()
      server.once('error', reject)
      server.listen({ port, host }, () => resolve(new PeerListener(server, options)))
    })
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** How many connections have come. */
  get count(): number {
    return this.#peers.length
  }

  accept(timeoutMs = DEADLINE_MS): Promise<TcpPeer> {
    const at = this.#taken++
    return this.#changes.until(
      () => this.#peers[at],
      () => `connection ${at + 1}`,
      timeoutMs,
    )
  }

  close(): void {
    this.#server.close()
    for (const peer of this.#peers) peer.socket.destroy()
  }
}

/** What a node of this network would send, with some fields changed. */
export function versionMessage(network: NetworkParams, own: Partial<VersionMessage> = {}): VersionMessage {
  const common = {
    type: 'version',
    version: network.protocolVersion,
    services: 1n,
    time: BigInt(Math.floor(Date.now() / 1_000)),
    nonce: network.dialect === 'v1' ? 0n : randomBytes(8).readBigUInt64LE(),
    userAgent: network.dialect === 'v1' ? '/Dilithion:0.1.0/' : '/Test:1.0/',
    startHeight: 0,
    relay: true,
  } as const
  const nobody = { services: 1n, ip: UNSPECIFIED_V4, port: 0 }
  const addresses = { receiver: nobody, sender: nobody }
  const layout = own.layout ?? network.dialect
  if (layout === 'v1') return { ...common, ...own, layout }
  if (layout === 'addressed') return { ...common, ...addresses, ...own, layout }
  return { ...common, ...addresses, genesisHash: network.genesisHash, ...own, layout }
}

/** A frame, true or not. */
export function makeFrame(
  magic: number,
  command: string,
  payload: Uint8Array,
  lies: FrameLies = {},
): Uint8Array {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length)
  frame.writeUInt32LE(lies.magic ?? magic, 0)
  frame.set(lies.commandField ?? latin1Encode(command), 4)
  frame.writeUInt32LE(lies.length ?? payload.length, 16)
  frame.writeUInt32LE(lies.checksum ?? messageChecksum(payload), 20)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

function isOf<T extends MessageType>(message: Message, type: T): message is MessageOf<T> & Message {
  return message.type === type
}
