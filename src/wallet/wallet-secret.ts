/**
 * What a wallet must keep from others: the entropy behind its recovery phrase and the keys that were imported, as JSON
 * in the open or sealed under a passphrase. The phrase has a checksum of its own, the seal too.
 */
import * as v from 'valibot'
import { KEY_SEED_BYTES, SECRET_KEY_BYTES } from '../crypto/ml-dsa.ts'
import { MAX_IMPORTED_KEYS } from '../params/wallet-limits.ts'
import { fromHex, toHex } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { entropyOf, phraseOf } from './mnemonic.ts'
import { type Sealed, type UnsealError, VaultKey } from './vault.ts'

export interface WalletSecret {
  /** 32 bytes behind the recovery phrase, from which all keys come that were not imported. */
  readonly entropy: Uint8Array
  /** Of the phrase, not of the file; usually empty. */
  readonly passphrase: string
  /** Private keys of their own: a seed of 32 bytes, or a secret key of 4,032. */
  readonly imported: readonly Uint8Array[]
}

export type StoredSecret =
  | { readonly kind: 'open'; readonly secret: WalletSecret }
  | { readonly kind: 'sealed'; readonly sealed: Sealed }

/** A secret that was opened, and what seals it again. */
export interface OpenedSecret {
  readonly secret: WalletSecret
  readonly key: VaultKey
}

export function sealSecret(secret: WalletSecret, key: VaultKey): StoredSecret {
  const text = new TextEncoder().encode(JSON.stringify(secretText(secret)))
  const sealed = key.seal(text)
  text.fill(0)
  return { kind: 'sealed', sealed }
}

export async function openSecret(
  sealed: Sealed,
  passphrase: string,
): Promise<Result<OpenedSecret, UnsealError>> {
  const key = await VaultKey.of(sealed, passphrase)
  if (!key.ok) return key
  const bytes = key.value.open(sealed)
  if (!bytes.ok) return bytes
  const parsed = v.safeParse(secretSchema, parseJson(new TextDecoder().decode(bytes.value)))
  bytes.value.fill(0)
  return parsed.success ? ok({ secret: parsed.output, key: key.value }) : err('unsupported')
}

/** Overwrites what can be overwritten. */
export function wipeSecret({ entropy, imported }: WalletSecret): void {
  entropy.fill(0)
  for (const key of imported) key.fill(0)
}

export interface SecretText {
  readonly phrase: string
  readonly passphrase: string
  readonly imported: string[]
}

export function secretText({ entropy, passphrase, imported }: WalletSecret): SecretText {
  return { phrase: phraseOf(entropy), passphrase, imported: imported.map(toHex) }
}

/** Bytes in hex. */
export const hexBytes = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = fromHex(dataset.value)
    if (bytes !== undefined) return bytes
    addIssue({ message: 'not hex' })
    return NEVER
  }),
)

const privateKey = v.pipe(
  hexBytes,
  v.check(({ length }) => length === KEY_SEED_BYTES || length === SECRET_KEY_BYTES, 'not a key'),
)

export const secretEntries = {
  phrase: v.string(),
  passphrase: v.string(),
  imported: v.pipe(v.array(privateKey), v.maxLength(MAX_IMPORTED_KEYS)),
}

type SecretFields = v.InferOutput<v.ObjectSchema<typeof secretEntries, undefined>>

/** From the fields of {@link secretEntries}; undefined if the phrase is none. */
export function secretOf({ phrase, passphrase, imported }: SecretFields): WalletSecret | undefined {
  const entropy = entropyOf(phrase)
  return entropy.ok ? { entropy: entropy.value, passphrase, imported } : undefined
}

const secretSchema = v.pipe(
  v.strictObject(secretEntries),
  v.rawTransform(({ dataset, addIssue, NEVER }): WalletSecret => {
    const secret = secretOf(dataset.value)
    if (secret !== undefined) return secret
    addIssue({ message: 'not a phrase' })
    return NEVER
  }),
)

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
