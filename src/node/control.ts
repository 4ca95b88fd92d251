/**
 * What RPC, the command line and embedding programs may see and do of a running node. The node implements it; RPC
 * knows it by this alone, with the chain, the miner and the wallet that hang on it.
 */
import type { HeaderNode } from '../chain/header-node.ts'
import type { PeerSnapshot } from '../core/snapshot.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { Ban } from '../pool/ban-list.ts'
import type { AddTargetVerdict } from '../pool/manual-targets.ts'
import type { PeerId, UnixSeconds } from '../primitives/brand.ts'
import type { Endpoint, HostPort } from '../primitives/ip.ts'
import type { Subnet } from '../primitives/subnet.ts'
import type { SyncSnapshot } from '../sync/snapshot.ts'
import type { WantedBlocks } from '../sync/takers.ts'
import type { TimedAddress } from '../wire/address.ts'
import type { ChainControl } from './chain-control.ts'
import type { CounterValues } from './counters.ts'
import type { HealthReport } from './health.ts'
import type { NodeHistory } from './history.ts'
import type { Miner } from './miner.ts'
import type { WalletService } from './wallet-service.ts'

export interface NodeTotals {
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Unix time in milliseconds. */
  readonly timeMs: number
}

export interface AddedNode {
  /** "host:port" */
  readonly address: string
  readonly connected: boolean
}

/** How many addresses are known: heard of only, and found to be good. */
export interface AddressBookSize {
  readonly total: number
  readonly fresh: number
  readonly tried: number
}

/** An address of our own that others are told, as "ip:port"; the more peers see us there, the higher its score. */
export interface OwnAddress {
  readonly address: string
  readonly score: number
}

/** Peers of the node's own choice. */
export interface AutomaticPeers {
  /** How many are connected, and how many more there should be. */
  readonly outbound: number
  readonly missing: number
  /** `--connect` was given: there are none, and none are wanted. */
  readonly exclusive: boolean
  /** Where first addresses come from: names to be resolved, and addresses that are built in. */
  readonly seeding: { readonly dns: readonly string[]; readonly fixed: readonly Endpoint[] }
}

export interface NodeControl {
  readonly network: NetworkParams
  /** Undefined if the node keeps no chain. */
  readonly chain: ChainControl | undefined
  /** Undefined with {@link chain}. */
  readonly miner: Miner | undefined
  /** Undefined if the node keeps no wallet. */
  readonly wallet: WalletService | undefined
  /** How its download goes; undefined if the node keeps no chain. */
  sync(): SyncSnapshot | undefined
  /** Asks peers for blocks; undefined if the node keeps no chain. */
  requestBlocks(nodes: readonly HeaderNode[]): WantedBlocks | undefined
  /** Such as "1.0.0". */
  readonly version: string
  /** Such as "/Dilithion:1.0.0/". */
  readonly userAgent: string
  /** What peers are told that we offer, as bits. */
  readonly services: bigint
  /** Port that is listened on; undefined if none. */
  readonly listenPort: number | undefined
  readonly maxConnections: number
  peers(): PeerSnapshot[]
  totals(): NodeTotals
  /** Whole seconds since start. */
  uptimeSeconds(): number
  addedNodes(): AddedNode[]
  /** Stay connected to a peer (`keep`), or try it once. Throws RangeError if it can't be dialled. */
  addNode(target: HostPort, keep: boolean): AddTargetVerdict
  /** False if it was not there. A connection stays as it is. */
  removeNode(target: HostPort): boolean
  /** False if there is no such peer. */
  disconnectPeer(id: PeerId): boolean
  /** Those that still hold. */
  bans(): Ban[]
  /** Refuses an address or range, and closes its peers. */
  ban(subnet: Subnet, until: UnixSeconds): void
  /** False if this very address or range was not banned. */
  unban(subnet: Subnet): boolean
  clearBans(): void
  /** Unix seconds by the node's clock. */
  unixTime(): UnixSeconds
  pingAll(): void
  addressBook(): AddressBookSize
  /** So many known addresses at most, by chance; all of them if `max` is infinite. */
  knownAddresses(max: number): readonly TimedAddress[]
  /** As if a peer had told it; with `tried`, as if it had been connected to. False if there was no place for it. */
  addKnownAddress(address: Endpoint, tried: boolean): boolean
  ownAddresses(): readonly OwnAddress[]
  /** Undefined if the node dials only whom it is told to. */
  automatic(): AutomaticPeers | undefined
  /** What happened since the start, by group and name. */
  counters(): CounterValues
  /** What happened to each peer last, and how connections ended that are no more. */
  readonly history: Pick<NodeHistory, 'eventsOf' | 'ends' | 'reachedFromOutside'>
  health(): HealthReport
  /** Unix seconds at which the clock stands from now on; 0 for the real clock. Regtest only. */
  setMockTime(seconds: number): void
  /** Begins a clean shutdown; returns at once. */
  requestStop(): void
}
