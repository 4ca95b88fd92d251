/**
 * A stream of bytes to frames (wire-protocol 2), however the network cut it. Owns the partial frame of one
 * peer and nothing else. A payload that lies within one chunk is a view of it; only one that is split, or so short
 * that a view would cost more, is copied, once. Memory follows the bytes that arrived, never a length that was claimed: at most twice the
 * part of one payload that is here, and payloads that nobody will read are not kept at all.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import { printable, readU32 } from '../primitives/bytes.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { CURRENT_FORM } from '../wire/codec.ts'
import { type MessageType, maxPayloadBytes } from '../wire/messages.ts'
import { commandText, findCommand, type KnownCommand } from './command.ts'
import { FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES } from './encoder.ts'

/** A frame of a known command whose size and checksum are right. */
export interface Frame {
  readonly kind: 'frame'
  readonly type: MessageType
  /** Mostly a view; it keeps the chunk that it came in alive. */
  readonly payload: Uint8Array
  readonly checksum: number
}

/** A frame whose payload is passed over unread: its command is unknown, or its size is not the command's. */
export interface SkippedFrame {
  readonly kind: 'skipped'
  readonly why: 'unknownCommand' | 'badSize'
  /** Printable form of the command. */
  readonly command: string
  readonly length: number
}

/** After this the stream can't be trusted: nothing more is decoded. */
export interface BrokenStream {
  readonly kind: 'broken'
  readonly code: 'badMagic' | 'badCommand' | 'oversized' | 'badChecksum'
  /** For people: what was found, and where that is a number, what was allowed. */
  readonly detail: string
}

export type FrameEvent = Frame | SkippedFrame | BrokenStream

const COMMAND_OFFSET = 4
const LENGTH_OFFSET = 16
const CHECKSUM_OFFSET = 20
/** First memory of a payload that is split; it doubles as bytes arrive. */
const FIRST_PARTIAL_BYTES = 4_096

/** Up to here a copy costs less than a view. */
const SHORT_PAYLOAD_BYTES = 64

const NOTHING: Uint8Array = new Uint8Array(0)

/** One direction of a connection: chunks of any size in, frames out. Keeps what has come of one frame, and no more. */
export class FrameDecoder {
  readonly #magic: number
  readonly #form: PayloadForm
  #maxPayloadBytes: number
  /** The chunk that is being read, and how far. */
  #chunk = NOTHING
  #at = 0
  /** Chunks behind it, of which the first `#queueAt` are done with. */
  #queue: Uint8Array[] = []
  #queueAt = 0
  /** Bytes not looked at yet. */
  #waiting = 0
  #broken = false

  #header: Uint8Array | undefined
  #headerFilled = 0
  /** The frame whose payload is awaited. */
  #command: KnownCommand | undefined
  #length = 0
  #checksum = 0
  #payload = NOTHING
  #payloadFilled = 0
  #toSkip = 0

  /** `form`: of the network, its `chain`. Frames that claim more than `maxBytes` break the stream. */
  constructor(magic: number, form = CURRENT_FORM, maxBytes = MAX_PAYLOAD_BYTES) {
    this.#magic = magic
    this.#maxPayloadBytes = maxBytes
    this.#form = form
  }

  /** Counts for frames whose header has not been read yet. */
  set maxPayloadBytes(bytes: number) {
    this.#maxPayloadBytes = bytes
  }

  /** Bytes that this decoder keeps alive. */
  get bufferedBytes(): number {
    return this.#waiting + this.#headerFilled + this.#payload.length
  }

  /** Are there bytes that `next` has not looked at? */
  get hasInput(): boolean {
    return this.#waiting > 0 && !this.#broken
  }

  /** Has a frame begun whose end has not come? */
  get midFrame(): boolean {
    return this.frameBytes > 0
  }

  /** Bytes of that frame so far, its header included. */
  get frameBytes(): number {
    if (this.#toSkip > 0) return FRAME_HEADER_BYTES + this.#length - this.#toSkip
    return this.#command === undefined ? this.#headerFilled : FRAME_HEADER_BYTES + this.#payloadFilled
  }

  /** Takes bytes over; the caller must not change them afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#broken) return
    if (this.#waiting === 0) this.#look(chunk)
    else this.#queue.push(chunk)
    this.#waiting += chunk.length
  }

  /** The next event, or undefined when more bytes are needed. */
  next(): FrameEvent | undefined {
    while (this.#waiting > 0 && !this.#broken) {
      if (this.#toSkip > 0) {
        this.#toSkip -= this.#advance(Math.min(this.#toSkip, this.#inChunk()))
        continue
      }
      if (this.#command !== undefined) {
        if (!this.#collectPayload()) continue
        return this.#finish(this.#command)
      }
      const event = this.#readHeader()
      if (event !== undefined) return event
    }
    return undefined
  }

  #look(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  #inChunk(): number {
    return this.#chunk.length - this.#at
  }

  /** Moves on within the current chunk, and to the next one at its end. Returns `bytes`. */
  #advance(bytes: number): number {
    this.#at += bytes
    this.#waiting -= bytes
    if (this.#at === this.#chunk.length) this.#nextChunk()
    return bytes
  }

  /** Lets go of the current chunk. Shifting the queue each time would cost its length each time. */
  #nextChunk(): void {
    const next = this.#queue[this.#queueAt]
    if (next === undefined) {
      this.#chunk = NOTHING
      this.#at = 0
      return
    }
    this.#look(next)
    this.#queue[this.#queueAt++] = NOTHING
    if (2 * this.#queueAt <= this.#queue.length) return
    this.#queue = this.#queue.slice(this.#queueAt)
    this.#queueAt = 0
  }

  /** Copies bytes of the current chunk into `target`, as many as there are and it needs. Returns how many. */
  #copyInto(target: Uint8Array, filled: number, needed: number): number {
    const bytes = Math.min(needed - filled, this.#inChunk())
    target.set(viewOf(this.#chunk, this.#at, bytes), filled)
    return this.#advance(bytes)
  }

  #readHeader(): FrameEvent | undefined {
    if (this.#headerFilled === 0 && this.#inChunk() >= FRAME_HEADER_BYTES) {
      const chunk = this.#chunk
      const at = this.#at
      this.#advance(FRAME_HEADER_BYTES)
      return this.#begin(chunk, at)
    }
    this.#header ??= new Uint8Array(FRAME_HEADER_BYTES)
    this.#headerFilled += this.#copyInto(this.#header, this.#headerFilled, FRAME_HEADER_BYTES)
    if (this.#headerFilled < FRAME_HEADER_BYTES) return undefined
    this.#headerFilled = 0
    return this.#begin(this.#header, 0)
  }

  /** Judges a header. Returns an event if that already says all about the frame. */
  #begin(bytes: Uint8Array, at: number): FrameEvent | undefined {
    const magic = readU32(bytes, at)
    if (magic !== this.#magic) return this.#break('badMagic', `0x${magic.toString(16).padStart(8, '0')}`)
    const command = findCommand(bytes, at + COMMAND_OFFSET)
    const text = command?.type ?? commandText(bytes, at + COMMAND_OFFSET)
    if (text === undefined) return this.#break('badCommand', 'not padded with zeros')
    const length = readU32(bytes, at + LENGTH_OFFSET)
    if (length > this.#maxPayloadBytes) {
      const detail = `'${printable(text)}' of ${length} bytes, allowed are ${this.#maxPayloadBytes}`
      return this.#break('oversized', detail)
    }
    this.#length = length
    if (
      command === undefined ||
      length < command.minBytes ||
      length > maxPayloadBytes(command.type, this.#form)
    ) {
      this.#toSkip = length
      const why = command === undefined ? 'unknownCommand' : 'badSize'
      return { kind: 'skipped', why, command: printable(text), length }
    }
    this.#checksum = readU32(bytes, at + CHECKSUM_OFFSET)
    if (length === 0) return this.#finish(command)
    this.#command = command
    return undefined
  }

  /** Makes `#payload` the payload if all of it is here; otherwise keeps what is. */
  #collectPayload(): boolean {
    if (this.#payloadFilled === 0 && this.#inChunk() >= this.#length) {
      const take = this.#length <= SHORT_PAYLOAD_BYTES ? copyOf : viewOf
      this.#payload = take(this.#chunk, this.#at, this.#length)
      this.#advance(this.#length)
      return true
    }
    const needed = Math.min(this.#length, this.#payloadFilled + this.#inChunk())
    if (needed > this.#payload.length) this.#growPayload(needed)
    this.#payloadFilled += this.#copyInto(this.#payload, this.#payloadFilled, this.#length)
    return this.#payloadFilled === this.#length
  }

  #growPayload(needed: number): void {
    const doubled = Math.max(needed, 2 * this.#payload.length, FIRST_PARTIAL_BYTES)
    const grown = new Uint8Array(Math.min(doubled, this.#length))
    grown.set(this.#payload.subarray(0, this.#payloadFilled))
    this.#payload = grown
  }

  #finish(command: KnownCommand): FrameEvent {
    const payload = this.#payload
    this.#payload = NOTHING
    this.#payloadFilled = 0
    this.#command = undefined
    if (messageChecksum(payload) !== this.#checksum) return this.#break('badChecksum', `of '${command.type}'`)
    return { kind: 'frame', type: command.type, payload, checksum: this.#checksum }
  }

  #break(code: BrokenStream['code'], detail: string): BrokenStream {
    this.#broken = true
    this.#queue = []
    this.#queueAt = 0
    this.#chunk = NOTHING
    this.#waiting = 0
    this.#payload = NOTHING
    this.#header = undefined
    return { kind: 'broken', code, detail }
  }
}

/** A chunk may be of a subclass, whose own views cost more. */
function viewOf(chunk: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset + at, length)
}

function copyOf(chunk: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  for (let i = 0; i < length; i++) copy[i] = chunk[at + i] ?? 0
  return copy
}
