/** The command field of a frame: 12 bytes, ASCII, padded with zeros (wire-protocol 2). */
import { readU32 } from '../primitives/bytes.ts'
import { codecs, type MessageType, messageTypes } from '../wire/messages.ts'

export const COMMAND_BYTES = 12

/** A command that has a codec, ready to be compared and written without making strings. */
export interface KnownCommand {
  readonly type: MessageType
  readonly minBytes: number
  /** The field as three little-endian words. */
  readonly words: readonly [number, number, number]
  readonly bytes: Uint8Array
}

function known(type: MessageType): KnownCommand {
  const bytes = new Uint8Array(COMMAND_BYTES)
  for (let i = 0; i < type.length; i++) bytes[i] = type.charCodeAt(i)
  const words = [readU32(bytes, 0), readU32(bytes, 4), readU32(bytes, 8)] as const
  return { type, minBytes: codecs[type].minBytes, words, bytes }
}

const rows = messageTypes.map(known)
const byType = new Map(rows.map((row) => [row.type, row]))
const byFirstWord = new Map<number, KnownCommand[]>()
for (const row of rows) byFirstWord.set(row.words[0], [...(byFirstWord.get(row.words[0]) ?? []), row])

export function commandOf(type: MessageType): KnownCommand {
  const row = byType.get(type)
  if (row === undefined) throw new RangeError(`no codec for '${type}'`)
  return row
}

/** The known command whose field stands at `offset`, or undefined. A match includes the padding. */
export function findCommand(bytes: Uint8Array, offset: number): KnownCommand | undefined {
  const candidates = byFirstWord.get(readU32(bytes, offset))
  if (candidates === undefined) return undefined
  const second = readU32(bytes, offset + 4)
  const third = readU32(bytes, offset + 8)
  for (const row of candidates) if (row.words[1] === second && row.words[2] === third) return row
  return undefined
}

/** The text of a command field, or undefined if it has no zero at its end or anything but zeros behind one. */
export function commandText(bytes: Uint8Array, offset: number): string | undefined {
  let text = ''
  let ended = false
  for (const byte of bytes.subarray(offset, offset + COMMAND_BYTES)) {
    if (byte === 0) ended = true
    else if (ended) return undefined
    else text += String.fromCharCode(byte)
  }
  return ended ? text : undefined
}
