/** Whatever can be written reads back as itself, through frames and chunks; whatever arrives does no harm. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../../src/framing/encoder.ts'
import { mainnet } from '../../src/params/networks.ts'
import { bytesEqual, concatBytes } from '../../src/primitives/bytes.ts'
import { decodeBlockTransactions, encodeBlockTransactions } from '../../src/wire/block.ts'
import { codecs, decodePayload, encodePayload, type Message, messageTypes } from '../../src/wire/messages.ts'
import { bytes, message, messageArbitraries, transaction } from '../../testkit/arbitraries.ts'
import { checkPayload, checkStream, split } from '../../testkit/checks.ts'
import { fuzz, makeCorpus, randomFromSeed } from '../../testkit/fuzz.ts'
import { mutate } from '../../testkit/mutation.ts'
import { plain } from '../../testkit/plain.ts'

const encoder = new FrameEncoder(mainnet.magic)
const chunkSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 2_000 })), {
  minLength: 1,
  maxLength: 5,
})

function payloads(stream: Uint8Array, sizes: readonly number[]): Message[] {
  const decoder = new FrameDecoder(mainnet.magic)
  const messages: Message[] = []
  for (const chunk of split(stream, sizes)) {
    decoder.push(chunk)
    for (let event = decoder.next(); event !== undefined; event = decoder.next()) {
      if (event.kind !== 'frame') throw new Error(JSON.stringify(event))
      const result = decodePayload(event.type, event.payload)
      if (!result.ok) throw new Error(JSON.stringify(result.error))
      messages.push(result.value)
    }
  }
  expect(decoder.bufferedBytes).toBe(0)
  expect(decoder.midFrame).toBe(false)
  return messages
}

const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(plain(a), plain(b))

describe.each(messageTypes.map((type) => ({ type })))('$type', ({ type }) => {
  const arbitrary: fc.Arbitrary<Message> = messageArbitraries[type]

  it('reads back as it was written, from one chunk or many', () => {
    fc.assert(
      fc.property(arbitrary, chunkSizes, (original, sizes) => {
        const frame = encoder.encode(original)
        const [read, ...others] = payloads(frame, sizes)
        expect(others).toEqual([])
        if (read === undefined) throw new Error('nothing was read')
        expect(Object.keys(read).sort()).toEqual(Object.keys(original).sort())
        if (!same(read, original)) expect(plain(read)).toEqual(plain(original))
        expect(bytesEqual(encoder.encode(read), frame)).toBe(true)
        expect(bytesEqual(encodePayload(read), frame.subarray(FRAME_HEADER_BYTES))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('is judged by its bytes alone, and any bytes are judged', () => {
    const { minBytes, maxBytes } = codecs[type]
    const most = Math.min(maxBytes, minBytes + 300)
    fc.assert(
      fc.property(fc.oneof(bytes(most, minBytes), bytes(most + 50)), (payload) => {
        expect(checkPayload(type, payload)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })
})

describe('streams', () => {
  it('of many messages read back, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), chunkSizes, (originals, sizes) => {
        const stream = concatBytes(originals.map((original) => encoder.encode(original)))
        expect(same(payloads(stream, sizes), originals)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('of noise do no harm', () => {
    const magic = Uint8Array.of(0x02, 0x41, 0x71, 0xd1)
    fc.assert(
      fc.property(bytes(300), fc.boolean(), chunkSizes, (noise, hasMagic, sizes) => {
        const stream = hasMagic ? concatBytes([magic, noise]) : noise
        expect(checkStream(stream, sizes, mainnet.magic)).toBeUndefined()
      }),
      { numRuns: 2_000 },
    )
  })

  it('of damaged frames do no harm', () => {
    const corpus = makeCorpus(1, 300)
    const random = randomFromSeed(2)
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...corpus), { minLength: 1, maxLength: 3 }),
        chunkSizes,
        (frames, sizes) => {
          const stream = concatBytes(frames.map((frame) => mutate(random, frame)))
          expect(checkStream(stream, sizes, mainnet.magic)).toBeUndefined()
        },
      ),
      { numRuns: 3_000, endOnFailure: true },
    )
  })
})

describe('transactions of a block', () => {
  it('read back', () => {
    fc.assert(
      fc.property(fc.array(transaction, { maxLength: 6 }), (originals) => {
        const data = encodeBlockTransactions(originals)
        const result = decodeBlockTransactions(data)
        if (!result.ok) throw new Error(JSON.stringify(result.error))
        expect(same(result.value, originals)).toBe(true)
        expect(bytesEqual(encodeBlockTransactions(result.value), data)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('fuzzing', () => {
  it('finds nothing in a short run', () => {
    expect(fuzz({ inputs: 15_000, seed: 20_251_028 })).toBeUndefined()
  })

  it('depends on its seed alone', () => {
    const run = (seed: number): string[] => {
      const random = randomFromSeed(seed)
      return makeCorpus(seed, 50).map((frame) => mutate(random, frame).join())
    }
    expect(run(5)).toEqual(run(5))
    expect(run(5)).not.toEqual(run(6))
  })
})
