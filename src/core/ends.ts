/**
 * How connections end, and what goes before: offences add up, a peer is closed for one reason, everything that is
 * keyed by it is dropped, and whoever plans is told.
 */
import type { BrokenStream, SkippedFrame } from '../framing/decoder.ts'
import { MISBEHAVIOUR_LIMIT } from '../params/limits.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import { type BrokenRule, type Offence, ruleOf } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { BanList } from '../pool/ban-list.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { isRoutable } from '../primitives/ip.ts'
import type { MessageError } from '../wire/messages.ts'
import { Banishment } from './banishment.ts'
import type { CoreOptions } from './options.ts'
import type { Outbox } from './outbox.ts'

export type OffenceDetail = BrokenStream | SkippedFrame | MessageError | BrokenRule

export interface EndHooks {
  readonly options: Pick<CoreOptions, 'network' | 'automatic'>
  readonly outbox: Outbox
  readonly peers: PeerManager
  readonly bans: BanList
  /** The peer is out of the table: drop what is keyed by it. */
  forget(peer: Peer): void
  /** Its end has been told: plan anew. */
  ended(peer: Peer, reason: DisconnectReason): void
}

export class PeerEnds {
  readonly banishment: Banishment
  readonly #hooks: EndHooks

  constructor(hooks: EndHooks) {
    this.#hooks = hooks
    const { outbox, bans, peers, options } = hooks
    const { sharesPrivateAddresses } = options.network
    const seeds = options.automatic?.fixedSeeds ?? []
    this.banishment = new Banishment(bans, peers, {
      event: (event) => outbox.event(event),
      disconnect: (peer, reason) => this.disconnect(peer, reason, false),
      // Seeds are closed like others, but never refused. Nor is a private address, where no node has one of its own:
      // it is a gateway's, and so everybody's behind it.
      mayBeRefused: (ip) =>
        (isRoutable(ip) || sharesPrivateAddresses) && !seeds.some((seed) => bytesEqual(seed.ip, ip)),
    })
  }

  offend(peer: Peer, offence: Offence, detail: OffenceDetail): void {
    const { outbox, peers } = this.#hooks
    if (peers.get(peer.id) !== peer) return
    const { points, closes, bannable } = ruleOf(offence)
    const score = peer.addPoints(points, outbox.now.mono)
    outbox.event({ type: 'offence', peer: peer.id, offence, points, score, detail })
    if (closes !== undefined)
      this.disconnect(peer, closes, false, 'detail' in detail ? detail.detail : undefined)
    else if (score >= MISBEHAVIOUR_LIMIT) this.banishment.sendAway(peer, bannable, score, outbox.now.unix)
  }

  /** Ends a connection from our side. `deliver`: what is queued shall still reach the peer. */
  disconnect(peer: Peer, reason: DisconnectReason, deliver: boolean, detail?: string): void {
    const { outbox, peers } = this.#hooks
    if (peers.get(peer.id) !== peer) return
    const chunks = deliver ? peer.sendQueue.take(outbox.now.mono) : undefined
    if (chunks !== undefined) outbox.push({ type: 'write', peer: peer.id, chunks })
    outbox.push({ type: 'close', peer: peer.id, deliver })
    this.#forget(peer, reason, detail)
  }

  /** The connection has ended by itself. */
  closed(peer: Peer, error: string | undefined): void {
    this.#forget(peer, error === undefined ? 'closedByPeer' : 'connectionLost', error)
  }

  #forget(peer: Peer, reason: DisconnectReason, detail: string | undefined): void {
    const { outbox, peers } = this.#hooks
    peers.remove(peer)
    this.#hooks.forget(peer)
    const { id, address, inbound, kind } = peer
    const wasReady = peer.state === 'ready'
    // What was handed over and is still to be delivered counts as sent.
    const bytesSent = peer.sent.bytes + peer.sendQueue.bytes
    const totals = { bytesSent, bytesReceived: peer.received.bytes }
    const more = { reason, ...(detail === undefined ? {} : { detail }) }
    outbox.event({ type: 'disconnected', peer: id, address, inbound, kind, wasReady, ...totals, ...more })
    this.#hooks.ended(peer, reason)
  }
}
