import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/primitives/bytes.ts'
import { ByteReader } from '../../src/primitives/reader.ts'

const reader = (hex: string): ByteReader => new ByteReader(fromHex(hex) ?? new Uint8Array(0))

describe('ByteReader', () => {
  it('reads little-endian fields in a row', () => {
    const r = reader('fe' + 'fc20' + '024171d1' + 'feffffff' + '8877665544332211' + 'feffffffffffffff' + '02')
    expect([r.u8('a'), r.u16('b'), r.u32('c'), r.i32('d')]).toEqual([0xfe, 8444, 0xd1714102, -2])
    expect([r.u64('e'), r.i64('f')]).toEqual([0x1122334455667788n, -2n])
    expect(r.bool('g')).toBe(true)
    expect(r.remaining).toBe(0)
    expect(r.finish('value')).toEqual({ ok: true, value: 'value' })
  })

  it('reads within a view of a larger buffer', () => {
    const r = new ByteReader(Uint8Array.of(9, 9, 1, 2, 0, 0, 9).subarray(2, 6))
    expect(r.peekI32()).toBe(0x201)
    expect(r.u32('n')).toBe(0x201)
    expect(r.peekU8(4)).toBe(0)
    r.u8('beyond')
    expect(r.finish(0)).toEqual({ ok: false, error: { code: 'truncated', field: 'beyond', offset: 4 } })
  })

  it('keeps the first failure, reads nothing afterwards and does not move', () => {
    const r = reader('010203')
    expect(r.u32('first')).toBe(0)
    expect(r.failed).toBe(true)
    expect([r.u8('x'), r.u16('x'), r.i32('x'), r.f64('x'), r.compactSize('x')]).toEqual([0, 0, 0, 0, 0])
    expect([r.u64('x'), r.i64('x')]).toEqual([0n, 0n])
    expect([r.bytes(1, 'x'), r.hash('x'), r.rest(), r.varBytes('x', 9), r.since(0)].map(toHex)).toEqual(
      Array(5).fill(''),
    )
    expect(r.varString('x', 9)).toBe('')
    r.fail('badValue', 'second', 0)
    expect(r.offset).toBe(0)
    expect(r.finish(1)).toEqual({ ok: false, error: { code: 'truncated', field: 'first', offset: 0 } })
  })

  it.each([
    ['00', 0],
    ['fc', 252],
    ['fdfd00', 253],
    ['fe00000100', 0x1_0000],
    ['ff0000000001000000', 0x1_0000_0000],
    ['ffffffffffffff1f00', Number.MAX_SAFE_INTEGER],
    ['fd0500', 5],
    ['fe05000000', 5],
    ['ff0500000000000000', 5],
  ])('reads the compact size %s, short or not', (hex, value) => {
    const r = reader(hex)
    expect(r.compactSize('n')).toBe(value)
    expect(r.remaining).toBe(0)
  })

  it.each(['', 'fd', 'fd01', 'fe010203', 'ff01020304050607'])('reports a cut compact size %j', (hex) => {
    const r = reader(hex)
    expect(r.compactSize('n')).toBeLessThan(2 ** 32)
    const result = r.finish(0)
    expect(result).toMatchObject({ ok: false, error: { code: 'truncated', field: 'n' } })
  })

  it('never lets a count exceed its limit or the bytes that are left', () => {
    expect(reader(`05${'00'.repeat(10)}`).count('n', 5, 2)).toBe(5)
    const over = reader(`06${'00'.repeat(100)}`)
    expect(over.count('n', 5, 2)).toBe(0)
    expect(over.finish(0)).toMatchObject({ error: { code: 'tooLarge', field: 'n', offset: 0 } })
    const short = reader(`05${'00'.repeat(9)}`)
    expect(short.count('n', 5, 2)).toBe(0)
    expect(short.finish(0)).toMatchObject({ error: { code: 'truncated', field: 'n', offset: 0 } })
    const huge = reader('ffffffffffffffffff')
    expect(huge.count('n', 1_000_000, 1)).toBe(0)
    expect(huge.finish(0)).toMatchObject({ error: { code: 'tooLarge' } })
  })

  it('gives views, not copies', () => {
    const bytes = Uint8Array.of(1, 7, 8)
    const r = new ByteReader(bytes)
    const view = r.varBytes('v', 10)
    expect(view.buffer).toBe(bytes.buffer)
    expect(toHex(view)).toBe('07')
    expect(toHex(r.since(1))).toBe('07')
    expect(toHex(r.rest())).toBe('08')
  })
})
