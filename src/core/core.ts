/**
 * The node without its surroundings: one synchronous, deterministic function of its inputs. Whoever drives it
 * gives inputs with the time, does the effects in order, calls again at `nextDeadline`, and at once while
 * `hasBacklog`. Same options, same inputs: same effects.
 */
import type { BrokenStream, SkippedFrame } from '../framing/decoder.ts'
import { MISBEHAVIOUR_LIMIT } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import { type Offence, ruleOf } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import { AddressBook } from '../pool/address-book.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import { type Ban, BanList } from '../pool/ban-list.ts'
import type { ManualTargets } from '../pool/manual-targets.ts'
import { OwnAddress } from '../pool/own-address.ts'
import { type ConnectionLimits, PeerManager } from '../pool/peer-manager.ts'
import { type ConnectionId, type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type Endpoint, type HostPort, type IpBytes, isRoutable, isUnspecified } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { MessageError } from '../wire/messages.ts'
import { AddressKeeper } from './address-keeper.ts'
import { Banishment } from './banishment.ts'
import { AddressGossip } from './gossip.ts'
import { Inbound } from './inbound.ts'
import { type AutomaticOptions, Outbound } from './outbound.ts'
import { Outbox } from './outbox.ts'
import { PeerCommands } from './peer-commands.ts'
import { MessageProcessor } from './processor.ts'
import type { Command, Effect, Input } from './seam.ts'
import { type Identity, MessageSender } from './sender.ts'
import { Turns } from './turns.ts'

export interface CoreOptions {
  readonly network: NetworkParams
  readonly identity: Identity
  readonly limits: ConnectionLimits
  readonly random: RandomSource
  /** Peers to be connected to from the start. */
  readonly targets?: readonly HostPort[]
  /** How to find peers by itself; left out: only those that were named. */
  readonly automatic?: AutomaticOptions | undefined
  /** The address book as it was saved. */
  readonly addresses?: SavedAddresses | undefined
  /** Where others reach us, if the operator says so. */
  readonly ownAddress?: IpBytes | undefined
  /** At which port, until a `listening` command says. */
  readonly listenPort?: number | undefined
  /** Who is refused from the start. */
  readonly bans?: Iterable<Ban>
  /** Emit `sent`, `received`, `ignored` and `skipped` for every message. Costs throughput. */
  readonly traceMessages?: boolean
  /** Emit `message` events, for an embedding program. */
  readonly deliverMessages?: boolean
}

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class NodeCore {
  readonly peers: PeerManager
  readonly bans: BanList
  readonly addresses: AddressBook
  readonly ownAddress: OwnAddress
  readonly #outbox: Outbox
  readonly #inbound: Inbound
  readonly #outbound: Outbound
  readonly #keeper: AddressKeeper
  readonly #gossip: AddressGossip
  readonly #sender: MessageSender
  readonly #turns: Turns
  readonly #peerCommands: PeerCommands
  readonly #banishment: Banishment
  #listenPort: number | undefined
  #stopping = false

  constructor(options: CoreOptions, now: Now) {
    const { network, identity, random } = options
    this.#outbox = new Outbox(now)
    this.#listenPort = options.listenPort
    this.peers = new PeerManager(network.magic, options.limits, random.fork('peers'))
    this.bans = new BanList(options.bans)
    this.addresses = new AddressBook(random.fork('addresses'), options.addresses)
    const seeds = options.automatic?.fixedSeeds ?? []
    this.#keeper = new AddressKeeper(
      this.addresses,
      this.peers,
      this.#outbox,
      options.addresses?.anchors ?? [],
      seeds,
    )
    this.ownAddress = new OwnAddress(options.ownAddress, network.sharesPrivateAddresses)
    this.#sender = new MessageSender(network, identity, random.fork('sender'), {
      tracing: options.traceMessages ?? false,
      event: (event) => this.#outbox.event(event),
      queueFull: (peer) => this.#disconnect(peer, 'sendQueueFull', false),
    })
    this.#outbound = this.#createOutbound(options)
    this.#inbound = new Inbound({
      outbox: this.#outbox,
      peers: this.peers,
      bans: this.bans,
      awaited: () => this.#outbound.awaited,
      disconnect: (peer, reason) => this.#disconnect(peer, reason, false),
    })
    for (const target of options.targets ?? []) this.targets.add(target, true, now.mono)
    this.#gossip = this.#createGossip(network, random.fork('gossip'))
    this.#banishment = new Banishment(this.bans, this.peers, {
      event: (event) => this.#outbox.event(event),
      disconnect: (peer, reason) => this.#disconnect(peer, reason, false),
      isSeed: (ip) => seeds.some((seed) => bytesEqual(seed.ip, ip)),
    })
    const processor = this.#createProcessor(options)
    this.#turns = new Turns(this.#outbox, this.peers, processor, {
      disconnect: (peer, reason) => this.#disconnect(peer, reason, false),
    })
    const disconnect = (peer: Peer): void => this.#disconnect(peer, 'requested', true)
    this.#peerCommands = new PeerCommands(this.#outbox, this.peers, this.#sender, this.#turns, disconnect)
  }

  get targets(): ManualTargets {
    return this.#outbound.targets
  }

  /** Peers of our own choice that are still wanted; undefined if we choose none. */
  get missingOutbound(): number | undefined {
    return this.#outbound.plan?.missing
  }

  /** Does input wait only for its turn? Then a `tick` is due now. */
  get hasBacklog(): boolean {
    return this.#turns.hasBacklog
  }

  /** Bytes that all peers together make us hold. */
  get heldBytes(): { readonly received: number; readonly toSend: number } {
    return this.#turns.heldBytes
  }

  /** When the next `tick` is due at the latest; undefined if only another input can change anything. */
  nextDeadline(): MonoMs | undefined {
    const next = Math.min(
      this.#turns.wakeAt,
      this.#outbound.nextDeadline,
      this.#stopping ? NEVER : this.#keeper.nextAt,
    )
    return next === NEVER ? undefined : monoMs(next)
  }

  /** Takes one input and returns what is to be done about it, in order. */
  handle(input: Input, now: Now): readonly Effect[] {
    this.#outbox.now = now
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
        this.#outbound.dialed(input.ticket, input.connection, input.remote)
        break
      case 'dialFailed':
        this.#outbound.dialFailed(input.ticket, input.error)
        break
      case 'resolved':
        if (!this.#stopping) this.#outbound.resolved(input.addresses)
        break
      case 'closed':
        this.#closed(input.peer, input.error)
        break
      default:
        this.#command(input)
    }
    this.#keeper.plan()
    return this.#outbox.take()
  }

  /** The address book as it should be saved, with the peers to be connected to first after a restart. */
  savedAddresses(): SavedAddresses {
    return this.#keeper.content()
  }

  /** Throws if a table is keyed by a dead peer, or miscounts. For tests: it looks at everything. */
  assertConsistent(): void {
    const keyed = [...this.peers.keyedIds(), ...this.targets.keyedIds(), ...this.#turns.queuedIds]
    for (const id of keyed)
      if (this.peers.get(id) === undefined) throw new Error(`dead peer ${id} in a table`)
    this.addresses.assertConsistent()
    this.#turns.assertConsistent()
  }

  #createOutbound({ network, automatic, addresses, random }: CoreOptions): Outbound {
    const hooks = {
      outbox: this.#outbox,
      peers: this.peers,
      book: this.addresses,
      bans: this.bans,
      own: this.ownAddress,
      network,
      anchors: addresses?.anchors ?? [],
      mayKnow: ({ ip }: Endpoint) => isRoutable(ip) || (network.sharesPrivateAddresses && !isUnspecified(ip)),
      greet: (peer: Peer) => {
        this.#sender.version(peer, this.#outbox.now)
        this.#turns.settle(peer)
      },
    }
    return new Outbound(hooks, automatic, random)
  }

  #createGossip(network: NetworkParams, random: RandomSource): AddressGossip {
    return new AddressGossip({
      network,
      peers: this.peers,
      book: this.addresses,
      own: this.ownAddress,
      sender: this.#sender,
      random,
      listenPort: () => this.#listenPort,
      event: (event) => this.#outbox.event(event),
      learned: () => this.#outbound.plan?.hurry(this.#outbox.now.mono),
      watch: (peer) => this.#turns.watch(peer),
    })
  }

  #createProcessor({ network, traceMessages, deliverMessages }: CoreOptions): MessageProcessor {
    return new MessageProcessor({
      network,
      peers: this.peers,
      sender: this.#sender,
      gossip: this.#gossip,
      tracing: traceMessages ?? false,
      delivering: deliverMessages ?? false,
      event: (event) => this.#outbox.event(event),
      disconnect: (peer, reason, deliver, _, detail) => this.#disconnect(peer, reason, deliver, detail),
      offend: (peer, offence, detail) => this.#offend(peer, offence, detail),
      watch: (peer) => this.#turns.watch(peer),
      promote: (peer) => {
        const replaced = this.#outbound.promote(peer)
        if (replaced !== undefined) this.#disconnect(replaced, 'replaced', false)
        return replaced !== undefined
      },
      complete: (peer) => {
        const twin = this.#outbound.complete(peer)
        if (twin !== undefined) this.#disconnect(twin, 'duplicate', false)
      },
      isAlive: (peer) => this.peers.get(peer.id) === peer,
    })
  }

  #accepted(connection: ConnectionId, remote: Endpoint): void {
    const peer = this.#inbound.accepted(connection, remote)
    if (peer !== undefined) this.#turns.watch(peer)
  }

  #bytes(id: PeerId, chunk: Uint8Array): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    const { mono, unix } = this.#outbox.now
    peer.received.bytes += chunk.length
    peer.received.lastAt = unix
    peer.lastLifeAt = mono
    peer.allowance.use(0, chunk.length)
    peer.decoder.push(chunk)
    this.#turns.heard(peer)
  }

  #flushed(id: PeerId, bytes: number): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    const { mono, unix } = this.#outbox.now
    peer.sent.bytes += bytes
    peer.sent.lastAt = unix
    peer.sendQueue.flushed(bytes, mono)
    this.#turns.flushed(peer)
  }

  #closed(id: PeerId, error: string | undefined): void {
    const peer = this.peers.get(id)
    if (peer !== undefined) this.#forget(peer, error === undefined ? 'closedByPeer' : 'connectionLost', error)
  }

  #tick(): void {
    const { mono } = this.#outbox.now
    this.#turns.round()
    if (mono >= this.#turns.wakeAt) this.#checkPeers()
    this.#outbound.due()
    this.#keeper.due()
  }

  /** Looks at the peers that are due: who has been silent for too long, who is to be pinged or told something. */
  #checkPeers(): void {
    const { now } = this.#outbox
    this.#gossip.tick(now)
    for (const peer of this.#turns.takeDue()) {
      // What became of another may have ended it.
      if (this.peers.get(peer.id) !== peer) continue
      const reason = peer.timeout(now.mono)
      if (reason !== undefined) {
        this.#disconnect(peer, reason, false)
        continue
      }
      if (peer.pings.nextPingAt !== undefined && now.mono >= peer.pings.nextPingAt)
        this.#sender.ping(peer, now)
      this.#gossip.due(peer, now)
      this.#turns.release(peer)
      this.#turns.settle(peer)
    }
  }

  #offend(peer: Peer, offence: Offence, detail: BrokenStream | SkippedFrame | MessageError): void {
    const { points, closes, bannable } = ruleOf(offence)
    const score = peer.addPoints(points, this.#outbox.now.mono)
    this.#outbox.event({ type: 'offence', peer: peer.id, offence, points, score, detail })
    if (closes !== undefined)
      this.#disconnect(peer, closes, false, 'detail' in detail ? detail.detail : undefined)
    else if (score >= MISBEHAVIOUR_LIMIT)
      this.#banishment.sendAway(peer, bannable, score, this.#outbox.now.unix)
  }

  /** Ends a connection from our side. */
  #disconnect(peer: Peer, reason: DisconnectReason, deliver: boolean, detail?: string): void {
    if (this.peers.get(peer.id) !== peer) return
    const chunks = deliver ? peer.sendQueue.take(this.#outbox.now.mono) : undefined
    if (chunks !== undefined) this.#outbox.push({ type: 'write', peer: peer.id, chunks })
    this.#outbox.push({ type: 'close', peer: peer.id, deliver })
    this.#forget(peer, reason, detail)
  }

  /** Drops everything that is keyed by the peer, and plans anew. */
  #forget(peer: Peer, reason: DisconnectReason, detail: string | undefined): void {
    this.peers.remove(peer)
    this.#turns.forget(peer)
    const { id, address, inbound, kind } = peer
    const wasReady = peer.state === 'ready'
    // What was handed over and is still to be delivered counts as sent.
    const bytesSent = peer.sent.bytes + peer.sendQueue.bytes
    const totals = { bytesSent, bytesReceived: peer.received.bytes }
    const more = { reason, ...(detail === undefined ? {} : { detail }) }
    this.#outbox.event({
      type: 'disconnected',
      peer: id,
      address,
      inbound,
      kind,
      wasReady,
      ...totals,
      ...more,
    })
    this.#outbound.disconnected(peer, reason)
  }

  #command(command: Command): void {
    const { mono, unix } = this.#outbox.now
    switch (command.type) {
      case 'shutdown':
        return this.#shutdown()
      case 'addTarget':
        this.targets.add(command.target, command.keep, mono)
        return this.#outbound.due()
      case 'removeTarget':
        return void this.targets.delete(command.target)
      case 'listening':
        this.#listenPort = command.port
        return
      case 'addAddress':
        return this.#outbound.addAddress(command.endpoint, command.tried)
      case 'pingAll':
        return this.#peerCommands.pingAll()
      case 'setBan':
      case 'removeBan':
      case 'clearBans':
        return this.#banishment.command(command, unix)
      default:
        return this.#peerCommands.run(command)
    }
  }

  #shutdown(): void {
    this.#stopping = true
    // While they are there, so that the anchors are known.
    this.#keeper.content()
    this.#outbound.stop()
    this.#inbound.stopped = true
    for (const peer of this.peers.all()) this.#disconnect(peer, 'shutdown', true)
  }
}
