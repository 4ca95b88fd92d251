/**
 * The node without its surroundings: one synchronous, deterministic function of its inputs. Whoever drives it
 * gives inputs with the time, does the effects in order, calls again at `nextDeadline`, and at once while
 * `hasBacklog`. Same options, same inputs: same effects.
 */
import type { BrokenStream, SkippedFrame } from '../framing/decoder.ts'
import { DIAL_TIMEOUT_MS, MISBEHAVIOUR_LIMIT } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason, RefusalReason } from '../peer/disconnect.ts'
import { type Offence, ruleOf } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import { type Ban, BanList } from '../pool/ban-list.ts'
import { ManualTargets } from '../pool/manual-targets.ts'
import { type ConnectionLimits, PeerManager } from '../pool/peer-manager.ts'
import {
  type ConnectionId,
  type DialTicket,
  type MonoMs,
  monoMs,
  type Now,
  type PeerId,
} from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type Endpoint, formatEndpoint, type HostPort, type IpBytes } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { MessageError } from '../wire/messages.ts'
import { Banishment } from './banishment.ts'
import { MessageProcessor, type ProcessorHooks } from './processor.ts'
import type { Command, Effect, Input, NodeEvent } from './seam.ts'
import { type Identity, MessageSender } from './sender.ts'

export interface CoreOptions {
  readonly network: NetworkParams
  readonly identity: Identity
  readonly limits: ConnectionLimits
  readonly random: RandomSource
  /** Peers to be connected to from the start. */
  readonly targets?: readonly HostPort[]
  /** Who is refused from the start. */
  readonly bans?: Iterable<Ban>
  /** Emit `sent`, `received`, `ignored` and `skipped` for every message. Costs throughput. */
  readonly traceMessages?: boolean
  /** Emit `message` events, for an embedding program. */
  readonly deliverMessages?: boolean
}

export class NodeCore {
  readonly peers: PeerManager
  readonly targets: ManualTargets
  readonly bans: BanList
  readonly #processor: MessageProcessor
  readonly #sender: MessageSender
  readonly #banishment: Banishment
  #effects: Effect[] = []
  #now: Now
  /** Peers with input left over from their last turn, in the order of their next. */
  #backlog: Peer[] = []
  /** No peer has anything due before this. May be early, never late. */
  #wakeAt: MonoMs = NEVER
  #stopping = false

  constructor(options: CoreOptions, now: Now) {
    const { network, identity, random } = options
    this.#now = now
    this.peers = new PeerManager(network.magic, options.limits, random.fork('peers'))
    this.targets = new ManualTargets(random.fork('targets'))
    this.bans = new BanList(options.bans)
    for (const target of options.targets ?? []) this.targets.add(target, true, now.mono)
    const tracing = options.traceMessages ?? false
    const event = (e: NodeEvent): void => this.#event(e)
    this.#sender = new MessageSender(network, identity, random.fork('sender'), {
      tracing,
      event,
      queueFull: (peer) => this.#disconnect(peer, 'sendQueueFull', false),
    })
    this.#banishment = new Banishment(this.bans, this.peers, {
      event,
      disconnect: (peer, reason) => this.#disconnect(peer, reason, false),
    })
    const hooks: ProcessorHooks = {
      network,
      peers: this.peers,
      sender: this.#sender,
      tracing,
      delivering: options.deliverMessages ?? false,
      event,
      disconnect: (peer, reason, deliver, _, detail) => this.#disconnect(peer, reason, deliver, detail),
      offend: (peer, offence, detail) => this.#offend(peer, offence, detail),
      isAlive: (peer) => this.peers.get(peer.id) === peer,
    }
    this.#processor = new MessageProcessor(hooks)
  }

  /** Is there input that waits only for its turn? Then a `tick` is due now. */
  get hasBacklog(): boolean {
    return this.#backlog.length > 0
  }

  /** When the next `tick` is due at the latest; undefined if only another input can change anything. */
  nextDeadline(): MonoMs | undefined {
    const dialAt = this.#stopping ? undefined : this.targets.nextDeadline(this.peers.room)
    const next = Math.min(this.#wakeAt, dialAt ?? NEVER)
    return next === NEVER ? undefined : monoMs(next)
  }

  /** Takes one input and returns what is to be done about it, in order. */
  handle(input: Input, now: Now): readonly Effect[] {
    this.#now = now
    switch (input.type) {
      case 'bytes':
        this.#bytes(input.peer, input.chunk)
        break
      case 'flushed':
        this.#flushed(input.peer, input.bytes)
        break
      case 'tick':
        this.#tick()
        break
      case 'accepted':
        this.#accepted(input.connection, input.remote)
        break
      case 'dialed':
        this.#dialed(input.ticket, input.connection, input.remote)
        break
      case 'dialFailed':
        this.#dialFailed(input.ticket, input.error)
        break
      case 'closed':
        this.#closed(input.peer, input.error)
        break
      default:
        this.#command(input)
    }
    if (this.#effects.length === 0) return NO_EFFECTS
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Throws if a table is keyed by a peer that is gone. For tests: it looks at everything. */
  assertConsistent(): void {
    const keyed = [...this.peers.keyedIds(), ...this.targets.keyedIds(), ...this.#backlog.map((p) => p.id)]
    for (const id of keyed)
      if (this.peers.get(id) === undefined) throw new Error(`dead peer ${id} in a table`)
  }

  #accepted(connection: ConnectionId, remote: Endpoint): void {
    const reason = this.#judgeInbound(remote.ip)
    const address = formatEndpoint(remote)
    if (reason !== undefined) {
      this.#effects.push({ type: 'refuse', connection })
      return this.#event({ type: 'refused', address, reason })
    }
    const peer = this.peers.add('inbound', remote, address, this.#now)
    this.#effects.push({ type: 'adopt', connection, peer: peer.id })
    this.#event({ type: 'accepted', peer: peer.id, address })
    this.#watch(peer)
  }

  #judgeInbound(remote: IpBytes): RefusalReason | undefined {
    if (this.#stopping) return 'shuttingDown'
    if (this.bans.covers(remote, this.#now.unix)) return 'banned'
    return this.peers.judgeInbound(remote, this.targets.missing)
  }

  #dialed(ticket: DialTicket, connection: ConnectionId, remote: Endpoint): void {
    const target = this.targets.byTicket(ticket)
    if (target === undefined || this.#stopping) {
      this.#effects.push({ type: 'refuse', connection })
      return
    }
    const same = this.#outboundTo(remote)
    if (same !== undefined) {
      // Two names of one peer: it is connected already.
      this.targets.connected(ticket, same.id)
      this.#effects.push({ type: 'refuse', connection })
      return
    }
    const peer = this.peers.add(target.keep ? 'manual' : 'oneTry', remote, target.address, this.#now)
    this.targets.connected(ticket, peer.id)
    this.#effects.push({ type: 'adopt', connection, peer: peer.id })
    this.#event({ type: 'connected', peer: peer.id, address: target.address })
    this.#sender.version(peer, this.#now)
    this.#settle(peer)
  }

  #outboundTo({ ip, port }: Endpoint): Peer | undefined {
    for (const peer of this.peers.all()) {
      if (!peer.inbound && peer.remote.port === port && bytesEqual(peer.remote.ip, ip)) return peer
    }
    return undefined
  }

  #dialFailed(ticket: DialTicket, error: string): void {
    const target = this.targets.byTicket(ticket)
    if (target === undefined || this.#stopping) return
    const { address } = target
    const retryMs = this.targets.dialFailed(ticket, this.#now.mono)
    this.#event({ type: 'dialFailed', address, error, retryMs })
    this.#dialDue()
  }

  #bytes(id: PeerId, chunk: Uint8Array): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    peer.received.bytes += chunk.length
    peer.received.lastAt = this.#now.unix
    peer.lastLifeAt = this.#now.mono
    peer.decoder.push(chunk)
    if (!peer.queuedForTurn) this.#turn(peer)
  }

  #flushed(id: PeerId, bytes: number): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    peer.sent.bytes += bytes
    peer.sent.lastAt = this.#now.unix
    peer.sendQueue.flushed(bytes, this.#now.mono)
    if (peer.readingPaused && !peer.queuedForTurn && !peer.mustWait) this.#resume(peer)
  }

  #closed(id: PeerId, error: string | undefined): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    this.#forget(peer, error === undefined ? 'closedByPeer' : 'connectionLost', error)
  }

  #tick(): void {
    const backlog = this.#backlog
    this.#backlog = []
    for (const peer of backlog) {
      peer.queuedForTurn = false
      if (this.peers.get(peer.id) === peer) this.#turn(peer)
    }
    if (this.#now.mono >= this.#wakeAt) this.#checkPeers()
    this.#dialDue()
  }

  /** Looks at every peer: who has been silent for too long, who is to be pinged. */
  #checkPeers(): void {
    this.#wakeAt = NEVER
    const { mono } = this.#now
    for (const peer of this.peers.all()) {
      const reason = peer.timeout(mono)
      if (reason !== undefined) {
        this.#disconnect(peer, reason, false)
        continue
      }
      if (peer.pings.nextPingAt !== undefined && mono >= peer.pings.nextPingAt) {
        this.#sender.ping(peer, this.#now)
      }
      this.#settle(peer)
    }
  }

  #dialDue(): void {
    if (this.#stopping) return
    for (const { ticket, target, address } of this.targets.planDials(this.#now.mono, this.peers.room)) {
      this.#effects.push({ type: 'dial', ticket, target, timeoutMs: DIAL_TIMEOUT_MS })
      this.#event({ type: 'dialing', address })
    }
  }

  #turn(peer: Peer): void {
    this.#processor.turn(peer, this.#now)
    peer.noteFrame(this.#now.mono)
    this.#settle(peer)
  }

  /** After anything that concerns a peer: hands over its output, and decides whether to go on reading. */
  #settle(peer: Peer): void {
    // A message of it, or to it, may have ended the peer.
    if (this.peers.get(peer.id) !== peer) return
    const chunks = peer.sendQueue.take(this.#now.mono)
    if (chunks !== undefined) this.#effects.push({ type: 'write', peer: peer.id, chunks })
    this.#reportCongestion(peer)
    if (peer.mustWait) {
      this.#pause(peer)
    } else if (peer.decoder.hasInput) {
      this.#pause(peer)
      if (!peer.queuedForTurn) this.#backlog.push(peer)
      peer.queuedForTurn = true
    } else if (peer.readingPaused) {
      peer.readingPaused = false
      this.#effects.push({ type: 'resumeReading', peer: peer.id })
    }
    this.#watch(peer)
  }

  #pause(peer: Peer): void {
    if (peer.readingPaused) return
    peer.readingPaused = true
    this.#effects.push({ type: 'pauseReading', peer: peer.id })
  }

  /** Once each time that too much waits; reading may have been paused before, for another reason. */
  #reportCongestion(peer: Peer): void {
    const { congested, bytes } = peer.sendQueue
    if (congested && !peer.congestionReported)
      this.#event({ type: 'congested', peer: peer.id, queuedBytes: bytes })
    peer.congestionReported = congested
  }

  /** Goes on with a peer that had to wait. Its silence meanwhile was our doing. */
  #resume(peer: Peer): void {
    peer.waitIsOver(this.#now.mono)
    this.#turn(peer)
  }

  #watch(peer: Peer): void {
    this.#wakeAt = monoMs(Math.min(this.#wakeAt, peer.nextDeadline()))
  }

  #offend(peer: Peer, offence: Offence, detail: BrokenStream | SkippedFrame | MessageError): void {
    const { points, closes } = ruleOf(offence)
    const score = peer.addPoints(points, this.#now.mono)
    this.#event({ type: 'offence', peer: peer.id, offence, points, score, detail })
    if (closes !== undefined)
      this.#disconnect(peer, closes, false, 'detail' in detail ? detail.detail : undefined)
    else if (score >= MISBEHAVIOUR_LIMIT) this.#banishment.sendAway(peer, score, this.#now.unix)
  }

  /** Ends a connection from our side. */
  #disconnect(peer: Peer, reason: DisconnectReason, deliver: boolean, detail?: string): void {
    if (this.peers.get(peer.id) !== peer) return
    const chunks = deliver ? peer.sendQueue.take(this.#now.mono) : undefined
    if (chunks !== undefined) this.#effects.push({ type: 'write', peer: peer.id, chunks })
    this.#effects.push({ type: 'close', peer: peer.id, deliver })
    this.#forget(peer, reason, detail)
  }

  /** Drops everything that is keyed by the peer, and plans anew. */
  #forget(peer: Peer, reason: DisconnectReason, detail: string | undefined): void {
    this.peers.remove(peer)
    if (peer.queuedForTurn) this.#backlog = this.#backlog.filter((other) => other !== peer)
    const { id, address, inbound } = peer
    const wasReady = peer.state === 'ready'
    // What was handed over and is still to be delivered counts as sent.
    const bytesSent = peer.sent.bytes + peer.sendQueue.bytes
    const totals = { bytesSent, bytesReceived: peer.received.bytes }
    const more = detail === undefined ? {} : { detail }
    this.#event({ type: 'disconnected', peer: id, address, inbound, wasReady, ...totals, reason, ...more })
    if (reason === 'selfConnection' && !inbound) {
      this.targets.forgetSelf(id)
      this.#event({ type: 'selfTarget', address })
    }
    const readyMs = peer.readyAt === undefined ? 0 : this.#now.mono - peer.readyAt
    this.targets.disconnected(id, readyMs, MISFITS.has(reason), this.#now.mono)
  }

  #command(command: Command): void {
    if (command.type === 'shutdown') return this.#shutdown()
    if (command.type === 'addTarget') {
      this.targets.add(command.target, command.keep, this.#now.mono)
      return this.#dialDue()
    }
    if (command.type === 'removeTarget') return void this.targets.delete(command.target)
    if (command.type === 'pingAll') return this.#pingAll()
    if (command.type === 'setBan' || command.type === 'removeBan' || command.type === 'clearBans') {
      return this.#banishment.command(command, this.#now.unix)
    }
    const peer = this.peers.get(command.peer)
    if (peer === undefined) return
    if (command.type === 'disconnect') return this.#disconnect(peer, 'requested', true)
    if (command.type === 'send') {
      if (peer.state === 'ready' && this.#sender.send(peer, command.message)) this.#settle(peer)
      return
    }
    if (peer.held === command.held) return
    peer.held = command.held
    if (command.held) this.#settle(peer)
    else if (!peer.mustWait) this.#resume(peer)
  }

  #pingAll(): void {
    for (const peer of this.peers.all()) {
      if (peer.state !== 'ready') continue
      this.#sender.ping(peer, this.#now)
      this.#settle(peer)
    }
  }

  #shutdown(): void {
    this.#stopping = true
    for (const peer of this.peers.all()) this.#disconnect(peer, 'shutdown', true)
  }

  #event(event: NodeEvent): void {
    this.#effects.push({ type: 'event', event })
  }
}

/** Ends after which the same would happen again at once. */
const MISFITS: ReadonlySet<DisconnectReason> = new Set(['wrongGenesis', 'obsoleteVersion', 'rejectedByPeer'])
const NEVER = monoMs(Number.POSITIVE_INFINITY)
const NO_EFFECTS: readonly Effect[] = []
