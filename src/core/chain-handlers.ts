/**
 * What this node does about messages that the chain lives by (wire-protocol 5.6 to 5.14, 5.18 to 5.20). A node without a chain
 * has no use for them, but answers who asks it for headers.
 */
import type { StoredBlock } from '../chain/io.ts'
import type { Frame } from '../framing/decoder.ts'
import { V1_LISTENER_PING_INTERVAL_MS } from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import { HeaderList } from '../wire/header.ts'
import type { MessageOf, MessageType } from '../wire/messages.ts'
import type { HandlerContext, Handlers } from './handlers.ts'

/** Nothing to a node that has no chain. */
export const NEEDS_CHAIN: ReadonlySet<MessageType> = new Set([
  'headers',
  'inv',
  'block',
  'getdata',
  'cmpctblock',
  'getblocktxn',
  'blocktxn',
  'tx',
  'mempool',
])

export const chainHandlers: Handlers = {
  headers: onHeaders,
  inv: onInv,
  block: onBlock,
  getheaders: onGetheaders,
  getdata: onGetdata,
  cmpctblock: onCmpctblock,
  getblocktxn: onGetblocktxn,
  blocktxn: onBlocktxn,
  tx: onTx,
  mempool: onMempool,
}

function onHeaders({ room }: HandlerContext, peer: Peer, message: MessageOf<'headers'>, now: Now): void {
  room?.headers(peer, message.headers, now)
}

function onInv({ room }: HandlerContext, peer: Peer, message: MessageOf<'inv'>, now: Now): void {
  room?.inv(peer, message.inventory, now)
}

function onBlock(
  { room }: HandlerContext,
  peer: Peer,
  { block }: MessageOf<'block'>,
  now: Now,
  frame: Frame,
): void {
  reacted(peer, now)
  room?.block(peer, block, storedForm(block, frame), now)
}

/** A listener of the first release has read what it was sent, and should have something to read again. */
function reacted(peer: Peer, now: Now): void {
  if (peer.isV1Listener) peer.pings.heard(now.mono, V1_LISTENER_PING_INTERVAL_MS)
}

/** Always answered, as every node expects (wire-protocol 5.11). */
function onGetheaders({ room, sender }: HandlerContext, peer: Peer, message: MessageOf<'getheaders'>): void {
  if (room !== undefined) return room.relay.onGetheaders(peer, message)
  peer.allowance.useWork()
  sender.headers(peer, HeaderList.of([]))
}

function onGetdata(
  { room }: HandlerContext,
  peer: Peer,
  { inventory }: MessageOf<'getdata'>,
  now: Now,
): void {
  reacted(peer, now)
  room?.getdata(peer, inventory, now)
}

function onTx({ room }: HandlerContext, peer: Peer, { transaction }: MessageOf<'tx'>): void {
  room?.transaction(peer, transaction)
}

function onMempool({ room }: HandlerContext, peer: Peer, _: MessageOf<'mempool'>, now: Now): void {
  room?.mempool(peer, now)
}

function onCmpctblock(
  { room }: HandlerContext,
  peer: Peer,
  message: MessageOf<'cmpctblock'>,
  _: Now,
  { payload }: Frame,
): void {
  room?.relay.onCompactBlock(peer.id, message, payload.length)
}

function onGetblocktxn({ room }: HandlerContext, peer: Peer, message: MessageOf<'getblocktxn'>): void {
  room?.relay.onGetblocktxn(peer.id, message)
}

function onBlocktxn({ room }: HandlerContext, peer: Peer, message: MessageOf<'blocktxn'>): void {
  room?.relay.onBlockTransactions(peer.id, message)
}

/** Our own messages are in shortest form; a block that came in another is written anew. */
function storedForm(
  { header, transactionData }: Block,
  { payload, checksum }: Frame,
): StoredBlock | undefined {
  const { length } = transactionData
  const countBytes = length < 0xfd ? 1 : length <= 0xffff ? 3 : 5
  const isShortest = payload.length === header.bytes.length + countBytes + length
  return isShortest ? { payload, checksum } : undefined
}
