/** What single messages accept, refuse and promise, beyond what round trips show. */
import { describe, expect, it } from 'vitest'
import { MAX_PAYLOAD_BYTES } from '../../src/framing/encoder.ts'
import { testnet } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { decodeBlockTransactions, encodeBlockTransactions } from '../../src/wire/block.ts'
import { BlockHeader, HeaderList, headerBytes } from '../../src/wire/header.ts'
import { Inventory } from '../../src/wire/inventory.ts'
import { decodePayload, encodePayload, type Message, type MessageType } from '../../src/wire/messages.ts'
import { type Transaction, writeTransaction } from '../../src/wire/transaction.ts'
import { plain } from '../../testkit/plain.ts'
import { hex } from '../../testkit/vectors.ts'
import { decoded, failure, filled, header, payload, transaction } from '../../testkit/wire-samples.ts'

const PLAIN = testnet.chain

/** 80 bytes; some number, and a version. */
function plainHeader(version: number): Uint8Array {
  const bytes = filled(9, 80)
  new DataView(bytes.buffer).setInt32(0, version, true)
  return bytes
}

describe('headers', () => {
  it('has 80 bytes below version 4, also for negative versions, and 144 from there on', () => {
    const lengths = [-0x8000_0000, -1, 0, 1, 3, 4, 5, 0x7fff_ffff].map((version) => headerBytes(version))
    expect(lengths).toEqual([80, 80, 80, 80, 80, 144, 144, 144])
    expect(headerBytes(4, true)).toBe(80)
    expect(() => new BlockHeader(filled(0, 79))).toThrow(RangeError)
    expect(() => new BlockHeader(filled(0, 0))).toThrow(RangeError)
    expect(() => new BlockHeader(filled(0, 144))).toThrow(RangeError)
  })

  it('has 80 bytes of whatever version in the form of the first release', () => {
    const versions = [1, 4, 0x7fff_ffff, -5]
    const headers = HeaderList.of(versions.map((version) => new BlockHeader(plainHeader(version))))
    const bytes = encodePayload({ type: 'headers', headers }, PLAIN)
    expect(bytes).toHaveLength(1 + 4 * 81)
    const read = decodePayload('headers', bytes, PLAIN)
    const list = read.ok ? read.value.headers : undefined
    expect(list?.length).toBe(4)
    for (const one of [headers, list, HeaderList.fromEntries(bytes.subarray(1))]) {
      expect([...(one ?? [])].map((entry) => entry.version)).toEqual(versions)
      expect(one?.at(1).bytes).toEqual(plainHeader(4))
    }
    // A zero that is longer than it need be is written anew.
    const long = payload((w) => w.compactSize(1).bytes(plainHeader(4)).bytes(hex('fd0000')))
    const again = decodePayload('headers', long, PLAIN)
    expect(again.ok && [...again.value.headers].map((entry) => entry.version)).toEqual([4])
    expect(decodePayload('headers', bytes).ok).toBe(false)
  })

  it('come in blocks of that form, which may fill a frame', () => {
    const block = { header: new BlockHeader(plainHeader(4)), transactionData: filled(7, 33_554_347) }
    const bytes = encodePayload({ type: 'block', block }, PLAIN)
    expect(bytes).toHaveLength(MAX_PAYLOAD_BYTES)
    const read = decodePayload('block', bytes, PLAIN)
    expect(read.ok && read.value.block.header.version).toBe(4)
    expect(read.ok && read.value.block.transactionData.length).toBe(33_554_347)
    expect(decodePayload('block', bytes)).toMatchObject({ ok: false, error: { code: 'size' } })
    const small = encodePayload({ type: 'block', block: { ...block, transactionData: filled(7, 64) } })
    expect(decodePayload('block', small).ok).toBe(false)
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
    const over = payload((w) => {
      w.compactSize(2_001)
      for (let i = 0; i < 2_001; i++) w.bytes(header(1).bytes).u8(0)
    })
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
    expect(() => encodeBlockTransactions([script(10_001)])).toThrow(RangeError)
    const over = payload((w) => writeTransaction(w.u8(1), script(10_001)))
    expect(decodeBlockTransactions(over)).toMatchObject({
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
