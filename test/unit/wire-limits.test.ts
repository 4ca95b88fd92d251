/** Counts and lengths inside payloads: the largest that is allowed, and the next. Sections of wire-protocol 5. */
import { describe, expect, it } from 'vitest'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { BlockHeader, HeaderList } from '../../src/wire/header.ts'
import { encodePayload, type Message, type MessageType } from '../../src/wire/messages.ts'
import { writeTransaction } from '../../src/wire/transaction.ts'
import { decoded, failure, filled, header, payload, transaction } from '../../testkit/wire-samples.ts'

describe('counts and lengths at their limits', () => {
  const hash = filled(1)
  const tx = (inputs: number) =>
    payload((w) =>
      w
        .i32(1)
        .compactSize(inputs)
        .bytes(new Uint8Array(Math.min(inputs, 20_000) * 41))
        .u8(0)
        .u32(0),
    )

  it.each<[string, MessageType, Uint8Array, object]>([
    [
      'locator',
      'getheaders',
      payload((w) => w.compactSize(33).bytes(new Uint8Array(34 * 32))),
      { code: 'tooLarge', field: 'locator', offset: 0 },
    ],
    [
      'locator longer than the payload',
      'getheaders',
      payload((w) => w.compactSize(2).bytes(new Uint8Array(63))),
      { code: 'truncated', field: 'locator', offset: 0 },
    ],
    [
      'stop',
      'getheaders',
      payload((w) => w.compactSize(1).bytes(new Uint8Array(63))),
      { code: 'truncated', field: 'stop', offset: 33 },
    ],
    [
      'inventory',
      'inv',
      payload((w) => w.compactSize(50_001).u8(0)),
      { code: 'tooLarge', field: 'count', offset: 0 },
    ],
    [
      'inventory longer than the payload',
      'getdata',
      payload((w) => w.compactSize(50_000).bytes(new Uint8Array(36))),
      { code: 'truncated', field: 'count', offset: 0 },
    ],
    [
      'addresses',
      'addr',
      payload((w) => w.compactSize(50_001).u8(0)),
      { code: 'tooLarge', field: 'count', offset: 0 },
    ],
    [
      'addresses longer than the payload',
      'addr',
      payload((w) => w.compactSize(2).bytes(new Uint8Array(59))),
      { code: 'truncated', field: 'count', offset: 0 },
    ],
    [
      'command of a reject',
      'reject',
      payload((w) => w.varString('a'.repeat(13)).u8(1).u8(0)),
      { code: 'tooLarge', field: 'command', offset: 0 },
    ],
    [
      'reason of a reject',
      'reject',
      payload((w) => w.u8(0).u8(1).varString('a'.repeat(201))),
      { code: 'tooLarge', field: 'reason', offset: 2 },
    ],
    [
      'indexes',
      'getblocktxn',
      payload((w) => w.hash(hash).compactSize(50_001).bytes(new Uint8Array(60_000))),
      { code: 'tooLarge', field: 'indexes', offset: 32 },
    ],
    [
      'an index',
      'getblocktxn',
      payload((w) => w.hash(hash).compactSize(2).u8(1).compactSize(0x1_0000)),
      { code: 'tooLarge', field: 'index', offset: 34 },
    ],
    [
      'prefilled transactions',
      'cmpctblock',
      payload((w) => w.bytes(header(1).bytes).u64(0n).compactSize(10_001).bytes(new Uint8Array(200_000))),
      { code: 'tooLarge', field: 'prefilled', offset: 88 },
    ],
    [
      'short ids',
      'cmpctblock',
      payload((w) =>
        w.bytes(header(4).bytes).u64(0n).u8(0).compactSize(100_001).bytes(new Uint8Array(700_000)),
      ),
      { code: 'tooLarge', field: 'shortIds', offset: 153 },
    ],
    [
      'short ids longer than the payload',
      'cmpctblock',
      payload((w) => w.bytes(header(1).bytes).u64(0n).u8(0).u8(2).bytes(new Uint8Array(11))),
      { code: 'truncated', field: 'shortIds', offset: 89 },
    ],
    [
      'transactions of a block',
      'blocktxn',
      payload((w) => w.hash(hash).compactSize(100_001).bytes(new Uint8Array(1_100_000))),
      { code: 'tooLarge', field: 'transactions', offset: 32 },
    ],
    [
      'transactions longer than the payload',
      'blocktxn',
      payload((w) => w.hash(hash).compactSize(100_000).bytes(new Uint8Array(99))),
      { code: 'truncated', field: 'transactions', offset: 32 },
    ],
    ['inputs', 'tx', tx(10_001), { code: 'tooLarge', field: 'inputs', offset: 4 }],
    [
      'inputs longer than the payload',
      'tx',
      tx(10_000).subarray(0, 4_000),
      { code: 'truncated', field: 'inputs', offset: 4 },
    ],
    [
      'a script',
      'tx',
      payload((w) => writeTransaction(w, transaction(20_001))),
      { code: 'tooLarge', field: 'scriptSig', offset: 41 },
    ],
    [
      'transaction data',
      'block',
      payload((w) => w.bytes(header(1).bytes).varBytes(new Uint8Array(4_194_305))),
      { code: 'tooLarge', field: 'transactionData', offset: 80 },
    ],
    [
      'a header of 144 bytes in 100',
      'block',
      payload((w) => w.bytes(header(4).bytes.subarray(0, 100))),
      { code: 'truncated', field: 'header', offset: 0 },
    ],
    [
      'filler that is not all there',
      'dnabwtest',
      payload((w) => w.u64(0n).u32(5).u64(0n).bytes(new Uint8Array(4))),
      { code: 'badValue', field: 'size', offset: 8 },
    ],
    [
      'filler that is longer than said',
      'dnabwtest',
      payload((w) => w.u64(0n).u32(5).u64(0n).bytes(new Uint8Array(6))),
      { code: 'badValue', field: 'size', offset: 8 },
    ],
    [
      'a record',
      'dnaires',
      payload((w) => w.bytes(filled(1, 20)).u8(1).u16(4_097).bytes(new Uint8Array(4_097))),
      { code: 'tooLarge', field: 'recordLength', offset: 21 },
    ],
    [
      'a record that is cut',
      'dnaires',
      payload((w) => w.bytes(filled(1, 20)).u8(1).u16(4).bytes(new Uint8Array(3))),
      { code: 'truncated', field: 'record', offset: 23 },
    ],
  ])('refuses: %s', (_, type, bytes, error) => {
    expect(failure(type, bytes)).toEqual({ type, ...error })
  })

  it.each<[string, MessageType, Uint8Array]>([
    ['locator', 'getheaders', payload((w) => w.compactSize(32).bytes(new Uint8Array(33 * 32)))],
    ['inventory', 'inv', payload((w) => w.compactSize(49_999).bytes(new Uint8Array(49_999 * 36)))],
    ['addresses', 'addr', payload((w) => w.compactSize(29_999).bytes(new Uint8Array(29_999 * 30)))],
    ['reject', 'reject', payload((w) => w.varString('a'.repeat(12)).u8(1).varString('b'.repeat(200)))],
    [
      'indexes',
      'getblocktxn',
      payload((w) => w.hash(hash).compactSize(50_000).bytes(new Uint8Array(50_000))),
    ],
    ['an index', 'getblocktxn', payload((w) => w.hash(hash).compactSize(1).compactSize(0xffff))],
    ['inputs', 'tx', tx(10_000)],
    ['a script', 'tx', encodePayload({ type: 'tx', transaction: transaction(20_000) })],
    [
      'transaction data',
      'block',
      payload((w) => w.bytes(header(1).bytes).varBytes(new Uint8Array(4_194_304))),
    ],
    [
      'short ids',
      'cmpctblock',
      payload((w) =>
        w.bytes(header(1).bytes).u64(0n).u8(0).compactSize(100_000).bytes(new Uint8Array(600_000)),
      ),
    ],
    [
      'transactions',
      'blocktxn',
      payload((w) => w.hash(hash).compactSize(100_000).bytes(new Uint8Array(1_000_000))),
    ],
    [
      'a record',
      'dnaires',
      payload((w) => w.bytes(filled(1, 20)).u8(1).u16(4_096).bytes(new Uint8Array(4_096))),
    ],
  ])('accepts: %s', (_, type, bytes) => {
    const message = decoded(type, bytes)
    expect(bytesEqual(encodePayload(message), bytes)).toBe(true)
  })

  it('ignores what follows the last field', () => {
    const bytes = payload((w) => w.compactSize(1).bytes(filled(2, 36)).bytes(filled(0xee, 50)))
    expect(encodePayload(decoded('inv', bytes))).toEqual(bytes.subarray(0, 37))
    expect(decoded('dnaires', filled(0, 30)).trailer).toHaveLength(9)
  })
})

describe('what peers would refuse is not written', () => {
  const hash = new Uint8Array(32)

  it('more locator hashes, headers or user agent than allowed', () => {
    const locator = Array.from({ length: 33 }, () => hash)
    expect(() => encodePayload({ type: 'getheaders', locator, stop: hash })).toThrow(RangeError)
    const header = new BlockHeader(new Uint8Array(80))
    const headers = HeaderList.of(Array.from({ length: 2_001 }, () => header))
    expect(() => encodePayload({ type: 'headers', headers })).toThrow(RangeError)
  })

  it.each<[string, Message]>([
    [
      'a block with too much data',
      { type: 'block', block: { header: header(1), transactionData: new Uint8Array(4_194_305) } },
    ],
    ['a script', { type: 'tx', transaction: transaction(20_001) }],
    [
      'short ids',
      { type: 'cmpctblock', header: header(1), nonce: 1n, prefilled: [], shortIds: new Uint8Array(600_006) },
    ],
    ['an index', { type: 'getblocktxn', blockHash: hash, indexes: [65_536] }],
    [
      'a record',
      {
        type: 'dnaires',
        identity: new Uint8Array(20),
        record: new Uint8Array(4_097),
        trailer: new Uint8Array(0),
      },
    ],
  ])('%s', (_, message) => {
    expect(() => encodePayload(message)).toThrow(RangeError)
  })
})
