/** A peer as `getpeerinfo` shows it: the C++ node's members with their names and units, then Bitcoin Core's. */
import type { PeerSnapshot, TrafficSnapshot } from '../core/snapshot.ts'
import type { PeerEvent } from '../node/history.ts'
import type { ConnectionKind, PeerState } from '../peer/peer.ts'
import { printable } from '../primitives/bytes.ts'
import { isIpv4, isRoutable, parseHostPort, parseIp } from '../primitives/ip.ts'
import type { JsonObject } from './json.ts'

const MAX_USER_AGENT_CHARS = 256

export const CONNECTION_TYPES: Readonly<Record<ConnectionKind, string>> = {
  inbound: 'inbound',
  manual: 'manual',
  oneTry: 'onetry',
  automatic: 'outbound-full-relay',
  blockRelay: 'block-relay-only',
  feeler: 'feeler',
  seed: 'addr-fetch',
}

const STATES: Readonly<Record<PeerState, string>> = {
  awaitVersion: 'connected',
  awaitVerack: 'version-sent',
  ready: 'handshake-complete',
}

/** Names by bit (wire-protocol 3). */
const SERVICE_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [1n, 'NETWORK'],
  [4n, 'BLOOM'],
  [8n, 'WITNESS'],
  [1024n, 'NETWORK_LIMITED'],
]

/** `events`: the last ones of this peer, oldest first. */
export function peerInfo(peer: PeerSnapshot, events: readonly PeerEvent[]): JsonObject {
  const { sent, received } = peer
  return {
    id: peer.id,
    addr: peer.address,
    inbound: peer.inbound,
    bytes_sent: sent.bytes,
    bytes_recv: received.bytes,
    conntime: peer.connectedAt,
    lastsend: sent.lastAt,
    lastrecv: received.lastAt,
    version: peer.version ?? 0,
    subver: printable(peer.userAgent, MAX_USER_AGENT_CHARS),
    startingheight: peer.startHeight,
    relaytxes: peer.relay,
    misbehavior: peer.misbehaviour,
    network: networkOf(peer.remote),
    services: servicesHex(peer.services),
    servicesnames: serviceNames(peer.services),
    timeoffset: peer.timeOffset,
    ...seconds('pingtime', peer.lastPingMs),
    ...seconds('minping', peer.minPingMs),
    ...seconds('pingsmoothed', peer.smoothedPingMs),
    ...seconds('pingwait', peer.pingWaitMs),
    connection_type: CONNECTION_TYPES[peer.kind],
    state: peer.state === 'awaitVersion' && peer.sentVersion ? 'version-sent' : STATES[peer.state],
    unsolicited_pongs: peer.unsolicitedPongs,
    messages_sent: sent.messages,
    messages_recv: received.messages,
    bytessent_per_msg: bytesByCommand(sent),
    bytesrecv_per_msg: bytesByCommand(received),
    sendqueue_bytes: peer.sendQueueBytes,
    recvbuffer_bytes: peer.receiveBufferBytes,
    addr_relay_enabled: peer.exchangesAddresses,
    addr_processed: peer.addressesProcessed,
    addr_rate_limited: peer.addressesRateLimited,
    synced_headers: peer.sync?.headerHeight ?? -1,
    synced_blocks: peer.sync?.commonHeight ?? -1,
    inflight: [...(peer.sync?.inFlight ?? [])],
    last_events: events.map(describeEvent),
  }
}

function describeEvent({ time, text, times }: PeerEvent): JsonObject {
  return { time, event: times === 1 ? text : `${text} (${times} times)` }
}

export function servicesHex(services: bigint): string {
  return services.toString(16).padStart(16, '0')
}

export function serviceNames(services: bigint): string[] {
  return SERVICE_NAMES.filter(([bit]) => (services & bit) !== 0n).map(([, name]) => name)
}

function networkOf(remote: string): string {
  const ip = parseIp(parseHostPort(remote, 1)?.host ?? '')
  if (ip === undefined || !isRoutable(ip)) return 'not_publicly_routable'
  return isIpv4(ip) ? 'ipv4' : 'ipv6'
}

/** A time in seconds with microseconds, or no member at all. */
function seconds(name: string, ms: number | undefined): JsonObject {
  return ms === undefined ? {} : { [name]: Math.round(ms * 1_000) / 1_000_000 }
}

function bytesByCommand(traffic: TrafficSnapshot): JsonObject {
  const bytes: Record<string, number> = {}
  for (const [command, row] of Object.entries(traffic.byCommand)) bytes[command] = row.bytes
  return bytes
}
