import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesEqual,
  fromHex,
  hashFromHex,
  hashToHex,
  latin1Decode,
  latin1Encode,
  printable,
  toHex,
} from '../../src/primitives/bytes.ts'
import {
  formatEndpoint,
  formatIp,
  isIpv4,
  isRoutable,
  parseHostPort,
  parseIp,
} from '../../src/primitives/ip.ts'
import { RandomSource } from '../../src/primitives/random.ts'
import { ByteReader } from '../../src/primitives/reader.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'
import { bytes, hash, i32, i64, ip, latin1, u16, u32, u64 } from '../../testkit/arbitraries.ts'

const RUNS = { numRuns: 2_000 }

/** One field: how it is written, and whether it reads back as itself. */
interface Field {
  write(writer: ByteWriter): unknown
  readsBack(reader: ByteReader): boolean
}

const fields: fc.Arbitrary<Field> = fc.oneof(
  fc
    .nat({ max: 255 })
    .map((n) => ({ write: (w: ByteWriter) => w.u8(n), readsBack: (r: ByteReader) => r.u8('f') === n })),
  u16.map((n) => ({ write: (w: ByteWriter) => w.u16(n), readsBack: (r: ByteReader) => r.u16('f') === n })),
  u32.map((n) => ({ write: (w: ByteWriter) => w.u32(n), readsBack: (r: ByteReader) => r.u32('f') === n })),
  i32.map((n) => ({ write: (w: ByteWriter) => w.i32(n), readsBack: (r: ByteReader) => r.i32('f') === n })),
  u64.map((n) => ({ write: (w: ByteWriter) => w.u64(n), readsBack: (r: ByteReader) => r.u64('f') === n })),
  i64.map((n) => ({ write: (w: ByteWriter) => w.i64(n), readsBack: (r: ByteReader) => r.i64('f') === n })),
  fc.double().map((n) => ({
    write: (w: ByteWriter) => w.f64(n),
    readsBack: (r: ByteReader) => Object.is(r.f64('f'), n),
  })),
  fc
    .boolean()
    .map((b) => ({ write: (w: ByteWriter) => w.bool(b), readsBack: (r: ByteReader) => r.bool('f') === b })),
  fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 0x1_0100 }), fc.maxSafeNat()).map((n) => ({
    write: (w: ByteWriter) => w.compactSize(n),
    readsBack: (r: ByteReader) => r.compactSize('f') === n,
  })),
  hash.map((h) => ({
    write: (w: ByteWriter) => w.hash(h),
    readsBack: (r: ByteReader) => bytesEqual(r.hash('f'), h),
  })),
  bytes(400).map((b) => ({
    write: (w: ByteWriter) => w.varBytes(b),
    readsBack: (r: ByteReader) => bytesEqual(r.varBytes('f', 400), b),
  })),
  latin1(300).map((s) => ({
    write: (w: ByteWriter) => w.varString(s),
    readsBack: (r: ByteReader) => r.varString('f', 300) === s,
  })),
)

/** Every way to read, as a stranger's bytes may make us. */
const reads: readonly ((reader: ByteReader) => unknown)[] = [
  (r) => r.u8('f'),
  (r) => r.u16('f'),
  (r) => r.u32('f'),
  (r) => r.i32('f'),
  (r) => r.u64('f'),
  (r) => r.i64('f'),
  (r) => r.f64('f'),
  (r) => r.compactSize('f'),
  (r) => r.count('f', 1_000, 36),
  (r) => r.varBytes('f', 500),
  (r) => r.varString('f', 500),
  (r) => r.hash('f'),
  (r) => r.skip(5, 'f'),
  (r) => r.peekI32(),
  (r) => r.peekU8(r.offset + 3),
]

describe('fields', () => {
  it('read back as they were written, whatever memory the writer began with', () => {
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 30 }), fc.nat({ max: 40 }), (list, capacity) => {
        const writer = new ByteWriter(capacity)
        for (const field of list) field.write(writer)
        const reader = new ByteReader(writer.copy())
        expect(list.every((field) => field.readsBack(reader))).toBe(true)
        expect(reader.remaining).toBe(0)
        expect(reader.failed).toBe(false)
      }),
      RUNS,
    )
  })

  it('of any bytes are read without an exception and within bounds', () => {
    fc.assert(
      fc.property(bytes(120), fc.array(fc.constantFrom(...reads), { maxLength: 20 }), (data, list) => {
        const reader = new ByteReader(data)
        for (const read of list) {
          const before = reader.offset
          read(reader)
          expect(reader.offset).toBeGreaterThanOrEqual(before)
          expect(reader.remaining).toBeGreaterThanOrEqual(0)
        }
        const result = reader.finish(0)
        if (!result.ok) expect(result.error.offset).toBeLessThanOrEqual(data.length)
      }),
      RUNS,
    )
  })
})

describe('text of bytes', () => {
  it('hex, hashes and single-byte text go there and back', () => {
    fc.assert(
      fc.property(bytes(600), hash, (data, digest) => {
        expect(toHex(data)).toBe(Buffer.from(data).toString('hex'))
        expect(fromHex(toHex(data))).toEqual(data)
        expect(fromHex(toHex(data).toUpperCase())).toEqual(data)
        expect(hashFromHex(hashToHex(digest))).toEqual(digest)
        expect(latin1Encode(latin1Decode(data))).toEqual(data)
        expect(latin1Decode(data)).toBe(Buffer.from(data).toString('latin1'))
      }),
      { numRuns: 500 },
    )
  })

  it('for a log is printable ASCII of bounded length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.nat({ max: 300 }), (text, limit) => {
        expect(printable(text, limit)).toMatch(/^[ -~]*$/)
        expect(printable(text, limit).length).toBeLessThanOrEqual(limit + 3)
      }),
      { numRuns: 500 },
    )
  })
})

/** Hostile and nearly right address texts. */
const addressText = fc.oneof(
  ip.map(formatIp),
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(
      fc.constantFrom(':', '::', '.', '0', '00', '1', 'ffff', '1.2.3.4', '255', '256', 'g', '%', '12345'),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
  fc.string({ maxLength: 20 }),
)

describe('addresses', () => {
  it('read back as they are written', () => {
    fc.assert(
      fc.property(ip, (address) => {
        expect(parseIp(formatIp(address))).toEqual(address)
      }),
      { numRuns: 5_000 },
    )
  })

  it('are written in the canonical form', () => {
    fc.assert(
      fc.property(ip, (address) => {
        const text = formatIp(address)
        expect(isIP(text)).toBe(isIpv4(address) ? 4 : 6)
        if (!isIpv4(address)) expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname)
      }),
      RUNS,
    )
  })

  it('are those texts that the system takes for addresses', () => {
    fc.assert(
      fc.property(addressText, (text) => {
        // What follows a "%" is a zone, whose form differs between systems.
        if (text.includes('%')) return
        expect(parseIp(text) !== undefined, text).toBe(isIP(text) !== 0)
      }),
      { numRuns: 10_000 },
    )
  })

  it('are routable or not, without an exception', () => {
    fc.assert(
      fc.property(ip, (address) => void expect(typeof isRoutable(address)).toBe('boolean')),
      RUNS,
    )
  })

  it('and ports go there and back', () => {
    fc.assert(
      fc.property(ip, fc.integer({ min: 1, max: 65_535 }), (address, port) => {
        const parsed = parseHostPort(formatEndpoint({ ip: address, port }), 1)
        expect(parsed).toEqual({ host: formatIp(address), port })
        expect(parseHostPort(formatIp(address), 7)).toEqual({ host: formatIp(address), port: 7 })
      }),
      RUNS,
    )
  })

  it('of any text give a host and a port that can be dialled, or nothing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          addressText,
          addressText.map((text) => `[${text}]:80`),
          fc.webAuthority(),
        ),
        (text) => {
          const parsed = parseHostPort(text, 8444)
          if (parsed === undefined) return
          expect(parsed.port >= 1 && parsed.port <= 65_535).toBe(true)
          expect(parsed.host).toMatch(/^[\w.:%-]+$|%/)
        },
      ),
      RUNS,
    )
  })
})

describe('random numbers', () => {
  it('stay below their bound', () => {
    fc.assert(
      fc.property(bytes(32, 32), fc.integer({ min: 1, max: 0xffff_ffff }), (seed, bound) => {
        const random = new RandomSource(seed)
        for (let i = 0; i < 10; i++) {
          const n = random.below(bound)
          expect(n >= 0 && n < bound && Number.isInteger(n)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('differ between rooms and are the same for the same room', () => {
    fc.assert(
      fc.property(bytes(32, 32), fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (seed, a, b) => {
        const random = new RandomSource(seed)
        expect(random.fork(a).u64()).toBe(random.fork(a).u64())
        if (latin1Label(a) !== latin1Label(b)) expect(random.fork(a).u64()).not.toBe(random.fork(b).u64())
      }),
      { numRuns: 500 },
    )
  })
})

/** A room's name counts by the low byte of each character. */
const latin1Label = (name: string): string =>
  [...Array(name.length).keys()].map((i) => name.charCodeAt(i) & 0xff).join()
