/**
 * Block headers, and the messages that ask for and carry them: `getheaders`, `headers`, `getblocks`,
 * `sendheaders` (wire-protocol 4.3, 5.11 to 5.13, 5.16). A header is its bytes: fields are read when asked
 * for, so that 2,000 of them cost little more than their checksum.
 */
import type { PayloadForm } from '../params/chain-params.ts'
import type { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type Codec, emptyCodec } from './codec.ts'

/** Of a header below version 4. */
export const HEADER_BYTES = 80
/** The same in a `headers` message, where a zero stands behind it. */
export const HEADER_ENTRY_BYTES = HEADER_BYTES + 1
/** From version 4 on a header carries the output and proof hash of a delay function, but on plain networks. */
export const VDF_HEADER_BYTES = 144
const VDF_VERSION = 4

/** In one `headers`. */
export const MAX_HEADERS = 2_000
/** In one `getheaders`. */
export const MAX_LOCATOR_HASHES = 32

/** Bytes of a header with this version field (signed). */
export function headerBytes(version: number, isPlain = false): number {
  return version >= VDF_VERSION && !isPlain ? VDF_HEADER_BYTES : HEADER_BYTES
}

export interface HeaderFields {
  readonly version: number
  /** 32 bytes in wire order, as the next one. */
  readonly previousHash: Uint8Array
  readonly merkleRoot: Uint8Array
  /** Unix seconds. */
  readonly time: number
  /** Compact target. */
  readonly bits: number
  readonly nonce: number
  /** Exactly if version is 4 or more and the network's headers are not plain. */
  readonly vdf?: { readonly output: Uint8Array; readonly proofHash: Uint8Array } | undefined
}

/** An immutable block header over its 80 or 144 bytes; hashes are views of them. */
export class BlockHeader implements HeaderFields {
  readonly bytes: Uint8Array

  /** Throws RangeError if no header with this version has so many bytes. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    if (bytes.length !== HEADER_BYTES && (bytes.length < 4 || bytes.length !== headerBytes(this.version))) {
      throw new RangeError(`a header of ${bytes.length} bytes does not fit its version`)
    }
  }

  static of(fields: HeaderFields): BlockHeader {
    const writer = new ByteWriter(VDF_HEADER_BYTES)
    writer.i32(fields.version).hash(fields.previousHash).hash(fields.merkleRoot)
    writer.u32(fields.time).u32(fields.bits).u32(fields.nonce)
    if (fields.vdf !== undefined) writer.hash(fields.vdf.output).hash(fields.vdf.proofHash)
    return new BlockHeader(writer.copy())
  }

  get version(): number {
    return this.#u32(0) | 0
  }

  get previousHash(): Uint8Array {
    return this.bytes.subarray(4, 36)
  }

  get merkleRoot(): Uint8Array {
    return this.bytes.subarray(36, 68)
  }

  get time(): number {
    return this.#u32(68)
  }

  get bits(): number {
    return this.#u32(72)
  }

  get nonce(): number {
    return this.#u32(76)
  }

  get vdf(): NonNullable<HeaderFields['vdf']> | undefined {
    if (this.bytes.length === HEADER_BYTES) return undefined
    return { output: this.bytes.subarray(80, 112), proofHash: this.bytes.subarray(112, 144) }
  }

  #u32(offset: number): number {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getUint32(offset, true)
  }
}

export function readHeader(reader: ByteReader, { plainHeaders }: PayloadForm): BlockHeader | undefined {
  const version = reader.peekI32()
  const bytes = reader.bytes(headerBytes(version, plainHeaders), 'header')
  return reader.failed ? undefined : new BlockHeader(bytes)
}

/** An immutable run of headers over the payload that carried them. */
export class HeaderList implements Iterable<BlockHeader> {
  readonly #bytes: Uint8Array
  /** Where each header begins; undefined if all have 80 bytes. */
  readonly #offsets: Uint32Array | undefined
  readonly #isPlain: boolean
  readonly length: number

  private constructor(bytes: Uint8Array, length: number, offsets: Uint32Array | undefined, isPlain: boolean) {
    this.#bytes = bytes
    this.length = length
    this.#offsets = offsets
    this.#isPlain = isPlain
  }

  /**
   * A list over entries of 81 bytes each: a header of 80 and a zero. They are not looked at, and must not change
   * afterwards. Throws RangeError if the last one is not whole.
   */
  static fromEntries(bytes: Uint8Array): HeaderList {
    if (bytes.length % HEADER_ENTRY_BYTES !== 0) throw new RangeError('header entries are not whole')
    return new HeaderList(bytes, bytes.length / HEADER_ENTRY_BYTES, undefined, true)
  }

  static of(headers: readonly BlockHeader[]): HeaderList {
    const writer = new ByteWriter(headers.length * HEADER_ENTRY_BYTES + 1)
    const offsets = new Uint32Array(headers.length)
    for (const [i, header] of headers.entries()) {
      offsets[i] = writer.length
      writer.bytes(header.bytes).u8(0)
    }
    const isPlain = headers.every(({ bytes }) => bytes.length === HEADER_BYTES)
    return new HeaderList(writer.view(), headers.length, offsets, isPlain)
  }

  /** Reads `n` entries of a header and a zero transaction count, checking lengths but not content. */
  static read(reader: ByteReader, n: number, { plainHeaders }: PayloadForm): HeaderList {
    const start = reader.offset
    const offsets = new Uint32Array(n)
    let isShortest = true
    for (let i = 0; i < n && !reader.failed; i++) {
      offsets[i] = reader.offset - start
      reader.skip(headerBytes(reader.peekI32(), plainHeaders), 'header')
      const countOffset = reader.offset
      if (reader.compactSize('transactionCount') !== 0) {
        reader.fail('badValue', 'transactionCount', countOffset)
      }
      if (reader.offset > countOffset + 1) isShortest = false
    }
    const list = new HeaderList(reader.since(start), reader.failed ? 0 : n, offsets, plainHeaders)
    // A zero in a longer form is accepted but must not be passed on.
    return isShortest ? list : HeaderList.of([...list])
  }

  /** Entries as on the wire, each a header and a zero, without the count. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Header `i`, a view. Throws RangeError outside the list. */
  at(i: number): BlockHeader {
    const at = this.#offsets === undefined ? i * HEADER_ENTRY_BYTES : this.#offsets[i]
    if (at === undefined || i < 0 || i >= this.length)
      throw new RangeError(`no header ${i} in a list of ${this.length}`)
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
    return new BlockHeader(this.#bytes.subarray(at, at + headerBytes(view.getInt32(at, true), this.#isPlain)))
  }

  *[Symbol.iterator](): Generator<BlockHeader> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }
}

export interface HeadersMessage {
  readonly type: 'headers'
  readonly headers: HeaderList
}

export interface GetHeadersMessage {
  readonly type: 'getheaders'
  /** Hashes from the newest to the oldest that the sender has, 32 bytes each in wire order. */
  readonly locator: readonly Uint8Array[]
  /** The last header wanted; zero for as many as possible. */
  readonly stop: Uint8Array
}

/** The payload is kept opaque: its layout was never in use, and every node ignores it. */
export interface GetBlocksMessage {
  readonly type: 'getblocks'
  readonly body: Uint8Array
}

export interface SendHeadersMessage {
  readonly type: 'sendheaders'
}

export const headersCodec: Codec<HeadersMessage> = {
  type: 'headers',
  minBytes: 1,
  maxBytes: 290_009,
  decode(reader, form) {
    const n = reader.count('count', MAX_HEADERS, HEADER_ENTRY_BYTES)
    return { type: 'headers', headers: HeaderList.read(reader, n, form) }
  },
  encode(writer, { headers }) {
    writer.count(headers.length, MAX_HEADERS).bytes(headers.bytes)
  },
}

export const getheadersCodec: Codec<GetHeadersMessage> = {
  type: 'getheaders',
  minBytes: 33,
  maxBytes: 8_236,
  decode(reader) {
    const n = reader.count('locator', MAX_LOCATOR_HASHES, 32)
    const locator: Uint8Array[] = []
    for (let i = 0; i < n; i++) locator.push(reader.hash('locator'))
    return { type: 'getheaders', locator, stop: reader.hash('stop') }
  },
  encode(writer, { locator, stop }) {
    writer.count(locator.length, MAX_LOCATOR_HASHES)
    for (const hash of locator) writer.hash(hash)
    writer.hash(stop)
  },
}

export const getblocksCodec: Codec<GetBlocksMessage> = {
  type: 'getblocks',
  minBytes: 36,
  maxBytes: 8_236,
  decode: (reader) => ({ type: 'getblocks', body: reader.rest() }),
  encode: (writer, { body }) => void writer.bytes(body),
}

export const sendheadersCodec: Codec<SendHeadersMessage> = emptyCodec('sendheaders')
