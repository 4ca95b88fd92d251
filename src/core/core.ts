/**
 * The node without its surroundings: one synchronous, deterministic function of its inputs. Whoever drives it
 * gives inputs with the time, does the effects in order, calls again at `nextDeadline`, and at once while
 * `hasBacklog`. Same options, same inputs: same effects.
 */
import type { Chain, CreateChain } from '../chain/chain.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { Peer } from '../peer/peer.ts'
import { AddressBook } from '../pool/address-book.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import { BanList } from '../pool/ban-list.ts'
import type { ManualTargets } from '../pool/manual-targets.ts'
import { OwnAddress } from '../pool/own-address.ts'
import { PeerManager } from '../pool/peer-manager.ts'
import { type ConnectionId, type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import { type Endpoint, isRoutable, isUnspecified } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { BlockSync } from '../sync/block-sync.ts'
import { AddressKeeper } from './address-keeper.ts'
import { ChainRoom } from './chain-room.ts'
import { PeerEnds } from './ends.ts'
import { AddressGossip } from './gossip.ts'
import { Inbound } from './inbound.ts'
import type { CoreOptions } from './options.ts'
import { Outbound } from './outbound.ts'
import { Outbox } from './outbox.ts'
import { PeerCommands } from './peer-commands.ts'
import { MessageProcessor } from './processor.ts'
import type { Command, Effect, Input } from './seam.ts'
import { MessageSender } from './sender.ts'
import { Turns } from './turns.ts'

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
  readonly #ends: PeerEnds
  readonly #room: ChainRoom | undefined
  /** Peers for whom something was queued while the input at hand was taken. */
  #addressed: Peer[] = []
  #listenPort: number | undefined
  #stopping = false

  constructor(options: CoreOptions, now: Now) {
    const { network, identity, random } = options
    this.#outbox = new Outbox(now)
    this.#listenPort = options.listenPort
    this.peers = new PeerManager(network.magic, options.limits, random.fork('peers'), network.chain)
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
      height: () => this.#room?.height,
      queued: (peer) => this.#addressed.push(peer),
      queueFull: (peer) => this.#disconnect(peer, 'sendQueueFull'),
    })
    this.#ends = this.#createEnds(options)
    this.#outbound = this.#createOutbound(options)
    this.#inbound = new Inbound({
      outbox: this.#outbox,
      peers: this.peers,
      bans: this.bans,
      awaited: () => this.#outbound.awaited,
      disconnect: (peer, reason) => this.#disconnect(peer, reason),
    })
    for (const target of options.targets ?? []) this.targets.add(target, true, now.mono)
    this.#gossip = this.#createGossip(network, random.fork('gossip'))
    if (options.chain !== undefined) this.#room = this.#createRoom(options.chain, options)
    const processor = this.#createProcessor(options)
    this.#turns = new Turns(this.#outbox, this.peers, processor, {
      disconnect: (peer, reason) => this.#disconnect(peer, reason),
    })
    const disconnect = (peer: Peer): void => this.#ends.disconnect(peer, 'requested', true)
    this.#peerCommands = new PeerCommands(this.#outbox, this.peers, this.#sender, this.#turns, disconnect)
  }

  get targets(): ManualTargets {
    return this.#outbound.targets
  }

  /** Undefined if the node has none. To be read only; changes go by the command `withChain`. */
  get chain(): Chain | undefined {
    return this.#room?.chain
  }

  /** Undefined if the node has no chain. */
  get sync(): BlockSync | undefined {
    return this.#room?.sync
  }

  /** Undefined without a chain, or where transactions mean nothing to it. To be read only. */
  get mempool(): Mempool | undefined {
    return this.#room?.transactions?.mempool
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
      this.#stopping ? NEVER : (this.#room?.nextDeadline ?? NEVER),
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
      case 'ioDone':
        this.#room?.ioDone(input.id, input.result)
        break
      default:
        this.#command(input)
    }
    this.#room?.finish(now)
    this.#deliver()
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
    if (this.#room !== undefined) keyed.push(...this.#room.keyedIds())
    for (const id of keyed)
      if (this.peers.get(id) === undefined) throw new Error(`dead peer ${id} in a table`)
    for (const part of [this.peers, this.addresses, this.#turns]) part.assertConsistent()
  }

  #createEnds(options: CoreOptions): PeerEnds {
    return new PeerEnds({
      options,
      outbox: this.#outbox,
      peers: this.peers,
      bans: this.bans,
      forget: (peer) => {
        this.#turns.forget(peer)
        this.#room?.forget(peer.id)
      },
      ended: (peer, reason) => this.#outbound.disconnected(peer, reason),
    })
  }

  #createRoom(create: CreateChain, { network, random, mempoolBytes }: CoreOptions): ChainRoom {
    return new ChainRoom(create, random.fork('relay'), {
      network,
      mempoolBytes,
      outbox: this.#outbox,
      peers: this.peers,
      sender: this.#sender,
      offend: (peer, offence, detail) => this.#ends.offend(peer, offence, detail),
      disconnect: (peer, reason, detail) => this.#ends.disconnect(peer, reason, false, detail),
      touched: (peer) => this.#addressed.push(peer),
      sendingBytes: () => this.#turns.heldBytes.toSend,
    })
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
      learned: () => this.#outbound.plan?.learned(this.#outbox.now.mono),
      watch: (peer) => this.#turns.watch(peer),
    })
  }

  #createProcessor({ network, traceMessages, deliverMessages }: CoreOptions): MessageProcessor {
    return new MessageProcessor({
      network,
      peers: this.peers,
      sender: this.#sender,
      gossip: this.#gossip,
      room: this.#room,
      tracing: traceMessages ?? false,
      delivering: deliverMessages ?? false,
      event: (event) => this.#outbox.event(event),
      disconnect: (peer, reason, deliver, _, detail) => this.#ends.disconnect(peer, reason, deliver, detail),
      offend: (peer, offence, detail) => this.#ends.offend(peer, offence, detail),
      watch: (peer) => this.#turns.watch(peer),
      promote: (peer) => {
        const replaced = this.#outbound.promote(peer)
        if (replaced !== undefined) this.#disconnect(replaced, 'replaced')
        return replaced !== undefined
      },
      complete: (peer) => {
        const twin = this.#outbound.complete(peer)
        if (twin !== undefined) this.#disconnect(twin, 'duplicate')
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
    this.#room?.flushed(peer)
    this.#turns.flushed(peer)
  }

  #closed(id: PeerId, error: string | undefined): void {
    const peer = this.peers.get(id)
    if (peer !== undefined) this.#ends.closed(peer, error)
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
        this.#disconnect(peer, reason)
        continue
      }
      if (peer.pings.nextPingAt !== undefined && now.mono >= peer.pings.nextPingAt)
        this.#sender.ping(peer, now)
      this.#gossip.due(peer, now)
      this.#turns.release(peer)
      this.#turns.settle(peer)
    }
  }

  #disconnect(peer: Peer, reason: DisconnectReason): void {
    this.#ends.disconnect(peer, reason, false)
  }

  /** Hands over what was said to others than the peer at hand, and goes on with those who had to wait. */
  #deliver(): void {
    if (this.#addressed.length === 0) return
    const addressed = this.#addressed
    this.#addressed = []
    for (const peer of addressed)
      if (peer.sendQueue.hasCollected || (peer.readingPaused && !peer.mustWait)) this.#turns.settle(peer)
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
      case 'withChain':
      case 'requestBlocks':
        return this.#room?.command(command)
      case 'pingAll':
        return this.#peerCommands.pingAll()
      case 'setBan':
      case 'removeBan':
      case 'clearBans':
        return this.#ends.banishment.command(command, unix)
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
    for (const peer of this.peers.all()) this.#ends.disconnect(peer, 'shutdown', true)
    this.#room?.stop()
  }
}
