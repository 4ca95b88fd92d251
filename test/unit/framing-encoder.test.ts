import { describe, expect, it } from 'vitest'
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../../src/framing/encoder.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import type { Message } from '../../src/wire/messages.ts'
import { hex, loadBlocks } from '../../testkit/vectors.ts'
import { decoded } from '../../testkit/wire-samples.ts'

const MAGIC = 0xd171_4102
const getblocks = (length: number): Message => ({ type: 'getblocks', body: new Uint8Array(length).fill(3) })
const filler = (length: number): Message => ({
  type: 'dnabwtest',
  nonce: 1n,
  wallTimeMs: 2n,
  filler: new Uint8Array(length).fill(4),
})

describe('FrameEncoder', () => {
  it('writes the header of wire-protocol 2', () => {
    const frame = new FrameEncoder(MAGIC).encode(getblocks(40))
    expect(toHex(frame.subarray(0, 20))).toBe('024171d1676574626c6f636b7300000028000000')
    const view = new DataView(frame.buffer, frame.byteOffset)
    expect(view.getUint32(20, true)).toBe(messageChecksum(frame.subarray(FRAME_HEADER_BYTES)))
  })

  it('gives each frame memory of its own, whatever its size', () => {
    const encoder = new FrameEncoder(MAGIC)
    const messages = [10, 1_000, 40, 5_000, 60_000, 70_000, 200_000, 50, 1_048_576, 8].map(filler)
    const frames = messages.map((message) => encoder.encode(message))
    for (const [i, message] of messages.entries()) {
      expect(
        Buffer.from(frames[i] ?? new Uint8Array(0)).equals(new FrameEncoder(MAGIC).encode(message)),
      ).toBe(true)
    }
    expect(new Set(frames.map((frame) => frame.buffer)).size).toBe(frames.length)
  })

  it('writes a header alone for a payload that is at hand', () => {
    const encoder = new FrameEncoder(MAGIC)
    for (const { type, payloadHex } of loadBlocks().blocks.map((block) => ({
      type: 'block' as const,
      ...block,
    }))) {
      const payload = hex(payloadHex)
      const message = decoded(type, payload)
      const header = encoder.header(type, payload.length, messageChecksum(payload))
      expect(toHex(header) + payloadHex).toBe(toHex(encoder.encode(message)))
    }
    expect(toHex(encoder.header('verack', 0, messageChecksum(new Uint8Array(0))))).toBe(
      '024171d176657261636b00000000000000000000a1292c11',
    )
  })

  it('works on after a message that could not be written', () => {
    const encoder = new FrameEncoder(MAGIC)
    const before = encoder.encode(getblocks(50))
    expect(() => encoder.encode(getblocks(8_237))).toThrow(RangeError)
    expect(() => encoder.encode({ type: 'ping', nonce: -1n })).toThrow(RangeError)
    expect(encoder.encode(getblocks(50))).toEqual(before)
  })

  it.each([0n, 1n, 0x1122334455667788n, 0xffff_ffff_ffff_ffffn])(
    'answers a ping of %i without decoding it',
    (nonce) => {
      const encoder = new FrameEncoder(MAGIC)
      const decoder = new FrameDecoder(MAGIC)
      decoder.push(encoder.encode({ type: 'ping', nonce }))
      const ping = decoder.next()
      if (ping?.kind !== 'frame') throw new Error('no frame')
      const pong = encoder.pongFor(ping.payload, ping.checksum)
      expect(pong).toEqual(encoder.encode({ type: 'pong', nonce }))
      expect(encoder.pongFor(ping.payload, ping.checksum).buffer).not.toBe(pong.buffer)
    },
  )
})
