// The project's only SHA3-256 (FIPS 202). It owns one WebAssembly instance with a page of memory for inputs up to
// WASM_MAX_BYTES and leaves longer ones to OpenSSL. Both give the same digests; where WebAssembly is switched off
// (`node --jitless`), OpenSSL does everything.

import { hash } from 'node:crypto'
import { readU32 } from './bytes.ts'
import { keccakWasmBase64 } from './keccak-wasm.ts'

/**
 * Longest input, in bytes, that is hashed in WebAssembly: a call into node:crypto costs about as much as three
 * permutations, but OpenSSL's permutation is a quarter faster, so they break even after some eleven blocks of 136.
 */
export const WASM_MAX_BYTES = 1_500

// Where scripts/keccak-wasm.mjs puts things in the module's memory.
const DIGEST_AT = 256
const DIGEST_BYTES = 32
const INPUT_AT = 512

interface KeccakExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly sha3: (length: number) => void
  readonly checksum: (length: number) => number
}

// The part of the global that is used here; @types/node leaves WebAssembly to TypeScript's DOM library.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: KeccakExports }
}

interface Keccak {
  readonly input: Uint8Array
  readonly digest: Uint8Array
  readonly digestView: DataView
  readonly sha3: (length: number) => void
  readonly checksum: (length: number) => number
}

function instantiate(): Keccak | undefined {
  try {
    const module = new WebAssembly.Module(Buffer.from(keccakWasmBase64, 'base64'))
    const { memory, sha3, checksum } = new WebAssembly.Instance(module).exports
    return {
      input: new Uint8Array(memory.buffer, INPUT_AT),
      digest: new Uint8Array(memory.buffer, DIGEST_AT, DIGEST_BYTES),
      digestView: new DataView(memory.buffer, DIGEST_AT, DIGEST_BYTES),
      sha3,
      checksum,
    }
  } catch {
    return undefined
  }
}

const keccak = instantiate()

function opensslDigest(data: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha3-256', data, 'buffer'))
}

/** So few bytes are copied faster one by one than by a call. */
const FEW_BYTES = 64

function putInput({ input }: Keccak, data: Uint8Array, from = 0): void {
  if (data.length - from > FEW_BYTES) input.set(from === 0 ? data : data.subarray(from))
  else for (let i = from; i < data.length; i++) input[i - from] = data[i] ?? 0
}

// Leaves the double hash in the module's memory and returns its first four bytes as an i32.
function doubleHash(module: Keccak, data: Uint8Array, from = 0): number {
  const length = data.length - from
  if (length <= WASM_MAX_BYTES) {
    putInput(module, data, from)
    return module.checksum(length)
  }
  module.input.set(hash('sha3-256', from === 0 ? data : data.subarray(from), 'buffer'))
  module.sha3(DIGEST_BYTES)
  return module.digestView.getInt32(0, true)
}

/** SHA3-256 of `data`: 32 bytes, a fresh array. */
export function sha3_256(data: Uint8Array): Uint8Array {
  if (keccak === undefined || data.length > WASM_MAX_BYTES) return opensslDigest(data)
  putInput(keccak, data)
  keccak.sha3(data.length)
  return new Uint8Array(keccak.digest)
}

/** SHA3-256 of `data` into the first 32 bytes of `target`. */
export function sha3_256Into(target: Uint8Array, data: Uint8Array): void {
  if (keccak === undefined || data.length > WASM_MAX_BYTES) return target.set(opensslDigest(data))
  putInput(keccak, data)
  keccak.sha3(data.length)
  target.set(keccak.digest)
}

/** The first four bytes of the SHA3-256 of `data` as an unsigned little-endian u32, for places in tables. */
export function sha3Word(data: Uint8Array): number {
  if (keccak === undefined || data.length > WASM_MAX_BYTES) return firstWord(opensslDigest(data))
  putInput(keccak, data)
  keccak.sha3(data.length)
  return keccak.digestView.getUint32(0, true)
}

/** SHA3-256 of the SHA3-256 of `data`: 32 bytes, a fresh array. */
export function sha3_256d(data: Uint8Array): Uint8Array {
  if (keccak === undefined) return opensslDigest(opensslDigest(data))
  doubleHash(keccak, data)
  return new Uint8Array(keccak.digest)
}

/** A ping carries eight bytes, which come back in its pong. */
const NONCE_BYTES = 8
const KNOWN_NONCES = 2_048
/** Rows of a nonce's two words and its checksum, found by the first word. */
let knownNonces: Uint32Array | undefined

/**
 * For a simulation, which holds both ends of each connection and would hash the nonce of each ping three times. A node
 * by itself has little of it, and one that is measured by pings of one nonce would look faster than it is.
 */
export function rememberPings(): void {
  knownNonces ??= new Uint32Array(3 * KNOWN_NONCES)
}

/**
 * Checksum of a message payload (wire-protocol 2): the first four bytes of its double SHA3-256 as an unsigned
 * little-endian u32. Allocates nothing for short ones. `from`: where the payload begins in the array that it ends.
 */
export function messageChecksum(payload: Uint8Array, from = 0): number {
  if (knownNonces === undefined || payload.length - from !== NONCE_BYTES) return checksumOf(payload, from)
  const low = readU32(payload, from)
  const high = readU32(payload, from + 4)
  const at = 3 * (low % KNOWN_NONCES)
  // A row of zeros is an empty one: the nonce 0, which nobody uses, is hashed each time.
  if (low + high === 0 || knownNonces[at] !== low || knownNonces[at + 1] !== high) {
    knownNonces[at] = low
    knownNonces[at + 1] = high
    knownNonces[at + 2] = checksumOf(payload, from)
  }
  return knownNonces[at + 2] ?? 0
}

function checksumOf(payload: Uint8Array, from: number): number {
  if (keccak !== undefined) return doubleHash(keccak, payload, from) >>> 0
  return firstWord(opensslDigest(opensslDigest(payload.subarray(from))))
}

function firstWord(digest: Uint8Array): number {
  return new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0, true)
}

/** HASH160 of `data` (chain 2.3): the first 20 bytes of its double SHA3-256, a fresh array. */
export function hash160(data: Uint8Array): Uint8Array {
  return sha3_256d(data).slice(0, 20)
}
