/**
 * What must be true of every node at every moment, whatever its peers and the network do. Watches the inputs
 * and effects of one core from outside and throws on the first thing that is wrong.
 */
import type { NodeCore } from '../../src/core/core.ts'
import type { Effect, Input, NodeEvent } from '../../src/core/seam.ts'
import { findCommand } from '../../src/framing/command.ts'
import { FRAME_HEADER_BYTES } from '../../src/framing/encoder.ts'
import {
  FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  MAX_RECEIVE_BYTES_TOTAL,
  SEND_QUEUE_HIGH_BYTES,
} from '../../src/params/limits.ts'
import type { NetworkParams } from '../../src/params/networks.ts'
import { netGroup } from '../../src/pool/net-group.ts'
import type { ConnectionLimits } from '../../src/pool/peer-manager.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { readU32 } from '../../src/primitives/bytes.ts'
import { formatIp, isRoutable } from '../../src/primitives/ip.ts'
import { maxBlockBytes } from '../../src/wire/block.ts'
import type { MessageType } from '../../src/wire/messages.ts'
import { BlocksAsked, checkAddresses, Politeness } from './politeness.ts'

/** What the oracle knows of a peer that was adopted and has not been reported as disconnected. */
interface Watched {
  readonly inbound: boolean
  readonly ip: string
  ready: boolean
  paused: boolean
  closing: boolean
  handedBytes: number
  flushedBytes: number
  readonly politeness: Politeness
  /** Undefined for nodes of the first release, which may be asked again. */
  blocksAsked: BlocksAsked | undefined
}

/** Messages that a node may send before its handshake with the peer is complete. */
const EARLY: ReadonlySet<MessageType> = new Set(['version', 'verack', 'reject'])
/** The budget, and what may come beyond it before anybody is closed for that: one read. */
const RECEIVE_MAX_BYTES = MAX_RECEIVE_BYTES_TOTAL + 262_144
const COMMAND_OFFSET = 4
const LENGTH_OFFSET = 16

export class NodeOracle {
  /** Frames sent, by command. */
  readonly sentMessages = new Map<MessageType, number>()
  handshakes = 0
  /** Violations that were charged to peers. */
  offences = 0
  readonly #limits: ConnectionLimits
  readonly #network: NetworkParams
  readonly #maxAutomatic: number
  readonly #peers = new Map<PeerId, Watched>()
  #lastId = 0
  /** Closed peers whose end has not been reported. */
  #closing = 0
  #stopping = false

  /** `maxAutomatic`: peers that the node may choose for itself. */
  constructor(limits: ConnectionLimits, network: NetworkParams, maxAutomatic = 0) {
    this.#limits = limits
    this.#network = network
    this.#maxAutomatic = maxAutomatic
  }

  handled(core: NodeCore, mono: number, input: Input, effects: readonly Effect[]): void {
    if (input.type === 'flushed') this.#flushed(input.peer, input.bytes)
    if (input.type === 'shutdown') this.#stopping = true
    for (const effect of effects) this.#effect(core, mono, input, effect)
    if (this.#closing !== 0) throw new Error('a peer was closed, but no end of it reported')
    if (core.peers.size !== this.#peers.size) throw new Error('peers without adoption, or without end')
    if (this.#stopping && this.#peers.size > 0) throw new Error('peers after the shutdown')
    if ('peer' in input) this.#peer(core, input.peer)
    if (input.type === 'tick') this.#deadline(core, mono)
  }

  /** Looks at everything. */
  everything(core: NodeCore, mono: number): void {
    core.assertConsistent()
    for (const id of this.#peers.keys()) this.#peer(core, id)
    let received = 0
    for (const peer of core.peers.all()) {
      const ageMs = mono - peer.connectedAt.mono
      const isPatient = peer.mayBeFirstRelease || peer.isFirstRelease
      const timeoutMs = isPatient ? FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS : HANDSHAKE_TIMEOUT_MS
      if (peer.state !== 'ready' && ageMs > timeoutMs + 1_000)
        throw new Error(`peer ${peer.id} has been half alive for ${ageMs} ms`)
      received += peer.decoder.bufferedBytes
    }
    if (received > RECEIVE_MAX_BYTES) throw new Error(`${received} received bytes are kept`)
  }

  #effect(core: NodeCore, mono: number, input: Input, effect: Effect): void {
    switch (effect.type) {
      case 'adopt':
        return this.#adopt(core, input, effect.peer)
      case 'write':
        return this.#write(mono, effect.peer, effect.chunks)
      case 'close':
        this.#alive(effect.peer).closing = true
        this.#closing++
        return
      case 'pauseReading':
        return this.#reading(effect.peer, false)
      case 'resumeReading':
        return this.#reading(effect.peer, true)
      case 'event':
        return this.#event(input, effect.event)
      case 'dial':
        if (this.#stopping) throw new Error('a dial after the shutdown')
        return
      case 'refuse':
      case 'resolve':
      case 'io':
        return
    }
  }

  #adopt(core: NodeCore, input: Input, id: PeerId): void {
    if (this.#stopping) throw new Error('a peer adopted after the shutdown')
    if (id !== this.#lastId + 1) throw new Error(`peer ${id} follows peer ${this.#lastId}`)
    this.#lastId = id
    const peer = core.peers.get(id)
    if (peer === undefined || (input.type !== 'accepted' && input.type !== 'dialed'))
      throw new Error(`peer ${id} out of nothing`)
    this.#peers.set(id, {
      inbound: input.type === 'accepted',
      ip: formatIp(input.remote.ip),
      ready: false,
      paused: false,
      closing: false,
      handedBytes: 0,
      flushedBytes: 0,
      politeness: new Politeness(),
      blocksAsked: new BlocksAsked(),
    })
    this.#checkLimits(input.remote.ip, peer.kind === 'feeler' ? 1 : 0)
    if (this.#maxAutomatic > 0) this.#checkAutomatic(core)
  }

  /** `probes`: a probe takes nobody's slot. */
  #checkLimits(ip: Uint8Array, probes: number): void {
    const { maxConnections, reservedOutbound, maxInboundPerIp } = this.#limits
    const inbound = [...this.#peers.values()].filter((peer) => peer.inbound)
    if (this.#peers.size > maxConnections + probes) throw new Error(`${this.#peers.size} connections`)
    if (inbound.length > maxConnections - reservedOutbound) throw new Error(`${inbound.length} inbound`)
    if (maxInboundPerIp.scope === 'routable' && !isRoutable(ip)) return
    const text = formatIp(ip)
    const same = inbound.filter((peer) => peer.ip === text).length
    if (same > maxInboundPerIp.limit) throw new Error(`${same} inbound peers from ${text}`)
  }

  /** Peers of its own choice: so many, each in another network, and one probe beside them. */
  #checkAutomatic(core: NodeCore): void {
    let [slots, feelers] = [0, 0]
    const groups = new Set<string>()
    for (const { kind, remote } of core.peers.all()) {
      if (kind === 'feeler') feelers++
      if (kind !== 'automatic' && kind !== 'blockRelay') continue
      slots++
      groups.add(netGroup(remote.ip))
    }
    if (slots > this.#maxAutomatic) throw new Error(`${slots} peers of its own choice`)
    if (groups.size < slots) throw new Error('two peers of its own choice are in one network')
    if (feelers > 1) throw new Error(`${feelers} probes at once`)
  }

  #write(mono: number, id: PeerId, chunks: readonly Uint8Array[]): void {
    const peer = this.#alive(id)
    let rest = 0
    for (const chunk of chunks) {
      peer.handedBytes += chunk.length
      const keepalive = rest > 0 ? undefined : keepaliveOf(chunk)
      if (keepalive === undefined) rest = this.#frames(mono, id, peer, chunk, rest)
      else this.#sent(mono, id, peer, keepalive)
    }
    if (rest !== 0) throw new Error(`a frame for peer ${id} is not whole`)
  }

  /** `rest`: bytes of the chunk that belong to a frame that began before. Returns those that are still to come. */
  #frames(mono: number, id: PeerId, peer: Watched, chunk: Uint8Array, rest: number): number {
    let at = rest
    while (at < chunk.length) {
      const command = findCommand(chunk, at + COMMAND_OFFSET)
      if (command === undefined) throw new Error(`no frame at ${at} of what is written to peer ${id}`)
      this.#sent(mono, id, peer, command.type)
      const end = at + FRAME_HEADER_BYTES + readU32(chunk, at + LENGTH_OFFSET)
      if (command.type === 'getdata') peer.blocksAsked?.ask(chunk.subarray(at + FRAME_HEADER_BYTES, end))
      if (command.type === 'addr') {
        const payload = chunk.subarray(at + FRAME_HEADER_BYTES, end)
        checkAddresses(payload, this.#network.sharesPrivateAddresses)
      }
      at = end
    }
    return at - chunk.length
  }

  #sent(mono: number, id: PeerId, peer: Watched, type: MessageType): void {
    this.sentMessages.set(type, (this.sentMessages.get(type) ?? 0) + 1)
    if (!peer.ready && !EARLY.has(type)) throw new Error(`'${type}' for peer ${id} before its handshake`)
    peer.politeness.sent(type, mono)
  }

  #flushed(id: PeerId, bytes: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    peer.flushedBytes += bytes
    if (peer.flushedBytes > peer.handedBytes) throw new Error(`more flushed than written for peer ${id}`)
  }

  #reading(id: PeerId, reading: boolean): void {
    const peer = this.#alive(id)
    if (peer.paused !== reading) throw new Error(`reading of peer ${id} paused or resumed twice`)
    peer.paused = !reading
  }

  #event(input: Input, event: NodeEvent): void {
    if (event.type === 'chain' && event.outcome.type === 'tip') {
      const { tip, previous } = event.outcome
      if (tip.work < previous.work) throw new Error(`the best chain lost work at height ${tip.height}`)
    }
    if (!('peer' in event)) return
    const peer = this.#peers.get(event.peer)
    if (peer === undefined) throw new Error(`'${event.type}' about peer ${event.peer}, who is gone`)
    if (event.type === 'versionReceived') {
      const { layout, nonce } = event.version
      if (layout === 'v1' && nonce === 0n) peer.blocksAsked = undefined
    }
    if (event.type === 'handshakeComplete') {
      if (peer.ready) throw new Error(`two handshakes with peer ${event.peer}`)
      peer.ready = true
      this.handshakes++
    }
    if (event.type === 'offence') this.offences++
    if (event.type !== 'disconnected') return
    const closedByOther = input.type === 'closed' && input.peer === event.peer
    if (peer.closing === closedByOther) throw new Error(`peer ${event.peer} ended twice or not at all`)
    if (event.wasReady !== peer.ready) throw new Error(`peer ${event.peer} was not what its end says`)
    if (peer.closing) this.#closing--
    this.#peers.delete(event.peer)
  }

  #alive(id: PeerId): Watched {
    const peer = this.#peers.get(id)
    if (peer === undefined || peer.closing) throw new Error(`an effect for peer ${id}, who is gone`)
    return peer
  }

  #peer(core: NodeCore, id: PeerId): void {
    const watched = this.#peers.get(id)
    const peer = core.peers.get(id)
    if ((watched === undefined) !== (peer === undefined)) throw new Error(`peer ${id} is there and not there`)
    if (watched === undefined || peer === undefined) return
    const queued = watched.handedBytes - watched.flushedBytes
    if (peer.sendQueue.bytes !== queued)
      throw new Error(`peer ${id} has ${peer.sendQueue.bytes} bytes queued, but ${queued} were not flushed`)
    const maxQueued = SEND_QUEUE_HIGH_BYTES + FRAME_HEADER_BYTES + maxBlockBytes(this.#network.chain)
    if (queued > maxQueued) throw new Error(`${queued} bytes queued for peer ${id}`)
    if (peer.readingPaused !== watched.paused) throw new Error(`reading of peer ${id} is and is not paused`)
    if (peer.readingPaused !== (peer.mustWait || peer.queuedForTurn))
      throw new Error(`reading of peer ${id} is paused without reason, or goes on against one`)
    if (peer.decoder.hasInput && !peer.readingPaused) throw new Error(`input of peer ${id} is forgotten`)
  }

  /** A tick does all that is due, or the driver would turn in a circle. */
  #deadline(core: NodeCore, mono: number): void {
    const next = core.nextDeadline()
    if (next !== undefined && next <= mono) throw new Error(`still due after a tick: ${next} at ${mono}`)
  }
}

/** Nearly everything that is written in a long run is a single `ping` or `pong`. */
function keepaliveOf(chunk: Uint8Array): 'ping' | 'pong' | undefined {
  if (chunk.length !== FRAME_HEADER_BYTES + 8 || chunk[COMMAND_OFFSET + 2] !== 0x6e) return undefined
  if (chunk[COMMAND_OFFSET] !== 0x70 || chunk[COMMAND_OFFSET + 3] !== 0x67) return undefined
  return chunk[COMMAND_OFFSET + 1] === 0x69 ? 'ping' : 'pong'
}
