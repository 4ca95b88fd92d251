/**
 * What a wallet keeps on disk, as JSON that its owner can read: the recovery phrase, in the open or sealed under a
 * passphrase, and the addresses given out, since without the secret they can't be made again. Phrase, addresses and
 * seal carry checksums of their own, so damage is noticed. At most MAX_WALLET_ADDRESSES of each kind.
 */
import * as v from 'valibot'
import { MAX_WALLET_ADDRESSES } from '../params/limits.ts'
import { fromHex, toHex } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { decodeAddress, encodeAddress } from '../script/address.ts'
import { entropyOf, phraseOf } from './mnemonic.ts'
import { type Sealed, seal, type UnsealError, unseal } from './vault.ts'

const FORMAT = 'dilithion-wallet'
const VERSION = 1

/** All keys come from it. */
export interface WalletSecret {
  /** 32 bytes behind the recovery phrase. */
  readonly entropy: Uint8Array
  /** Of the phrase, not of the file; usually empty. */
  readonly passphrase: string
}

export type StoredSecret =
  | { readonly kind: 'open'; readonly secret: WalletSecret }
  | { readonly kind: 'sealed'; readonly sealed: Sealed }

export interface WalletContent {
  readonly secret: StoredSecret
  readonly account: number
  /** No block below it pays to this wallet. */
  readonly birthHeight: number
  /** HASH160 of the keys with change 0, by index. */
  readonly receiving: readonly Uint8Array[]
  /** The same with change 1. */
  readonly change: readonly Uint8Array[]
}

export function formatWalletFile({ secret, account, birthHeight, receiving, change }: WalletContent): string {
  const file: v.InferInput<typeof fileSchema> = {
    format: FORMAT,
    version: VERSION,
    secret: secret.kind === 'open' ? { kind: 'open', ...textOf(secret.secret) } : sealedText(secret.sealed),
    account,
    birthHeight,
    receiving: receiving.map(encodeAddress),
    change: change.map(encodeAddress),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** The error is a line for the owner. */
export function parseWalletFile(text: string): Result<WalletContent, string> {
  const parsed = v.safeParse(fileSchema, parseJson(text))
  if (!parsed.success) return err(whatIsWrong(parsed.issues[0]))
  const { format, version, ...content } = parsed.output
  return ok(content)
}

/** Puts a secret under a passphrase. `cost` as in {@link seal}. */
export async function sealSecret(
  secret: WalletSecret,
  passphrase: string,
  cost?: number,
): Promise<StoredSecret> {
  const text = new TextEncoder().encode(JSON.stringify(textOf(secret)))
  const sealed = await seal(text, passphrase, cost)
  text.fill(0)
  return { kind: 'sealed', sealed }
}

/** The secret, whether or not it needs the passphrase. */
export async function openSecret(
  stored: StoredSecret,
  passphrase: string,
): Promise<Result<WalletSecret, UnsealError>> {
  if (stored.kind === 'open') return ok(stored.secret)
  const bytes = await unseal(stored.sealed, passphrase)
  if (!bytes.ok) return bytes
  const parsed = v.safeParse(secretSchema, parseJson(new TextDecoder().decode(bytes.value)))
  bytes.value.fill(0)
  return parsed.success ? ok(parsed.output) : err('unsupported')
}

function textOf({ entropy, passphrase }: WalletSecret): { phrase: string; passphrase: string } {
  return { phrase: phraseOf(entropy), passphrase }
}

function sealedText({ cost, salt, nonce, data }: Sealed): v.InferInput<typeof sealedSchema> {
  return { kind: 'sealed', cost, salt: toHex(salt), nonce: toHex(nonce), data: toHex(data) }
}

const u31 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0x7fff_ffff))

const hexBytes = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = fromHex(dataset.value)
    if (bytes !== undefined) return bytes
    addIssue({ message: 'not hex' })
    return NEVER
  }),
)

const addressList = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const hash = decodeAddress(dataset.value)
        if (hash.ok) return hash.value
        addIssue({ message: 'not an address' })
        return NEVER
      }),
    ),
  ),
  v.maxLength(MAX_WALLET_ADDRESSES),
)

const secretSchema = v.pipe(
  v.strictObject({ phrase: v.string(), passphrase: v.string() }),
  v.rawTransform(({ dataset, addIssue, NEVER }): WalletSecret => {
    const entropy = entropyOf(dataset.value.phrase)
    if (entropy.ok) return { entropy: entropy.value, passphrase: dataset.value.passphrase }
    addIssue({ message: 'not a phrase' })
    return NEVER
  }),
)

const sealedSchema = v.pipe(
  v.strictObject({
    kind: v.literal('sealed'),
    cost: v.number(),
    salt: hexBytes,
    nonce: hexBytes,
    data: hexBytes,
  }),
  v.transform(({ kind, ...sealed }): StoredSecret => ({ kind, sealed })),
)

const openSchema = v.pipe(
  v.strictObject({ kind: v.literal('open'), phrase: v.string(), passphrase: v.string() }),
  v.transform(({ kind, ...secret }) => secret),
  secretSchema,
  v.transform((secret): StoredSecret => ({ kind: 'open', secret })),
)

const fileSchema = v.strictObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  secret: v.union([sealedSchema, openSchema]),
  account: u31,
  birthHeight: u31,
  receiving: addressList,
  change: addressList,
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Nothing of the file is quoted: it may be the secret. */
function whatIsWrong(issue: v.BaseIssue<unknown>): string {
  const field = String(issue.path?.[0]?.key ?? '')
  if (field === '') return 'the wallet file is damaged, or no wallet file'
  if (field === 'version') return 'the wallet file was written by a newer program: use that one'
  return `the wallet file is damaged: ${field} is not what it should be`
}
