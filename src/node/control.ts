/**
 * What RPC, the command line and embedding programs may see and do of a running node. The node implements it;
 * RPC depends on nothing else of it.
 */
import type { PeerSnapshot } from '../core/snapshot.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { Ban } from '../pool/ban-list.ts'
import type { AddTargetVerdict } from '../pool/manual-targets.ts'
import type { PeerId, UnixSeconds } from '../primitives/brand.ts'
import type { HostPort } from '../primitives/ip.ts'
import type { Subnet } from '../primitives/subnet.ts'

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

export interface NodeControl {
  readonly network: NetworkParams
  /** Such as "1.0.0". */
  readonly version: string
  /** Such as "/Dilithion:1.0.0/". */
  readonly userAgent: string
  /** Port that is listened on; undefined if none. */
  readonly listenPort: number | undefined
  readonly maxConnections: number
  peers(): PeerSnapshot[]
  totals(): NodeTotals
  /** Whole seconds since start. */
  uptimeSeconds(): number
  addedNodes(): AddedNode[]
  /** Stay connected to a peer (`keep`), or try it once. */
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
  /** Unix seconds at which the clock stands from now on; 0 for the real clock. Regtest only. */
  setMockTime(seconds: number): void
  /** Begins a clean shutdown; returns at once. */
  requestStop(): void
}
