/**
 * The address book on disk: `addresses.dat` in the data directory. Binary, with a hash at its end; written beside
 * and renamed, so a kill at any moment leaves the old one or the new. A damaged file is set aside with a warning:
 * the node then finds its peers as at its first start.
 *
 * Layout, little-endian: "DILADDR1" · key 32 · count u32 · count × address · count u8 · count × (ip 16 · port u16) ·
 * SHA3-256 of all before. Address: ip 16 · port u16 · services u64 · time u32 · source 16 · trust u8 · tried u8 ·
 * last try u32 · last success u32 · attempts u16. Times in Unix seconds, 0 for never.
 */
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { SavedAddress, SavedAddresses } from '../pool/address-row.ts'
import { trusts } from '../pool/known-address.ts'
import { unixSeconds } from '../primitives/brand.ts'
import { bytesEqual, latin1Encode } from '../primitives/bytes.ts'
import { errorCode, errorText, isTooLarge, UserError } from '../primitives/errors.ts'
import type { Endpoint } from '../primitives/ip.ts'
import { ByteReader } from '../primitives/reader.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'

export const ADDRESS_FILE = 'addresses.dat'

const MAGIC = latin1Encode('DILADDR1')
const HASH_BYTES = 32
const ADDRESS_BYTES = 58
const MAX_ADDRESSES = 100_000
const MAX_TIME = 0xffff_ffff
const MAX_ATTEMPTS = 0xffff

export function formatAddressFile({ key, addresses, anchors }: SavedAddresses): Uint8Array {
  const writer = new ByteWriter()
  writer.fixed(MAGIC, MAGIC.length).fixed(key, 32).u32(addresses.length)
  for (const address of addresses) writeAddress(writer, address)
  writer.u8(Math.min(anchors.length, 255))
  for (const { ip, port } of anchors.slice(0, 255)) writer.fixed(ip, 16).u16(port)
  const body = writer.view()
  const file = new Uint8Array(body.length + HASH_BYTES)
  file.set(body)
  file.set(sha3_256(body), body.length)
  return file
}

/** Undefined if the bytes are not such a file. */
export function parseAddressFile(file: Uint8Array): SavedAddresses | undefined {
  const body = file.subarray(0, -HASH_BYTES)
  if (file.length < MAGIC.length + HASH_BYTES || !bytesEqual(sha3_256(body), file.subarray(-HASH_BYTES)))
    return undefined
  const reader = new ByteReader(body)
  if (!bytesEqual(reader.bytes(MAGIC.length, 'magic'), MAGIC)) return undefined
  const key = reader.bytes(32, 'key').slice()
  const count = reader.u32('count')
  if (count > MAX_ADDRESSES || count * ADDRESS_BYTES > body.length) return undefined
  const addresses: SavedAddress[] = []
  for (let i = 0; i < count; i++) {
    const address = readAddress(reader)
    if (address !== undefined) addresses.push(address)
  }
  const anchors: Endpoint[] = []
  const anchorCount = reader.u8('anchors')
  for (let i = 0; i < anchorCount; i++)
    anchors.push({ ip: reader.bytes(16, 'ip').slice(), port: reader.u16('port') })
  return reader.finish(undefined).ok && reader.remaining === 0 ? { key, addresses, anchors } : undefined
}

/** Undefined if there is none yet. Throws UserError if the file is there but can't be read. */
export async function loadAddresses(
  dataDir: string,
  warn: (text: string) => void,
): Promise<SavedAddresses | undefined> {
  const path = join(dataDir, ADDRESS_FILE)
  let file: Uint8Array
  try {
    file = await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    if (!isTooLarge(error)) throw new UserError(`can't read ${path}: ${errorText(error)}`)
    file = new Uint8Array(0)
  }
  const addresses = parseAddressFile(file)
  if (addresses !== undefined) return addresses
  const aside = `${path}.damaged-${Date.now()}`
  const outcome = await rename(path, aside).then(
    () => `it was set aside as ${aside}`,
    (error: unknown) => `it can't be set aside (${errorText(error)})`,
  )
  warn(`${path} is damaged: ${outcome}, and peers are looked for as at the first start`)
  return undefined
}

function writeAddress(writer: ByteWriter, address: SavedAddress): void {
  const { ip, port, services, time, source, trust, tried, lastTryAt, lastSuccessAt, attempts } = address
  writer.fixed(ip, 16).u16(port).u64(services).u32(Math.min(time, MAX_TIME)).fixed(source, 16)
  writer.u8(trusts.indexOf(trust)).u8(tried ? 1 : 0)
  writer.u32(Math.min(lastTryAt, MAX_TIME)).u32(Math.min(lastSuccessAt, MAX_TIME))
  writer.u16(Math.min(attempts, MAX_ATTEMPTS))
}

function readAddress(reader: ByteReader): SavedAddress | undefined {
  const ip = reader.bytes(16, 'ip').slice()
  const port = reader.u16('port')
  const services = reader.u64('services')
  const time = unixSeconds(reader.u32('time'))
  const source = reader.bytes(16, 'source').slice()
  const trust = trusts[reader.u8('trust')]
  const tried = reader.u8('tried') === 1
  const lastTryAt = unixSeconds(reader.u32('lastTry'))
  const lastSuccessAt = unixSeconds(reader.u32('lastSuccess'))
  const attempts = reader.u16('attempts')
  if (trust === undefined) return undefined
  return { ip, port, services, time, source, trust, tried, lastTryAt, lastSuccessAt, attempts }
}
