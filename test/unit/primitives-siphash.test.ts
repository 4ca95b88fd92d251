import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SipHash } from '../../src/primitives/siphash.ts'
import { bytes } from '../../testkit/arbitraries.ts'

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

const MASK = 0xffff_ffff_ffff_ffffn
const rotl = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & MASK

/** The same as its authors describe it, on whole 64-bit words. */
function reference(key: Uint8Array, input: Uint8Array): bigint {
  const words = (data: Uint8Array): bigint[] =>
    Array.from({ length: data.length / 8 }, (_, i) =>
      new DataView(data.buffer, data.byteOffset).getBigUint64(8 * i, true),
    )
  const [k0 = 0n, k1 = 0n] = words(key)
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const round = (): void => {
    v0 = (v0 + v1) & MASK
    v1 = rotl(v1, 13n) ^ v0
    v0 = rotl(v0, 32n)
    v2 = (v2 + v3) & MASK
    v3 = rotl(v3, 16n) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = rotl(v3, 21n) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = rotl(v1, 17n) ^ v2
    v2 = rotl(v2, 32n)
  }
  for (const m of [...words(input), 32n << 56n]) {
    v3 ^= m
    round()
    round()
    v0 ^= m
  }
  v2 ^= 0xffn
  for (let i = 0; i < 4; i++) round()
  return v0 ^ v1 ^ v2 ^ v3
}

describe('SipHash', () => {
  it('is that of the protocol', () => {
    const sip = new SipHash(counting(16)).hash(counting(32))
    expect([sip.high, sip.low]).toEqual([0x7127_512f, 0x72f2_7cce])
  })

  it('is the same with any key and input as on 64-bit words', () => {
    fc.assert(
      fc.property(bytes(16, 16), bytes(32, 32), (key, input) => {
        const { low, high } = new SipHash(key).hash(input)
        expect((BigInt(high) << 32n) | BigInt(low)).toBe(reference(key, input))
      }),
    )
  })

  it('carries from the low to the high words', () => {
    const key = new Uint8Array(16).fill(0xff)
    const input = new Uint8Array(32).fill(0xff)
    const { low, high } = new SipHash(key).hash(input)
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(reference(key, input))
  })

  it('keeps nothing of the input before', () => {
    const sip = new SipHash(counting(16))
    sip.hash(new Uint8Array(32).fill(9))
    expect(sip.hash(counting(32)).low).toBe(0x72f2_7cce)
  })

  it('takes keys of 16 and inputs of 32 bytes only', () => {
    expect(() => new SipHash(counting(15))).toThrow(RangeError)
    expect(() => new SipHash(counting(16)).hash(counting(31))).toThrow(RangeError)
  })
})
