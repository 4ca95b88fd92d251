/** Small things to build payloads of, and to read them with, for tests of single messages. */
import { ByteWriter } from '../src/primitives/writer.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { decodePayload, type Message, type MessageError, type MessageType } from '../src/wire/messages.ts'
import type { Transaction } from '../src/wire/transaction.ts'

export const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)

export function header(version: number): BlockHeader {
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

export const transaction = (scriptSigBytes = 0): Transaction => ({
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

export function decoded<T extends MessageType>(type: T, payload: Uint8Array): Extract<Message, { type: T }> {
  const result = decodePayload(type, payload)
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  if (!isOf(result.value, type)) throw new Error(result.value.type)
  return result.value
}

function isOf<T extends MessageType>(message: Message, type: T): message is Extract<Message, { type: T }> {
  return message.type === type
}

export function failure(type: MessageType, payload: Uint8Array): MessageError {
  const result = decodePayload(type, payload)
  if (result.ok) throw new Error(`'${type}' was accepted`)
  return result.error
}

/** A payload from a writer. */
export function payload(write: (writer: ByteWriter) => unknown): Uint8Array {
  const writer = new ByteWriter()
  write(writer)
  return writer.copy()
}
