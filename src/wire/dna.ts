/**
 * The ten digital DNA messages: measurements about miners (wire-protocol 5.21). No node has to answer them.
 * Fixed layouts are typed; records and attestations, which only their makers understand, stay bytes.
 */
import type { Codec } from './codec.ts'

const IDENTITY_BYTES = 20
const MAX_RECORD_BYTES = 4_096
const MAX_BODY_BYTES = 8_192

export interface DnaLatencyPing {
  readonly type: 'dnalping'
  readonly nonce: bigint
}

export interface DnaLatencyPong {
  readonly type: 'dnalpong'
  readonly nonce: bigint
}

export interface DnaTimeSync {
  readonly type: 'dnatsync'
  readonly monotonicTimeUs: bigint
  readonly wallTimeMs: bigint
  readonly nonce: bigint
  readonly isResponse: boolean
}

export interface DnaBandwidthTest {
  readonly type: 'dnabwtest'
  readonly nonce: bigint
  readonly wallTimeMs: bigint
  readonly filler: Uint8Array
}

export interface DnaBandwidthResult {
  readonly type: 'dnabwres'
  readonly nonce: bigint
  readonly uploadMbit: number
  readonly downloadMbit: number
}

export interface DnaIdentityRequest {
  readonly type: 'dnaireq'
  readonly identity: Uint8Array
}

export interface DnaIdentityResponse {
  readonly type: 'dnaires'
  readonly identity: Uint8Array
  /** The identity's record, if the sender has one. */
  readonly record?: Uint8Array
  /** What follows the record: empty, or a signature with its own marker. */
  readonly trailer: Uint8Array
}

export interface DnaVerifyChallenge {
  readonly type: 'dnavchall'
  readonly body: Uint8Array
}

export interface DnaVerifyResponse {
  readonly type: 'dnavresp'
  readonly body: Uint8Array
}

export interface DnaAttestation {
  readonly type: 'dnavatts'
  readonly body: Uint8Array
}

export const dnalpingCodec: Codec<DnaLatencyPing> = {
  type: 'dnalping',
  minBytes: 8,
  maxBytes: 8,
  decode: (reader) => ({ type: 'dnalping', nonce: reader.u64('nonce') }),
  encode: (writer, { nonce }) => void writer.u64(nonce),
}

export const dnalpongCodec: Codec<DnaLatencyPong> = {
  type: 'dnalpong',
  minBytes: 8,
  maxBytes: 8,
  decode: (reader) => ({ type: 'dnalpong', nonce: reader.u64('nonce') }),
  encode: (writer, { nonce }) => void writer.u64(nonce),
}

export const dnatsyncCodec: Codec<DnaTimeSync> = {
  type: 'dnatsync',
  minBytes: 25,
  maxBytes: 25,
  decode: (reader) => ({
    type: 'dnatsync',
    monotonicTimeUs: reader.u64('monotonicTime'),
    wallTimeMs: reader.u64('wallTime'),
    nonce: reader.u64('nonce'),
    isResponse: reader.bool('isResponse'),
  }),
  encode(writer, message) {
    writer.u64(message.monotonicTimeUs).u64(message.wallTimeMs).u64(message.nonce).bool(message.isResponse)
  },
}

export const dnabwtestCodec: Codec<DnaBandwidthTest> = {
  type: 'dnabwtest',
  minBytes: 20,
  maxBytes: 1_048_596,
  decode(reader) {
    const nonce = reader.u64('nonce')
    const size = reader.u32('size')
    const wallTimeMs = reader.u64('wallTime')
    if (size !== reader.remaining) reader.fail('badValue', 'size', 8)
    return { type: 'dnabwtest', nonce, wallTimeMs, filler: reader.rest() }
  },
  encode(writer, { nonce, wallTimeMs, filler }) {
    writer.u64(nonce).u32(filler.length).u64(wallTimeMs).bytes(filler)
  },
}

export const dnabwresCodec: Codec<DnaBandwidthResult> = {
  type: 'dnabwres',
  minBytes: 24,
  maxBytes: 24,
  decode: (reader) => ({
    type: 'dnabwres',
    nonce: reader.u64('nonce'),
    uploadMbit: reader.f64('upload'),
    downloadMbit: reader.f64('download'),
  }),
  encode: (writer, message) =>
    void writer.u64(message.nonce).f64(message.uploadMbit).f64(message.downloadMbit),
}

export const dnaireqCodec: Codec<DnaIdentityRequest> = {
  type: 'dnaireq',
  minBytes: IDENTITY_BYTES,
  maxBytes: IDENTITY_BYTES,
  decode: (reader) => ({ type: 'dnaireq', identity: reader.bytes(IDENTITY_BYTES, 'identity') }),
  encode: (writer, { identity }) => void writer.fixed(identity, IDENTITY_BYTES),
}

export const dnairesCodec: Codec<DnaIdentityResponse> = {
  type: 'dnaires',
  minBytes: IDENTITY_BYTES + 1,
  maxBytes: MAX_BODY_BYTES,
  decode(reader) {
    const identity = reader.bytes(IDENTITY_BYTES, 'identity')
    if (!reader.bool('found')) return { type: 'dnaires', identity, trailer: reader.rest() }
    const offset = reader.offset
    const length = reader.u16('recordLength')
    if (length > MAX_RECORD_BYTES) reader.fail('tooLarge', 'recordLength', offset)
    const record = reader.bytes(length, 'record')
    return { type: 'dnaires', identity, record, trailer: reader.rest() }
  },
  encode(writer, { identity, record, trailer }) {
    writer.fixed(identity, IDENTITY_BYTES).bool(record !== undefined)
    if (record !== undefined) {
      if (record.length > MAX_RECORD_BYTES)
        throw new RangeError(`a record of ${record.length} bytes is too long`)
      writer.u16(record.length).bytes(record)
    }
    writer.bytes(trailer)
  },
}

export const dnavchallCodec = opaqueCodec('dnavchall', 92)
export const dnavrespCodec = opaqueCodec('dnavresp', 70)
export const dnavattsCodec = opaqueCodec('dnavatts', 112)

function opaqueCodec<T extends string>(
  type: T,
  minBytes: number,
): Codec<{ readonly type: T; readonly body: Uint8Array }> {
  return {
    type,
    minBytes,
    maxBytes: MAX_BODY_BYTES,
    decode: (reader) => ({ type, body: reader.rest() }),
    encode: (writer, { body }) => void writer.bytes(body),
  }
}
