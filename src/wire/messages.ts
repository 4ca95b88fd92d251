/**
 * The table of all messages: what a command means, how long its payload may be, how it is read and written.
 * A new message is one more row here and one more codec in its family's file.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import { ByteReader, type DecodeErrorCode } from '../primitives/reader.ts'
import { err, type Result } from '../primitives/result.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { addrCodec, getaddrCodec } from './address.ts'
import { blockCodec, maxBlockBytes } from './block.ts'
import { type Codec, CURRENT_FORM } from './codec.ts'
import { blocktxnCodec, cmpctblockCodec, getblocktxnCodec, sendcmpctCodec } from './compact.ts'
import { mempoolCodec, rejectCodec } from './control.ts'
import {
  dnabwresCodec,
  dnabwtestCodec,
  dnaireqCodec,
  dnairesCodec,
  dnalpingCodec,
  dnalpongCodec,
  dnatsyncCodec,
  dnavattsCodec,
  dnavchallCodec,
  dnavrespCodec,
} from './dna.ts'
import { getblocksCodec, getheadersCodec, headersCodec, sendheadersCodec } from './header.ts'
import { getdataCodec, invCodec } from './inventory.ts'
import { pingCodec, pongCodec } from './keepalive.ts'
import { txCodec } from './transaction.ts'
import { verackCodec, versionCodec } from './version.ts'

/** How each message is read and written, by its type, which is its command on the wire. */
export const codecs = {
  version: versionCodec,
  verack: verackCodec,
  ping: pingCodec,
  pong: pongCodec,
  getaddr: getaddrCodec,
  addr: addrCodec,
  inv: invCodec,
  getdata: getdataCodec,
  block: blockCodec,
  tx: txCodec,
  getheaders: getheadersCodec,
  headers: headersCodec,
  getblocks: getblocksCodec,
  mempool: mempoolCodec,
  reject: rejectCodec,
  sendheaders: sendheadersCodec,
  sendcmpct: sendcmpctCodec,
  cmpctblock: cmpctblockCodec,
  getblocktxn: getblocktxnCodec,
  blocktxn: blocktxnCodec,
  dnalping: dnalpingCodec,
  dnalpong: dnalpongCodec,
  dnatsync: dnatsyncCodec,
  dnabwtest: dnabwtestCodec,
  dnabwres: dnabwresCodec,
  dnaireq: dnaireqCodec,
  dnaires: dnairesCodec,
  dnavchall: dnavchallCodec,
  dnavresp: dnavrespCodec,
  dnavatts: dnavattsCodec,
} as const

export type MessageType = keyof typeof codecs

/** The message of one type. */
export type MessageOf<T extends MessageType> = ReturnType<(typeof codecs)[T]['decode']>

/** Any message that this node understands. */
export type Message = { [T in MessageType]: MessageOf<T> }[MessageType]

/** Every type there is a codec for. */
export const messageTypes = Object.keys(codecs) as readonly MessageType[]

export interface MessageError {
  readonly type: MessageType
  /** `size`: the payload's length is outside the bounds of its command, and nothing was read. */
  readonly code: DecodeErrorCode | 'size'
  readonly field: string
  /** Bytes from the start of the payload. */
  readonly offset: number
}

/** The codec of a type, also of one that is only known at run time. */
export function codecOf<T extends MessageType>(type: T): Codec<MessageOf<T>> {
  // Each row decodes to the message of its own type, which the compiler can't follow through an index.
  return codecs[type] as unknown as Codec<MessageOf<T>>
}

/**
 * Reads a payload whose checksum has been verified: the message of that type. Never throws; byte arrays in the result
 * are views of the payload. Bytes behind the last field are ignored. `form`: of the network that it comes from.
 */
export function decodePayload<T extends MessageType>(
  type: T,
  payload: Uint8Array,
  form = CURRENT_FORM,
): Result<MessageOf<T>, MessageError> {
  const codec = codecOf(type)
  if (payload.length < codec.minBytes || payload.length > maxPayloadBytes(type, form)) {
    return err({ type, code: 'size', field: 'payload', offset: payload.length })
  }
  const reader = new ByteReader(payload)
  const result = reader.finish(codec.decode(reader, form))
  return result.ok ? result : err({ type, ...result.error })
}

/** The payload of a message, in memory of its own. Throws RangeError if the message can't be written. */
export function encodePayload(message: Message, form = CURRENT_FORM): Uint8Array {
  const writer = new ByteWriter()
  writePayload(writer, message, form)
  return writer.copy()
}

export function writePayload(writer: ByteWriter, message: Message, form = CURRENT_FORM): void {
  const start = writer.length
  codecOf(message.type).encode(writer, message, form)
  const length = writer.length - start
  const maxBytes = maxPayloadBytes(message.type, form)
  if (length > maxBytes) {
    throw new RangeError(`a '${message.type}' of ${length} bytes is over the limit of ${maxBytes}`)
  }
}

/** The upper bound of a payload of this type; only that of blocks depends on the network. */
export function maxPayloadBytes(type: MessageType, form: PayloadForm): number {
  return type === 'block' ? maxBlockBytes(form) : codecOf(type).maxBytes
}
