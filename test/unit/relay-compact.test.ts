/** Compact blocks: what this node writes, and what it makes of those of others. */
import { describe, expect, it } from 'vitest'
import { hashFromHex, toHex } from '../../src/primitives/bytes.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import { BlockContents } from '../../src/relay/block-contents.ts'
import { blockTransactionsPayload } from '../../src/relay/compact-messages.ts'
import { PartialBlock } from '../../src/relay/partial-block.ts'
import { putShortId, ShortIds, shortIdAt } from '../../src/relay/short-ids.ts'
import { noTransactions } from '../../src/relay/transaction-source.ts'
import { encodeBlockTransactions } from '../../src/wire/block.ts'
import type { CmpctBlockMessage } from '../../src/wire/compact.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { encodePayload } from '../../src/wire/messages.ts'
import { blockOf, compactOf, contentsOf, known, numbered, sourceOf } from '../../testkit/relay-blocks.ts'
import { hex, loadBlocks, loadMainnetMessages } from '../../testkit/vectors.ts'
import { decoded, filled, transaction } from '../../testkit/wire-samples.ts'

const counting = Uint8Array.from({ length: 32 }, (_, i) => i)

/** Header and nonce of the protocol's example. */
const example = BlockHeader.of({
  version: 1,
  previousHash: filled(0x11),
  merkleRoot: filled(0x22),
  time: 0x6500_0000,
  bits: 0x1f06_0000,
  nonce: 0x0102_0304,
})
const NONCE = 0x0102_0304_0506_0708n

describe('short ids', () => {
  it('are those of the protocol', () => {
    const list = new Uint8Array(12)
    const shortId = new ShortIds(example, NONCE).of(counting)
    expect(shortId).toBe(0x02d0_a9a8_0702)
    putShortId(list, 1, shortId)
    expect(toHex(list)).toBe('000000000000' + '0207a8a9d002')
    expect(shortIdAt(list, 1)).toBe(shortId)
  })

  it('leave out what a longer header has behind its 80 bytes', () => {
    const fields = {
      version: 4,
      previousHash: filled(1),
      merkleRoot: filled(2),
      time: 3,
      bits: 4,
      nonce: 5,
    }
    const of = (output: number): number =>
      new ShortIds(
        BlockHeader.of({ ...fields, vdf: { output: filled(output), proofHash: filled(8) } }),
        1n,
      ).of(counting)
    expect(of(6)).toBe(of(7))
  })
})

describe('a compact block', () => {
  it('holds the coinbase, and short ids of the others in order', () => {
    const block = blockOf([numbered(0), numbered(1), numbered(2)])
    const message = compactOf(block, 7n)
    expect(message.prefilled.map(({ index }) => index)).toEqual([0])
    expect(message.prefilled[0]?.transaction).toEqual(numbered(0))
    const ids = new ShortIds(block.header, 7n)
    expect([shortIdAt(message.shortIds, 0), shortIdAt(message.shortIds, 1)]).toEqual([
      ids.of(known(numbered(1)).id),
      ids.of(known(numbered(2)).id),
    ])
  })

  it('of a real block is the block again for who has its transactions', () => {
    for (const { payloadHex } of loadBlocks().blocks) {
      const { block } = decoded('block', hex(payloadHex))
      const contents = contentsOf(block)
      const message = decoded('cmpctblock', encodePayload(compactOf(block, 99n)))
      const pool = Array.from({ length: contents.count }, (_, i) => contents.at(i)).slice(1)
      const transactions = pool.map((bytes) => known(decoded('tx', bytes).transaction))
      const partial = PartialBlock.begin(message, sourceOf(transactions))
      expect(partial?.missing).toEqual([])
      const made = partial?.block()
      expect(toHex(made?.transactionData ?? filled(0))).toBe(toHex(block.transactionData))
      expect(toHex(made?.header.bytes ?? filled(0))).toBe(toHex(block.header.bytes))
      expect(toHex(made?.payload ?? filled(0))).toBe(payloadHex)
      expect(made?.checksum).toBe(messageChecksum(hex(payloadHex)))
    }
  })
})

describe('the contents of a block', () => {
  it('are nothing where blocks carry any bytes', () => {
    expect(BlockContents.of(new TextEncoder().encode('any bytes'))).toBeUndefined()
    expect(BlockContents.of(new Uint8Array(0))).toBeUndefined()
    expect(BlockContents.of(Uint8Array.of(0))).toBeUndefined()
    const data = encodeBlockTransactions([numbered(0)])
    expect(BlockContents.of(Uint8Array.from([...data, 0]))).toBeUndefined()
    expect(BlockContents.of(data.subarray(0, -1))).toBeUndefined()
  })

  it('can only travel whole if a transaction could not travel alone', () => {
    const output = { value: 1n, scriptPubKey: filled(0x6a, 1) }
    const withOutputs = (n: number): Uint8Array =>
      encodeBlockTransactions([{ ...transaction(), outputs: Array.from({ length: n }, () => output) }])
    expect(BlockContents.of(withOutputs(10_000))?.count).toBe(1)
    expect(BlockContents.of(withOutputs(10_001))).toBeUndefined()
    const input = { previousHash: filled(3), previousIndex: 0, scriptSig: filled(0, 0), sequence: 0 }
    const withInputs = (n: number): Uint8Array =>
      encodeBlockTransactions([{ ...transaction(), inputs: Array.from({ length: n }, () => input) }])
    expect(BlockContents.of(withInputs(10_000))?.count).toBe(1)
    expect(BlockContents.of(withInputs(10_001))).toBeUndefined()
  })

  it('are handed out as the codec would write them', () => {
    const block = blockOf([numbered(0), numbered(1, 300), numbered(2), numbered(3)])
    const payload = blockTransactionsPayload(filled(5), contentsOf(block), [0, 1, 3])
    const transactions = [numbered(0), numbered(1, 300), numbered(3)]
    expect(toHex(payload)).toBe(
      toHex(encodePayload({ type: 'blocktxn', blockHash: filled(5), transactions })),
    )
    expect(() => blockTransactionsPayload(filled(5), contentsOf(block), [4])).toThrow(RangeError)
  })

  it('answer a question as another node does', () => {
    const frames = loadMainnetMessages().messages
    const genesis = frames.find(({ command, from }) => command === 'block' && from === 'reference node')
    const answer = frames.find(({ command }) => command === 'blocktxn')
    const { block } = decoded('block', hex(genesis?.frame ?? '').subarray(24))
    const hash = hashFromHex('0000009eaa5e7781ba6d14525c3f75c35444045b21ddafbbea61090db99b0bc3')
    const payload = blockTransactionsPayload(hash ?? filled(0), contentsOf(block), [0])
    expect(toHex(payload)).toBe(answer?.frame.slice(48))
  })
})

describe('a block in parts', () => {
  const transactions = [0, 1, 2, 3, 4].map((i) => numbered(i))
  const block = blockOf(transactions)
  const message = compactOf(block, NONCE)
  const pool = (...numbers: number[]) => sourceOf(numbers.map((i) => known(numbered(i))))

  it('says what is missing, and is whole when that is there', () => {
    const partial = PartialBlock.begin(message, pool(77, 4, 2))
    expect(partial?.missing).toEqual([1, 3])
    expect(partial?.block()).toBeUndefined()
    expect(partial?.fill([numbered(1)])).toBe(false)
    expect(partial?.fill([numbered(1), numbered(3)])).toBe(true)
    expect(toHex(partial?.block()?.transactionData ?? filled(0))).toBe(toHex(block.transactionData))
  })

  it('is none if what came is not what was missing', () => {
    const partial = PartialBlock.begin(message, pool(4, 2))
    expect(partial?.fill([numbered(3), numbered(1)])).toBe(true)
    expect(partial?.block()).toBeUndefined()
  })

  it('keeps nothing of the message', () => {
    const payload = encodePayload(message)
    const partial = PartialBlock.begin(decoded('cmpctblock', payload), noTransactions)
    payload.fill(0xee)
    partial?.fill(transactions.slice(1))
    expect(toHex(partial?.block()?.transactionData ?? filled(0))).toBe(toHex(block.transactionData))
  })

  it('asks for a transaction of which two of ours might be meant', () => {
    // Two numbers whose ids have one short id under the header and nonce of the example, found by trying.
    const idOf = (n: number): Uint8Array => {
      const id = filled(0)
      new DataView(id.buffer).setUint32(0, n, true)
      return id
    }
    const ids = new ShortIds(example, NONCE)
    expect(ids.of(idOf(5_025_550))).toBe(ids.of(idOf(20_968_487)))
    const shortIds = new Uint8Array(6)
    putShortId(shortIds, 0, ids.of(idOf(5_025_550)))
    const prefilled = [{ index: 0, transaction: numbered(0) }]
    const contested: CmpctBlockMessage = {
      type: 'cmpctblock',
      header: example,
      nonce: NONCE,
      prefilled,
      shortIds,
    }
    const have = (...numbers: number[]) =>
      sourceOf(numbers.map((n) => ({ id: idOf(n), bytes: known(numbered(n)).bytes })))
    expect(PartialBlock.begin(contested, have(5_025_550))?.missing).toEqual([])
    expect(PartialBlock.begin(contested, have(5_025_550, 20_968_487))?.missing).toEqual([1])
    expect(PartialBlock.begin(contested, have(20_968_487, 1, 5_025_550))?.missing).toEqual([1])
  })

  it('is of no use if two of its short ids are equal', () => {
    const shortIds = message.shortIds.slice()
    shortIds.copyWithin(6, 0, 6)
    expect(PartialBlock.begin({ ...message, shortIds }, noTransactions)).toBeUndefined()
  })

  it.each([
    ['no transaction', { prefilled: [], shortIds: new Uint8Array(0) }],
    ['one place filled twice', { prefilled: [0, 0].map((index) => ({ index, transaction: numbered(0) })) }],
    ['a place behind the last', { prefilled: [{ index: 5, transaction: numbered(0) }] }],
    ['too many', { shortIds: new Uint8Array(6 * 100_000) }],
  ])('is of no use with %s', (_, change) => {
    expect(PartialBlock.begin({ ...message, ...change }, noTransactions)).toBeUndefined()
  })

  it('may have other transactions prefilled than the first', () => {
    const prefilled = [0, 2, 4].map((index) => ({ index, transaction: numbered(index) }))
    const shortIds = Uint8Array.from([
      ...message.shortIds.subarray(0, 6),
      ...message.shortIds.subarray(12, 18),
    ])
    const partial = PartialBlock.begin({ ...message, prefilled, shortIds }, pool(1, 3))
    expect(toHex(partial?.block()?.transactionData ?? filled(0))).toBe(toHex(block.transactionData))
  })

  it('is none if it would be larger than a block may be', () => {
    const large = [numbered(0), ...Array.from({ length: 300 }, (_, i) => numbered(i + 1, 15_000))]
    const partial = PartialBlock.begin(compactOf(blockOf(large.slice(0, 5)), 1n), noTransactions)
    expect(partial?.missing).toHaveLength(4)
    const whole = blockOf(large)
    expect(whole.transactionData.length).toBeGreaterThan(4_194_304)
    const huge = PartialBlock.begin(compactOf(whole, 1n), noTransactions)
    huge?.fill(large.slice(1))
    expect(huge?.block()).toBeUndefined()
  })

  it('is none if its root is that of a shorter list', () => {
    // The last two of four hash to the same as the last one of three.
    const three = [numbered(0), numbered(1), numbered(2)]
    const short = blockOf(three)
    const long = compactOf(blockOf([...three, numbered(2)]), 5n)
    const prefilled = [0, 2, 3].map((index) => ({ index, transaction: numbered(Math.min(index, 2)) }))
    const shortIds = long.shortIds.slice(0, 6)
    const begin = (header: BlockHeader) =>
      PartialBlock.begin({ ...long, header, prefilled, shortIds }, noTransactions)
    const partial = begin(short.header)
    expect(partial?.missing).toEqual([1])
    partial?.fill([numbered(1)])
    expect(partial?.block()).toBeUndefined()
  })
})
