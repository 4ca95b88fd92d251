/**
 * ML-DSA-65 (FIPS 204) as the network uses it: pure, with an empty context (chain 6). Everything here blocks the thread
 * that calls it: some 0.2 ms for a verification by OpenSSL, 2 ms by JavaScript. The program calls it in worker threads.
 */
import { createPublicKey, verify } from 'node:crypto'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { concatBytes } from '../primitives/bytes.ts'
import { isHopeless, PUBLIC_KEY_BYTES, type SignatureCheck } from '../script/signature-check.ts'

export interface MlDsaProvider {
  readonly name: 'openssl' | 'noble'
  /** Lengths are right already. */
  readonly verifies: (check: SignatureCheck) => boolean
}

export const nobleProvider: MlDsaProvider = {
  name: 'noble',
  verifies: ({ publicKey, signature, message }) => ml_dsa65.verify(signature, message, publicKey),
}

/** What stands in front of a raw key in the usual structure: algorithm 2.16.840.1.101.3.4.3.18, 1,953 bytes of bits. */
const SPKI_HEAD = Uint8Array.of(
  ...[0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48],
  ...[0x01, 0x65, 0x03, 0x04, 0x03, 0x12, 0x03, 0x82, 0x07, 0xa1, 0x00],
)

const opensslProvider: MlDsaProvider = {
  name: 'openssl',
  verifies: ({ publicKey, signature, message }) => verify(null, message, opensslKey(publicKey), signature),
}

function opensslKey(publicKey: Uint8Array): ReturnType<typeof createPublicKey> {
  return createPublicKey({
    key: Buffer.from(concatBytes([SPKI_HEAD, publicKey])),
    format: 'der',
    type: 'spki',
  })
}

/** Undefined where Node.js, or the OpenSSL in it, is too old: ML-DSA came with 24.7 and 3.5. */
export function findOpenssl(): MlDsaProvider | undefined {
  try {
    const type: string | undefined = opensslKey(new Uint8Array(PUBLIC_KEY_BYTES)).asymmetricKeyType
    return type === 'ml-dsa-65' ? opensslProvider : undefined
  } catch {
    return undefined
  }
}

let chosen: MlDsaProvider | undefined

/** The fastest that there is. */
export function mlDsaProvider(): MlDsaProvider {
  chosen ??= findOpenssl() ?? nobleProvider
  return chosen
}

/** Never throws, whatever the bytes. */
export function verifySignature(check: SignatureCheck): boolean {
  return !isHopeless(check) && mlDsaProvider().verifies(check)
}

export interface KeyPair {
  /** 1,952 bytes. */
  readonly publicKey: Uint8Array
  /** 4,032 bytes. */
  readonly secretKey: Uint8Array
}

export const KEY_SEED_BYTES = 32
export const SECRET_KEY_BYTES = 4_032

/**
 * The pair of a private key in either form: a seed of 32 bytes, or the secret key of 4,032 bytes itself. Throws RangeError
 * on any other length.
 */
export function keyPairOf(secret: Uint8Array): KeyPair {
  if (secret.length === KEY_SEED_BYTES) return generateKeyPair(secret)
  if (secret.length !== SECRET_KEY_BYTES)
    throw new RangeError(
      `a private key has ${SECRET_KEY_BYTES} bytes, or ${KEY_SEED_BYTES} as a seed, not ${secret.length}`,
    )
  return { publicKey: ml_dsa65.getPublicKey(secret), secretKey: secret.slice() }
}

/** From a seed of 32 bytes. */
export function generateKeyPair(seed: Uint8Array): KeyPair {
  const { publicKey, secretKey } = ml_dsa65.keygen(seed)
  return { publicKey, secretKey }
}

/** Hedged, as FIPS 204 advises: two signatures of one message differ. */
export function sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  return ml_dsa65.sign(message, secretKey)
}
