import { afterEach, describe, expect, it, vi } from 'vitest'
import { FrameDecoder, type FrameEvent } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder, MAX_PAYLOAD_BYTES } from '../../src/framing/encoder.ts'
import { testnet } from '../../src/params/networks.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import { CURRENT_FORM } from '../../src/wire/codec.ts'
import { split } from '../../testkit/checks.ts'

const MAGIC = 0xd171_4102
const encoder = new FrameEncoder(MAGIC)
const ping = encoder.encode({ type: 'ping', nonce: 7n })
const verack = encoder.encode({ type: 'verack' })
const reject = encoder.encode({ type: 'reject', command: 'tx', code: 0x10, reason: 'r'.repeat(150) })
const block = encoder.encode({ type: 'getblocks', body: new Uint8Array(5_000).map((_, i) => i) })

/** A header by hand; the payload, if any, follows separately. */
function header(command: string | Uint8Array, length: number, checksum = 0, magic = MAGIC): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  bytes.set(typeof command === 'string' ? Buffer.from(command) : command, 4)
  view.setUint32(16, length, true)
  view.setUint32(20, checksum, true)
  return bytes
}

const frame = (command: string, payload: Uint8Array): Uint8Array =>
  concatBytes([header(command, payload.length, messageChecksum(payload)), payload])

function drain(decoder: FrameDecoder): FrameEvent[] {
  const events: FrameEvent[] = []
  for (let event = decoder.next(); event !== undefined; event = decoder.next()) events.push(event)
  return events
}

function decode(chunks: readonly Uint8Array[], decoder = new FrameDecoder(MAGIC)): FrameEvent[] {
  return chunks.flatMap((chunk) => {
    decoder.push(chunk)
    return drain(decoder)
  })
}

const kinds = (events: readonly FrameEvent[]): string[] =>
  events.map((event) =>
    event.kind === 'frame' ? event.type : event.kind === 'skipped' ? event.why : event.code,
  )

describe('chunks', () => {
  const stream = concatBytes([
    ping,
    verack,
    frame('nonsense', new Uint8Array(100)),
    reject,
    frame('ping', new Uint8Array(9)),
    frame('', new Uint8Array(0)),
    block,
    verack,
  ])
  const expected = [
    'ping',
    'verack',
    'unknownCommand',
    'reject',
    'badSize',
    'unknownCommand',
    'getblocks',
    'verack',
  ]

  it('give the same events however the stream is cut', () => {
    const whole = decode([stream])
    expect(kinds(whole)).toEqual(expected)
    for (let size = 1; size <= 60; size++) expect(decode(split(stream, [size]))).toEqual(whole)
    for (const size of [100, 1_000, 4_096, 5_000]) expect(decode(split(stream, [size]))).toEqual(whole)
  })

  it('may be cut in two at any place', () => {
    const whole = decode([stream])
    for (let at = 1; at < 700; at++) {
      const decoder = new FrameDecoder(MAGIC)
      const events = decode([stream.subarray(0, at), stream.subarray(at)], decoder)
      expect(kinds(events)).toEqual(kinds(whole))
      expect(decoder.midFrame).toBe(false)
      expect(decoder.bufferedBytes).toBe(0)
    }
  })

  it('may all arrive before the first is looked at', () => {
    const decoder = new FrameDecoder(MAGIC)
    for (const chunk of split(stream, [3])) decoder.push(chunk)
    expect(decoder.hasInput).toBe(true)
    expect(decoder.bufferedBytes).toBe(stream.length)
    expect(kinds(drain(decoder))).toEqual(expected)
    expect(decoder.hasInput).toBe(false)
    expect(decoder.bufferedBytes).toBe(0)
  })

  it('may arrive in turns with looking', () => {
    const decoder = new FrameDecoder(MAGIC)
    const events: FrameEvent[] = []
    for (const [i, chunk] of split(stream, [5, 1, 90]).entries()) {
      decoder.push(chunk)
      const event = i % 3 === 0 ? decoder.next() : undefined
      if (event !== undefined) events.push(event)
    }
    expect(kinds([...events, ...drain(decoder)])).toEqual(expected)
  })

  it('may be empty, or views of a larger buffer', () => {
    const memory = new Uint8Array(ping.length + 10).fill(0xee)
    memory.set(ping, 5)
    const events = decode([new Uint8Array(0), memory.subarray(5, 5 + ping.length), new Uint8Array(0)])
    expect(events).toEqual(decode([ping]))
  })

  it('may wait in great numbers', () => {
    const decoder = new FrameDecoder(MAGIC)
    const count = 200_000
    const one = Uint8Array.of(0)
    decoder.push(header('nonsense', count))
    for (let i = 0; i < count; i++) decoder.push(one)
    decoder.push(ping)
    expect(kinds(drain(decoder))).toEqual(['unknownCommand', 'ping'])
  })
})

describe('copies', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('are not made of a payload that lies in one chunk, unless it is so short that a view would cost more', () => {
    const stream = concatBytes([verack, block, ping])
    for (const event of decode([stream])) {
      if (event.kind !== 'frame' || event.payload.length === 0) continue
      expect(event.payload.buffer === stream.buffer).toBe(event.payload.length > 64)
    }
    const apart = concatBytes([block, ping])
    const [event] = decode([apart.subarray(0, 10), apart.subarray(10)])
    expect(event?.kind === 'frame' && event.payload.buffer).toBe(apart.buffer)
  })

  it('are made once of each byte of a payload that is split, and while its memory doubles', () => {
    const data = new Uint8Array(4_000_000)
    const payload = concatBytes([new Uint8Array(80), Uint8Array.of(0xfe, 0, 9, 0x3d, 0), data])
    const stream = frame('block', payload)
    const typedArray: { set(source: ArrayLike<number>, offset?: number): void } = Object.getPrototypeOf(
      Uint8Array.prototype,
    )
    const { set } = typedArray
    let copied = 0
    let calls = 0
    vi.spyOn(typedArray, 'set').mockImplementation(function (this: Uint8Array, source, offset) {
      copied += source.length
      calls++
      set.call(this, source, offset)
    })
    const chunks = split(stream, [1_460])
    const events = decode(chunks)
    vi.restoreAllMocks()
    expect(kinds(events)).toEqual(['block'])
    expect(copied).toBeLessThan(3 * stream.length)
    expect(calls).toBeLessThan(2 * chunks.length)
  })
})

describe('memory', () => {
  it('follows what arrived, not what was claimed', () => {
    const claimed = 8_388_608
    for (const size of [1, 37, 1_000, 70_000]) {
      const decoder = new FrameDecoder(MAGIC)
      decoder.push(header('block', claimed))
      expect(drain(decoder)).toEqual([])
      expect(decoder.bufferedBytes).toBe(0)
      let received = 0
      for (let i = 0; i < 300 && received + size < claimed; i++) {
        decoder.push(new Uint8Array(size))
        received += size
        expect(drain(decoder)).toEqual([])
        expect(decoder.bufferedBytes).toBeLessThanOrEqual(Math.min(claimed, Math.max(4_096, 2 * received)))
      }
      expect(decoder.midFrame).toBe(true)
    }
  })

  it('is kept for larger blocks where the network has them', () => {
    const payload = new Uint8Array(8_388_609)
    const stream = frame('block', payload)
    expect(kinds(decode(split(stream, [1_000_000])))).toEqual(['badSize'])
    const decoder = new FrameDecoder(MAGIC, testnet.chain)
    const [event] = decode(split(stream, [1_000_000]), decoder)
    expect(event?.kind === 'frame' && event.payload.length).toBe(payload.length)
    // Only blocks.
    expect(kinds(decode([frame('cmpctblock', payload)], decoder))).toEqual(['badSize'])
  })

  it('is never more than the payload in the end', () => {
    const payload = new Uint8Array(10_000)
    const decoder = new FrameDecoder(MAGIC)
    const events = decode(split(frame('blocktxn', payload), [4_000]), decoder)
    const [event] = events
    expect(event?.kind === 'frame' && event.payload.buffer.byteLength).toBe(payload.length)
    expect(decoder.bufferedBytes).toBe(0)
  })

  it('counts the part of a header', () => {
    const decoder = new FrameDecoder(MAGIC)
    expect(decode([ping.subarray(0, 23)], decoder)).toEqual([])
    expect(decoder.bufferedBytes).toBe(23)
    expect(decoder.midFrame).toBe(true)
  })

  it('is not used for payloads that nobody will read', () => {
    const piece = new Uint8Array(1_048_576)
    for (const [command, length, why] of [
      ['nonsense', MAX_PAYLOAD_BYTES, 'unknownCommand'],
      ['block', MAX_PAYLOAD_BYTES, 'badSize'],
      ['verack', 1_048_576, 'badSize'],
    ] as const) {
      const decoder = new FrameDecoder(MAGIC)
      expect(decode([header(command, length)], decoder)).toEqual([{ kind: 'skipped', why, command, length }])
      for (let left = length; left > 0; left -= piece.length) {
        expect(decoder.midFrame).toBe(true)
        expect(decode([piece], decoder)).toEqual([])
        expect(decoder.bufferedBytes).toBe(0)
      }
      expect(decoder.midFrame).toBe(false)
      expect(kinds(decode([ping], decoder))).toEqual(['ping'])
    }
  })
})

describe('broken streams', () => {
  const byte = (text: string, at: number, value: number): Uint8Array => {
    const bytes = new Uint8Array(12)
    bytes.set(Buffer.from(text))
    bytes[at] = value
    return bytes
  }

  it.each<[string, Uint8Array, string]>([
    ['another network', header('verack', 0, 0x112c29a1, 0xdab5_bffa), 'badMagic'],
    ['a byte behind the command', header(byte('ping', 6, 1), 8), 'badCommand'],
    ['a byte at the end of an unknown command', header(byte('abc', 11, 0x41), 0), 'badCommand'],
    ['a byte behind an empty command', header(byte('', 5, 0x41), 0), 'badCommand'],
    ['a command of twelve characters', header('abcdefghijkl', 0), 'badCommand'],
    ['a length above 32 MiB', header('block', MAX_PAYLOAD_BYTES + 1), 'oversized'],
    ['an unknown command above 32 MiB', header('nonsense', 0xffff_ffff), 'oversized'],
    ['a wrong checksum', concatBytes([header('ping', 8, 1), new Uint8Array(8)]), 'badChecksum'],
    ['a wrong checksum of nothing', header('verack', 0, 0), 'badChecksum'],
    ['a wrong checksum of nothing, once more', header('getaddr', 0, 0x112c29a0), 'badChecksum'],
  ])('by %s end there', (_, bad, code) => {
    const stream = concatBytes([ping, bad, ping, verack, reject])
    for (const size of [1, 5, 24, 31, 33, 1_000]) {
      const decoder = new FrameDecoder(MAGIC)
      const events = decode(split(stream, [size]), decoder)
      expect(kinds(events)).toEqual(['ping', code])
      expect(decode([ping], decoder)).toEqual([])
      expect(decoder.bufferedBytes).toBe(0)
      expect(decoder.hasInput).toBe(false)
      expect(decoder.midFrame).toBe(false)
    }
  })

  it('say what was wrong', () => {
    const detail = (bytes: Uint8Array): unknown => decode([bytes])[0]
    expect(detail(header('ping', 8, 0, 0x0a))).toMatchObject({ detail: '0x0000000a' })
    expect(detail(header('a\u001b[2J', 0xffff_ffff))).toMatchObject({
      detail: "'a?[2J' of 4294967295 bytes, allowed are 33554432",
    })
    expect(detail(header('mempool', 0))).toMatchObject({ detail: "of 'mempool'" })
  })

  it('are noticed at the header, before the payload arrives', () => {
    expect(kinds(decode([header('block', 9_000_000)]))).toEqual(['badSize'])
    expect(kinds(decode([header('ping', 8, 0, 0)]))).toEqual(['badMagic'])
  })
})

describe('commands', () => {
  it.each(['', 'x', 'notfound', 'filterload', 'PING', 'pin', 'pingg', 'abcdefghijk', 'versio'])(
    "'%s' is unknown and passed over",
    (command) => {
      const payload = new Uint8Array(40).fill(1)
      const events = decode([frame(command, payload), ping])
      expect(events[0]).toEqual({ kind: 'skipped', why: 'unknownCommand', command, length: 40 })
      expect(kinds(events)).toEqual(['unknownCommand', 'ping'])
    },
  )

  it('need no particular checksum if they are unknown', () => {
    expect(kinds(decode([header('nonsense', 0, 99), verack]))).toEqual(['unknownCommand', 'verack'])
  })

  it('are made printable', () => {
    const [event] = decode([header(Uint8Array.of(0x41, 0x1b, 0xff, 0x7f, 0x0a), 0)])
    expect(event).toMatchObject({ command: 'A????' })
  })
})

describe('the limit before the handshake', () => {
  it('breaks the stream above 1 KiB and not below', () => {
    for (const [command, length, kind] of [
      ['nonsense', 1_024, 'unknownCommand'],
      ['nonsense', 1_025, 'oversized'],
      ['block', 1_025, 'oversized'],
      ['verack', 1_024, 'badSize'],
    ] as const) {
      expect(kinds(decode([header(command, length)], new FrameDecoder(MAGIC, CURRENT_FORM, 1_024)))).toEqual([
        kind,
      ])
    }
    expect(kinds(decode([reject], new FrameDecoder(MAGIC, CURRENT_FORM, 1_024)))).toEqual(['reject'])
  })

  it('may be lifted between two frames of one chunk', () => {
    const decoder = new FrameDecoder(MAGIC, CURRENT_FORM, 1_024)
    decoder.push(concatBytes([verack, block]))
    expect(kinds([decoder.next() ?? { kind: 'broken', code: 'badMagic', detail: '' }])).toEqual(['verack'])
    decoder.maxPayloadBytes = MAX_PAYLOAD_BYTES
    expect(kinds(drain(decoder))).toEqual(['getblocks'])
  })

  it('may be lifted while a header is incomplete', () => {
    const decoder = new FrameDecoder(MAGIC, CURRENT_FORM, 1_024)
    const events = decode([block.subarray(0, 23)], decoder)
    decoder.maxPayloadBytes = MAX_PAYLOAD_BYTES
    expect(kinds([...events, ...decode([block.subarray(23)], decoder)])).toEqual(['getblocks'])
  })
})
