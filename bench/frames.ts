/** Messages to measure with, of the sizes that are met in practice, and their frames on regtest. */
import { FrameEncoder } from '../src/framing/encoder.ts'
import { regtest } from '../src/params/networks.ts'
import { RandomSource } from '../src/primitives/random.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import type { TimedAddress } from '../src/wire/address.ts'
import { encodeBlockTransactions } from '../src/wire/block.ts'
import { BlockHeader, HeaderList } from '../src/wire/header.ts'
import { Inventory, InvType } from '../src/wire/inventory.ts'
import type { Message } from '../src/wire/messages.ts'
import type { Transaction } from '../src/wire/transaction.ts'

const random = new RandomSource(new Uint8Array(32).fill(7))
const encoder = new FrameEncoder(regtest.magic)

/** A signature and a public key of ML-DSA-65, with what a script says around them. */
const SCRIPT_SIG_BYTES = 5_265
const SCRIPT_PUBKEY_BYTES = 25
const HEADERS = 2_000
const ENTRIES = 1_000
const BLOCK_BYTES = 1_000_000

export function frameOf(message: Message): Uint8Array {
  return encoder.encode(message)
}

/** A frame of any command with a payload of zeros. */
export function rawFrame(command: string, payloadBytes: number): Uint8Array {
  const frame = Buffer.alloc(24 + payloadBytes)
  frame.writeUInt32LE(regtest.magic, 0)
  frame.write(command, 4, 'latin1')
  frame.writeUInt32LE(payloadBytes, 16)
  frame.writeUInt32LE(messageChecksum(frame.subarray(24)), 20)
  return frame
}

/** The same bytes again and again, about `bytes` long but whole. */
export function repeated(frame: Uint8Array, bytes: number): Uint8Array {
  const count = Math.max(1, Math.round(bytes / frame.length))
  const all = new Uint8Array(count * frame.length)
  for (let i = 0; i < count; i++) all.set(frame, i * frame.length)
  return all
}

export function versionMessage(startHeight = 0): Message {
  const address = { services: 1n, ip: randomBytes(16), port: 18_444 }
  return {
    type: 'version',
    layout: 'current',
    version: regtest.protocolVersion,
    services: 1n,
    time: BigInt(Math.floor(Date.now() / 1_000)),
    receiver: address,
    sender: address,
    nonce: 0x1122_3344_5566_7788n,
    userAgent: '/bench:1.0.0/',
    startHeight,
    relay: true,
    genesisHash: regtest.genesisHash,
  }
}

export function pingMessage(): Message {
  return { type: 'ping', nonce: 0x0102_0304_0506_0708n }
}

export function headersMessage(): Message {
  return { type: 'headers', headers: HeaderList.of(Array.from({ length: HEADERS }, randomHeader)) }
}

export function invMessage(): Message {
  const entries = Array.from({ length: ENTRIES }, () => ({
    type: InvType.transaction,
    hash: randomBytes(32),
  }))
  return { type: 'inv', inventory: Inventory.of(entries) }
}

export function addrMessage(): Message {
  const addresses = Array.from({ length: ENTRIES }, (): TimedAddress => {
    return { time: random.u32(), services: 1n, ip: randomBytes(16), port: random.below(65_536) }
  })
  return { type: 'addr', addresses }
}

export function txMessage(): Message {
  return { type: 'tx', transaction: randomTransaction() }
}

export function blockMessage(): Message {
  const count = Math.floor(BLOCK_BYTES / (SCRIPT_SIG_BYTES + 120))
  const transactionData = encodeBlockTransactions(Array.from({ length: count }, randomTransaction))
  return { type: 'block', block: { header: randomHeader(), transactionData } }
}

function randomHeader(): BlockHeader {
  return BlockHeader.of({
    version: 1,
    previousHash: randomBytes(32),
    merkleRoot: randomBytes(32),
    time: random.u32(),
    bits: random.u32(),
    nonce: random.u32(),
  })
}

function randomTransaction(): Transaction {
  const input = {
    previousHash: randomBytes(32),
    previousIndex: 0,
    scriptSig: randomBytes(SCRIPT_SIG_BYTES),
    sequence: 0xffff_ffff,
  }
  const output = { value: 5_000_000_000n, scriptPubKey: randomBytes(SCRIPT_PUBKEY_BYTES) }
  return { version: 1, inputs: [input], outputs: [output, output], lockTime: 0 }
}

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256))
}
