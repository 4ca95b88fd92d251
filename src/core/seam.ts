/**
 * The seam between the protocol and the world: everything that can happen to a node, and everything that a
 * node can want done. The shell and the simulator stand on the other side of it.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { IoRequest, IoResult } from '../chain/io.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import type { SkippedFrame } from '../framing/decoder.ts'
import type { Mempool, MempoolOutcome } from '../mempool/mempool.ts'
import type { DisconnectReason, RefusalReason } from '../peer/disconnect.ts'
import type { PeerVersion } from '../peer/handshake.ts'
import type { Offence } from '../peer/offences.ts'
import type { ConnectionKind } from '../peer/peer.ts'
import type { BanReason } from '../pool/ban-list.ts'
import type { ConnectionId, DialTicket, PeerId, UnixSeconds } from '../primitives/brand.ts'
import type { Endpoint, HostPort, IpBytes } from '../primitives/ip.ts'
import type { Subnet } from '../primitives/subnet.ts'
import type { SyncEvent } from '../sync/hooks.ts'
import type { WantedBlocks } from '../sync/takers.ts'
import type { Message } from '../wire/messages.ts'
import type { OffenceDetail } from './ends.ts'

export type Input =
  /** A stranger connected. Answered by `adopt` or `refuse`. */
  | { readonly type: 'accepted'; readonly connection: ConnectionId; readonly remote: Endpoint }
  /** A dial succeeded. Answered by `adopt` or, if it is no longer wanted, `refuse`. */
  | {
      readonly type: 'dialed'
      readonly ticket: DialTicket
      readonly connection: ConnectionId
      readonly remote: Endpoint
    }
  | { readonly type: 'dialFailed'; readonly ticket: DialTicket; readonly error: string }
  /** A `resolve` effect is done: what the names lead to. Empty if none could be resolved. */
  | { readonly type: 'resolved'; readonly addresses: readonly IpBytes[] }
  /** Bytes came; the core owns them from here on. */
  | { readonly type: 'bytes'; readonly peer: PeerId; readonly chunk: Uint8Array }
  /** So many bytes of earlier `write` effects were taken by the system. */
  | { readonly type: 'flushed'; readonly peer: PeerId; readonly bytes: number }
  /** The connection is gone: ended by the peer, or lost with this error. */
  | { readonly type: 'closed'; readonly peer: PeerId; readonly error?: string }
  /** The answer to an `io` effect of that number; each has exactly one. */
  | { readonly type: 'ioDone'; readonly id: number; readonly result: IoResult }
  /** Time may have passed. Due after `nextDeadline`, and at once while `hasBacklog`. */
  | { readonly type: 'tick' }
  | Command

/** What an operator or an embedding program can ask for. */
export type Command =
  /** Be connected to this peer, for ever or (`keep` false) in one attempt. */
  | { readonly type: 'addTarget'; readonly target: HostPort; readonly keep: boolean }
  | { readonly type: 'removeTarget'; readonly target: HostPort }
  | { readonly type: 'disconnect'; readonly peer: PeerId }
  /** Connections are taken at this port. */
  | { readonly type: 'listening'; readonly port: number }
  /** Take an address into the address book; `tried` as if it had answered. */
  | { readonly type: 'addAddress'; readonly endpoint: Endpoint; readonly tried: boolean }
  /** Ping every peer whose handshake is complete, now. */
  | { readonly type: 'pingAll' }
  /** Send a message to a peer whose handshake is complete. */
  | { readonly type: 'send'; readonly peer: PeerId; readonly message: Message }
  /** Stop (or go on) processing what a peer sends, and so, soon, reading from it. */
  | { readonly type: 'hold'; readonly peer: PeerId; readonly held: boolean }
  /** Refuse an address or a range until then, and close its peers. */
  | { readonly type: 'setBan'; readonly subnet: Subnet; readonly until: UnixSeconds }
  | { readonly type: 'removeBan'; readonly subnet: Subnet }
  | { readonly type: 'clearBans' }
  /**
   * Do something with the chain and, if there is one, the mempool: as an input, so that what follows from it is done.
   * Without a chain: nothing.
   */
  | { readonly type: 'withChain'; readonly use: (chain: Chain, mempool: Mempool | undefined) => void }
  /** Ask peers for these blocks, whatever the plan of the download says. Without a chain: nothing. */
  | {
      readonly type: 'requestBlocks'
      readonly nodes: readonly HeaderNode[]
      readonly done: (wanted: WantedBlocks) => void
    }
  /** Close all peers and take no more. */
  | { readonly type: 'shutdown' }

export type Effect =
  | {
      readonly type: 'dial'
      readonly ticket: DialTicket
      readonly target: HostPort
      readonly timeoutMs: number
    }
  /** Look these host names up, and answer with one `resolved`. */
  | { readonly type: 'resolve'; readonly names: readonly string[] }
  | { readonly type: 'adopt'; readonly connection: ConnectionId; readonly peer: PeerId }
  | { readonly type: 'refuse'; readonly connection: ConnectionId }
  /** To be written in one system call where possible, and reported by `flushed`. */
  | { readonly type: 'write'; readonly peer: PeerId; readonly chunks: readonly Uint8Array[] }
  | { readonly type: 'pauseReading'; readonly peer: PeerId }
  | { readonly type: 'resumeReading'; readonly peer: PeerId }
  /** The peer is forgotten already. `deliver`: what was written must reach it before the connection ends. */
  | { readonly type: 'close'; readonly peer: PeerId; readonly deliver: boolean }
  /** Hash, read or write something, and answer with one `ioDone`. */
  | { readonly type: 'io'; readonly id: number; readonly request: IoRequest }
  | { readonly type: 'event'; readonly event: NodeEvent }

/** What happened, for logs, metrics and library users. Nothing in the core depends on who listens. */
export type NodeEvent =
  | { readonly type: 'dialing'; readonly address: string; readonly kind: ConnectionKind }
  | {
      readonly type: 'dialFailed'
      readonly address: string
      readonly error: string
      /** Milliseconds until the next attempt; undefined if there is none. */
      readonly retryMs: number | undefined
      readonly kind: ConnectionKind
    }
  | { readonly type: 'accepted'; readonly peer: PeerId; readonly address: string }
  | {
      readonly type: 'connected'
      readonly peer: PeerId
      readonly address: string
      readonly kind: ConnectionKind
    }
  | { readonly type: 'refused'; readonly address: string; readonly reason: RefusalReason }
  /** Always for handshake and keepalive; for other messages only when tracing. Bytes include the header. */
  | {
      readonly type: 'sent'
      readonly peer: PeerId
      readonly command: string
      readonly bytes: number
      readonly routine: boolean
    }
  | { readonly type: 'received'; readonly peer: PeerId; readonly command: string; readonly bytes: number }
  | {
      readonly type: 'versionReceived'
      readonly peer: PeerId
      readonly version: PeerVersion
      readonly bytes: number
    }
  | { readonly type: 'verackReceived'; readonly peer: PeerId; readonly bytes: number }
  | {
      readonly type: 'pongReceived'
      readonly peer: PeerId
      readonly nonce: bigint
      readonly routine: boolean
      /** Undefined if no ping of ours had this nonce. */
      readonly roundTripMs: number | undefined
    }
  | { readonly type: 'handshakeComplete'; readonly peer: PeerId }
  | {
      readonly type: 'rejectReceived'
      readonly peer: PeerId
      readonly command: string
      readonly code: number
      readonly reason: string
    }
  | { readonly type: 'skipped'; readonly peer: PeerId; readonly frame: SkippedFrame }
  /** A message that came before the handshake was complete, or that nothing here has a use for. */
  | { readonly type: 'ignored'; readonly peer: PeerId; readonly command: string }
  | {
      readonly type: 'offence'
      readonly peer: PeerId
      readonly offence: Offence
      readonly points: number
      readonly score: number
      readonly detail: OffenceDetail
    }
  /** Addresses came from a peer: so many in the message, taken into account, and new to us. */
  | {
      readonly type: 'addressesReceived'
      readonly peer: PeerId
      readonly count: number
      readonly taken: number
      readonly added: number
    }
  /** Seeds are asked by name, or the addresses built in are made use of. */
  | { readonly type: 'seeding'; readonly by: 'dns' | 'fixed' | 'seednode'; readonly count: number }
  | { readonly type: 'seedsResolved'; readonly count: number }
  /** Several peers agree that this is where we are reached; told to others from now on. */
  | { readonly type: 'ownAddress'; readonly address: string }
  /** The address book has changed since it was last saved, and should be. */
  | { readonly type: 'addressesChanged' }
  /** The peer has used up an allowance and has to wait. */
  | { readonly type: 'throttled'; readonly peer: PeerId; readonly forMs: number }
  | { readonly type: 'congested'; readonly peer: PeerId; readonly queuedBytes: number }
  /** The list of bans has changed, and should be saved. `subnet` is undefined if all bans were lifted. */
  | {
      readonly type: 'banned'
      readonly subnet: string
      readonly until: UnixSeconds
      readonly reason: BanReason
    }
  | { readonly type: 'unbanned'; readonly subnet: string | undefined }
  /** The address leads to this node itself and will not be dialled again. */
  | { readonly type: 'selfTarget'; readonly address: string }
  | {
      readonly type: 'disconnected'
      readonly peer: PeerId
      readonly address: string
      readonly inbound: boolean
      readonly kind: ConnectionKind
      /** Was its handshake complete? */
      readonly wasReady: boolean
      readonly bytesSent: number
      readonly bytesReceived: number
      readonly reason: DisconnectReason
      /** More about it, such as the system's error. */
      readonly detail?: string
    }
  /** The active chain has changed, or something was said about it; answers only to what this node itself gave. */
  | { readonly type: 'chain'; readonly outcome: ChainOutcome }
  /** How the chain's download goes. */
  | SyncEvent
  /** What came of a transaction that a peer or this node gave, or that one waits no longer to be mined. */
  | { readonly type: 'mempool'; readonly outcome: MempoolOutcome }
  /**
   * For embedding programs, if they asked for messages: each message of a peer whose handshake is complete, but for those
   * of handshake and keepalive.
   */
  | { readonly type: 'message'; readonly peer: PeerId; readonly message: Message }
