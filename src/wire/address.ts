/** Network addresses, and the messages that carry them: `addr`, `getaddr` (wire-protocol 4.1, 5.4, 5.5). */
import type { Endpoint } from '../primitives/ip.ts'
import type { ByteReader } from '../primitives/reader.ts'
import type { ByteWriter } from '../primitives/writer.ts'
import { type Codec, emptyCodec } from './codec.ts'

/** Where a node can be reached. Ports are little-endian on this wire. */
export interface NetAddress extends Endpoint {
  /** Service bits; 1 is "serves full blocks". */
  readonly services: bigint
}

export interface TimedAddress extends NetAddress {
  /** Unix seconds at which somebody saw it alive; 0 where unknown. */
  readonly time: number
}

export interface AddrMessage {
  readonly type: 'addr'
  readonly addresses: readonly TimedAddress[]
}

export interface GetAddrMessage {
  readonly type: 'getaddr'
}

/** Service bit: serves all blocks. */
export const NODE_NETWORK = 1n
/** Has the latest blocks only. */
export const NODE_NETWORK_LIMITED = 1_024n

const MAX_ADDRESSES = 50_000
const TIMED_ADDRESS_BYTES = 30

export function readNetAddress(reader: ByteReader, field: string): NetAddress {
  const services = reader.u64(`${field}.services`)
  const ip = reader.bytes(16, `${field}.ip`)
  const port = reader.u16(`${field}.port`)
  return { services, ip, port }
}

export function writeNetAddress(writer: ByteWriter, address: NetAddress): void {
  writer.u64(address.services).fixed(address.ip, 16).u16(address.port)
}

export const addrCodec: Codec<AddrMessage> = {
  type: 'addr',
  minBytes: 1,
  maxBytes: 900_000,
  decode(reader) {
    const n = reader.count('count', MAX_ADDRESSES, TIMED_ADDRESS_BYTES)
    const addresses: TimedAddress[] = []
    for (let i = 0; i < n; i++) {
      // Names that are put together for each of a thousand would cost as much as the reading.
      const time = reader.u32('time')
      const services = reader.u64('address.services')
      const ip = reader.bytes(16, 'address.ip')
      addresses.push({ time, services, ip, port: reader.u16('address.port') })
    }
    return { type: 'addr', addresses }
  },
  encode(writer, { addresses }) {
    writer.count(addresses.length, MAX_ADDRESSES)
    for (const address of addresses) {
      writer.u32(address.time)
      writeNetAddress(writer, address)
    }
  },
}

export const getaddrCodec: Codec<GetAddrMessage> = emptyCodec('getaddr')
