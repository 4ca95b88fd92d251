/**
 * The handshake messages `version` and `verack`. Three layouts of `version` are in use under overlapping
 * protocol numbers; they are told apart by their length (wire-protocol 5.1, 16.2, 17).
 */
import type { ByteReader } from '../primitives/reader.ts'
import { type NetAddress, readNetAddress, writeNetAddress } from './address.ts'
import { type Codec, emptyCodec } from './codec.ts'

interface VersionFields {
  readonly type: 'version'
  /** Protocol version, such as 70011. */
  readonly version: number
  readonly services: bigint
  /** Sender's clock, Unix seconds, signed. */
  readonly time: bigint
  /** Random per connection, to recognise a connection to oneself; 0 means none. */
  readonly nonce: bigint
  /** Such as "/Dilithion:1.0.0/"; any bytes, one character each. */
  readonly userAgent: string
  readonly startHeight: number
  /** Does the sender want transactions announced? */
  readonly relay: boolean
}

/** Protocol 70001 of the v1.0 testnet: no addresses, no genesis hash. 34 bytes and the user agent. */
export interface V1Version extends VersionFields {
  readonly layout: 'v1'
}

/** v1.0.8-testnet to v1.4.1: addresses but no genesis hash. 86 bytes and the user agent. */
export interface AddressedVersion extends VersionFields {
  readonly layout: 'addressed'
  readonly receiver: NetAddress
  readonly sender: NetAddress
}

/** Everything since v1.4.2. 118 bytes and the user agent. */
export interface CurrentVersion extends VersionFields {
  readonly layout: 'current'
  readonly receiver: NetAddress
  readonly sender: NetAddress
  /** 32 bytes in wire order. */
  readonly genesisHash: Uint8Array
}

export type VersionMessage = V1Version | AddressedVersion | CurrentVersion
export type VersionLayout = VersionMessage['layout']

export interface VerackMessage {
  readonly type: 'verack'
}

export const MAX_USER_AGENT_BYTES = 256

/** Bytes of each layout with an empty user agent. */
const V1_BYTES = 34
const ADDRESSED_BYTES = 86
/** Where the length of the user agent stands in each. */
const V1_AGENT_OFFSET = 28
const AGENT_OFFSET = 80
const HEIGHT_AND_RELAY_BYTES = 5
const HASH_BYTES = 32

export const versionCodec: Codec<VersionMessage> = {
  type: 'version',
  minBytes: V1_BYTES,
  maxBytes: 400,
  decode(reader) {
    const layout = layoutOf(reader)
    const version = reader.i32('version')
    const services = reader.u64('services')
    const time = reader.i64('time')
    const receiver = layout === 'v1' ? undefined : readNetAddress(reader, 'receiver')
    const sender = layout === 'v1' ? undefined : readNetAddress(reader, 'sender')
    const nonce = reader.u64('nonce')
    const userAgent = reader.varString('userAgent', MAX_USER_AGENT_BYTES)
    const startHeight = reader.i32('startHeight')
    const relay = reader.bool('relay')
    const fields = { type: 'version', version, services, time, nonce, userAgent, startHeight, relay } as const
    if (receiver === undefined || sender === undefined) return { layout: 'v1', ...fields }
    if (layout === 'addressed') return { layout, receiver, sender, ...fields }
    return { layout: 'current', receiver, sender, ...fields, genesisHash: reader.hash('genesisHash') }
  },
  encode(writer, message) {
    writer.i32(message.version).u64(message.services).i64(message.time)
    if (message.layout !== 'v1') {
      writeNetAddress(writer, message.receiver)
      writeNetAddress(writer, message.sender)
    }
    writer.u64(message.nonce).varString(message.userAgent, MAX_USER_AGENT_BYTES)
    writer.i32(message.startHeight).bool(message.relay)
    if (message.layout === 'current') writer.hash(message.genesisHash)
  },
}

/**
 * Tells the layouts apart by length (wire-protocol 17). What fits none exactly is read as the largest layout
 * that could be meant, with trailing bytes ignored or a missing field reported.
 */
function layoutOf(reader: ByteReader): VersionLayout {
  const length = reader.remaining
  const v1Bytes = bytesWithAgentAt(reader, V1_AGENT_OFFSET)
  const isLongAgent = reader.peekU8(V1_AGENT_OFFSET) === 0xfd
  // Written in its shortest form, an agent behind 0xfd has at least 253 bytes.
  if (length === v1Bytes && (!isLongAgent || length >= V1_BYTES + 2 + 0xfd)) return 'v1'
  const addressedBytes = bytesWithAgentAt(reader, AGENT_OFFSET)
  if (length === addressedBytes) return 'addressed'
  if (length === addressedBytes + HASH_BYTES) return 'current'
  // Only now: the bytes of an IPv6 address may look like a long user agent.
  return length === v1Bytes || length < ADDRESSED_BYTES - 1 ? 'v1' : 'current'
}

/** Bytes of a payload that has its user agent at `offset` and ends with height and relay flag. */
function bytesWithAgentAt(reader: ByteReader, offset: number): number {
  const first = reader.peekU8(offset)
  const isLong = first === 0xfd
  const agentBytes = isLong ? reader.peekU8(offset + 1) + 256 * reader.peekU8(offset + 2) : first
  return offset + (isLong ? 3 : 1) + agentBytes + HEIGHT_AND_RELAY_BYTES
}

export const verackCodec: Codec<VerackMessage> = emptyCodec('verack')
