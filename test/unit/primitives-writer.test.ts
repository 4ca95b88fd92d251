import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/primitives/bytes.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'

const written = (write: (writer: ByteWriter) => unknown, capacity?: number): string => {
  const writer = new ByteWriter(capacity)
  write(writer)
  return toHex(writer.copy())
}

describe('ByteWriter', () => {
  it.each<[string, (writer: ByteWriter) => unknown, string]>([
    ['u8', (w) => w.u8(0xfe), 'fe'],
    ['u16', (w) => w.u16(8444), 'fc20'],
    ['u32', (w) => w.u32(0xd1714102), '024171d1'],
    ['i32', (w) => w.i32(-2), 'feffffff'],
    ['u64', (w) => w.u64(0x1122334455667788n), '8877665544332211'],
    ['i64', (w) => w.i64(-2n), 'feffffffffffffff'],
    ['f64', (w) => w.f64(8.192), 'fca9f1d24d622040'],
    ['bool', (w) => w.bool(true).bool(false), '0100'],
    ['bytes', (w) => w.bytes(Uint8Array.of(1, 2)), '0102'],
    ['varBytes', (w) => w.varBytes(Uint8Array.of(7, 8)), '020708'],
    ['varString', (w) => w.varString('a\u00ff'), '0261ff'],
  ])('writes %s, whatever memory it began with', (_, write, hex) => {
    expect(written(write)).toBe(hex)
    for (let capacity = 0; capacity <= 9; capacity++) expect(written(write, capacity)).toBe(hex)
  })

  it('keeps what was written when its memory grows', () => {
    const writer = new ByteWriter(1)
    for (let i = 0; i < 1_000; i++) writer.u8(i & 0xff).u32(i)
    const view = new DataView(writer.copy().buffer)
    expect(writer.length).toBe(5_000)
    for (let i = 0; i < 1_000; i++) {
      expect(view.getUint8(5 * i)).toBe(i & 0xff)
      expect(view.getUint32(5 * i + 1, true)).toBe(i)
    }
  })

  it('can write a view of itself', () => {
    const writer = new ByteWriter(3).bytes(Uint8Array.of(1, 2, 3))
    expect(toHex(writer.bytes(writer.view()).copy())).toBe('010203010203')
  })

  it.each([
    [0, '00'],
    [252, 'fc'],
    [253, 'fdfd00'],
    [0xffff, 'fdffff'],
    [0x1_0000, 'fe00000100'],
    [0xffff_ffff, 'feffffffff'],
    [0x1_0000_0000, 'ff0000000001000000'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff1f00'],
  ])('writes the compact size %i in its shortest form', (value, hex) => {
    expect(written((w) => w.compactSize(value))).toBe(hex)
  })

  it('gives out copies that later writes leave alone', () => {
    const writer = new ByteWriter(8)
    const copy = writer.u32(0xffff_ffff).copy()
    writer.reset()
    expect(writer.length).toBe(0)
    writer.u8(1).u32(0).patchU32(1, 5)
    expect(toHex(writer.view())).toBe('0105000000')
    expect(toHex(copy)).toBe('ffffffff')
  })

  it.each<[string, (writer: ByteWriter) => unknown]>([
    ['u8 256', (w) => w.u8(256)],
    ['u8 -1', (w) => w.u8(-1)],
    ['u8 0.5', (w) => w.u8(0.5)],
    ['u16 65536', (w) => w.u16(65_536)],
    ['u32 NaN', (w) => w.u32(Number.NaN)],
    ['u32 2^32', (w) => w.u32(0x1_0000_0000)],
    ['i32 2^31', (w) => w.i32(0x8000_0000)],
    ['u64 2^64', (w) => w.u64(0x1_0000_0000_0000_0000n)],
    ['u64 -1', (w) => w.u64(-1n)],
    ['i64 2^63', (w) => w.i64(0x8000_0000_0000_0000n)],
    ['compact size 2^53', (w) => w.compactSize(2 ** 53)],
    ['compact size -1', (w) => w.compactSize(-1)],
    ['hash of 31 bytes', (w) => w.hash(new Uint8Array(31))],
    ['fixed of 21 bytes', (w) => w.fixed(new Uint8Array(21), 20)],
    ['text beyond one byte', (w) => w.varString('\u0100')],
  ])('refuses %s and writes nothing', (_, write) => {
    const writer = new ByteWriter()
    expect(() => write(writer)).toThrow(RangeError)
    expect(writer.length).toBe(0)
  })
})
