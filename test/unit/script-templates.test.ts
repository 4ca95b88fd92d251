import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/primitives/bytes.ts'
import {
  classifyScript,
  dataCarrierScript,
  type HtlcTerms,
  htlcScript,
  p2pkhHash,
  p2pkhScript,
  pushOf,
  pushOfNumber,
} from '../../src/script/templates.ts'
import { hex } from '../../testkit/vectors.ts'

const hash = hex('96859a6f0bf280b95e36bbe6af01025f9ed45fce')
const terms = (timeoutHeight: number): HtlcTerms => ({
  preimageHash: new Uint8Array(32).fill(1),
  claimHash: new Uint8Array(20).fill(2),
  refundHash: new Uint8Array(20).fill(3),
  timeoutHeight,
})

describe('P2PKH', () => {
  it('is 25 bytes around a hash', () => {
    const script = p2pkhScript(hash)
    expect(toHex(script)).toBe('76a91496859a6f0bf280b95e36bbe6af01025f9ed45fce88ac')
    expect(p2pkhHash(script)).toEqual(hash)
    expect(classifyScript(script)).toEqual({ kind: 'p2pkh', hash })
    expect(() => p2pkhScript(hash.subarray(1))).toThrow(RangeError)
  })

  it.each(Array.from({ length: 25 }, (_, i) => i).filter((i) => i < 3 || i > 22))(
    'has its fixed byte at %i',
    (i) => {
      const script = p2pkhScript(hash)
      script[i] = (script[i] ?? 0) ^ 1
      expect(p2pkhHash(script)).toBeUndefined()
      expect(classifyScript(script).kind).toBe('nonstandard')
    },
  )

  it.each([24, 26, 0])('does not have %i bytes', (length) => {
    const script = new Uint8Array(length)
    script.set(p2pkhScript(hash).subarray(0, length))
    expect(p2pkhHash(script)).toBeUndefined()
  })
})

describe('data carriers', () => {
  it('begin with RETURN', () => {
    expect(toHex(dataCarrierScript(hex('0102')))).toBe('6a020102')
    expect(classifyScript(hex('6a'))).toEqual({ kind: 'dataCarrier' })
    expect(classifyScript(hex('6aff'))).toEqual({ kind: 'dataCarrier' })
    expect(classifyScript(hex('616a')).kind).toBe('nonstandard')
    expect(classifyScript(hex('')).kind).toBe('nonstandard')
  })
})

describe('HTLC', () => {
  it('is the script of chain 7.1', () => {
    const h = (byte: string, n: number) => byte.repeat(n)
    expect(toHex(htlcScript(terms(300_000)))).toBe(
      `63a820${h('01', 32)}8876a914${h('02', 20)}88ac6703e09304b17576a914${h('03', 20)}88ac68`,
    )
  })

  it.each([0, 1, 16, 17, 127, 128, 44_001, 300_000, 499_999_999, 4_294_967_295])(
    'with a timeout at %i reads back',
    (timeoutHeight) => {
      const script = htlcScript(terms(timeoutHeight))
      expect(classifyScript(script)).toEqual({ kind: 'htlc', ...terms(timeoutHeight) })
    },
  )

  it('has every byte in its place, but for hashes and timeout', () => {
    const script = htlcScript(terms(300_000))
    const free = Array.from(script.keys()).filter((i) => {
      const changed = script.slice()
      changed[i] = (changed[i] ?? 0) ^ 0x40
      return classifyScript(changed).kind === 'htlc'
    })
    const from = (start: number, length: number) => Array.from({ length }, (_, i) => start + i)
    expect(free).toEqual([...from(3, 32), ...from(39, 20), ...from(63, 3), ...from(71, 20)])
  })

  it('has nothing behind it and nothing missing', () => {
    const own = toHex(htlcScript(terms(300_000)))
    expect(classifyScript(hex(`${own}61`)).kind).toBe('nonstandard')
    for (let i = 0; i < own.length; i += 2) {
      expect(classifyScript(hex(own.slice(0, i))).kind).toBe('nonstandard')
    }
  })
})

describe('pushes', () => {
  it.each([
    [0, '00'],
    [1, '01'],
    [75, '4b'],
    [76, '4c4c'],
    [255, '4cff'],
    [256, '4d0001'],
    [3_309, '4ded0c'],
    [65_535, '4dffff'],
  ])('%i bytes stand behind %s', (length, head) => {
    const push = pushOf(new Uint8Array(length))
    expect(toHex(push.subarray(0, push.length - length))).toBe(head)
  })

  it('end where no script is so long', () => {
    expect(() => pushOf(new Uint8Array(65_536))).toThrow(RangeError)
  })

  it.each([
    [0, '00'],
    [-1, '4f'],
    [1, '51'],
    [16, '60'],
    [17, '0111'],
    [-2, '0182'],
  ])('the number %i is %s', (value, script) => {
    expect(toHex(pushOfNumber(value))).toBe(script)
  })
})
