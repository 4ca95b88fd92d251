/** Three layouts of `version`, told apart by length (wire-protocol 5.1, 16.2, 17). */
import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { decodePayload, encodePayload, type MessageOf } from '../../src/wire/messages.ts'
import { type VersionLayout, versionCodec } from '../../src/wire/version.ts'
import { plain } from '../../testkit/plain.ts'
import { hex } from '../../testkit/vectors.ts'

type Version = MessageOf<'version'>

function ip(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new TypeError(text)
  return bytes
}

const common = {
  type: 'version',
  version: 70_004,
  services: 1n,
  time: 0x68ff0000n,
  nonce: 0x0102030405060708n,
  startHeight: 1234,
  relay: true,
} as const

function version(layout: VersionLayout, userAgent: string, receiver = '138.197.68.128'): Version {
  if (layout === 'v1') return { layout, ...common, userAgent }
  const addresses = {
    receiver: { services: 1n, ip: ip(receiver), port: 8444 },
    sender: { services: 1n, ip: ip('0.0.0.0'), port: 0 },
  }
  if (layout === 'addressed') return { layout, ...common, ...addresses, userAgent }
  return { layout, ...common, ...addresses, userAgent, genesisHash: new Uint8Array(32).fill(0xab) }
}

const layouts: readonly [VersionLayout, number][] = [
  ['v1', 34],
  ['addressed', 86],
  ['current', 118],
]

function read(payload: Uint8Array): Version {
  const result = decodePayload('version', payload)
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

const errorOf = (payload: Uint8Array) => {
  const result = decodePayload('version', payload)
  return result.ok ? undefined : result.error
}

describe.each(layouts)('layout %s', (layout, emptyBytes) => {
  it.each([0, 1, 17, 51, 52, 84, 128, 251, 252, 253, 254, 255, 256])(
    'with a user agent of %i bytes',
    (length) => {
      const message = version(layout, '/'.repeat(length))
      const payload = encodePayload(message)
      expect(payload).toHaveLength(emptyBytes + length + (length < 253 ? 0 : 2))
      expect(plain(read(payload))).toEqual(plain(message))
    },
  )

  it('takes user agents of any bytes but not of more than 256', () => {
    const agent = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
    expect(read(encodePayload(version(layout, agent))).userAgent).toBe(agent)
    expect(() => encodePayload(version(layout, '/'.repeat(257)))).toThrow(RangeError)
    // The same message with one more byte of user agent, as a stranger might write it.
    const longest = encodePayload(version(layout, '/'.repeat(256)))
    const at = longest.indexOf(0xfd, layout === 'v1' ? 28 : 80)
    const longer = concatBytes([
      longest.subarray(0, at + 1),
      Uint8Array.of(1, 1, 47),
      longest.subarray(at + 3),
    ])
    expect(errorOf(longer)).toMatchObject({ type: 'version', field: 'userAgent' })
  })

  it('never throws on a payload cut short', () => {
    for (const agent of ['', '/Dilithion:0.1.0/', '/'.repeat(253)]) {
      const payload = encodePayload(version(layout, agent))
      for (let length = 0; length < payload.length; length++) {
        const result = decodePayload('version', payload.subarray(0, length))
        if (length < versionCodec.minBytes) {
          expect(result).toEqual({
            ok: false,
            error: { type: 'version', code: 'size', field: 'payload', offset: length },
          })
        }
        if (!result.ok) expect(result.error.offset).toBeLessThanOrEqual(length)
      }
    }
  })
})

describe('layouts', () => {
  it('reads protocol 70001, built by hand', () => {
    const payload = hex(
      `71110100${'0100000000000000'}${'0000ff6800000000'}${'0000000000000000'}` +
        `11${Buffer.from('/Dilithion:0.1.0/').toString('hex')}${'00000000'}01`,
    )
    expect(payload).toHaveLength(51)
    expect(read(payload)).toMatchObject({
      layout: 'v1',
      version: 70_001,
      nonce: 0n,
      userAgent: '/Dilithion:0.1.0/',
      relay: true,
    })
  })

  it('reads addresses without a genesis hash, built by hand', () => {
    const payload = hex(
      `74110100${'0100000000000000'}${'0000ff6800000000'}` +
        `${'0100000000000000'}${'00000000000000000000ffff8ac54480'}fc20` +
        `${'0100000000000000'}${'20010db8000000000000000000000001'}0c48` +
        `${'0807060504030201'}0b${Buffer.from('/example:1/').toString('hex')}d204000000`,
    )
    expect(payload).toHaveLength(86 + 11)
    const message = read(payload)
    expect(plain(message)).toEqual({
      type: 'version',
      layout: 'addressed',
      version: 70_004,
      services: '1',
      time: String(0x68ff0000),
      receiver: { services: '1', ip: '138.197.68.128', port: 8444 },
      sender: { services: '1', ip: '2001:db8::1', port: 18_444 },
      nonce: String(0x0102030405060708n),
      userAgent: '/example:1/',
      startHeight: 1234,
      relay: false,
    })
    expect(encodePayload(message)).toEqual(payload)
  })

  it('takes the length of a user agent in a longer form than needed', () => {
    for (const [layout, emptyBytes] of layouts) {
      const short = encodePayload(version(layout, '/long form/'))
      const at = layout === 'v1' ? 28 : 80
      for (const form of ['fd0b00', 'fe0b000000', 'ff0b00000000000000']) {
        const payload = Uint8Array.of(...short.subarray(0, at), ...hex(form), ...short.subarray(at + 1))
        if (layout === 'addressed' && form !== 'fd0b00') continue
        const message = read(payload)
        expect(message, `${layout} ${form}`).toMatchObject({
          layout,
          userAgent: '/long form/',
          startHeight: 1234,
        })
        expect(encodePayload(message)).toHaveLength(emptyBytes + 11)
      }
    }
  })

  it.each(['2001:db8::1', '2606:4700:4700::1111', '::1', 'fe80::1', 'ff02::1', 'fd12:3456::1'])(
    'is not misled by the receiver %s, whose first byte stands where protocol 70001 has a length',
    (receiver) => {
      for (const layout of ['addressed', 'current'] as const) {
        for (const length of [0, 11, 17, 100, 252, 253, 256]) {
          const message = version(layout, '/'.repeat(length), receiver)
          expect(plain(read(encodePayload(message)))).toEqual(plain(message))
        }
      }
    },
  )

  it('ignores bytes behind the genesis hash', () => {
    for (const length of [0, 11, 253]) {
      const message = version('current', '/'.repeat(length))
      for (const extra of [1, 2, 20]) {
        const payload = Uint8Array.of(...encodePayload(message), ...new Uint8Array(extra).fill(7))
        expect(plain(read(payload))).toEqual(plain(message))
      }
    }
  })

  it('ignores bytes behind protocol 70001 below the size where addresses begin', () => {
    const message = version('v1', '/Dilithion:0.1.0/')
    const payload = encodePayload(message)
    for (let extra = 1; payload.length + extra < 85; extra++) {
      expect(plain(read(Uint8Array.of(...payload, ...new Uint8Array(extra))))).toEqual(plain(message))
    }
  })

  it.each([1, 5, 31])('misses %i bytes of a genesis hash', (missing) => {
    const payload = encodePayload(version('current', '/example:1/'))
    expect(errorOf(payload.subarray(0, payload.length - missing))).toEqual({
      type: 'version',
      code: 'truncated',
      field: 'genesisHash',
      offset: payload.length - 32,
    })
  })

  it('takes any non-zero relay flag for yes, and negative numbers as they are', () => {
    const payload = encodePayload(version('v1', ''))
    payload[33] = 2
    expect(read(payload).relay).toBe(true)
    const odd: Version = { ...version('v1', 'x'), version: -1, time: -5n, startHeight: -7 }
    expect(plain(read(encodePayload(odd)))).toEqual(plain(odd))
  })
})

describe('payloads that fit two layouts', () => {
  it('are v1 if their user agent is written in the shortest form', () => {
    // Byte 80 lies within the agent, and says what the agent of a current version of this length would have.
    for (const length of [84, 116, 200, 252, 253, 256]) {
      const payloadBytes = (length < 253 ? 34 : 36) + length
      const agent = String.fromCharCode(Math.max(0, payloadBytes - 118) & 0xff).repeat(length)
      expect(read(encodePayload(version('v1', agent)))).toMatchObject({ layout: 'v1', userAgent: agent })
    }
  })

  it('are current if only a strange form of v1 would fit', () => {
    const message = version('current', '/Dilithion:1.0/x')
    if (message.layout !== 'current') throw new Error('unexpected')
    const ip = parseIp('fd62::1')
    if (ip === undefined) throw new Error('unexpected')
    expect(read(encodePayload({ ...message, receiver: { ...message.receiver, ip } })).layout).toBe('current')
  })
})
