/** Single keys that leave a wallet or come into it, as other programs have them. */
import {
  KEY_SEED_BYTES,
  type KeyPair,
  keyPairOf,
  SECRET_KEY_BYTES,
  verifySignature,
} from '../crypto/ml-dsa.ts'
import type { Signer } from '../crypto/signer.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import type { WalletKeys } from './wallet-keys.ts'

/** Of an address's HASH160. Throws UserError if it is of somebody else, or the wallet is locked. */
export function pairOfAddress(keys: WalletKeys, hash: Uint8Array): KeyPair {
  const place = keys.exists ? keys.own.find(hash) : undefined
  if (place === undefined) throw new UserError('the address is not of this wallet')
  const [secret = new Uint8Array(0)] = keys.privateKeys([place])
  const pair = keyPairOf(secret)
  secret.fill(0)
  return pair
}

/**
 * The public key of a private key, a seed or a secret key, that signs as it should. `expected`: what it should be. Throws
 * UserError if it is not.
 */
export async function checkPrivateKey(
  secret: Uint8Array,
  expected: Uint8Array | undefined,
  signer: Signer,
): Promise<Uint8Array> {
  if (secret.length !== KEY_SEED_BYTES && secret.length !== SECRET_KEY_BYTES)
    throw new UserError(
      `a private key has ${SECRET_KEY_BYTES} bytes, or ${KEY_SEED_BYTES} as a seed, not ${secret.length}`,
    )
  const message = new Uint8Array(32)
  const [signed] = await signer.sign([{ secret, message }])
  if (signed === undefined || !verifySignature({ ...signed, message }))
    throw new UserError('the private key is damaged: what it signs is not valid')
  if (expected !== undefined && !bytesEqual(expected, signed.publicKey))
    throw new UserError('the public key does not belong to the private key')
  return signed.publicKey
}
