/** What single messages accept, refuse and promise, beyond what round trips show. */
import { describe, expect, it } from 'vitest'
import { bytesEqual, toHex } from '../../src/primitives/bytes.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'
import { decodeBlockTransactions, encodeBlockTransactions } from '../../src/wire/block.ts'
import { BlockHeader, HeaderList, headerBytes } from '../../src/wire/header.ts'
import { Inventory } from '../../src/wire/inventory.ts'
import { decodePayload, encodePayload, type Message, type MessageType } from '../../src/wire/messages.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { plain } from '../../testkit/plain.ts'
import { hex } from '../../testkit/vectors.ts'

const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)

function header(version: number): BlockHeader {
  const fields = {
    version,
    previousHash: filled(1),
    merkleRoot: filled(2),
    time: 3,
    bits: 0x1e01fffe,
    nonce: 5,
  }
  return BlockHeader.of(
    version < 4 ? fields : { ...fields, vdf: { output: filled(6), proofHash: filled(7) } },
  )
}

const transaction = (scriptSigBytes = 0): Transaction => ({
  version: 1,
  inputs: [
    {
      previousHash: filled(9),
      previousIndex: 0xffff_ffff,
      scriptSig: filled(8, scriptSigBytes),
      sequence: 0xffff_ffff,
    },
  ],
  outputs: [{ value: 5_000_000_000n, scriptPubKey: filled(0x6a, 1) }],
  lockTime: 0,
})

function decoded<T extends MessageType>(type: T, payload: Uint8Array): Extract<Message, { type: T }> {
  const result = decodePayload(type, payload)
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  if (!isOf(result.value, type)) throw new Error(result.value.type)
  return result.value
}

function isOf<T extends MessageType>(message: Message, type: T): message is Extract<Message, { type: T }> {
  return message.type === type
}

function failure(type: MessageType, payload: Uint8Array): unknown {
  const result = decodePayload(type, payload)
  if (result.ok) throw new Error(`'${type}' was accepted`)
  return result.error
}

/** A payload from a writer. */
function payload(write: (writer: ByteWriter) => unknown): Uint8Array {
  const writer = new ByteWriter()
  write(writer)
  return writer.copy()
}

describe('headers', () => {
  it('has 80 bytes below version 4, also for negative versions, and 144 from there on', () => {
    const lengths = [-0x8000_0000, -1, 0, 1, 3, 4, 5, 0x7fff_ffff].map(headerBytes)
    expect(lengths).toEqual([80, 80, 80, 80, 80, 144, 144, 144])
    expect(() => new BlockHeader(filled(0, 79))).toThrow(RangeError)
    expect(() => new BlockHeader(filled(0, 0))).toThrow(RangeError)
    expect(() => new BlockHeader(filled(0, 144))).toThrow(RangeError)
    expect(() => new BlockHeader(filled(1, 80))).toThrow(RangeError)
    expect(() =>
      BlockHeader.of({
        ...header(1),
        version: 4,
        previousHash: filled(0),
        merkleRoot: filled(0),
        time: 0,
        bits: 0,
        nonce: 0,
      }),
    ).toThrow(RangeError)
  })

  it('come in one list with both lengths', () => {
    const versions = [1, 4, -5, 0x7fff_ffff, 3, 4, 4, 1]
    const headers = HeaderList.of(versions.map(header))
    const bytes = encodePayload({ type: 'headers', headers })
    expect(bytes).toHaveLength(1 + 4 * 81 + 4 * 145)
    const list = decoded('headers', bytes).headers
    expect(list.length).toBe(8)
    expect([...list].map((entry) => entry.version)).toEqual(versions)
    expect(plain(list)).toEqual(plain(headers))
    expect(list.at(1).vdf?.proofHash).toEqual(filled(7))
    expect(list.at(2).vdf).toBeUndefined()
    expect(list.at(5).bytes.buffer).toBe(bytes.buffer)
    expect(() => list.at(8)).toThrow(RangeError)
    expect(() => list.at(-1)).toThrow(RangeError)
    expect(encodePayload({ type: 'headers', headers: list })).toEqual(bytes)
  })

  it('take a full list of the longer kind and no more', () => {
    const full = encodePayload({ type: 'headers', headers: HeaderList.of(Array(2_000).fill(header(4))) })
    expect(full).toHaveLength(290_003)
    expect(decoded('headers', full).headers.length).toBe(2_000)
    const over = encodePayload({ type: 'headers', headers: HeaderList.of(Array(2_001).fill(header(1))) })
    expect(failure('headers', over)).toEqual({ type: 'headers', code: 'tooLarge', field: 'count', offset: 0 })
  })

  it('refuse an entry with transactions, or one that is cut', () => {
    const bytes = encodePayload({ type: 'headers', headers: HeaderList.of([header(1), header(4)]) })
    const withTransaction = bytes.slice()
    withTransaction[81] = 1
    expect(failure('headers', withTransaction)).toMatchObject({
      code: 'badValue',
      field: 'transactionCount',
      offset: 81,
    })
    expect(failure('headers', bytes.subarray(0, -1))).toMatchObject({
      code: 'truncated',
      field: 'transactionCount',
    })
    expect(failure('headers', bytes.subarray(0, -2))).toMatchObject({
      code: 'truncated',
      field: 'header',
      offset: 82,
    })
    expect(failure('headers', hex('02').slice())).toMatchObject({
      code: 'truncated',
      field: 'count',
      offset: 0,
    })
  })

  it('accept a longer zero as transaction count but never pass it on', () => {
    const bytes = payload((w) =>
      w.u8(2).bytes(header(1).bytes).bytes(hex('fd0000')).bytes(header(4).bytes).u8(0),
    )
    const { headers } = decoded('headers', bytes)
    expect(plain(headers)).toEqual(plain([header(1), header(4)]))
    const short = encodePayload({ type: 'headers', headers: HeaderList.of([header(1), header(4)]) })
    expect(toHex(encodePayload({ type: 'headers', headers }))).toBe(toHex(short))
  })
})

describe('longer compact sizes than needed', () => {
  it.each<[MessageType, string, string]>([
    ['inv', `fd0100${'02000000'}${'11'.repeat(32)}`, `01${'02000000'}${'11'.repeat(32)}`],
    ['getheaders', `fe00000000${'00'.repeat(32)}`, '00'.repeat(33)],
    ['addr', 'ff0000000000000000', '00'],
    ['getblocktxn', `${'11'.repeat(32)}fd0200fd0100fe02000000`, `${'11'.repeat(32)}020102`],
    ['reject', 'fd01006110fe00000000', '01611000'],
    ['block', `${'00'.repeat(80)}fd010007`, `${'00'.repeat(80)}0107`],
  ])('are accepted and not written in %s', (type, long, short) => {
    const message = decoded(type, hex(long))
    expect(toHex(encodePayload(message))).toBe(short)
    expect(plain(decoded(type, hex(short)))).toEqual(plain(message))
  })

  it('are accepted within transactions, whose id is that of the shortest form', () => {
    const short = toHex(encodePayload({ type: 'tx', transaction: transaction(3) }))
    const long = short.replace('0100000001', '01000000fd0100').replace('03080808', 'fe03000000080808')
    expect(long.length).toBe(short.length + 2 * 6)
    const message = decoded('tx', hex(long))
    expect(plain(message.transaction)).toEqual(plain(transaction(3)))
    expect(toHex(encodePayload(message))).toBe(short)
  })
})

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
      encodePayload({ type: 'tx', transaction: transaction(20_001) }),
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

describe('transactions of a block', () => {
  it('fill their data exactly', () => {
    const data = encodeBlockTransactions([transaction(), transaction(5)])
    expect(decodeBlockTransactions(data)).toMatchObject({ ok: true })
    const longer = decodeBlockTransactions(Uint8Array.of(...data, 0))
    expect(longer).toMatchObject({ ok: false, error: { code: 'badValue', offset: data.length } })
    for (let length = 0; length < data.length; length++) {
      const cut = decodeBlockTransactions(data.subarray(0, length))
      expect(cut).toMatchObject({ ok: false, error: { code: 'truncated' } })
      if (!cut.ok) expect(cut.error.offset).toBeLessThanOrEqual(length)
    }
  })

  it('have limits of their own', () => {
    const count = (n: number) =>
      payload((w) => w.compactSize(n).bytes(new Uint8Array(10 * Math.min(n, 100_001))))
    expect(decodeBlockTransactions(count(100_000))).toMatchObject({ ok: true })
    expect(decodeBlockTransactions(count(100_001))).toMatchObject({ error: { code: 'tooLarge', offset: 0 } })
    const script = (length: number): Transaction => ({
      ...transaction(),
      outputs: [{ value: 1n, scriptPubKey: new Uint8Array(length) }],
    })
    expect(decodeBlockTransactions(encodeBlockTransactions([script(10_000)]))).toMatchObject({ ok: true })
    expect(decodeBlockTransactions(encodeBlockTransactions([script(10_001)]))).toMatchObject({
      error: { code: 'tooLarge', field: 'scriptPubKey' },
    })
    expect(
      decoded('tx', encodePayload({ type: 'tx', transaction: script(10_001) })).transaction,
    ).toBeDefined()
  })
})

describe('inventories', () => {
  it('carry any type, and give entries only within the list', () => {
    const inventory = Inventory.of(
      [1, 2, 3, 4, 0, 5, 0xffff_ffff].map((type) => ({ type, hash: filled(type) })),
    )
    const list = decoded('inv', encodePayload({ type: 'inv', inventory })).inventory
    expect([...list].map(({ type }) => type)).toEqual([1, 2, 3, 4, 0, 5, 0xffff_ffff])
    expect(list.at(3).hash).toEqual(filled(4))
    for (const i of [-1, 7, 1_000]) expect(() => list.at(i)).toThrow(RangeError)
    expect(() => new Inventory(filled(0, 35))).toThrow(RangeError)
  })
})

describe('our own mistakes', () => {
  const inventory = new Inventory(new Uint8Array(50_000 * 36))

  it.each<[string, Message]>([
    ['50,000 entries, which do not fit', { type: 'inv', inventory }],
    ['a short hash', { type: 'getheaders', locator: [filled(1, 31)], stop: filled(0) }],
    [
      'an address of four bytes',
      { type: 'addr', addresses: [{ time: 0, services: 0n, ip: filled(1, 4), port: 1 }] },
    ],
    [
      'a port above 16 bits',
      { type: 'addr', addresses: [{ time: 0, services: 0n, ip: filled(1, 16), port: 65_536 }] },
    ],
    ['a negative nonce', { type: 'ping', nonce: -1n }],
    [
      'half a short id',
      { type: 'cmpctblock', header: header(1), nonce: 0n, prefilled: [], shortIds: filled(0, 7) },
    ],
    ['an identity of 19 bytes', { type: 'dnaireq', identity: filled(0, 19) }],
    ['a body that is too long', { type: 'dnavatts', body: filled(0, 8_193) }],
    ['text beyond one byte per character', { type: 'reject', command: 'tx', code: 1, reason: '\u2026' }],
  ])('throw: %s', (_, message) => {
    expect(() => encodePayload(message)).toThrow(RangeError)
  })

  it('do not make a reject too long', () => {
    const message: Message = { type: 'reject', command: 'x'.repeat(20), code: 0x10, reason: 'y'.repeat(500) }
    const { command, reason } = decoded('reject', encodePayload(message))
    expect([command.length, reason.length]).toEqual([12, 200])
  })
})
