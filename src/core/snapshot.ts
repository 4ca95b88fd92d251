/** A peer as others may see it: plain values, taken at one moment, for RPC, the command line and library users. */
import type { ConnectionKind, Peer, PeerState } from '../peer/peer.ts'
import type { CommandTraffic, Traffic } from '../peer/traffic.ts'
import type { MonoMs, PeerId, UnixSeconds } from '../primitives/brand.ts'
import type { SyncPeerSnapshot } from '../sync/snapshot.ts'
import { exchangesAddresses } from './gossip.ts'

export interface TrafficSnapshot {
  readonly bytes: number
  readonly messages: number
  /** Unix seconds; 0 for never. */
  readonly lastAt: number
  readonly byCommand: Readonly<Record<string, Readonly<CommandTraffic>>>
}

export interface PeerSnapshot {
  readonly id: PeerId
  readonly kind: ConnectionKind
  readonly inbound: boolean
  readonly state: PeerState
  /** Has our `version` gone out? */
  readonly sentVersion: boolean
  /** What was dialled, or the remote endpoint, as "host:port". */
  readonly address: string
  /** The remote endpoint as "ip:port". */
  readonly remote: string
  /** Unix seconds. */
  readonly connectedAt: UnixSeconds
  /** Milliseconds since the connection was made. */
  readonly connectedForMs: number
  /** From the peer's `version`; undefined before it came. */
  readonly version: number | undefined
  readonly userAgent: string
  readonly services: bigint
  readonly startHeight: number
  readonly relay: boolean
  /** The peer's clock minus ours, in seconds. */
  readonly timeOffset: number
  readonly sent: TrafficSnapshot
  readonly received: TrafficSnapshot
  /** Round trips in milliseconds; undefined before the first pong. */
  readonly lastPingMs: number | undefined
  readonly minPingMs: number | undefined
  readonly smoothedPingMs: number | undefined
  /** How long the oldest unanswered ping has been under way, in milliseconds. */
  readonly pingWaitMs: number | undefined
  /** Pongs that answered none of our pings. */
  readonly unsolicitedPongs: number
  /** Are addresses exchanged with it; how many of it were considered, and how many were beyond its allowance. */
  readonly exchangesAddresses: boolean
  readonly addressesProcessed: number
  readonly addressesRateLimited: number
  readonly misbehaviour: number
  /** Bytes that wait to be sent, and bytes of a message that has not come in whole. */
  readonly sendQueueBytes: number
  readonly receiveBufferBytes: number
  readonly prefersHeaders: boolean
  /** Wants compact blocks: true unasked, false when asked for, undefined if it never said. */
  readonly compactAnnounce: boolean | undefined
  /** What it has of the chain, and is to bring; undefined if it has no part in that. */
  readonly sync: SyncPeerSnapshot | undefined
}

export function snapshotPeer(peer: Peer, now: MonoMs, sync: SyncPeerSnapshot | undefined): PeerSnapshot {
  const { version, pings } = peer
  return {
    id: peer.id,
    kind: peer.kind,
    inbound: peer.inbound,
    state: peer.state,
    sentVersion: peer.sentVersion,
    address: peer.address,
    remote: peer.remoteText,
    connectedAt: peer.connectedAt.unix,
    connectedForMs: now - peer.connectedAt.mono,
    version: version?.version,
    userAgent: version?.userAgent ?? '',
    services: version?.services ?? 0n,
    startHeight: version?.startHeight ?? 0,
    relay: version?.relay ?? false,
    timeOffset: version?.timeOffset ?? 0,
    sent: snapshotTraffic(peer.sent),
    received: snapshotTraffic(peer.received),
    lastPingMs: pings.roundTrips?.lastMs,
    minPingMs: pings.roundTrips?.minMs,
    smoothedPingMs: pings.roundTrips?.smoothedMs,
    pingWaitMs: pings.waitingSince === undefined ? undefined : now - pings.waitingSince,
    unsolicitedPongs: pings.unsolicitedPongs,
    exchangesAddresses: exchangesAddresses(peer),
    addressesProcessed: peer.addresses.processed,
    addressesRateLimited: peer.addresses.rateLimited,
    misbehaviour: peer.score(now),
    sendQueueBytes: peer.sendQueue.bytes,
    receiveBufferBytes: peer.decoder.bufferedBytes,
    prefersHeaders: peer.prefersHeaders,
    compactAnnounce: peer.compactAnnounce,
    sync,
  }
}

function snapshotTraffic(traffic: Traffic): TrafficSnapshot {
  const byCommand: Record<string, CommandTraffic> = {}
  for (const [command, row] of traffic.byCommand) byCommand[command] = { ...row }
  return { bytes: traffic.bytes, messages: traffic.messages, lastAt: traffic.lastAt, byCommand }
}
