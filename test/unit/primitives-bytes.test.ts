import { describe, expect, it } from 'vitest'
import {
  bytesEqual,
  concatBytes,
  fromHex,
  hashFromHex,
  hashToHex,
  latin1Decode,
  latin1Encode,
  printable,
  toHex,
} from '../../src/primitives/bytes.ts'

describe('hex', () => {
  it('reads either case', () => {
    expect(fromHex('00fFa0')).toEqual(Uint8Array.of(0, 255, 160))
    expect(fromHex('')).toEqual(new Uint8Array(0))
  })

  it.each(['0', '0g', ' 00', '0x00', '+1', '-1', '00\n', '\u0660\u0660', '1.'])('refuses %j', (text) => {
    expect(fromHex(text)).toBeUndefined()
  })

  it('writes hashes the other way round and leaves them as they are', () => {
    const hash = Uint8Array.from({ length: 32 }, (_, i) => i)
    const text = hashToHex(hash)
    expect(text.slice(0, 6)).toBe('1f1e1d')
    expect(hash[0]).toBe(0)
    expect(hashFromHex(text)).toEqual(hash)
    expect(hashFromHex(text.slice(2))).toBeUndefined()
    expect(hashFromHex(`${text}00`)).toBeUndefined()
    expect(hashFromHex('z'.repeat(64))).toBeUndefined()
  })
})

describe('byte arrays', () => {
  it('are equal by content and length', () => {
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
    expect(bytesEqual(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false)
    expect(bytesEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true)
  })

  it('are joined into memory of their own', () => {
    const part = Uint8Array.of(1, 2)
    const joined = concatBytes([part, new Uint8Array(0), part])
    expect(toHex(joined)).toBe('01020102')
    expect(concatBytes([part]).buffer).not.toBe(part.buffer)
    expect(concatBytes([])).toHaveLength(0)
  })
})

describe('text', () => {
  it('has one character for each byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(latin1Encode(latin1Decode(all))).toEqual(all)
    expect(() => latin1Encode('\u20ac')).toThrow(RangeError)
  })

  it.each([
    ['/Dilithion:v4.0.18/', '/Dilithion:v4.0.18/'],
    ['a\u001b[31mb\r\n\u0000\u007f\u009b', 'a?[31mb?????'],
    ['\u202eabc', '?abc'],
    ['~ !', '~ !'],
  ])('of a stranger is made safe: %j', (text, safe) => {
    expect(printable(text)).toBe(safe)
  })

  it('of a stranger is cut at its limit', () => {
    expect(printable('a'.repeat(5), 5)).toBe('aaaaa')
    expect(printable('a'.repeat(6), 5)).toBe('aaaaa...')
    expect(printable('a'.repeat(1_000))).toHaveLength(256 + 3)
  })
})
