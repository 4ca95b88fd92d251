/** Messages about the exchange itself: `mempool` and `reject` (wire-protocol 5.14, 5.15). */
import { type Codec, emptyCodec } from './codec.ts'

export interface MempoolMessage {
  readonly type: 'mempool'
}

export interface RejectMessage {
  readonly type: 'reject'
  /** Command of the message that was refused. */
  readonly command: string
  /** See {@link RejectCode}. */
  readonly code: number
  /** For people; any bytes, one character each. */
  readonly reason: string
}

/** Why something was refused (wire-protocol 5.15); others are carried as they are. */
export const RejectCode = { malformed: 0x01, invalid: 0x10, obsolete: 0x11, duplicate: 0x12 } as const

const MAX_COMMAND_BYTES = 12
const MAX_REASON_BYTES = 200

export const mempoolCodec: Codec<MempoolMessage> = emptyCodec('mempool')

export const rejectCodec: Codec<RejectMessage> = {
  type: 'reject',
  minBytes: 1,
  maxBytes: 1_024,
  decode(reader) {
    const command = reader.varString('command', MAX_COMMAND_BYTES)
    const code = reader.u8('code')
    return { type: 'reject', command, code, reason: reader.varString('reason', MAX_REASON_BYTES) }
  },
  encode(writer, { command, code, reason }) {
    // Both may quote what a stranger said: cut, not refused.
    writer
      .varString(command.slice(0, MAX_COMMAND_BYTES))
      .u8(code)
      .varString(reason.slice(0, MAX_REASON_BYTES))
  },
}
