/**
 * The plan for peers of our own choice: eight, each in another network, two of them for blocks only. It is made
 * anew from what is connected and what is being dialled. Slots are filled from the address book so that hearsay of
 * strangers never gets more than MAX_TOLD_PEERS of them while better is known. Bounded by the slots.
 */
import {
  ADDRESS_MISFIT_MS,
  ADDRESS_RETRY_MIN_MS,
  ASK_AGAIN_GROWTH,
  ASK_AGAIN_MAX_MS,
  ASK_AGAIN_MIN_MS,
  AUTOMATIC_DIAL_INTERVAL_MS,
  FEELER_INTERVAL_MS,
  MAX_TOLD_PEERS,
  NO_CANDIDATE_WAIT_MS,
} from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import { type DialTicket, type MonoMs, monoMs, type Now } from '../primitives/brand.ts'
import { type Endpoint, formatHostPort, formatIp, type HostPort } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { AddressBook } from './address-book.ts'
import { type AddressClass, HEARSAY, PROVEN, STEADY, UNTESTED } from './address-classes.ts'
import { Hunger } from './hunger.ts'
import { endpointKey, type KnownAddress, nodeKey } from './known-address.ts'
import type { Dial } from './manual-targets.ts'
import { netGroup } from './net-group.ts'
import type { PeerManager } from './peer-manager.ts'

export type AutomaticKind = 'automatic' | 'blockRelay' | 'feeler' | 'seed'

export interface OutboundOptions {
  /** Peers of our own choice, in all. */
  readonly outbound: number
  /** How many of them are asked for blocks only. */
  readonly blockRelay: number
  readonly feelers: boolean
  /** Do nodes of this network tell addresses? Then some are asked again while too few are known. */
  readonly tellAddresses: boolean
  /** Dialled once at the start, to be told addresses. */
  readonly seedNodes: readonly HostPort[]
  /** Block-relay peers of last time. */
  readonly anchors: readonly Endpoint[]
  /** Connections that are kept for those whom the operator named. */
  readonly reserved: () => number
  /** May this address be dialled at all? */
  readonly mayDial: (ip: Endpoint) => boolean
}

export interface Flight extends Dial {
  readonly kind: AutomaticKind
  /** Undefined for a seed that has only a name. */
  readonly endpoint: Endpoint | undefined
  /** A probe that, if it succeeds, takes the slot of the youngest peer. */
  readonly explores: boolean
}

/** Every so many probes one looks elsewhere in the network, so that its parts don't lose each other for ever. */
const PROBES_PER_EXPLORATION = 4

/** An address that has failed or refused so often is not waited for. */
const HOPELESS_TRIES = 3

interface Taken {
  readonly slots: number
  /** Of these, those whose handshake is complete. */
  readonly ready: number
  readonly blockRelay: number
  readonly told: number
  readonly proven: number
  readonly groups: ReadonlySet<string>
  /** Nodes that a connection leads to or comes from. */
  readonly nodes: ReadonlySet<string>
}

export class OutboundPlan {
  readonly #options: OutboundOptions
  readonly #book: AddressBook
  readonly #peers: PeerManager
  readonly #random: RandomSource
  readonly #nextTicket: () => DialTicket
  readonly #flights = new Map<DialTicket, Flight>()
  readonly #seedNodes: HostPort[]
  readonly #anchors: Endpoint[]
  #nextAt: MonoMs
  #feelerAt: MonoMs
  readonly #hunger = new Hunger()
  #probes = 0
  #seedAt: MonoMs = monoMs(0)
  /** With a slot empty and nobody left to dial: when to ask for more addresses, and how long after that again. */
  #askAt: MonoMs | undefined
  #askWaitMs = ASK_AGAIN_MIN_MS

  constructor(
    options: OutboundOptions,
    book: AddressBook,
    peers: PeerManager,
    random: RandomSource,
    nextTicket: () => DialTicket,
    now: MonoMs,
  ) {
    this.#options = options
    this.#book = book
    this.#peers = peers
    this.#random = random
    this.#nextTicket = nextTicket
    this.#seedNodes = [...options.seedNodes]
    this.#anchors = options.anchors.slice(0, options.blockRelay)
    this.#nextAt = now
    this.#feelerAt = monoMs(now + this.#spread(FEELER_INTERVAL_MS))
  }

  /** Peers that we still want, beyond those connected; they keep their slots. */
  get missing(): number {
    let have = 0
    for (const peer of this.#peers.all()) if (isKept(peer.kind)) have++
    return Math.max(0, this.#options.outbound - have)
  }

  /** When {@link plan} has something to do at the latest. */
  get nextAt(): MonoMs {
    return this.#options.feelers ? monoMs(Math.min(this.#nextAt, this.#feelerAt)) : this.#nextAt
  }

  /** Something has changed: look again soon. */
  hurry(now: MonoMs): void {
    this.#nextAt = monoMs(Math.min(this.#nextAt, now + this.#spread(AUTOMATIC_DIAL_INTERVAL_MS)))
  }

  /** Addresses were learned, which are of use only while somebody is missing. */
  learned(now: MonoMs): void {
    if (this.#nextAt !== NEVER) this.hurry(now)
  }

  /** The next dial that is due, if any. It is taken as begun. */
  plan(now: Now): Flight | undefined {
    const { mono } = now
    if (mono >= this.#nextAt) {
      const flight = this.#nextDial(now)
      if (flight !== undefined) return flight
    }
    if (mono < this.#feelerAt) return undefined
    this.#feelerAt = monoMs(mono + this.#spread(FEELER_INTERVAL_MS))
    return this.#options.feelers ? this.#feeler(now) : undefined
  }

  /** The peer whose slot an exploration may take: the youngest that was not there for good. */
  get replaceable(): Peer | undefined {
    let youngest: Peer | undefined
    for (const peer of this.#peers.all()) {
      if (peer.kind !== 'automatic' || peer.readyAt === undefined) continue
      if (youngest === undefined || peer.connectedAt.mono > youngest.connectedAt.mono) youngest = peer
    }
    return youngest
  }

  /**
   * Whose slot a probe that explored takes now; undefined if nobody's. While it shook hands the slots may have
   * changed: its group must be new still, and whoever is proven gives way only to somebody who is, too.
   */
  replaceableBy(probe: Peer): Peer | undefined {
    const youngest = this.replaceable
    if (youngest === undefined) return undefined
    for (const peer of this.#peers.all())
      if (peer !== youngest && isKept(peer.kind) && peer.group === probe.group) return undefined
    const isProven = ({ remote }: Peer): boolean => this.#book.find(remote)?.trust === 'proven'
    return isProven(youngest) && !isProven(probe) ? undefined : youngest
  }

  /** Takes back the flight of a ticket; undefined if it is none of ours. */
  landed(ticket: DialTicket): Flight | undefined {
    const flight = this.#flights.get(ticket)
    this.#flights.delete(ticket)
    return flight
  }

  dialFailed({ kind, endpoint, target }: Flight, isOurFault: boolean, now: MonoMs): void {
    if (kind === 'seed' && endpoint === undefined) this.#askLater(target, now)
    if (endpoint !== undefined && !isOurFault) this.#book.failed(endpoint, now)
    if (isKept(kind)) this.hurry(now)
  }

  /** A seed node that is not there yet is asked again, as long as there is nobody else. */
  #askLater(target: HostPort, now: MonoMs): void {
    for (const { inbound, readyAt } of this.#peers.all()) if (!inbound && readyAt !== undefined) return
    this.#seedNodes.push(target)
    this.#seedAt = monoMs(now + this.#spread(ADDRESS_RETRY_MIN_MS))
  }

  /**
   * A connection of ours has ended. `wasBusy`: the other side ended it before it said anything, or for another; or we
   * did, for what it had done.
   */
  disconnected(peer: Peer, misfit: boolean, wasBusy: boolean, now: Now): void {
    if (peer.kind === 'inbound') return
    if (wasBusy) this.#book.busy(peer.remote, now.mono)
    else if (peer.readyAt === undefined) this.#book.failed(peer.remote, now.mono)
    const misfitMs = misfit ? ADDRESS_MISFIT_MS + this.#spread(ADDRESS_MISFIT_MS / 4) : 0
    if (misfit) this.#book.postpone(peer.remote, monoMs(now.mono + misfitMs))
    if (!isKept(peer.kind)) return
    if (peer.readyAt !== undefined && this.#taken().ready === this.#options.outbound - 1) this.#satisfied()
    this.hurry(now.mono)
  }

  #nextDial(now: Now): Flight | undefined {
    const { mono } = now
    this.#nextAt = monoMs(mono + this.#spread(AUTOMATIC_DIAL_INTERVAL_MS))
    const seed = mono >= this.#seedAt ? this.#seedNodes.shift() : undefined
    if (seed !== undefined) return this.#begin('seed', undefined, seed)
    const taken = this.#taken()
    if (taken.ready >= this.#options.outbound) this.#satisfied()
    else this.#hunger.empty(mono)
    if (taken.slots >= this.#options.outbound || this.#peers.room <= this.#options.reserved()) {
      // Nobody says when there is room again; what becomes of a dial under way is said.
      const isFilled = taken.slots >= this.#options.outbound
      this.#nextAt = isFilled ? NEVER : monoMs(mono + this.#spread(NO_CANDIDATE_WAIT_MS))
      return undefined
    }
    const kind = this.#kindFor(taken)
    const anchor = kind === 'blockRelay' ? this.#anchor(taken) : undefined
    const endpoint = anchor ?? this.#choose(taken, mono)
    if (endpoint !== undefined) return this.#begin(kind, endpoint, targetOf(endpoint), now)
    this.#nextAt = monoMs(mono + this.#spread(NO_CANDIDATE_WAIT_MS))
    return this.#askForMore(now)
  }

  #satisfied(): void {
    this.#hunger.filled()
    this.#askAt = undefined
    this.#askWaitMs = ASK_AGAIN_MIN_MS
  }

  /** Asks somebody known, connected or not, for addresses: each answer shows another part of the network. */
  #askForMore(now: Now): Flight | undefined {
    if (!this.#options.tellAddresses) return undefined
    const { mono } = now
    this.#askAt ??= monoMs(mono + this.#spread(this.#askWaitMs))
    if (mono < this.#askAt) return undefined
    this.#askWaitMs = Math.min(ASK_AGAIN_GROWTH * this.#askWaitMs, ASK_AGAIN_MAX_MS)
    this.#askAt = monoMs(mono + this.#spread(this.#askWaitMs))
    const taken = this.#taken()
    const isNew = (row: KnownAddress): boolean => this.#options.mayDial(row) && !isIn(row, taken)
    const classes = [...STEADY, ...HEARSAY]
    // Where everybody known is connected, one of them is asked over a second connection, which ends with the answer.
    const row = this.#first(classes, mono, isNew) ?? this.#first(classes, mono, this.#options.mayDial)
    return row === undefined ? undefined : this.#begin('seed', row, targetOf(row), now)
  }

  /** Anchors first, then the full peers, then the rest of those for blocks. */
  #kindFor({ slots, blockRelay }: Taken): 'automatic' | 'blockRelay' {
    if (blockRelay >= this.#options.blockRelay) return 'automatic'
    const full = slots - blockRelay
    return this.#anchors.length > 0 || full >= this.#options.outbound - this.#options.blockRelay
      ? 'blockRelay'
      : 'automatic'
  }

  #anchor(taken: Taken): Endpoint | undefined {
    for (let anchor = this.#anchors.shift(); anchor !== undefined; anchor = this.#anchors.shift())
      if (this.#isFree(anchor, taken)) return anchor
    return undefined
  }

  #choose(taken: Taken, now: MonoMs): KnownAddress | undefined {
    // What is cheap to see comes first: there may be tens of thousands to look at.
    const fits = (row: KnownAddress): boolean =>
      !taken.groups.has(row.group) && this.#options.mayDial(row) && !isIn(row, taken)
    const coin = this.#random.below(2) === 0
    const isSettled = taken.proven >= this.#options.outbound - MAX_TOLD_PEERS
    const steady = isSettled && coin ? STEADY.toReversed() : STEADY
    const mayBeTold = taken.told < MAX_TOLD_PEERS + this.#hunger.extra(now)
    const hearsay = mayBeTold ? (coin ? HEARSAY : HEARSAY.toReversed()) : []
    // Hearsay has its turn too, or nobody would ever learn whether it is true.
    const isTold = taken.told < MAX_TOLD_PEERS && this.#random.below(4) === 0
    const row = this.#first(isTold ? [...hearsay, ...steady] : [...steady, ...hearsay], now, fits)
    // As long as better addresses are there that may answer, hearsay gets no more slots.
    const isHope = row !== undefined && row.trust !== 'told' && row.attempts + row.refusals < HOPELESS_TRIES
    if (isHope && taken.told >= MAX_TOLD_PEERS) this.#hunger.eased(now)
    return row
  }

  #first(
    classes: readonly AddressClass[],
    now: MonoMs,
    fits: (row: KnownAddress) => boolean,
  ): KnownAddress | undefined {
    for (const [table, trust] of classes) {
      const row = this.#book.select(table, trust, now, fits)
      if (row !== undefined) return row
    }
    return undefined
  }

  /** Tests somebody whose place another wants, or somebody untested; only while all slots are filled. */
  #feeler(now: Now): Flight | undefined {
    const taken = this.#taken()
    if (taken.slots < this.#options.outbound || this.#isProbing()) return undefined
    const youngest = this.replaceable
    const isTurn = this.#probes % PROBES_PER_EXPLORATION === PROBES_PER_EXPLORATION - 1
    const explores = isTurn && youngest !== undefined
    const fits = (row: KnownAddress): boolean =>
      this.#options.mayDial(row) && !isIn(row, taken) && !(explores && taken.groups.has(row.group))
    this.#vouchForConnected(now)
    this.#book.settleCollisions(now.unix)
    const holder = explores ? undefined : this.#book.nextCollision()
    const start = this.#random.below(UNTESTED.length)
    // Whoever is proven gives way only to somebody who is, too.
    const mayBeVouched = youngest !== undefined && this.#book.find(youngest.remote)?.trust !== 'proven'
    const others = mayBeVouched ? STEADY : PROVEN
    const classes = explores ? others : [...UNTESTED.slice(start), ...UNTESTED.slice(0, start)]
    const row = holder !== undefined && fits(holder) ? holder : this.#first(classes, now.mono, fits)
    // Counted also if there was nobody to test, or an old book would never be explored.
    this.#probes++
    if (row === undefined) return undefined
    return this.#begin('feeler', row, targetOf(row), now, explores)
  }

  /** Whoever serves us now needs no test, nor could be given one. */
  #vouchForConnected(now: Now): void {
    for (const holder of this.#book.collisionHolders()) {
      const key = endpointKey(holder)
      for (const { inbound, readyAt, remote } of this.#peers.all())
        if (!inbound && readyAt !== undefined && endpointKey(remote) === key) this.#book.good(holder, now)
    }
  }

  #isProbing(): boolean {
    for (const { kind } of this.#flights.values()) if (kind === 'feeler') return true
    for (const { kind } of this.#peers.all()) if (kind === 'feeler') return true
    return false
  }

  #isFree(endpoint: Endpoint, taken: Taken): boolean {
    return (
      !isIn(endpoint, taken) && !taken.groups.has(netGroup(endpoint.ip)) && this.#options.mayDial(endpoint)
    )
  }

  #begin(
    kind: AutomaticKind,
    endpoint: Endpoint | undefined,
    target: HostPort,
    now?: Now,
    explores = false,
  ): Flight {
    if (endpoint !== undefined && now !== undefined) this.#book.attempted(endpoint, now)
    const ticket = this.#nextTicket()
    const address = formatHostPort(target.host, target.port)
    const flight = { ticket, target, address, kind, endpoint, explores }
    this.#flights.set(ticket, flight)
    return flight
  }

  #taken(): Taken {
    let [slots, ready, blockRelay, told, proven] = [0, 0, 0, 0, 0]
    const groups = new Set<string>()
    const nodes = new Set<string>()
    const take = (kind: string, node: string, group: string, endpoint: Endpoint): void => {
      nodes.add(node)
      if (kind === 'inbound' || kind === 'feeler' || kind === 'seed') return
      groups.add(group)
      if (!isKept(kind)) return
      slots++
      if (kind === 'blockRelay') blockRelay++
      const trust = this.#book.find(endpoint)?.trust ?? 'told'
      if (trust === 'told') told++
      else if (trust === 'proven') proven++
    }
    for (const { kind, remote, node, group, readyAt } of this.#peers.all()) {
      take(kind, node, group, remote)
      if (isKept(kind) && readyAt !== undefined) ready++
    }
    for (const { kind, endpoint } of this.#flights.values())
      if (endpoint !== undefined) take(kind, nodeKey(endpoint), netGroup(endpoint.ip), endpoint)
    return { slots, ready, blockRelay, told, proven, groups, nodes }
  }

  /** Half to one and a half times as long: nodes must not move in step. */
  #spread(ms: number): number {
    return ms * (0.5 + this.#random.unit())
  }
}

const NEVER = monoMs(Number.POSITIVE_INFINITY)

/** Is it a peer of our own choice, who keeps a slot? */
export function isKept(kind: string): boolean {
  return kind === 'automatic' || kind === 'blockRelay'
}

function isIn(endpoint: Endpoint, { nodes }: Taken): boolean {
  return nodes.has(nodeKey(endpoint))
}

function targetOf(endpoint: Endpoint): HostPort {
  return { host: formatIp(endpoint.ip), port: endpoint.port }
}
