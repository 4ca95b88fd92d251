/**
 * What this node and its peers tell each other about addresses (wire-protocol 5.4, 5.5, 9.1, 11): what is taken in
 * and from whom, what is passed on and to whom, what is answered, and when our own address is told.
 */
import {
  ADDR_ANSWER_CACHE_MS,
  ADDR_ANSWER_GROWTH,
  ADDR_ANSWER_SHARE,
  ADDR_RELAY_FRESH_SECONDS,
  ADDR_RELAY_PEERS,
  ADDR_TOKENS_ASKED,
  ADDR_TOKENS_ASKED_INBOUND,
  MAX_ADDR_ANSWER,
  MAX_RELAYED_PER_MESSAGE,
  OWN_ADDRESS_INTERVAL_MS,
} from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { Peer } from '../peer/peer.ts'
import type { AddressBook } from '../pool/address-book.ts'
import { type AddressSource, plausibleTime } from '../pool/address-row.ts'
import { endpointKey, type KnownAddress } from '../pool/known-address.ts'
import type { OwnAddress } from '../pool/own-address.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { type MonoMs, monoMs, type Now } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type Endpoint, formatEndpoint, isRoutable, isUnspecified, UNSPECIFIED_V4 } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import { SipHash } from '../primitives/siphash.ts'
import { NODE_NETWORK, type TimedAddress } from '../wire/address.ts'
import type { NodeEvent } from './seam.ts'
import type { MessageSender } from './sender.ts'

/** From here on ports are handed out to those who dial, so nobody listens there by choice. */
const FIRST_EPHEMERAL_PORT = 32_768
/** Hearsay counts as seen two hours earlier. */
const HEARSAY_PENALTY_SECONDS = 7_200
const DAY_SECONDS = 86_400

export interface GossipHooks {
  readonly network: NetworkParams
  readonly peers: PeerManager
  readonly book: AddressBook
  readonly own: OwnAddress
  readonly sender: MessageSender
  readonly random: RandomSource
  /** The port at which we take connections; undefined if we don't. */
  listenPort(): number | undefined
  event(event: NodeEvent): void
  /** Addresses were added: somebody may be worth a dial. */
  learned(): void
  /** Something is to be sent to the peer at a time that may be earlier than known. */
  watch(peer: Peer): void
}

export class AddressGossip {
  readonly #hooks: GossipHooks
  #answer:
    | { readonly addresses: readonly TimedAddress[]; readonly until: MonoMs; readonly bookSize: number }
    | undefined
  #announceAt: MonoMs = monoMs(0)
  readonly #order: SipHash
  /** What is ranked: an endpoint and the day. */
  readonly #ranked = new Uint8Array(32)

  constructor(hooks: GossipHooks) {
    this.#hooks = hooks
    const key = new Uint8Array(16)
    for (let i = 0; i < key.length; i++) key[i] = hooks.random.below(256)
    this.#order = new SipHash(key)
  }

  /** The handshake with a peer is complete. */
  ready(peer: Peer, now: Now): void {
    const { sender, own, event } = this.#hooks
    // The first release knows no such messages; peers for blocks only are not to reveal us by addresses.
    if (!exchangesAddresses(peer)) return
    if (peer.kind !== 'feeler') {
      sender.getaddr(peer)
      peer.addresses.awaitingAnswer = true
      peer.addresses.tokens.grant(peer.inbound ? ADDR_TOKENS_ASKED_INBOUND : ADDR_TOKENS_ASKED)
    }
    const seesUsAs = peer.version?.seesUsAs
    if (peer.inbound || seesUsAs === undefined) return
    if (own.seen(seesUsAs.ip, peer.remote.ip)) {
      const endpoint = this.#ownEndpoint()
      if (endpoint !== undefined) event({ type: 'ownAddress', address: formatEndpoint(endpoint) })
      this.#announce(now)
    } else if (peer.kind !== 'feeler') this.#tellOwn(peer, now)
  }

  onAddr(peer: Peer, addresses: readonly TimedAddress[], now: Now): void {
    if (!exchangesAddresses(peer)) return
    const { addresses: exchange } = peer
    const isOwnWord = addresses.length === 1 && bytesEqual(addresses[0]?.ip ?? UNSPECIFIED_V4, peer.remote.ip)
    // A node that has dialled us may tell where it is reached before, or instead of, answering.
    const isAnswer = exchange.awaitingAnswer && !isOwnWord
    if (isAnswer) exchange.awaitingAnswer = false
    const taken = this.#allowed(peer, addresses, now)
    exchange.processed += taken.length
    const added = this.#hooks.book.add(taken, this.#sourceOf(peer, isAnswer, isOwnWord), now.unix)
    this.#hooks.event({
      type: 'addressesReceived',
      peer: peer.id,
      count: addresses.length,
      taken: taken.length,
      added,
    })
    if (!isAnswer && addresses.length <= MAX_RELAYED_PER_MESSAGE) this.#relay(peer, taken, now)
    if (added > 0) this.#hooks.learned()
  }

  /** Answered once, to those who dialled us; the same to all for a day, unless the book has grown since. */
  onGetaddr(peer: Peer, now: Now): void {
    const { addresses: exchange } = peer
    if (!peer.inbound || exchange.answered || !exchangesAddresses(peer)) return
    if (!exchange.maySend(now.mono)) return
    exchange.answered = true
    const addresses = this.#currentAnswer(now).filter(
      (address) => !bytesEqual(address.ip, peer.remote.ip) || !isRoutable(peer.remote.ip),
    )
    for (const address of addresses) exchange.noteKnown(endpointKey(address))
    if (addresses.length > 0) this.#hooks.sender.addr(peer, addresses, now)
  }

  /** Plans to tell our own address, from time to time. */
  tick(now: Now): void {
    if (now.mono >= this.#announceAt) this.#announce(now)
  }

  /** Sends what is due to a peer. */
  due(peer: Peer, now: Now): void {
    const addresses = peer.addresses.take(now.mono)
    if (addresses !== undefined && peer.state === 'ready') this.#hooks.sender.addr(peer, addresses, now)
  }

  /** As many as the peer's allowance covers of those that could be somebody. */
  #allowed(peer: Peer, addresses: readonly TimedAddress[], now: Now): TimedAddress[] {
    const { tokens } = peer.addresses
    const allowed = addresses.slice(0, Math.max(0, Math.floor(tokens.available(now.mono))))
    tokens.take(allowed.length)
    // The rest is not looked at: a flood is to cost no more than its decoding.
    peer.addresses.rateLimited += addresses.length - allowed.length
    for (const address of allowed) peer.addresses.noteKnown(endpointKey(address))
    return allowed.filter((address) => this.#isAddress(address))
  }

  #isAddress(address: Endpoint): boolean {
    if (address.port === 0 || isUnspecified(address.ip)) return false
    if (!this.#hooks.network.sharesPrivateAddresses && !isRoutable(address.ip)) return false
    const own = this.#ownEndpoint()
    return own === undefined || own.port !== address.port || !bytesEqual(own.ip, address.ip)
  }

  #sourceOf(peer: Peer, isAnswer: boolean, isOwnWord: boolean): AddressSource {
    const isOurs = peer.kind === 'manual' || peer.kind === 'oneTry'
    // A seed that the operator named by its host name, through a proxy, has no address that could stand in the book.
    const isNamed = peer.kind === 'seed' && isUnspecified(peer.remote.ip)
    const trustOfPeer = isNamed ? 'vouched' : (this.#hooks.book.find(peer.remote)?.trust ?? 'told')
    // A node that knows nobody for long has to believe its first ones.
    const isTrusted = trustOfPeer === 'proven' || (trustOfPeer === 'vouched' && !this.#hooks.book.hasProven)
    const vouched = isOurs || (isAnswer && !peer.inbound && isTrusted)
    return {
      ip: peer.remote.ip,
      trust: vouched ? 'vouched' : 'told',
      penaltySeconds: isOwnWord ? 0 : HEARSAY_PENALTY_SECONDS,
    }
  }

  /** News are passed on to two peers, who are the same for an address all day. */
  #relay(from: Peer, addresses: readonly TimedAddress[], now: Now): void {
    for (const address of addresses) {
      // A time of the future would be fresh for ever, here and wherever it is passed on to.
      const age = now.unix - plausibleTime(address.time, now.unix)
      if (age > ADDR_RELAY_FRESH_SECONDS || !this.#mayTell(address)) continue
      const key = endpointKey(address)
      for (const peer of this.#relaysFor(from, this.#rankFor(address, now)))
        this.#push(peer, key, address, now, 1)
    }
  }

  /** Those with the lowest ranks, the lowest first, of all who take gossip. */
  #relaysFor(from: Peer, rank: (peer: Peer) => number): readonly Peer[] {
    const chosen: Peer[] = []
    for (const peer of this.#hooks.peers.all()) {
      let at = chosen.length
      for (
        let above = chosen[at - 1];
        above !== undefined && rank(peer) < rank(above);
        above = chosen[at - 1]
      )
        at--
      if (at === ADDR_RELAY_PEERS || peer === from || !takesGossip(peer)) continue
      chosen.splice(at, 0, peer)
      if (chosen.length > ADDR_RELAY_PEERS) chosen.pop()
    }
    return chosen
  }

  /** An order of peers that only this node knows, another for each address and day. */
  #rankFor({ ip, port }: Endpoint, now: Now): (peer: Peer) => number {
    const day = Math.floor(now.unix / DAY_SECONDS)
    this.#ranked.set(ip)
    this.#ranked.set([port >> 8, port & 0xff, (day >> 16) & 0xff, (day >> 8) & 0xff, day & 0xff], ip.length)
    const start = this.#order.hash(this.#ranked).low
    return (peer) => Math.imul((start ^ peer.id) + 0x9e37_79b9, 0x85eb_ca6b) >>> 0
  }

  #push(peer: Peer, key: string, address: TimedAddress, now: Now, wait: number): void {
    if (peer.addresses.push(key, address, now.mono, wait * this.#hooks.random.unit())) this.#hooks.watch(peer)
  }

  #currentAnswer(now: Now): readonly TimedAddress[] {
    const { book } = this.#hooks
    const cached = this.#answer
    if (cached !== undefined && now.mono < cached.until && book.size < ADDR_ANSWER_GROWTH * cached.bookSize)
      return cached.addresses
    const addresses = book.sample(MAX_ADDR_ANSWER, ADDR_ANSWER_SHARE, now.unix, (row) => this.#mayAnswer(row))
    const until = monoMs(now.mono + ADDR_ANSWER_CACHE_MS * (0.9 + 0.2 * this.#hooks.random.unit()))
    this.#answer = { addresses, until, bookSize: Math.max(1, book.size) }
    return addresses
  }

  /** What only hearsay knows is not vouched for by us; what a node says of itself is. */
  #mayAnswer(row: KnownAddress): boolean {
    return this.#mayTell(row) && (row.tried || row.trust !== 'told' || bytesEqual(row.source, row.ip))
  }

  /** Never what no stranger can reach, nor a port that was given to a dialler, unless we have been there. */
  #mayTell(address: Endpoint): boolean {
    const { network, book } = this.#hooks
    if (address.port === 0) return false
    if (network.sharesPrivateAddresses) return true
    if (!isRoutable(address.ip)) return false
    return address.port < FIRST_EPHEMERAL_PORT || book.find(address)?.tried === true
  }

  #announce(now: Now): void {
    this.#announceAt = monoMs(now.mono + OWN_ADDRESS_INTERVAL_MS * (0.5 + this.#hooks.random.unit()))
    for (const peer of this.#hooks.peers.all())
      if (!peer.inbound && takesGossip(peer)) this.#tellOwn(peer, now)
  }

  #tellOwn(peer: Peer, now: Now): void {
    const own = this.#ownEndpoint()
    if (own === undefined || !takesGossip(peer)) return
    const address = { time: now.unix, services: NODE_NETWORK, ...own }
    // What is told again after a day is news again. A node that is new here should be known soon.
    const key = `${endpointKey(own)}${Math.floor((2 * now.unix) / DAY_SECONDS)}`
    this.#push(peer, key, address, now, 1 / 8)
  }

  #ownEndpoint(): Endpoint | undefined {
    const { ip } = this.#hooks.own
    const port = this.#hooks.listenPort()
    return ip === undefined || port === undefined ? undefined : { ip, port }
  }
}

/** Does the peer take part in the exchange of addresses? */
export function exchangesAddresses(peer: Peer): boolean {
  return peer.kind !== 'blockRelay' && peer.version?.layout !== 'v1'
}

function takesGossip(peer: Peer): boolean {
  return peer.state === 'ready' && exchangesAddresses(peer) && peer.kind !== 'feeler' && peer.kind !== 'seed'
}
