/** Frames of other nodes mean what is known of them, and are written again as they were. */
import { describe, expect, it } from 'vitest'
import { FrameDecoder, type FrameEvent } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../../src/framing/encoder.ts'
import { networks } from '../../src/params/networks.ts'
import { bytesEqual, hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'
import { decodeBlockTransactions, encodeBlockTransactions } from '../../src/wire/block.ts'
import { decodePayload, type Message, type MessageType } from '../../src/wire/messages.ts'
import { type Transaction, writeTransaction } from '../../src/wire/transaction.ts'
import { plain } from '../../testkit/plain.ts'
import {
  type FrameVector,
  hex,
  loadBlocks,
  loadMainnetMessages,
  loadProtocolFrames,
  loadTestnetMessages,
} from '../../testkit/vectors.ts'

function onlyEvent(magic: number, frame: string): FrameEvent {
  const decoder = new FrameDecoder(magic)
  decoder.push(hex(frame))
  const event = decoder.next()
  expect(decoder.next()).toBeUndefined()
  expect(decoder.midFrame).toBe(false)
  if (event === undefined) throw new Error('no event')
  return event
}

function decoded(type: MessageType, payload: Uint8Array): Message {
  const result = decodePayload(type, payload)
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

function txid(transaction: Transaction): string {
  const writer = new ByteWriter()
  writeTransaction(writer, transaction)
  return hashToHex(sha3_256(writer.view()))
}

function transactionsOf(message: Message): readonly Transaction[] {
  if (message.type === 'tx') return [message.transaction]
  if (message.type === 'blocktxn') return message.transactions
  if (message.type !== 'block') throw new Error(`no transactions in ${message.type}`)
  const result = decodeBlockTransactions(message.block.transactionData)
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  expect(bytesEqual(encodeBlockTransactions(result.value), message.block.transactionData)).toBe(true)
  return result.value
}

function expectVector(magic: number, vector: FrameVector): void {
  const event = onlyEvent(magic, vector.frame)
  if (event.kind !== 'frame') {
    const command = vector.command ?? ''
    const length = vector.frame.length / 2 - FRAME_HEADER_BYTES
    expect(event).toEqual({ kind: 'skipped', why: vector.skipped, command, length })
    return
  }
  expect(toHex(event.payload)).toBe(vector.frame.slice(2 * FRAME_HEADER_BYTES))
  const result = decodePayload(event.type, event.payload)
  if (!result.ok || vector.message === undefined) {
    expect(result).toEqual({ ok: false, error: vector.error })
    return
  }
  expect(plain(result.value)).toEqual(vector.message)
  if (vector.transactions !== undefined)
    expect(plain(transactionsOf(result.value))).toEqual(vector.transactions)
  if (vector.txids !== undefined) expect(transactionsOf(result.value).map(txid)).toEqual(vector.txids)
  const written = toHex(new FrameEncoder(magic).encode(result.value))
  if (vector.trailingBytes === undefined) return expect(written).toBe(vector.frame)
  const payload = vector.frame.slice(2 * FRAME_HEADER_BYTES, -2 * vector.trailingBytes)
  expect(written.slice(2 * FRAME_HEADER_BYTES)).toBe(payload)
}

const named = (vectors: readonly FrameVector[]) =>
  vectors.map((vector, i) => ({
    name: `${i}: ${vector.what ?? `${vector.command} of ${vector.from}`}`,
    vector,
  }))

describe('frames of the protocol description', () => {
  it.each(named(loadProtocolFrames().messages))('$name', ({ vector }) => {
    expectVector(vector.magic ?? 0, vector)
  })
})

describe('frames on mainnet', () => {
  it.each(named(loadMainnetMessages().messages))('$name', ({ vector }) => {
    expectVector(networks.mainnet.magic, vector)
  })
})

describe('frames on the v1.0 testnet', () => {
  it.each(named(loadTestnetMessages().messages))('$name', ({ vector }) => {
    expectVector(networks.testnet.magic, vector)
  })

  it('a block of protocol 70001 carries bare text, which is kept but is no list of transactions', () => {
    const vector = loadTestnetMessages().messages.find(({ command }) => command === 'block')
    const message = decoded('block', hex(vector?.frame ?? '').subarray(FRAME_HEADER_BYTES))
    if (message.type !== 'block') throw new Error(message.type)
    const { transactionData, header } = message.block
    expect(Buffer.from(transactionData).toString()).toMatch(/^Dilithion Testnet Genesis/)
    expect(hashToHex(sha3_256(transactionData))).toBe(hashToHex(header.merkleRoot))
    expect(decodeBlockTransactions(transactionData).ok).toBe(false)
  })
})

describe('blocks of mainnet formats', () => {
  it.each(loadBlocks().blocks)('block $height', (vector) => {
    const payload = hex(vector.payloadHex)
    const message = decoded('block', payload)
    if (message.type !== 'block') throw new Error(message.type)
    const { header } = message.block
    expect(toHex(header.bytes)).toBe(vector.headerHex)
    expect(header).toMatchObject({ version: 1, time: vector.time, bits: vector.bits, nonce: vector.nonce })
    expect(hashToHex(header.merkleRoot)).toBe(vector.merkleRoot)
    expect(header.vdf).toBeUndefined()

    const transactions = transactionsOf(message)
    const summaries = transactions.map((transaction) => {
      const writer = new ByteWriter()
      writeTransaction(writer, transaction)
      return {
        txid: txid(transaction),
        bytes: writer.length,
        inputs: transaction.inputs.length,
        outputs: plain(transaction.outputs),
      }
    })
    expect(summaries).toEqual(vector.transactions)
    expect(merkleRoot(transactions)).toBe(vector.merkleRoot)
    expect(toHex(new FrameEncoder(1).encode(message).subarray(FRAME_HEADER_BYTES))).toBe(vector.payloadHex)
  })

  it('views the payload and copies nothing', () => {
    const payload = hex(loadBlocks().blocks[0]?.payloadHex ?? '')
    const message = decoded('block', payload)
    const [transaction] = transactionsOf(message)
    expect(transaction?.inputs[0]?.scriptSig.buffer).toBe(payload.buffer)
    expect(message.type === 'block' && message.block.header.merkleRoot.buffer).toBe(payload.buffer)
  })
})

/** Chain 3.3: an odd last node is paired with itself; a lone transaction is the root. */
function merkleRoot(transactions: readonly Transaction[]): string {
  let level = transactions.map((transaction) => hex(txid(transaction)).reverse())
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? new Uint8Array(0)
      above.push(sha3_256(Uint8Array.of(...left, ...(level[i + 1] ?? left))))
    }
    level = above
  }
  return hashToHex(level[0] ?? new Uint8Array(0))
}

describe('ports', () => {
  it('are little-endian', () => {
    const event = onlyEvent(networks.mainnet.magic, loadProtocolFrames().messages[10]?.frame ?? '')
    if (event.kind !== 'frame') throw new Error(event.kind)
    expect(bytesEqual(event.payload.subarray(44, 46), Uint8Array.of(0xfc, 0x20))).toBe(true)
    expect(plain(decoded('version', event.payload))).toMatchObject({ receiver: { port: 8444 } })
  })
})
