/**
 * Damage to valid frames, drawn from a seeded generator: what a faulty or hostile peer would send. Some of it
 * repairs length and checksum afterwards, so that it reaches the payload decoders.
 */
import { COMMAND_BYTES, commandOf } from '../src/framing/command.ts'
import { FRAME_HEADER_BYTES } from '../src/framing/encoder.ts'
import { concatBytes } from '../src/primitives/bytes.ts'
import type { RandomSource } from '../src/primitives/random.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import { messageTypes } from '../src/wire/messages.ts'

const COMMAND_OFFSET = 4
const LENGTH_OFFSET = 16
const CHECKSUM_OFFSET = 20
/** Insertions and copies are no longer than this. */
const MAX_PIECE_BYTES = 300

const BYTES = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff] as const
const NUMBERS = [
  0, 1, 0xfc, 0xfd, 0xff, 0x100, 0x7d0, 0x7d1, 0xc350, 0xc351, 0xffff, 0x1_0000, 0x186a1, 0x40_0000,
  0x40_0001, 0x80_0000, 0x200_0000, 0x200_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
] as const

type Mutation = (random: RandomSource, bytes: Uint8Array) => Uint8Array

/** A frame for `payload` with the header of `frame`, its length and checksum made right. */
export function resealed(frame: Uint8Array, payload = frame.subarray(FRAME_HEADER_BYTES)): Uint8Array {
  const sealed = concatBytes([frame.subarray(0, FRAME_HEADER_BYTES), payload])
  const view = new DataView(sealed.buffer)
  view.setUint32(LENGTH_OFFSET, payload.length, true)
  view.setUint32(CHECKSUM_OFFSET, messageChecksum(payload), true)
  return sealed
}

/** Of a random length up to `maxLength`. */
export function randomBytes(random: RandomSource, maxLength: number): Uint8Array {
  const bytes = new Uint8Array(random.below(maxLength + 1))
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.u32()
  return bytes
}

export function pick<T>(random: RandomSource, items: readonly T[]): T {
  const item = items[random.below(items.length)]
  if (item === undefined) throw new RangeError('nothing to pick from')
  return item
}

/** A place between bytes, or a piece of them. */
function range(random: RandomSource, length: number): [start: number, end: number] {
  const start = random.below(length + 1)
  return [start, Math.min(length, start + 1 + random.below(random.below(8) === 0 ? MAX_PIECE_BYTES : 8))]
}

function splice(bytes: Uint8Array, start: number, end: number, piece: Uint8Array): Uint8Array {
  return concatBytes([bytes.subarray(0, start), piece, bytes.subarray(end)])
}

const mutations: readonly Mutation[] = [
  function flipBit(random, bytes) {
    const changed = bytes.slice()
    const at = random.below(bytes.length)
    if (bytes.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
    return changed
  },
  function setByte(random, bytes) {
    const changed = bytes.slice()
    if (bytes.length > 0) changed[random.below(bytes.length)] = pick(random, BYTES)
    return changed
  },
  function setNumber(random, bytes) {
    const changed = bytes.slice()
    if (bytes.length < 4) return changed
    new DataView(changed.buffer).setUint32(random.below(bytes.length - 3), pick(random, NUMBERS), true)
    return changed
  },
  function setCompactSize(random, bytes) {
    const changed = bytes.slice()
    if (bytes.length < 9) return changed
    const at = random.below(bytes.length - 8)
    changed[at] = 0xfd + random.below(3)
    const view = new DataView(changed.buffer)
    view.setUint32(at + 1, pick(random, NUMBERS), true)
    if (random.below(2) === 0) view.setUint32(at + 5, random.below(2), true)
    return changed
  },
  function remove(random, bytes) {
    const [start, end] = range(random, bytes.length)
    return splice(bytes, start, end, new Uint8Array(0))
  },
  function insert(random, bytes) {
    const [start] = range(random, bytes.length)
    return splice(bytes, start, start, randomBytes(random, MAX_PIECE_BYTES))
  },
  function repeat(random, bytes) {
    const [start, end] = range(random, bytes.length)
    return splice(bytes, end, end, bytes.subarray(start, end))
  },
  function overwrite(random, bytes) {
    const [start, end] = range(random, bytes.length)
    return splice(bytes, start, end, randomBytes(random, 8))
  },
  function cutShort(random, bytes) {
    return bytes.slice(0, random.below(bytes.length + 1))
  },
]

/** Some bits, bytes or pieces changed, anywhere. */
export function damage(random: RandomSource, bytes: Uint8Array): Uint8Array {
  let damaged = bytes
  for (let left = 1 + random.below(3); left > 0; left--) damaged = pick(random, mutations)(random, damaged)
  return damaged
}

/** Writes another known command into the header. */
function renamed(random: RandomSource, frame: Uint8Array): Uint8Array {
  const changed = frame.slice()
  changed.set(commandOf(pick(random, messageTypes)).bytes.subarray(0, COMMAND_BYTES), COMMAND_OFFSET)
  return changed
}

/** A whole frame, damaged in one of three ways: anywhere, in its payload and made valid again, in its name. */
export function mutate(random: RandomSource, frame: Uint8Array): Uint8Array {
  const way = random.below(4)
  if (way === 0 || frame.length < FRAME_HEADER_BYTES) return damage(random, frame)
  if (way === 1) return renamed(random, frame)
  return resealed(frame, damage(random, frame.subarray(FRAME_HEADER_BYTES)))
}
