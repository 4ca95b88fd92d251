/** Changes to what a wallet keeps: each gives new content and leaves the old one as it is. */
import { ADDRESS_GAP, MAX_IMPORTED_KEYS, MAX_WALLET_ADDRESSES } from '../params/wallet-limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import type { ChainKind, KeyPlace } from './keyring.ts'
import type { AddressChain, WalletContent } from './wallet-file.ts'
import type { StoredSecret } from './wallet-secret.ts'

const NO_ADDRESSES: AddressChain = { told: 0, hashes: [] }

export const CHAIN_KINDS: readonly ChainKind[] = ['receiving', 'change']

/** A wallet without any address yet. */
export function newContent(secret: StoredSecret, birthHeight: number): WalletContent {
  return {
    secret,
    account: 0,
    birthHeight,
    receiving: NO_ADDRESSES,
    change: NO_ADDRESSES,
    imported: [],
    mining: undefined,
  }
}

/** Where the addresses are that should be there but are not: those of the gap behind the last one told. */
export function missingPlaces(content: WalletContent): KeyPlace[] {
  return CHAIN_KINDS.flatMap((kind) => {
    const { told, hashes } = content[kind]
    const wanted = Math.min(told + ADDRESS_GAP, MAX_WALLET_ADDRESSES)
    const from = hashes.length
    return Array.from({ length: Math.max(0, wanted - from) }, (_, i) => ({ kind, index: from + i }))
  })
}

/** Those that are there and were not told: nobody has looked at them yet. */
export function untoldPlaces(content: WalletContent): KeyPlace[] {
  return CHAIN_KINDS.flatMap((kind) => {
    const { told, hashes } = content[kind]
    return hashes.slice(told).map((_, i) => ({ kind, index: told + i }))
  })
}

export function hashAt(content: WalletContent, { kind, index }: KeyPlace): Uint8Array | undefined {
  return kind === 'imported' ? content.imported[index] : content[kind].hashes[index]
}

/** With these addresses, which follow those that are there. */
export function withAddresses(
  content: WalletContent,
  places: readonly KeyPlace[],
  hashes: readonly Uint8Array[],
): WalletContent {
  const added = (kind: ChainKind): AddressChain => ({
    told: content[kind].told,
    hashes: [...content[kind].hashes, ...hashes.filter((_, i) => places[i]?.kind === kind)],
  })
  return { ...content, receiving: added('receiving'), change: added('change') }
}

/** The addresses up to this one count as told. */
export function withTold(content: WalletContent, kind: ChainKind, told: number): WalletContent {
  return { ...content, [kind]: { ...content[kind], told: Math.max(told, content[kind].told) } }
}

/** Undefined if there is no room for more. */
export function withImported(
  content: WalletContent,
  hash: Uint8Array,
  secret: StoredSecret,
): WalletContent | undefined {
  if (content.imported.length >= MAX_IMPORTED_KEYS) return undefined
  return { ...content, secret, imported: [...content.imported, hash] }
}

export function sameHash(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && bytesEqual(a, b)
}
