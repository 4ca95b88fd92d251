/** Why a connection ended. Each end has exactly one reason, which is logged, counted and given to library users. */

const TEXTS = {
  closedByPeer: 'closed by the peer',
  connectionLost: 'connection lost',
  shutdown: 'this node is shutting down',
  requested: 'asked for by the operator',
  noVersion: 'no version within the time allowed',
  handshakeTimeout: 'handshake not finished within the time allowed',
  inactive: 'nothing heard for too long',
  slowMessage: 'a message comes too slowly',
  sendStalled: 'the peer does not read what we send',
  sendQueueFull: 'too much waits to be sent to the peer',
  selfConnection: 'connected to ourselves',
  wrongGenesis: 'the peer is on another chain',
  rejectedByPeer: 'the peer refuses us',
  obsoleteVersion: 'the peer speaks a protocol version that is too old',
  badMagic: 'bytes of another network or protocol',
  badCommand: 'malformed command name',
  oversizedMessage: 'message longer than allowed',
  badChecksum: 'wrong checksum',
  misbehaving: 'too many violations of the protocol',
  banned: 'its address was banned by the operator',
  evicted: 'its slot went to another peer',
  duplicate: 'connected to the same node already',
  probed: 'the probe is over',
  replaced: 'its slot looks elsewhere in the network now',
  seedDone: 'the seed has told its addresses',
  stalled: 'it does not bring what it was asked for',
  lagging: 'its chain has stayed behind ours',
  overBudget: 'all peers together hold too much memory, and this one the most',
} as const

export type DisconnectReason = keyof typeof TEXTS

/** Every reason that a connection can end for. */
export const disconnectReasons = Object.keys(TEXTS) as readonly DisconnectReason[]

/** In words, such as "closed by the peer". */
export function describeDisconnect(reason: DisconnectReason): string {
  return TEXTS[reason]
}

/** Why an incoming connection was not made a peer. */
export type RefusalReason = 'banned' | 'inboundFull' | 'perIpLimit' | 'notListening' | 'shuttingDown'

const REFUSALS: Record<RefusalReason, string> = {
  banned: 'its address is banned',
  inboundFull: 'all inbound slots are taken',
  perIpLimit: 'too many connections from this address',
  notListening: 'this node takes no connections',
  shuttingDown: 'this node is shutting down',
}

/** In words. */
export function describeRefusal(reason: RefusalReason): string {
  return REFUSALS[reason]
}
