/**
 * What a wallet keeps on disk, as JSON that its owner can read: the secret, in the open or sealed under a passphrase, and
 * the addresses, since without the secret they can't be made again. A checksum covers all of it, so no damage goes
 * unnoticed. At most MAX_WALLET_ADDRESSES of each kind.
 */
import * as v from 'valibot'
import { MAX_IMPORTED_KEYS, MAX_WALLET_ADDRESSES } from '../params/wallet-limits.ts'
import { toHex } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { decodeAddress, encodeAddress } from '../script/address.ts'
import type { Sealed } from './vault.ts'
import {
  hexBytes,
  parseJson,
  type StoredSecret,
  secretEntries,
  secretOf,
  secretText,
} from './wallet-secret.ts'

const FORMAT = 'dilithion-wallet'
const VERSION = 1
const CHECK_BYTES = 8

/** The addresses of one kind, in order of their index. */
export interface AddressChain {
  /** How many of them were given out. The others are watched, so that a restored phrase finds its coins. */
  readonly told: number
  /** HASH160 of each key. */
  readonly hashes: readonly Uint8Array[]
}

export interface WalletContent {
  readonly secret: StoredSecret
  readonly account: number
  /** No block below it pays to a key of the phrase. */
  readonly birthHeight: number
  /** Keys with change 0. */
  readonly receiving: AddressChain
  /** Keys with change 1. */
  readonly change: AddressChain
  /** HASH160 of the imported keys, in their order. */
  readonly imported: readonly Uint8Array[]
  /** Index of the receiving address to which this wallet mines. */
  readonly mining: number | undefined
}

export function formatWalletFile(content: WalletContent): string {
  const { secret, account, birthHeight, receiving, change, imported, mining } = content
  const file = {
    format: FORMAT,
    version: VERSION,
    secret:
      secret.kind === 'open' ? { kind: 'open', ...secretText(secret.secret) } : sealedText(secret.sealed),
    account,
    birthHeight,
    receiving: chainText(receiving),
    change: chainText(change),
    imported: imported.map(encodeAddress),
    ...(mining === undefined ? {} : { mining }),
  }
  return `${JSON.stringify({ ...file, check: checkOf(file) }, undefined, 2)}\n`
}

/** The error is a line for the owner. */
export function parseWalletFile(text: string): Result<WalletContent, string> {
  const json = parseJson(text)
  const parsed = v.safeParse(fileSchema, json)
  if (!parsed.success) return err(whatIsWrong(parsed.issues[0]))
  const { format, version, check, ...content } = parsed.output
  // The text says in which order the fields were when they were hashed.
  const { check: _, ...fields } = json as Record<string, unknown>
  if (check !== checkOf(fields)) return err('the wallet file is damaged: its checksum is wrong')
  return ok({ ...content, mining: content.mining })
}

function checkOf(fields: object): string {
  return toHex(sha3_256(new TextEncoder().encode(JSON.stringify(fields))).subarray(0, CHECK_BYTES))
}

function chainText({ told, hashes }: AddressChain): { told: number; addresses: string[] } {
  return { told, addresses: hashes.map(encodeAddress) }
}

function sealedText({ cost, salt, nonce, data }: Sealed): v.InferInput<typeof sealedSchema> {
  return { kind: 'sealed', cost, salt: toHex(salt), nonce: toHex(nonce), data: toHex(data) }
}

const u31 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0x7fff_ffff))

const addressHash = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const hash = decodeAddress(dataset.value)
    if (hash.ok) return hash.value
    addIssue({ message: 'not an address' })
    return NEVER
  }),
)

const chainSchema = v.pipe(
  v.strictObject({
    told: u31,
    addresses: v.pipe(v.array(addressHash), v.maxLength(MAX_WALLET_ADDRESSES)),
  }),
  v.check(({ told, addresses }) => told <= addresses.length, 'more told than there are'),
  v.transform(({ told, addresses }): AddressChain => ({ told, hashes: addresses })),
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
  v.strictObject({ kind: v.literal('open'), ...secretEntries }),
  v.rawTransform(({ dataset, addIssue, NEVER }): StoredSecret => {
    const secret = secretOf(dataset.value)
    if (secret !== undefined) return { kind: 'open', secret }
    addIssue({ message: 'not a phrase' })
    return NEVER
  }),
)

const fileSchema = v.strictObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  secret: v.union([sealedSchema, openSchema]),
  account: u31,
  birthHeight: u31,
  receiving: chainSchema,
  change: chainSchema,
  imported: v.pipe(v.array(addressHash), v.maxLength(MAX_IMPORTED_KEYS)),
  mining: v.optional(u31),
  check: v.string(),
})

/** Nothing of the file is quoted: it may be the secret. */
function whatIsWrong(issue: v.BaseIssue<unknown>): string {
  const field = String(issue.path?.[0]?.key ?? '')
  if (field === '') return 'the wallet file is damaged, or no wallet file'
  if (field === 'version') return 'the wallet file was written by a newer program: use that one'
  return `the wallet file is damaged: ${field} is not what it should be`
}
