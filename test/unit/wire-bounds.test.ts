/** The payload size table of wire-protocol 2. `version` begins at 34 because of protocol 70001 (16.2). */
import { describe, expect, it } from 'vitest'
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import { codecs, decodePayload, messageTypes } from '../../src/wire/messages.ts'

const TABLE = {
  version: [34, 400],
  verack: [0, 0],
  ping: [8, 8],
  pong: [8, 8],
  getaddr: [0, 0],
  addr: [1, 900_000],
  inv: [1, 1_800_000],
  getdata: [1, 1_800_000],
  block: [80, 8_388_608],
  tx: [60, 1_048_576],
  getheaders: [33, 8_236],
  headers: [1, 290_009],
  getblocks: [36, 8_236],
  mempool: [0, 0],
  reject: [1, 1_024],
  sendheaders: [0, 0],
  sendcmpct: [9, 9],
  cmpctblock: [80, 8_388_608],
  getblocktxn: [33, 200_033],
  blocktxn: [33, 8_388_608],
  dnalping: [8, 8],
  dnalpong: [8, 8],
  dnatsync: [25, 25],
  dnabwtest: [20, 1_048_596],
  dnabwres: [24, 24],
  dnaireq: [20, 20],
  dnaires: [21, 8_192],
  dnavchall: [92, 8_192],
  dnavresp: [70, 8_192],
  dnavatts: [112, 8_192],
} as const

const MAGIC = 0x0403_0201

/** A frame of zeros, by hand. */
function frame(command: string, length: number): Uint8Array {
  const bytes = new Uint8Array(24 + length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  bytes.set(Buffer.from(command), 4)
  view.setUint32(16, length, true)
  view.setUint32(20, messageChecksum(bytes.subarray(24)), true)
  return bytes
}

const rows = Object.entries(TABLE).map(([command, [min, max]]) => ({ command, min, max }))

it('covers every message', () => {
  expect(Object.keys(codecs).sort()).toEqual(Object.keys(TABLE).sort())
  expect([...messageTypes].sort()).toEqual(Object.keys(TABLE).sort())
})

describe.each(rows)('$command of $min to $max bytes', ({ command, min, max }) => {
  const type = messageTypes.find((known) => known === command)
  if (type === undefined) throw new Error(`no message ${command}`)

  it('is bounded so in its codec, whose name is its own', () => {
    expect(codecs[type]).toMatchObject({ type, minBytes: min, maxBytes: max })
  })

  it.each([min - 1, max + 1].filter((length) => length >= 0))('is not read with %i bytes', (length) => {
    expect(decodePayload(type, new Uint8Array(length))).toEqual({
      ok: false,
      error: { type, code: 'size', field: 'payload', offset: length },
    })
    const decoder = new FrameDecoder(MAGIC)
    decoder.push(frame(type, length))
    expect(decoder.next()).toEqual({ kind: 'skipped', why: 'badSize', command: type, length })
    expect(decoder.next()).toBeUndefined()
    expect(decoder.bufferedBytes).toBe(0)
  })

  it('reaches its decoder at both ends', () => {
    for (const length of [min, max]) {
      const decoder = new FrameDecoder(MAGIC)
      decoder.push(frame(type, length))
      const event = decoder.next()
      expect(event).toMatchObject({ kind: 'frame', type })
      const result = decodePayload(type, event?.kind === 'frame' ? event.payload : new Uint8Array(0))
      if (!result.ok) expect(result.error.code).not.toBe('size')
    }
  })
})
