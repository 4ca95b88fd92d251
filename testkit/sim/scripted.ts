/**
 * Peers without a node behind them: a test says byte by byte and message by message what they send, and sees
 * what they got. They live on the same virtual network as nodes do.
 */
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../../src/framing/encoder.ts'
import type { NetworkParams } from '../../src/params/networks.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { UNSPECIFIED_V4 } from '../../src/primitives/ip.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import type { BlockMessage } from '../../src/wire/block.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { decodePayload, type Message, type MessageOf, type MessageType } from '../../src/wire/messages.ts'
import type { CurrentVersion, V1Version, VersionMessage } from '../../src/wire/version.ts'
import type { Host } from './network.ts'
import type { SimNode } from './node.ts'
import type { SimSocket } from './socket.ts'
import type { World } from './world.ts'

export interface Received {
  /** Milliseconds of virtual time. */
  readonly at: number
  readonly message: Message
}

export interface ScriptedEnd {
  readonly at: number
  readonly error: string | undefined
}

/** A machine for scripted connections. */
export class Actor {
  readonly world: World
  readonly network: NetworkParams
  readonly host: Host

  constructor(world: World, network: NetworkParams, ip: string) {
    this.world = world
    this.network = network
    this.host = world.net.host(ip)
  }

  /** Connects to a node, and lets time pass until the connection is there. Throws if it fails. */
  connect(node: SimNode): ScriptedPeer {
    let peer: ScriptedPeer | undefined
    let failure: string | undefined
    this.world.net.dial(this.host, node.endpoint, 10_000, {
      connected: (socket) => {
        peer = new ScriptedPeer(this.world, this.network, socket)
      },
      failed: (error) => {
        failure = error
      },
    })
    this.world.runUntil(() => peer !== undefined || failure !== undefined, 11_000)
    if (peer === undefined) throw new Error(`no connection to ${node.name}: ${failure ?? 'too late'}`)
    return peer
  }

  /** Takes connections on a port; `greet` is called with each before anything was read. */
  listen(port: number, greet: (peer: ScriptedPeer) => void): ScriptedPeer[] {
    const peers: ScriptedPeer[] = []
    this.world.net.listen(this.host, port, (socket) => {
      const peer = new ScriptedPeer(this.world, this.network, socket)
      peers.push(peer)
      greet(peer)
    })
    return peers
  }
}

export class ScriptedPeer {
  readonly network: NetworkParams
  /** What came, decoded. */
  readonly received: Received[] = []
  receivedBytes = 0
  /** Called for each message that comes. */
  react: ((message: Message) => void) | undefined
  end: ScriptedEnd | undefined
  readonly #counts = new Map<MessageType, number>()
  readonly #world: World
  readonly #socket: SimSocket
  readonly #encoder: FrameEncoder
  readonly #decoder: FrameDecoder

  constructor(world: World, network: NetworkParams, socket: SimSocket) {
    this.network = network
    this.#world = world
    this.#socket = socket
    this.#encoder = new FrameEncoder(network.magic, network.chain)
    this.#decoder = new FrameDecoder(network.magic, network.chain)
    socket.handler = {
      data: (chunk) => this.#data(chunk),
      flushed: () => undefined,
      closed: (error) => {
        this.end = { at: world.time.mono, error }
      },
    }
    socket.resume()
  }

  get isOpen(): boolean {
    return this.end === undefined && this.#socket.state === 'open'
  }

  /** Bytes of ours that the system has not taken, because the node does not read. */
  get unsentBytes(): number {
    return this.#socket.out.waitingBytes
  }

  get commands(): MessageType[] {
    return this.received.map(({ message }) => message.type)
  }

  /** How many messages of a type ever came. */
  count(type: MessageType): number {
    return this.#counts.get(type) ?? 0
  }

  /** All received messages of a type. */
  all<T extends MessageType>(type: T): MessageOf<T>[] {
    const messages = this.received.map(({ message }) => message)
    return messages.filter((message): message is MessageOf<T> => message.type === type)
  }

  /** Writes the messages in one piece. */
  send(...messages: Message[]): void {
    this.sendBytes(concatBytes(messages.map((message) => this.#encoder.encode(message))))
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write([bytes])
  }

  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.close(true)
  }

  reset(): void {
    this.#socket.reset()
  }

  /** Does as any node does in a handshake that it began, and answers pings; nothing else. */
  behave(version: VersionMessage = versionOf(this.network)): this {
    this.react = (message) => {
      if (message.type === 'version') this.send({ type: 'verack' })
      if (message.type === 'ping') this.send({ type: 'pong', nonce: message.nonce })
    }
    this.send(version)
    return this
  }

  #data(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length
    this.#decoder.push(chunk)
    let event = this.#decoder.next()
    while (event !== undefined) {
      if (event.kind !== 'frame') throw new Error(`a node sent what is ${event.kind}`)
      const decoded = decodePayload(event.type, event.payload)
      if (!decoded.ok) throw new Error(`a node sent a '${event.type}' that can't be read`)
      this.#counts.set(event.type, this.count(event.type) + 1)
      this.received.push({ at: this.#world.time.mono, message: decoded.value })
      this.react?.(decoded.value)
      event = this.#decoder.next()
    }
  }
}

/** What a node of this network would send as its `version`. */
export function versionOf(network: NetworkParams, change: Partial<CurrentVersion> = {}): VersionMessage {
  const common = {
    type: 'version',
    version: network.protocolVersion,
    services: 1n,
    time: 1_762_000_000n,
    nonce: 0x0102_0304_0506_0708n,
    userAgent: '/Scripted:1.0/',
    startHeight: 7,
    relay: true,
  } as const
  if (network.dialect === 'v1') return v1Version({ ...common, ...withoutLayout(change) })
  const nowhere = { services: 1n, ip: UNSPECIFIED_V4, port: 0 }
  return {
    layout: 'current',
    ...common,
    receiver: nowhere,
    sender: nowhere,
    genesisHash: network.genesisHash,
    ...change,
  }
}

/** The first release's: no nonce, no height, its own user agent. */
export function v1Version(change: Partial<V1Version> = {}): V1Version {
  return {
    layout: 'v1',
    type: 'version',
    version: 70_001,
    services: 1n,
    time: 1_762_000_000n,
    nonce: 0n,
    userAgent: '/Dilithion:0.1.0/',
    startHeight: 0,
    relay: true,
    ...change,
  }
}

function withoutLayout(change: Partial<CurrentVersion>): Partial<V1Version> {
  const { layout: _, receiver: __, sender: ___, genesisHash: ____, ...rest } = change
  return rest
}

/** A message whose frame has exactly so many bytes, from 66,000 to 4 million: a block of nothing. */
export function messageOfBytes(frameBytes: number): BlockMessage {
  const overhead = 24 + 80 + 5
  const header = new BlockHeader(new Uint8Array(80))
  return { type: 'block', block: { header, transactionData: new Uint8Array(frameBytes - overhead) } }
}

/** A frame of any command and payload, with the right length and checksum. */
export function frameOf(magic: number, command: string, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, magic, true)
  for (let i = 0; i < command.length; i++) frame[4 + i] = command.charCodeAt(i)
  view.setUint32(16, payload.length, true)
  view.setUint32(20, messageChecksum(payload), true)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}
