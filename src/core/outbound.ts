/**
 * Connections that we open: to whom the operator names, and to peers of our own choice. Joins both plans with the
 * table of peers, and asks seeds when nobody else is known.
 */
import { DIAL_TIMEOUT_MS } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { ConnectionKind, Peer } from '../peer/peer.ts'
import type { AddressBook } from '../pool/address-book.ts'
import type { BanList } from '../pool/ban-list.ts'
import { BUSY_WITHIN_MS, endpointKey } from '../pool/known-address.ts'
import { ManualTargets, ticketCounter } from '../pool/manual-targets.ts'
import { type Flight, isKept, OutboundPlan } from '../pool/outbound-plan.ts'
import type { OwnAddress } from '../pool/own-address.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { Seeding } from '../pool/seeding.ts'
import { type ConnectionId, type DialTicket, unixSeconds } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type Endpoint, type HostPort, type IpBytes, isRoutable, isUnspecified } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import { NODE_NETWORK } from '../wire/address.ts'
import type { Outbox } from './outbox.ts'

/** How a node finds peers by itself. */
export interface AutomaticOptions {
  /** Peers of our own choice in all, and how many of them are for blocks only. */
  readonly outbound: number
  readonly blockRelay: number
  /** Test addresses from time to time. */
  readonly feelers: boolean
  readonly dnsSeeds: readonly string[]
  readonly fixedSeeds: readonly Endpoint[]
  /** Dialled once at the start, to be told addresses. */
  readonly seedNodes: readonly HostPort[]
  /** Can such an address be reached from here? Default: any. */
  readonly reachable?: (ip: IpBytes) => boolean
}

export interface OutboundHooks {
  readonly outbox: Outbox
  readonly peers: PeerManager
  readonly book: AddressBook
  readonly bans: BanList
  readonly own: OwnAddress
  readonly network: NetworkParams
  readonly anchors: readonly Endpoint[]
  /** May such an address stand in the address book of this network? */
  mayKnow(endpoint: Endpoint): boolean
  /** The connection is there: speak first. */
  greet(peer: Peer): void
}

/** Ends after which the same would happen again at once. */
const MISFITS: ReadonlySet<DisconnectReason> = new Set(['wrongGenesis', 'obsoleteVersion', 'rejectedByPeer'])
/** Ends for what a peer did: it is not dialled again at once, while others may be better. */
const SENT_AWAY: ReadonlySet<DisconnectReason> = new Set([
  'badMagic',
  'badCommand',
  'oversizedMessage',
  'badChecksum',
  'misbehaving',
  'slowMessage',
  'sendQueueFull',
  'overBudget',
  'stalled',
  'lagging',
])
/** Not the address's fault: nothing can be reached. */
const NO_NETWORK =
  /^proxy \S|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EMFILE|ENFILE|no route to the network|no such address|too many open files/
const MAX_SELVES = 64
const DAY_SECONDS = 86_400

export class Outbound {
  readonly targets: ManualTargets
  readonly plan: OutboundPlan | undefined
  readonly #hooks: OutboundHooks
  readonly #options: AutomaticOptions | undefined
  readonly #random: RandomSource
  readonly #seeding: Seeding | undefined
  /** Endpoints that turned out to be this node. */
  readonly #selves = new Set<string>()
  #stopped = false

  constructor(hooks: OutboundHooks, options: AutomaticOptions | undefined, random: RandomSource) {
    const tickets = ticketCounter()
    this.#hooks = hooks
    this.#options = options
    this.#random = random.fork('seeds')
    this.targets = new ManualTargets(random.fork('targets'), tickets)
    if (options === undefined) return
    const { mono } = hooks.outbox.now
    const plan = {
      ...options,
      anchors: hooks.anchors,
      // The first release knows no such messages, and may not get rid of connections that were closed.
      tellAddresses: hooks.network.dialect !== 'v1',
      reserved: () => this.targets.missing,
      mayDial: (endpoint: Endpoint) => this.#mayDial(endpoint),
    }
    this.plan = new OutboundPlan(plan, hooks.book, hooks.peers, random.fork('outbound'), tickets, mono)
    const hasDns = options.dnsSeeds.length > 0
    this.#seeding = new Seeding(hasDns, options.fixedSeeds.length > 0, hooks.book.size, mono)
    if (options.seedNodes.length > 0)
      hooks.outbox.event({ type: 'seeding', by: 'seednode', count: options.seedNodes.length })
  }

  /** Connections that we still want to open; inbound peers may not take their slots. */
  get awaited(): number {
    return this.targets.missing + (this.plan?.missing ?? 0)
  }

  /** When {@link due} has something to do, at the latest. */
  get nextDeadline(): number {
    if (this.#stopped) return Number.POSITIVE_INFINITY
    const targets = this.targets.nextDeadline(this.#hooks.peers.room) ?? Number.POSITIVE_INFINITY
    return Math.min(targets, this.plan?.nextAt ?? targets, this.#seeding?.nextAt ?? targets)
  }

  /** Dials who is due, and asks seeds if that is. */
  due(): void {
    if (this.#stopped) return
    const { outbox, peers } = this.#hooks
    const { now } = outbox
    for (const { ticket, target, address } of this.targets.planDials(now.mono, peers.room)) {
      outbox.push({ type: 'dial', ticket, target, timeoutMs: DIAL_TIMEOUT_MS })
      outbox.event({ type: 'dialing', address, kind: 'manual' })
    }
    if (this.plan === undefined) return
    this.#seed()
    for (let flight = this.plan.plan(now); flight !== undefined; flight = this.plan.plan(now)) {
      const { ticket, target, address, kind } = flight
      outbox.push({ type: 'dial', ticket, target, timeoutMs: DIAL_TIMEOUT_MS })
      outbox.event({ type: 'dialing', address, kind })
    }
  }

  /** A dial succeeded. Adopts the connection or, if it is no longer wanted, refuses it. */
  dialed(ticket: DialTicket, connection: ConnectionId, remote: Endpoint): void {
    const { outbox, bans } = this.#hooks
    const target = this.targets.byTicket(ticket)
    const flight = this.plan?.landed(ticket)
    const refuse = (): void => outbox.push({ type: 'refuse', connection })
    if (this.#stopped) return refuse()
    const same = flight?.kind === 'seed' ? undefined : this.#outboundTo(remote)
    if (target !== undefined) {
      // Two names of one peer: it is connected already.
      if (same !== undefined) this.targets.connected(ticket, same.id)
      if (same !== undefined) return refuse()
      if (this.#hooks.peers.room === 0) {
        refuse()
        return this.dialFailed(ticket, 'all connections are taken')
      }
      const peer = this.#adopt(target.keep ? 'manual' : 'oneTry', remote, target.address, connection)
      this.targets.connected(ticket, peer.id)
      return this.#hooks.greet(peer)
    }
    // Many may have come meanwhile; a probe is over soon and takes nobody's slot.
    const isFull = this.#hooks.peers.room === 0 && flight?.kind !== 'feeler'
    const isBanned = flight?.endpoint !== undefined && bans.covers(remote.ip, outbox.now.unix)
    if (flight === undefined || same !== undefined || isFull || isBanned) {
      if (flight !== undefined) this.plan?.hurry(outbox.now.mono)
      return refuse()
    }
    const peer = this.#adopt(flight.kind, remote, flight.address, connection)
    peer.explores = flight.explores
    this.#hooks.greet(peer)
  }

  dialFailed(ticket: DialTicket, error: string): void {
    if (this.#stopped) return
    const { outbox } = this.#hooks
    const { mono } = outbox.now
    const target = this.targets.byTicket(ticket)
    const flight: Flight | undefined = this.plan?.landed(ticket)
    if (target !== undefined) {
      const retryMs = this.targets.dialFailed(ticket, mono)
      outbox.event({ type: 'dialFailed', address: target.address, error, retryMs, kind: 'manual' })
    } else if (flight !== undefined) {
      // Where others are reached, it is the address after all: of a family that this machine has no way to.
      this.plan?.dialFailed(flight, NO_NETWORK.test(error) && this.#isAlone, mono)
      const { address, kind } = flight
      outbox.event({ type: 'dialFailed', address, error, retryMs: undefined, kind })
    }
    this.due()
  }

  /** Names of seeds led to these addresses. */
  resolved(addresses: readonly IpBytes[]): void {
    const { outbox, network } = this.#hooks
    outbox.event({ type: 'seedsResolved', count: addresses.length })
    // Some name servers answer with an address of this machine instead of saying no.
    const usable = addresses
      .map((ip) => ({ ip, port: network.defaultPort }))
      .filter((endpoint) => this.#hooks.mayKnow(endpoint))
    this.#learn(usable)
    this.plan?.hurry(outbox.now.mono)
  }

  /** An operator, or a test, knows of somebody. */
  addAddress(endpoint: Endpoint, tried: boolean): void {
    const { outbox, book } = this.#hooks
    const { now } = outbox
    const address = { ...endpoint, time: now.unix, services: NODE_NETWORK }
    book.add([address], { ip: endpoint.ip, trust: 'vouched', penaltySeconds: 0 }, now.unix)
    if (tried) book.good(endpoint, now)
    this.plan?.hurry(now.mono)
  }

  /** The handshake is complete. Returns a peer that is not wanted any more, if there is one. */
  complete(peer: Peer): Peer | undefined {
    const { book, outbox, peers } = this.#hooks
    if (!peer.inbound) {
      this.#remember(peer)
      book.good(peer.remote, outbox.now)
    }
    return peers.needlessTwin(peer)
  }

  /** A probe that explores has succeeded: it becomes a peer like others. Returns whose slot it takes, if it does. */
  promote(peer: Peer): Peer | undefined {
    const youngest = peer.explores ? this.plan?.replaceableBy(peer) : undefined
    if (youngest !== undefined) peer.kind = 'automatic'
    return youngest
  }

  /** Whom an operator named may be of use to others too. Who was in the book when we dialled may have lost his place. */
  #remember({ kind, remote, version }: Peer): void {
    const { outbox, book } = this.#hooks
    if (book.find(remote) !== undefined || !this.#hooks.mayKnow(remote)) return
    const { unix } = outbox.now
    const address = { ...remote, services: version?.services ?? NODE_NETWORK, time: unix }
    const trust = kind === 'automatic' || kind === 'feeler' ? 'told' : 'vouched'
    book.add([address], { ip: remote.ip, trust, penaltySeconds: 0 }, unix)
  }

  disconnected(peer: Peer, reason: DisconnectReason): void {
    const { outbox, book } = this.#hooks
    const { now } = outbox
    const misfit = MISFITS.has(reason)
    if (reason === 'selfConnection' && !peer.inbound) {
      this.targets.forgetSelf(peer.id)
      if (this.#selves.size >= MAX_SELVES) this.#selves.clear()
      this.#selves.add(endpointKey(peer.remote))
      book.remove(peer.remote)
      outbox.event({ type: 'selfTarget', address: peer.address })
    }
    const readyMs = peer.readyAt === undefined ? 0 : now.mono - peer.readyAt
    this.targets.disconnected(peer.id, readyMs, misfit, now.mono)
    if (!peer.inbound && peer.readyAt !== undefined) {
      book.served(peer.remote, readyMs)
      // Others are told the time: it must not show whom we have for blocks only.
      if (peer.kind !== 'blockRelay') book.left(peer.remote, now.unix)
    }
    const wasCut = reason === 'closedByPeer' || reason === 'connectionLost'
    const wasSentAway = peer.readyAt !== undefined && SENT_AWAY.has(reason)
    this.plan?.disconnected(peer, misfit, wasSentAway || (wasCut && readyMs < BUSY_WITHIN_MS), now)
    if (isKept(peer.kind) && this.#chosen === 0) this.#seeding?.alone(now.mono)
  }

  /** Is no peer there that we dialled? */
  get #isAlone(): boolean {
    return ![...this.#hooks.peers.all()].some((peer) => !peer.inbound && peer.state === 'ready')
  }

  /** Peers of our own choice: whoever the operator named may know nobody. */
  get #chosen(): number {
    let chosen = 0
    for (const { kind, state } of this.#hooks.peers.all()) if (isKept(kind) && state === 'ready') chosen++
    return chosen
  }

  stop(): void {
    this.#stopped = true
  }

  #seed(): void {
    const { outbox } = this.#hooks
    const { mono } = outbox.now
    if (this.#seeding === undefined || this.#options === undefined || mono < this.#seeding.nextAt) return
    const chosen = this.#chosen
    const { dnsSeeds, fixedSeeds, outbound } = this.#options
    const connected = chosen >= outbound ? Number.POSITIVE_INFINITY : chosen
    while (mono >= this.#seeding.nextAt) {
      const step = this.#seeding.plan(connected, mono)
      if (step === 'dns') {
        outbox.event({ type: 'seeding', by: 'dns', count: dnsSeeds.length })
        outbox.push({ type: 'resolve', names: dnsSeeds })
      } else if (step === 'fixed') {
        outbox.event({ type: 'seeding', by: 'fixed', count: fixedSeeds.length })
        this.#learn(fixedSeeds)
        this.plan?.hurry(mono)
      }
    }
  }

  /** Seeds vouch for these; nobody knows when they were last seen. */
  #learn(endpoints: readonly Endpoint[]): void {
    const { outbox, book } = this.#hooks
    const { unix } = outbox.now
    for (const { ip, port } of endpoints) {
      const time = unixSeconds(Math.max(0, unix - 3 * DAY_SECONDS - this.#random.below(4 * DAY_SECONDS)))
      book.add(
        [{ ip, port, services: NODE_NETWORK, time }],
        { ip, trust: 'vouched', penaltySeconds: 0 },
        unix,
      )
    }
  }

  #adopt(kind: ConnectionKind, remote: Endpoint, address: string, connection: ConnectionId): Peer {
    const { outbox, peers, network } = this.#hooks
    const peer = peers.add(kind, remote, address, outbox.now)
    peer.mayBeFirstRelease = network.dialect === 'v1' && kind !== 'feeler'
    outbox.push({ type: 'adopt', connection, peer: peer.id })
    outbox.event({ type: 'connected', peer: peer.id, address, kind })
    return peer
  }

  #outboundTo({ ip, port }: Endpoint): Peer | undefined {
    for (const peer of this.#hooks.peers.all()) {
      // Through a proxy a name has no address.
      if (!isUnspecified(ip) && !peer.inbound && peer.remote.port === port && bytesEqual(peer.remote.ip, ip))
        return peer
    }
    return undefined
  }

  #mayDial(endpoint: Endpoint): boolean {
    const { bans, own, outbox } = this.#hooks
    if (this.#options?.reachable?.(endpoint.ip) === false) return false
    // One machine may run several nodes on loopback, but a routable address leads to one.
    if (own.ip !== undefined && isRoutable(own.ip) && bytesEqual(own.ip, endpoint.ip)) return false
    return !this.#selves.has(endpointKey(endpoint)) && !bans.covers(endpoint.ip, outbox.now.unix)
  }
}
