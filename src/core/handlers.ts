/**
 * What this node does about each message: one handler per type, in one table (wire-protocol 5, 6, 7). A type
 * without a handler is understood but of no use to us yet.
 */

import type { Frame } from '../framing/decoder.ts'
import { FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../framing/encoder.ts'
import { ADDRESSES_PER_WORK, MAX_ADDR_ANSWER, V1_LISTENER_PING_INTERVAL_MS } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import { judgeVersion, rememberVersion } from '../peer/handshake.ts'
import type { Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { monoMs, type Now } from '../primitives/brand.ts'
import { printable } from '../primitives/bytes.ts'
import { COMPACT_VERSION } from '../wire/compact.ts'
import type { Message, MessageError, MessageOf, MessageType } from '../wire/messages.ts'
import { chainHandlers, NEEDS_CHAIN } from './chain-handlers.ts'
import type { ChainRoom } from './chain-room.ts'
import type { AddressGossip } from './gossip.ts'
import type { NodeEvent } from './seam.ts'
import type { MessageSender } from './sender.ts'

export interface HandlerContext {
  readonly network: NetworkParams
  readonly peers: PeerManager
  readonly sender: MessageSender
  /** Are events wanted for every message? */
  readonly tracing: boolean
  readonly gossip: AddressGossip
  /** Undefined if the node has no chain. */
  readonly room: ChainRoom | undefined
  event(event: NodeEvent): void
  offend(peer: Peer, offence: Offence, detail: MessageError): void
  /** Something is due to the peer at a time that may be earlier than known. */
  watch(peer: Peer): void
  /** May this probe stay as a peer? Somebody else's slot is free then. */
  promote(peer: Peer): boolean
  /** The handshake is complete; may end the peer. */
  complete(peer: Peer): void
  /** `deliver`: what is queued for the peer shall still reach it. */
  disconnect(peer: Peer, reason: DisconnectReason, deliver: boolean, now: Now, detail?: string): void
}

type Handler<M> = (context: HandlerContext, peer: Peer, message: M, now: Now, frame: Frame) => void
export type Handlers = { readonly [T in MessageType]?: Handler<MessageOf<T>> }

const handlers: Handlers = {
  ...chainHandlers,
  version: onVersion,
  verack: onVerack,
  // Answered by the processor, which needs neither its nonce nor a second hash.
  ping: () => undefined,
  pong: onPong,
  addr: onAddr,
  getaddr: onGetaddr,
  sendheaders: onSendheaders,
  sendcmpct: onSendcmpct,
  reject: onReject,
}

/** False if nothing here has a use for the message. `frame`: what it came in. */
export function handleMessage(
  context: HandlerContext,
  peer: Peer,
  message: Message,
  now: Now,
  frame: Frame,
): boolean {
  // A row's handler takes the message of the row's own type, which indexing by a union can't express.
  const handler = handlers[message.type] as Handler<Message> | undefined
  if (handler === undefined || (context.room === undefined && NEEDS_CHAIN.has(message.type))) return false
  handler(context, peer, message, now, frame)
  return true
}

function onVersion(
  context: HandlerContext,
  peer: Peer,
  message: MessageOf<'version'>,
  now: Now,
  frame: Frame,
): void {
  // Honest nodes send it twice on some connections: acknowledged again, otherwise without effect.
  if (peer.version !== undefined) return context.sender.verack(peer)
  const version = rememberVersion(message, now.unix)
  peer.version = version
  context.event({ type: 'versionReceived', peer: peer.id, version, bytes: frameBytes(frame) })
  const verdict = judgeVersion(message, context.network, context.peers.ownNonces)
  if (!verdict.accepted) {
    const { reason, reject } = verdict
    if (reason === 'selfConnection') endOwnDial(context, message.nonce, now)
    if (reject !== undefined) context.sender.reject(peer, 'version', reject.code, reject.text)
    return context.disconnect(peer, reason, reject !== undefined, now)
  }
  if (!peer.sentVersion) context.sender.version(peer, now)
  context.sender.verack(peer)
  peer.state = 'awaitVerack'
  if (peer.gotVerack) completeHandshake(context, peer, now)
}

/** The listening half of a connection to ourselves is the first to know; the dialling half must not retry. */
function endOwnDial(context: HandlerContext, nonce: bigint, now: Now): void {
  const id = context.peers.ownNonces.get(nonce)
  const dialler = id === undefined ? undefined : context.peers.get(id)
  if (dialler !== undefined) context.disconnect(dialler, 'selfConnection', false, now)
}

function onVerack(context: HandlerContext, peer: Peer, _: MessageOf<'verack'>, now: Now, frame: Frame): void {
  // It acknowledges our `version`, so before that one was sent it means nothing.
  if (peer.state === 'ready' || peer.gotVerack || !peer.sentVersion) return
  context.event({ type: 'verackReceived', peer: peer.id, bytes: frameBytes(frame) })
  peer.gotVerack = true
  if (peer.state === 'awaitVerack') completeHandshake(context, peer, now)
}

function completeHandshake(context: HandlerContext, peer: Peer, now: Now): void {
  peer.state = 'ready'
  peer.readyAt = now.mono
  peer.decoder.maxPayloadBytes = MAX_PAYLOAD_BYTES
  context.event({ type: 'handshakeComplete', peer: peer.id })
  if (peer.kind === 'feeler' && !context.promote(peer)) {
    context.complete(peer)
    return context.disconnect(peer, 'probed', true, now)
  }
  // The first release knows none of these.
  context.gossip.ready(peer, now)
  if (peer.version?.layout !== 'v1') context.sender.announcementsWanted(peer)
  context.sender.ping(peer, now)
  context.complete(peer)
  context.room?.ready(peer, now)
}

function frameBytes({ payload }: Frame): number {
  return FRAME_HEADER_BYTES + payload.length
}

function onPong(context: HandlerContext, peer: Peer, { nonce }: MessageOf<'pong'>, now: Now): void {
  const verdict = peer.pings.pong(nonce, now.mono)
  const roundTripMs = verdict.matched ? verdict.roundTripMs : undefined
  const routine = verdict.matched && verdict.routine
  if (roundTripMs !== undefined && peer.addresses.delivered(monoMs(now.mono - roundTripMs), now.mono)) {
    context.watch(peer)
  }
  if (peer.isV1Listener) peer.pings.hasten(now.mono, V1_LISTENER_PING_INTERVAL_MS)
  // Unasked pongs are as many as the peer likes to send.
  if (!verdict.matched && !context.tracing) return
  context.event({ type: 'pongReceived', peer: peer.id, nonce, routine, roundTripMs })
}

function onGetaddr(context: HandlerContext, peer: Peer, _: MessageOf<'getaddr'>, now: Now): void {
  peer.allowance.useWork()
  context.gossip.onGetaddr(peer, now)
}

const TOO_MANY: MessageError = { type: 'addr', code: 'tooLarge', field: 'count', offset: 0 }

function onAddr(context: HandlerContext, peer: Peer, { addresses }: MessageOf<'addr'>, now: Now): void {
  if (addresses.length > MAX_ADDR_ANSWER) {
    return context.offend(peer, 'tooManyAddresses', TOO_MANY)
  }
  peer.allowance.useWork(Math.max(1, addresses.length / ADDRESSES_PER_WORK))
  context.gossip.onAddr(peer, addresses, now)
  if (peer.kind === 'seed') context.disconnect(peer, 'seedDone', false, now)
}

function onSendheaders(_: HandlerContext, peer: Peer): void {
  peer.prefersHeaders = true
}

function onSendcmpct(_: HandlerContext, peer: Peer, message: MessageOf<'sendcmpct'>): void {
  if (message.version === COMPACT_VERSION) peer.compactAnnounce = message.announce
}

function onReject(context: HandlerContext, peer: Peer, message: MessageOf<'reject'>, now: Now): void {
  const command = printable(message.command)
  const reason = printable(message.reason)
  context.event({ type: 'rejectReceived', peer: peer.id, command, code: message.code, reason })
  // Some keep the connection open after that, but nothing will come of it.
  if (peer.state === 'ready' || command !== 'version') return
  context.disconnect(peer, 'rejectedByPeer', false, now, reason)
}
