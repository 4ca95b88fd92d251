/** `ping` and `pong` (wire-protocol 5.3). */
import type { Codec } from './codec.ts'

export interface PingMessage {
  readonly type: 'ping'
  readonly nonce: bigint
}

export interface PongMessage {
  readonly type: 'pong'
  readonly nonce: bigint
}

export const pingCodec: Codec<PingMessage> = {
  type: 'ping',
  minBytes: 8,
  maxBytes: 8,
  decode: (reader) => ({ type: 'ping', nonce: reader.u64('nonce') }),
  encode: (writer, { nonce }) => void writer.u64(nonce),
}

export const pongCodec: Codec<PongMessage> = {
  type: 'pong',
  minBytes: 8,
  maxBytes: 8,
  decode: (reader) => ({ type: 'pong', nonce: reader.u64('nonce') }),
  encode: (writer, { nonce }) => void writer.u64(nonce),
}
