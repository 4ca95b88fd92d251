/**
 * A core in the hand: no network, no other nodes; a test gives the inputs one by one, moves the clock and looks
 * at the effects. The oracle watches here too.
 */
import type { CreateChain } from '../../src/chain/chain.ts'
import { NodeCore } from '../../src/core/core.ts'
import type { AutomaticOptions } from '../../src/core/outbound.ts'
import type { Effect, Input, NodeEvent } from '../../src/core/seam.ts'
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { FrameEncoder } from '../../src/framing/encoder.ts'
import { type NetworkParams, regtest } from '../../src/params/networks.ts'
import type { Peer } from '../../src/peer/peer.ts'
import type { SavedAddresses } from '../../src/pool/address-row.ts'
import type { Ban } from '../../src/pool/ban-list.ts'
import type { ConnectionLimits } from '../../src/pool/peer-manager.ts'
import { connectionId, monoMs, type Now, type PeerId, unixSeconds } from '../../src/primitives/brand.ts'
import { type HostPort, type IpBytes, parseIp } from '../../src/primitives/ip.ts'
import { decodePayload, type Message } from '../../src/wire/messages.ts'
import { DEFAULT_LIMITS } from './node.ts'
import { NodeOracle } from './oracle.ts'
import { versionOf } from './scripted.ts'
import { START_UNIX } from './virtual-time.ts'
import { randomOfSeed } from './world.ts'

export interface ProbeOptions {
  readonly network?: NetworkParams
  readonly limits?: ConnectionLimits
  readonly targets?: readonly HostPort[]
  readonly bans?: readonly Ban[]
  readonly automatic?: AutomaticOptions
  readonly addresses?: SavedAddresses
  readonly ownAddress?: IpBytes
  readonly listenPort?: number
  /** Of the core's draws. */
  readonly seed?: number
  readonly traceMessages?: boolean
  readonly deliverMessages?: boolean
  readonly chain?: CreateChain
}

export class CoreProbe {
  readonly network: NetworkParams
  readonly core: NodeCore
  /** All effects since the test last emptied it. */
  effects: Effect[] = []
  readonly #encoder: FrameEncoder
  readonly #oracle: NodeOracle
  #mono = 0
  #lastConnection = 0

  constructor(options: ProbeOptions = {}) {
    this.network = options.network ?? regtest
    const limits = options.limits ?? DEFAULT_LIMITS
    this.#encoder = new FrameEncoder(this.network.magic, this.network.chain)
    this.#oracle = new NodeOracle(limits, this.network, options.automatic?.outbound)
    this.core = new NodeCore(
      {
        ...options,
        network: this.network,
        limits,
        identity: { userAgent: '/Probe:1/', startHeight: 0 },
        random: randomOfSeed(options.seed ?? 7),
      },
      this.now,
    )
  }

  get now(): Now {
    return { mono: monoMs(this.#mono), unix: unixSeconds(START_UNIX + Math.floor(this.#mono / 1_000)) }
  }

  get events(): NodeEvent[] {
    return this.effects.flatMap((effect) => (effect.type === 'event' ? [effect.event] : []))
  }

  /** Effects without events, and without what is written, by type. */
  get deeds(): string[] {
    return this.effects.filter(({ type }) => type !== 'event').map(({ type }) => type)
  }

  handle(input: Input): readonly Effect[] {
    const effects = this.core.handle(input, this.now)
    this.#oracle.handled(this.core, this.#mono, input, effects)
    this.#oracle.everything(this.core, this.#mono)
    this.effects.push(...effects)
    return effects
  }

  /** Moves the clock, with a tick whenever one is due, as a driver does. */
  wait(ms: number): void {
    const end = this.#mono + ms
    this.drain()
    let next = this.core.nextDeadline()
    while (next !== undefined && next <= end) {
      this.#mono = Math.max(this.#mono, next)
      this.handle({ type: 'tick' })
      this.drain()
      next = this.core.nextDeadline()
    }
    this.#mono = end
  }

  /** Moves the clock behind the core's back. */
  skip(ms: number): void {
    this.#mono += ms
  }

  /** Ticks until no input waits for its turn. Returns how many it took. */
  drain(): number {
    let turns = 0
    for (; this.core.hasBacklog; turns++) this.handle({ type: 'tick' })
    return turns
  }

  accept(ip = '9.9.9.9', port = 40_000): PeerId | undefined {
    const effects = this.handle({
      type: 'accepted',
      connection: connectionId(++this.#lastConnection),
      remote: { ip: ipOf(ip), port },
    })
    return adopted(effects)
  }

  /** Answers the latest dial with a connection. */
  connect(ip = '9.8.7.6'): PeerId | undefined {
    const dial = this.effects.findLast((effect) => effect.type === 'dial')
    if (dial === undefined) throw new Error('nothing was dialled')
    const remote = { ip: ipOf(ip), port: dial.target.port }
    const connection = connectionId(++this.#lastConnection)
    return adopted(this.handle({ type: 'dialed', ticket: dial.ticket, connection, remote }))
  }

  receive(peer: PeerId, ...messages: Message[]): readonly Effect[] {
    return this.receiveBytes(peer, this.bytesOf(...messages))
  }

  receiveBytes(peer: PeerId, chunk: Uint8Array): readonly Effect[] {
    return this.handle({ type: 'bytes', peer, chunk })
  }

  bytesOf(...messages: Message[]): Uint8Array {
    return Uint8Array.from(messages.flatMap((message) => [...this.#encoder.encode(message)]))
  }

  /** An inbound peer whose handshake is complete and whose every byte was flushed. */
  ready(ip?: string, port?: number): PeerId {
    const id = this.accept(ip, port)
    if (id === undefined) throw new Error('refused')
    this.receive(id, versionOf(this.network), { type: 'verack' })
    this.flush(id)
    return id
  }

  peer(id: PeerId): Peer {
    const peer = this.core.peers.get(id)
    if (peer === undefined) throw new Error(`peer ${id} is gone`)
    return peer
  }

  /** Reports bytes as taken by the system: all of them unless it is said how many. */
  flush(id: PeerId, bytes = this.peer(id).sendQueue.bytes): readonly Effect[] {
    return this.handle({ type: 'flushed', peer: id, bytes })
  }

  /** What `effects` has for a peer, decoded. */
  sentTo(id: PeerId): Message[] {
    const decoder = new FrameDecoder(this.network.magic, this.network.chain)
    for (const effect of this.effects) {
      if (effect.type === 'write' && effect.peer === id)
        for (const chunk of effect.chunks) decoder.push(chunk)
    }
    const messages: Message[] = []
    let event = decoder.next()
    for (; event?.kind === 'frame'; event = decoder.next()) {
      const decoded = decodePayload(event.type, event.payload, this.network.chain)
      if (decoded.ok) messages.push(decoded.value)
    }
    return messages
  }

  commandsTo(id: PeerId): string[] {
    return this.sentTo(id).map(({ type }) => type)
  }

  /** Why peers ended, in order. */
  get ends(): string[] {
    return this.events.flatMap((event) => (event.type === 'disconnected' ? [event.reason] : []))
  }
}

export function ipOf(text: string): Uint8Array {
  const ip = parseIp(text)
  if (ip === undefined) throw new RangeError(`not an address: ${text}`)
  return ip
}

function adopted(effects: readonly Effect[]): PeerId | undefined {
  return effects.find((effect) => effect.type === 'adopt')?.peer
}
