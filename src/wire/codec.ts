/**
 * What a message codec is. Bounds come from the payload size table of wire-protocol 2 and are checked before
 * `decode` runs. `decode` reads through a reader whose failure sticks; it may return a half-filled message
 * then, which nobody sees. Byte arrays in decoded messages are views of the received payload.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import type { ByteReader } from '../primitives/reader.ts'
import type { ByteWriter } from '../primitives/writer.ts'

/** As on every network but that of the first release. */
export const CURRENT_FORM: PayloadForm = { plainHeaders: false, maxTransactionDataBytes: 4_194_304 }

export interface Codec<M extends { readonly type: string }> {
  readonly type: M['type']
  readonly minBytes: number
  readonly maxBytes: number
  decode(reader: ByteReader, form: PayloadForm): M
  /** Throws RangeError on a message that can't be written: our own bug. */
  encode(writer: ByteWriter, message: M, form: PayloadForm): void
}

/** A codec for a message without payload. */
export function emptyCodec<T extends string>(type: T): Codec<{ readonly type: T }> {
  const message = { type }
  return { type, minBytes: 0, maxBytes: 0, decode: () => message, encode: () => undefined }
}
