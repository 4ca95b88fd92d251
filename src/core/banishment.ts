/**
 * Who is sent away for good: by the operator, or for having misbehaved. Joins the list of bans and the table of
 * peers.
 */
import { BAN_SECONDS } from '../params/limits.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { ConnectionKind, Peer } from '../peer/peer.ts'
import type { BanList, BanReason } from '../pool/ban-list.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { type UnixSeconds, unixSeconds } from '../primitives/brand.ts'
import { type IpBytes, isLoopback } from '../primitives/ip.ts'
import { formatSubnet, hostSubnet, type Subnet, subnetCovers } from '../primitives/subnet.ts'
import type { Command, NodeEvent } from './seam.ts'

export interface BanishmentHooks {
  event(event: NodeEvent): void
  disconnect(peer: Peer, reason: DisconnectReason): void
  /** Does such an address stand for somebody who may be refused? Seeds are closed but never refused. */
  mayBeRefused(ip: IpBytes): boolean
}

/** Named by the operator, for good or once, or dialled as a seed. */
const EXEMPT: ReadonlySet<ConnectionKind> = new Set(['manual', 'oneTry', 'seed'])

export class Banishment {
  readonly #bans: BanList
  readonly #peers: PeerManager
  readonly #hooks: BanishmentHooks

  constructor(bans: BanList, peers: PeerManager, hooks: BanishmentHooks) {
    this.#bans = bans
    this.#peers = peers
    this.#hooks = hooks
  }

  /**
   * Ends a peer that has too many points, and refuses its host for a while: not if the operator named it, which is
   * his business, nor a seed, nor on loopback, which is everybody on this machine, nor at a gateway's address.
   */
  sendAway(peer: Peer, bannable: boolean, score: number, now: UnixSeconds): void {
    this.#hooks.disconnect(peer, 'misbehaving')
    if (!bannable || EXEMPT.has(peer.kind) || isLoopback(peer.remote.ip)) return
    if (!this.#hooks.mayBeRefused(peer.remote.ip)) return
    this.#add(hostSubnet(peer.remote.ip), unixSeconds(now + BAN_SECONDS), 'misbehaving', score, now)
  }

  /** What the operator asks for. */
  command(command: Extract<Command, { type: 'setBan' | 'removeBan' | 'clearBans' }>, now: UnixSeconds): void {
    if (command.type === 'setBan') return this.#banByHand(command.subnet, command.until, now)
    if (command.type === 'clearBans') this.#bans.clear()
    else if (!this.#bans.remove(command.subnet)) return
    const subnet = command.type === 'clearBans' ? undefined : formatSubnet(command.subnet)
    this.#hooks.event({ type: 'unbanned', subnet })
  }

  #banByHand(subnet: Subnet, until: UnixSeconds, now: UnixSeconds): void {
    this.#add(subnet, until, 'manual', 0, now)
    for (const peer of this.#peers.all()) {
      if (subnetCovers(subnet, peer.remote.ip)) this.#hooks.disconnect(peer, 'banned')
    }
  }

  #add(subnet: Subnet, until: UnixSeconds, reason: BanReason, score: number, now: UnixSeconds): void {
    this.#bans.add({ subnet, createdAt: now, until, reason, score })
    this.#hooks.event({ type: 'banned', subnet: formatSubnet(subnet), until, reason })
  }
}
