/** What an embedding program says of the node that it wants. */
import type { AutomaticOptions } from '../core/outbound.ts'
import type { NodeEvent } from '../core/seam.ts'
import { MAX_CONNECTIONS, MAX_INBOUND_PER_IP } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import type { Ban } from '../pool/ban-list.ts'
import type { ConnectionLimits } from '../pool/peer-manager.ts'
import type { HostPort, IpBytes } from '../primitives/ip.ts'
import type { ChainBackend } from './chain-backend.ts'
import type { HealthListener } from './health.ts'
import type { MinerOptions } from './miner.ts'
import type { WalletOptions } from './wallet-service.ts'

export interface NodeOptions {
  readonly network: NetworkParams
  /** Take connections on this port (0: any free one) and address (default: all). Left out: don't listen. */
  readonly listen?: { readonly port: number; readonly host?: string | undefined } | undefined
  /** Peers to stay connected to. */
  readonly targets?: readonly HostPort[]
  readonly limits?: ConnectionLimits
  /** Who is refused from the start. Changes come as events `banned` and `unbanned`. */
  readonly bans?: Iterable<Ban>
  /** Find peers, and stay connected to some, by itself. Left out: only to those that are named. */
  readonly automatic?: AutomaticOptions | undefined
  /** The operator wants no other peers than those named; only told to whoever asks why there are none. */
  readonly exclusive?: boolean
  /** The address book of last time. Changes come as event `addressesChanged`; see `savedAddresses`. */
  readonly addresses?: SavedAddresses | undefined
  /** Where others reach this node; left out: as peers see it. */
  readonly ownAddress?: { readonly ip: IpBytes; readonly port: number | undefined } | undefined
  /** A SOCKS5 proxy through which all peers are dialled. */
  readonly proxy?: HostPort | undefined
  /** Where the chain is kept, see `openChain`. Left out: the node has none, and no use for blocks. */
  readonly chain?: ChainBackend | undefined
  /** How the node mines once it is told to; see `DilithionNode.miner`. Needs a chain. */
  readonly mining?: MinerOptions | undefined
  /** Memory for transactions that wait to be mined; left out: 300 MB. */
  readonly mempoolBytes?: number | undefined
  /** How to keep a wallet, which needs a chain with transactions. Left out: the node has none. */
  readonly wallet?: WalletOptions | undefined
  /** Default "/Dilithion:VERSION/". */
  readonly userAgent?: string
  /** Height that peers are told by a node without a chain; left out: 0. */
  readonly startHeight?: number | undefined
  /** Have new blocks announced by `inv`, which names them, and not by headers or compact blocks. For nodes without a chain. */
  readonly prefersInv?: boolean | undefined
  /** Events for every message, not only those of handshake and keepalive. */
  readonly traceMessages?: boolean
  /** Events of type `message` with each message of a peer whose handshake is complete. */
  readonly deliverMessages?: boolean
  readonly onEvent?: (event: NodeEvent) => void
  /** Trouble with the listener that does not end it. */
  readonly onListenerError?: (text: string) => void
  /** Called when somebody asks the node to stop, by RPC for instance. */
  readonly onStopRequest?: () => void
  /** Watch event loop and memory from `start` on, and tell of them. */
  readonly health?: HealthListener
}

/** 125 connections, two of one public address, none kept for peers of our choice. */
export const DEFAULT_LIMITS: ConnectionLimits = {
  maxConnections: MAX_CONNECTIONS,
  reservedOutbound: 0,
  maxInboundPerIp: { limit: MAX_INBOUND_PER_IP, scope: 'routable' },
}
