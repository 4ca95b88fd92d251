/** Strangers at the door: who becomes a peer, who is refused, and who has to go for whom. */
import type { DisconnectReason, RefusalReason } from '../peer/disconnect.ts'
import type { Peer } from '../peer/peer.ts'
import type { BanList } from '../pool/ban-list.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import type { ConnectionId } from '../primitives/brand.ts'
import { type Endpoint, formatEndpoint, type IpBytes } from '../primitives/ip.ts'
import type { Outbox } from './outbox.ts'

export interface InboundHooks {
  readonly outbox: Outbox
  readonly peers: PeerManager
  readonly bans: BanList
  /** Connections that we still want to open; their slots are kept. */
  awaited(): number
  disconnect(peer: Peer, reason: DisconnectReason): void
}

export class Inbound {
  readonly #hooks: InboundHooks
  stopped = false

  constructor(hooks: InboundHooks) {
    this.#hooks = hooks
  }

  /** The new peer, or undefined if the connection was refused. */
  accepted(connection: ConnectionId, remote: Endpoint): Peer | undefined {
    const { outbox, peers } = this.#hooks
    const reason = this.#judge(remote.ip)
    const address = formatEndpoint(remote)
    if (reason !== undefined) {
      outbox.push({ type: 'refuse', connection })
      outbox.event({ type: 'refused', address, reason })
      return undefined
    }
    const peer = peers.add('inbound', remote, address, outbox.now)
    outbox.push({ type: 'adopt', connection, peer: peer.id })
    outbox.event({ type: 'accepted', peer: peer.id, address })
    return peer
  }

  #judge(remote: IpBytes): RefusalReason | undefined {
    const { outbox, peers, bans } = this.#hooks
    if (this.stopped) return 'shuttingDown'
    if (bans.covers(remote, outbox.now.unix)) return 'banned'
    const reason = peers.judgeInbound(remote, this.#hooks.awaited())
    const evicted = reason === 'inboundFull' ? peers.chooseEviction(outbox.now.mono) : undefined
    if (evicted === undefined) return reason
    this.#hooks.disconnect(evicted, 'evicted')
    return peers.judgeInbound(remote, this.#hooks.awaited())
  }
}
