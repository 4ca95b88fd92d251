/** Addresses: how people write the hash of a public key (chain 9). The same on all networks. */
import { MAX_ADDRESS_CHARACTERS } from '../params/limits.ts'
import { decodeBase58Check, encodeBase58Check } from '../primitives/base58.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { HASH160_BYTES } from './templates.ts'

/** The byte that makes addresses begin with D. */
const ADDRESS_VERSION = 0x1e

export type AddressError = 'tooLong' | 'badCharacter' | 'badChecksum' | 'badLength' | 'otherVersion'

const ERROR_TEXTS: Readonly<Record<AddressError, string>> = {
  tooLong: 'the address is too long',
  badCharacter: 'the address contains a character that no address has',
  badChecksum: 'the checksum of the address is wrong: look for a typing error',
  badLength: 'the address does not stand for 20 bytes, as those of Dilithion do',
  otherVersion: 'the address belongs to another currency: those of Dilithion begin with D',
}

/** `hash`: HASH160 of a public key. Throws RangeError if it does not have 20 bytes. */
export function encodeAddress(hash: Uint8Array): string {
  if (hash.length !== HASH160_BYTES)
    throw new RangeError(`an address is made of 20 bytes, not ${hash.length}`)
  return encodeBase58Check(Uint8Array.of(ADDRESS_VERSION, ...hash))
}

/** The HASH160 in an address. */
export function decodeAddress(text: string): Result<Uint8Array, AddressError> {
  if (text.length > MAX_ADDRESS_CHARACTERS) return err('tooLong')
  const payload = decodeBase58Check(text)
  if (!payload.ok) return payload
  if (payload.value.length !== HASH160_BYTES + 1) return err('badLength')
  return payload.value[0] === ADDRESS_VERSION ? ok(payload.value.slice(1)) : err('otherVersion')
}

/** What is wrong, in one line for whoever typed it. */
export function describeAddressError(error: AddressError): string {
  return ERROR_TEXTS[error]
}
