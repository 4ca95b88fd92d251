/**
 * What must hold for whatever bytes arrive, as checks that say what is wrong or nothing. Property tests and the
 * long fuzz run share them.
 */
import { FrameDecoder, type FrameEvent } from '../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES } from '../src/framing/encoder.ts'
import { bytesEqual } from '../src/primitives/bytes.ts'
import { decodeBlockTransactions, encodeBlockTransactions } from '../src/wire/block.ts'
import {
  codecs,
  decodePayload,
  encodePayload,
  type Message,
  type MessageError,
  type MessageType,
} from '../src/wire/messages.ts'

/** What is wrong; undefined if nothing is. */
export type Complaint = string | undefined

/** Smallest memory that a partial payload takes. */
const FIRST_PARTIAL_BYTES = 4_096

/** Cuts bytes into pieces of the given sizes, taken in turn. */
export function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? bytes.length)
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

/** All events that are there, which must be no more than the bytes can hold. */
function drain(decoder: FrameDecoder, mostEvents: number): FrameEvent[] {
  const events: FrameEvent[] = []
  for (let event = decoder.next(); event !== undefined; event = decoder.next()) {
    events.push(event)
    if (events.length > mostEvents) throw new Error(`more than ${mostEvents} events`)
  }
  return events
}

function sameEvent(a: FrameEvent | undefined, b: FrameEvent | undefined): boolean {
  if (a?.kind === 'frame' && b?.kind === 'frame') {
    return a.type === b.type && a.checksum === b.checksum && bytesEqual(a.payload, b.payload)
  }
  return JSON.stringify(a) === JSON.stringify(b)
}

function eventBytes(event: FrameEvent): number {
  if (event.kind === 'broken') return 0
  return FRAME_HEADER_BYTES + (event.kind === 'frame' ? event.payload.length : event.length)
}

/**
 * Decodes a stream whole and in the given chunks. The events must be the same, must fit into the bytes, must end
 * with a break, and no more than twice the unfinished part may be kept; each payload must pass its own check.
 */
export function checkStream(stream: Uint8Array, chunkSizes: readonly number[], magic: number): Complaint {
  const mostEvents = Math.floor(stream.length / FRAME_HEADER_BYTES)
  const whole = new FrameDecoder(magic)
  whole.push(stream)
  const events = drain(whole, mostEvents)

  const decoder = new FrameDecoder(magic)
  let seen = 0
  let pushed = 0
  let finished = 0
  for (const chunk of split(stream, chunkSizes)) {
    decoder.push(chunk)
    pushed += chunk.length
    for (const event of drain(decoder, mostEvents)) {
      if (!sameEvent(event, events[seen])) return `event ${seen} depends on how the stream was cut`
      finished += eventBytes(event)
      seen++
    }
    const most = Math.max(FIRST_PARTIAL_BYTES, 2 * Math.max(0, pushed - finished)) + FRAME_HEADER_BYTES
    if (decoder.bufferedBytes > most) return `${decoder.bufferedBytes} bytes kept, at most ${most} expected`
    if (decoder.hasInput) return 'input left although nothing more can be decoded'
  }
  if (seen !== events.length) return `${seen} events in chunks, ${events.length} in one piece`
  if (decoder.midFrame !== whole.midFrame) return 'being within a frame depends on how the stream was cut'
  const firstBreak = events.findIndex((event) => event.kind === 'broken')
  if (firstBreak >= 0 && firstBreak !== events.length - 1) return 'an event behind a break'

  for (const event of events) {
    const complaint = event.kind === 'frame' ? checkPayload(event.type, event.payload) : undefined
    if (complaint !== undefined) return complaint
  }
  return undefined
}

/**
 * Decodes a payload. A failure must name a place in it; a message must be writable in no more bytes, and from
 * there on reading and writing must change nothing.
 */
export function checkPayload(type: MessageType, payload: Uint8Array): Complaint {
  const decoded = decodePayload(type, payload)
  if (!decoded.ok) return checkError(type, payload, decoded.error)
  const message = decoded.value
  if (message.type !== type) return `a '${type}' was read as '${message.type}'`
  const written = encodePayload(message)
  if (written.length > payload.length)
    return `'${type}' grew from ${payload.length} to ${written.length} bytes`
  const { minBytes } = codecs[type]
  if (written.length < minBytes) return undefined
  const again = decodePayload(type, written)
  if (!again.ok) return `'${type}' can't be read back: ${again.error.code} of ${again.error.field}`
  if (hasTwoLayouts(message, written)) return undefined
  if (!bytesEqual(encodePayload(again.value), written)) return `'${type}' changes when written again`
  return message.type === 'block' ? checkTransactions(message.block.transactionData) : undefined
}

function checkError(type: MessageType, payload: Uint8Array, error: MessageError): Complaint {
  const { minBytes, maxBytes } = codecs[type]
  const fits = payload.length >= minBytes && payload.length <= maxBytes
  if (error.type !== type) return `an error of '${type}' names '${error.type}'`
  if (fits === (error.code === 'size')) return `'${type}' of ${payload.length} bytes gives ${error.code}`
  if (error.field === '') return `an error of '${type}' names no field`
  if (error.offset >= 0 && error.offset <= payload.length) return undefined
  return `'${type}' fails at ${error.offset} of ${payload.length} bytes`
}

function checkTransactions(data: Uint8Array): Complaint {
  const decoded = decodeBlockTransactions(data)
  if (!decoded.ok) {
    const { field, offset } = decoded.error
    return field !== '' && offset >= 0 && offset <= data.length ? undefined : `transactions fail at ${offset}`
  }
  const written = encodeBlockTransactions(decoded.value)
  return written.length <= data.length ? undefined : 'transactions grew'
}

/** Addresses can be chosen so that a longer `version` has exactly the length of the shortest layout, too. */
function hasTwoLayouts(message: Message, written: Uint8Array): boolean {
  return message.type === 'version' && message.layout !== 'v1' && (message.receiver.ip[0] ?? 0) >= 0x30
    ? written.length >= 86
    : false
}
