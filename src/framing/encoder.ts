/** Messages to frames: the 24-byte header of wire-protocol 2 and the payload, in one piece. */
import type { PayloadForm } from '../params/chain-params.ts'
import { writeU32 } from '../primitives/bytes.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { CURRENT_FORM } from '../wire/codec.ts'
import { type Message, type MessageType, writePayload } from '../wire/messages.ts'
import { COMMAND_BYTES, commandOf } from './command.ts'

/** Magic, command, length, checksum (wire-protocol 2). */
export const FRAME_HEADER_BYTES = 24
/** No frame of any command may carry more (wire-protocol 2). */
export const MAX_PAYLOAD_BYTES = 33_554_432

const COMMAND_OFFSET = 4
const LENGTH_OFFSET = 16
const CHECKSUM_OFFSET = 20
/** Larger scratch memory is not kept for the next message. */
const SCRATCH_BYTES = 65_536
const PONG_BYTES = FRAME_HEADER_BYTES + 8

/** Of all encoders, as none is in use for longer than a call. */
let scratch = new ByteWriter(1_024)

/** Makes the frames of one network. Keeps no state between them. */
export class FrameEncoder {
  readonly #magic: number
  readonly #form: PayloadForm
  readonly #pong: Uint8Array

  /** `magic`: the network's, as a little-endian u32. `form`: its `chain`. */
  constructor(magic: number, form = CURRENT_FORM) {
    this.#magic = magic
    this.#form = form
    this.#pong = this.encode({ type: 'pong', nonce: 0n })
  }

  /** A complete frame in memory of its own. Throws RangeError if the message can't be written. */
  encode(message: Message): Uint8Array {
    const writer = scratch
    writer.reset()
    // Length and checksum are known at the end.
    writer.u32(this.#magic).fixed(commandOf(message.type).bytes, COMMAND_BYTES).u32(0).u32(0)
    writePayload(writer, message, this.#form)
    writer.patchU32(LENGTH_OFFSET, writer.length - FRAME_HEADER_BYTES)
    const isSmall = writer.capacity <= SCRATCH_BYTES
    const frame = isSmall ? writer.copy() : writer.view()
    if (!isSmall) scratch = new ByteWriter(1_024)
    writeU32(frame, CHECKSUM_OFFSET, messageChecksum(frame, FRAME_HEADER_BYTES))
    return frame
  }

  /** The header of a frame whose payload is at hand, with its checksum, and needs neither be copied nor hashed. */
  header(type: MessageType, payloadBytes: number, checksum: number): Uint8Array {
    const frame = new Uint8Array(FRAME_HEADER_BYTES)
    writeU32(frame, 0, this.#magic)
    frame.set(commandOf(type).bytes, COMMAND_OFFSET)
    writeU32(frame, LENGTH_OFFSET, payloadBytes)
    writeU32(frame, CHECKSUM_OFFSET, checksum)
    return frame
  }

  /**
   * The answer to a `ping`: its payload and therefore its checksum are the same, so neither is decoded nor
   * hashed again. That is half the cost of a ping.
   */
  pongFor(payload: Uint8Array, checksum: number): Uint8Array {
    const frame = new Uint8Array(PONG_BYTES)
    frame.set(this.#pong)
    writeU32(frame, CHECKSUM_OFFSET, checksum)
    frame.set(payload, FRAME_HEADER_BYTES)
    return frame
  }
}
