/** What relay needs of those around it: somebody who frames and queues messages, and the table of requests. */
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { PayloadForm } from '../params/chain-params.ts'
import type { Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import type { Message, MessageError, MessageType } from '../wire/messages.ts'

/** Says things to peers. Whatever returns false has found the peer's queue full, and has ended the peer. */
export interface Sayer {
  send(peer: Peer, message: Message): boolean
  /** A whole frame, to be given to {@link sendFrame} as often as one likes. */
  frame(message: Message): Uint8Array
  /** The header of a frame with a payload that is at hand. */
  frameHeader(type: MessageType, payloadBytes: number, checksum: number): Uint8Array
  /** Queues the parts of one frame as they are; they must not change afterwards. */
  sendFrame(peer: Peer, type: MessageType, ...parts: readonly Uint8Array[]): boolean
}

/** Where blocks are asked for: the one table that knows who was asked for what, and never asks twice. */
export interface BlockRequests {
  /** Is the block asked for or claimed, by anybody? */
  isRequested(node: HeaderNode): boolean
  /** A header that the peer announced. */
  onHeaders(peer: Peer, headers: HeaderList, now: Now): void
  /** The peer brings the block in parts: nobody is asked for it until that takes too long. */
  claim(peer: Peer, node: HeaderNode, now: Now): void
  /** The parts don't fit: ask for the whole block, this peer if it was not asked before, or another. */
  fetch(peer: Peer, node: HeaderNode, now: Now): void
  /** The claim is given up without more being known. */
  release(peer: Peer, node: HeaderNode, now: Now): void
  /** A block of the peer is whole. */
  onBlock(peer: Peer, block: Block, received: StoredBlock | undefined, now: Now): void
}

export interface RelayHooks {
  /** Of the network's messages. */
  readonly form: PayloadForm
  readonly sayer: Sayer
  readonly requests: BlockRequests
  now(): Now
  offend(peer: Peer, offence: Offence, detail: MessageError): void
  /** The peer has something to be sent, or may be read from again. */
  touched(peer: Peer): void
  /** Bytes that wait to be sent to all peers together. */
  sendingBytes(): number
  /** The peer was sent what it needs to have this block, if it has the one before. */
  gave?(peer: Peer, node: HeaderNode): void
}
