/**
 * What a diagnosis is made from: facts of one moment, as the node tells them, and what follows from them at
 * once. Addresses that were tried count once each, by how it went last.
 */
import type { PeerSnapshot } from '../core/snapshot.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { ConnectionKind } from '../peer/peer.ts'
import type { Ban } from '../pool/ban-list.ts'
import { formatIp, type IpBytes, parseHostPort, parseIp } from '../primitives/ip.ts'
import { subnetCovers } from '../primitives/subnet.ts'
import type { SyncSnapshot } from '../sync/snapshot.ts'
import { type ChainFacts, chainFactsOf } from './chain-facts.ts'
import type { AddedNode, AddressBookSize, AutomaticPeers, NodeControl } from './control.ts'
import type { CounterValues } from './counters.ts'
import type { HealthReport } from './health.ts'
import type { ConnectionEnd } from './history.ts'
import type { MinerReport } from './miner.ts'

export interface Facts {
  /** Unix seconds. */
  readonly now: number
  readonly uptimeSeconds: number
  readonly network: Pick<NetworkParams, 'name' | 'sharesPrivateAddresses'>
  /** Undefined if it takes no connections. */
  readonly listenPort: number | undefined
  readonly peers: readonly Pick<PeerSnapshot, 'kind' | 'inbound' | 'state' | 'timeOffset' | 'address'>[]
  readonly ends: readonly ConnectionEnd[]
  readonly reachedFromOutside: boolean
  readonly bans: readonly Ban[]
  /** Peers that the operator named. */
  readonly targets: readonly AddedNode[]
  readonly automatic: AutomaticPeers | undefined
  readonly addressBook: AddressBookSize
  readonly counters: CounterValues
  readonly health: HealthReport
  /** Undefined if the node keeps no chain. */
  readonly sync: SyncSnapshot | undefined
  readonly chain: ChainFacts | undefined
  readonly mining: Pick<MinerReport, 'isOn' | 'wait' | 'refusal' | 'refused'> | undefined
}

export function factsOf(control: NodeControl): Facts {
  return {
    now: control.unixTime(),
    uptimeSeconds: control.uptimeSeconds(),
    network: control.network,
    listenPort: control.listenPort,
    peers: control.peers(),
    ends: control.history.ends(),
    reachedFromOutside: control.history.reachedFromOutside,
    bans: control.bans(),
    targets: control.addedNodes(),
    automatic: control.automatic(),
    addressBook: control.addressBook(),
    counters: control.counters(),
    health: control.health(),
    sync: control.sync(),
    chain: control.chain === undefined ? undefined : chainFactsOf(control.chain, control.unixTime()),
    mining: control.miner?.report(),
  }
}

type Disconnected = Extract<ConnectionEnd, { what: 'disconnected' }>
type DialFailed = Extract<ConnectionEnd, { what: 'dialFailed' }>

export interface Situation {
  readonly facts: Facts
  /** Peers whose handshake is complete; probes don't count. */
  readonly outbound: number
  readonly inbound: number
  /** Outbound peers are wanted, and there is none. */
  readonly alone: boolean
  readonly wantsOutbound: boolean
  /**
   * How it went lately at addresses that we dialled and are not connected to, the last attempt at each: no connection,
   * or none that came through its handshake. Without peers, only since the last of them was lost: what failed while
   * there were others says nothing of now.
   */
  readonly failed: readonly DialFailed[]
  readonly ended: readonly Disconnected[]
  /** Outbound peers that were connected lately and are gone. */
  readonly lost: readonly Disconnected[]
}

/** Older outcomes say little about now. */
const RECENT_SECONDS = 1_800
const PASSING: ReadonlySet<ConnectionKind> = new Set(['feeler', 'seed', 'oneTry'])
/** Ends that say nothing of a fault. */
const FAULTLESS: ReadonlySet<string> = new Set(['requested', 'shutdown', 'evicted', 'duplicate'])

export function situationOf(facts: Facts): Situation {
  const ready = facts.peers.filter((peer) => peer.state === 'ready')
  const outbound = ready.filter((peer) => !peer.inbound && !PASSING.has(peer.kind)).length
  const { automatic, targets } = facts
  const wantsOutbound = targets.length > 0 || (automatic !== undefined && !automatic.exclusive)
  const alone = wantsOutbound && outbound === 0
  const recent = facts.ends.filter((end) => !end.inbound && end.time >= facts.now - RECENT_SECONDS)
  const lost = recent.filter((end) => end.what === 'disconnected' && end.wasReady && !PASSING.has(end.kind))
  const aloneSince = alone ? (lost.at(-1)?.time ?? 0) : 0
  const since = recent.filter((end) => end.time >= aloneSince)
  const last = lastOutcomes(since, new Set(ready.map((peer) => peer.address)))
  return {
    facts,
    outbound,
    inbound: ready.filter((peer) => peer.inbound).length,
    alone,
    wantsOutbound,
    failed: last.filter((end) => end.what === 'dialFailed'),
    ended: last.filter((end) => end.what === 'disconnected'),
    lost: lost.filter((end) => end.what === 'disconnected'),
  }
}

/** Of addresses where it did not work; one that was a peer meanwhile is none of these. */
function lastOutcomes(ends: readonly ConnectionEnd[], connected: ReadonlySet<string>): ConnectionEnd[] {
  const byAddress = new Map<string, ConnectionEnd>()
  for (const end of ends) {
    if (end.what === 'refused' || connected.has(end.address)) continue
    const worked = end.what === 'disconnected' && end.wasReady
    if (worked || FAULTLESS.has(end.reason)) byAddress.delete(end.address)
    // Probes go to addresses that nobody has vouched for.
    else if (end.kind !== 'feeler') byAddress.set(end.address, end)
  }
  return [...byAddress.values()]
}

/** Peers' clocks minus ours, in seconds: the median of those we chose, or of at least three others. */
export function medianOffset({ peers }: Facts): number | undefined {
  const ready = peers.filter((peer) => peer.state === 'ready')
  const chosen = ready.filter((peer) => !peer.inbound)
  const asked = chosen.length > 0 ? chosen : ready.length >= 3 ? ready : []
  const offsets = asked.map((peer) => peer.timeOffset).sort((a, b) => a - b)
  return offsets[offsets.length >> 1]
}

/** Those of the addresses to start from that we refuse ourselves, and how many there are in all. */
export function bannedStarts({ bans, automatic, targets }: Facts): { banned: string[]; all: number } {
  const named = targets.flatMap(({ address }) => {
    const ip = parseIp(parseHostPort(address, 1)?.host ?? '')
    return ip === undefined ? [] : [ip]
  })
  const starts = [...named, ...(automatic?.seeding.fixed ?? []).map(({ ip }) => ip)]
  const covered = (ip: IpBytes): boolean => bans.some(({ subnet }) => subnetCovers(subnet, ip))
  return { banned: starts.filter(covered).map(formatIp), all: starts.length }
}
