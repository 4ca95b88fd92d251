/**
 * The only table of peers: who is connected, who may be. Ids count from 1 and are never used again. Bounded by
 * the connection limits; whatever is keyed by a peer here is dropped in `remove`.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import type { RefusalReason } from '../peer/disconnect.ts'
import { type ConnectionKind, Peer } from '../peer/peer.ts'
import { type MonoMs, type Now, type PeerId, peerId } from '../primitives/brand.ts'
import { bytesEqual, latin1Encode } from '../primitives/bytes.ts'
import { type Endpoint, type IpBytes, isRoutable } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { formatSubnet, hostSubnet } from '../primitives/subnet.ts'
import { chooseEviction, type EvictionCandidate } from './eviction.ts'
import { nodeKey } from './known-address.ts'
import { netGroup } from './net-group.ts'

export interface ConnectionLimits {
  /** Inbound and outbound together. */
  readonly maxConnections: number
  /** Slots that inbound peers may not take because this node fills them itself. */
  readonly reservedOutbound: number
  /** `routable`: counts only for addresses that a stranger could reach; `all`: for loopback too. */
  readonly maxInboundPerIp: { readonly limit: number; readonly scope: 'routable' | 'all' }
}

/** Nobody dials a host that is connected, so what is further apart was meant. */
const SIMULTANEOUS_MS = 60_000

export class PeerManager {
  readonly #magic: number
  readonly #form: PayloadForm | undefined
  readonly #limits: ConnectionLimits
  readonly #random: RandomSource
  readonly #peers = new Map<PeerId, Peer>()
  readonly #inboundPerIp = new Map<string, number>()
  readonly #nonces = new Map<bigint, PeerId>()
  readonly #salt: string
  #inbound = 0
  #lastId = 0

  /** `form`: of the network's messages. */
  constructor(magic: number, limits: ConnectionLimits, random: RandomSource, form?: PayloadForm) {
    this.#magic = magic
    this.#form = form
    this.#limits = limits
    this.#random = random
    this.#salt = random.fork('groups').u64().toString(16)
  }

  get size(): number {
    return this.#peers.size
  }

  get inboundCount(): number {
    return this.#inbound
  }

  get outboundCount(): number {
    return this.#peers.size - this.#inbound
  }

  /** Nonces of our `version` messages on open connections. */
  get ownNonces(): ReadonlyMap<bigint, PeerId> {
    return this.#nonces
  }

  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id)
  }

  all(): IterableIterator<Peer> {
    return this.#peers.values()
  }

  /** How many more connections there may be. */
  get room(): number {
    return Math.max(0, this.#limits.maxConnections - this.size)
  }

  /** May this address open a connection to us? `awaited`: peers that we still want to dial keep their slots. */
  judgeInbound(remote: IpBytes, awaited: number): RefusalReason | undefined {
    const { maxConnections, reservedOutbound, maxInboundPerIp } = this.#limits
    const counted = maxInboundPerIp.scope === 'all' || isRoutable(remote)
    const fromThere = this.#inboundPerIp.get(hostKey(remote)) ?? 0
    if (counted && fromThere >= maxInboundPerIp.limit) return 'perIpLimit'
    const outbound = Math.max(reservedOutbound, this.outboundCount + awaited)
    return this.#inbound + outbound >= maxConnections ? 'inboundFull' : undefined
  }

  /**
   * Two nodes that dial each other at the same moment have one connection too many. Both ends see by the nonces which
   * one it is; the end that dialled it closes it. Given one of the two, the one that is ours to close, if any.
   */
  needlessTwin(peer: Peer): Peer | undefined {
    if (!isRoutable(peer.remote.ip)) return undefined
    for (const other of this.#peers.values()) {
      const [ours, theirs] = peer.inbound ? [other, peer] : [peer, other]
      const isPair = isChosen(ours) && theirs.inbound && ours.state === 'ready' && theirs.state === 'ready'
      if (!isPair || !bytesEqual(ours.remote.ip, theirs.remote.ip)) continue
      const apartMs = Math.abs(ours.connectedAt.mono - theirs.connectedAt.mono)
      if (apartMs < SIMULTANEOUS_MS && linkKey(theirs) < linkKey(ours)) return ours
    }
    return undefined
  }

  /** Whom to close for a newcomer, of those that came to us; undefined if nobody is worth less. */
  chooseEviction(now: MonoMs): Peer | undefined {
    const candidates: EvictionCandidate[] = []
    for (const peer of this.#peers.values()) {
      if (!peer.inbound) continue
      const { id, group, groupOrder, lastBlockAt, lastTransactionAt } = peer
      const { mono: connectedAt } = peer.connectedAt
      const minPingMs = peer.pings.roundTrips?.minMs
      const state = { ready: peer.state === 'ready', connectedAt, minPingMs, misbehaviour: peer.score(now) }
      candidates.push({ id, group, groupOrder, lastBlockAt, lastTransactionAt, ...state })
    }
    const chosen = chooseEviction(candidates, now)
    return chosen === undefined ? undefined : this.#peers.get(chosen)
  }

  add(kind: ConnectionKind, remote: Endpoint, address: string, now: Now): Peer {
    const id = peerId(++this.#lastId)
    const peer = new Peer(
      {
        id,
        kind,
        remote,
        address,
        magic: this.#magic,
        ...(this.#form === undefined ? {} : { form: this.#form }),
        localNonce: this.#random.nonce(),
        node: nodeKey(remote),
        ...this.#groupOf(remote.ip),
      },
      now,
    )
    this.#peers.set(id, peer)
    this.#nonces.set(peer.localNonce, id)
    if (peer.inbound) {
      this.#inbound++
      const host = hostKey(remote.ip)
      this.#inboundPerIp.set(host, (this.#inboundPerIp.get(host) ?? 0) + 1)
    }
    return peer
  }

  #groupOf(ip: IpBytes): { group: string; groupOrder: number } {
    const group = netGroup(ip)
    const digest = sha3_256(latin1Encode(this.#salt + group))
    return { group, groupOrder: new DataView(digest.buffer, digest.byteOffset).getUint32(0) }
  }

  remove(peer: Peer): void {
    if (!this.#peers.delete(peer.id)) return
    this.#nonces.delete(peer.localNonce)
    if (!peer.inbound) return
    this.#inbound--
    const host = hostKey(peer.remote.ip)
    const left = (this.#inboundPerIp.get(host) ?? 1) - 1
    if (left > 0) this.#inboundPerIp.set(host, left)
    else this.#inboundPerIp.delete(host)
  }

  /** Throws if somebody is counted who is gone. For tests. */
  assertConsistent(): void {
    const perIp = new Map<string, number>()
    for (const { inbound, remote } of this.#peers.values()) {
      const host = hostKey(remote.ip)
      if (inbound) perIp.set(host, (perIp.get(host) ?? 0) + 1)
    }
    for (const [host, count] of this.#inboundPerIp)
      if (perIp.get(host) !== count) throw new Error(`${count} inbound peers are counted of ${host}`)
    if (perIp.size !== this.#inboundPerIp.size) throw new Error('an inbound peer is not counted')
    if (this.#nonces.size !== this.#peers.size) throw new Error('there are other nonces than peers')
  }

  /** Every id that any table here is keyed by, for the check that nothing outlives its peer. */
  *keyedIds(): Generator<PeerId> {
    yield* this.#peers.keys()
    yield* this.#nonces.values()
  }
}

/** The same number at both ends of a connection. */
function linkKey({ localNonce, version }: Peer): bigint {
  return localNonce ^ (version?.nonce ?? 0n)
}

function isChosen({ kind }: Peer): boolean {
  return kind === 'automatic' || kind === 'blockRelay'
}

/** What counts as one address: a /64 is one household's, however many addresses it has. */
function hostKey(ip: IpBytes): string {
  return formatSubnet(hostSubnet(ip))
}
