/**
 * The private keys of an open wallet, by place. Holds the two nodes of the tree under which all addresses lie, and the
 * imported keys, until it is wiped.
 */
import { addressChain, childKey, formatPath, masterKey, seedOf, type TreeKey } from './keys.ts'
import { phraseOf } from './mnemonic.ts'
import type { WalletSecret } from './wallet-secret.ts'

/** Addresses to be given out, and those to which this wallet pays what is left over. */
export type ChainKind = 'receiving' | 'change'

/** Where a key of this wallet belongs. */
export interface KeyPlace {
  readonly kind: ChainKind | 'imported'
  readonly index: number
}

const CHANGE: Readonly<Record<ChainKind, number>> = { receiving: 0, change: 1 }

export class Keyring {
  readonly #chains: Readonly<Record<ChainKind, TreeKey>>
  readonly #imported: readonly Uint8Array[]
  #isWiped = false

  private constructor(chains: Readonly<Record<ChainKind, TreeKey>>, imported: readonly Uint8Array[]) {
    this.#chains = chains
    this.#imported = imported
  }

  /** Takes some milliseconds of another thread. The imported keys are held, not copied. */
  static async of({ entropy, passphrase, imported }: WalletSecret, account: number): Promise<Keyring> {
    const seed = await seedOf(phraseOf(entropy), passphrase)
    const master = masterKey(seed)
    seed.fill(0)
    const chains = {
      receiving: addressChain(master, account, CHANGE.receiving),
      change: addressChain(master, account, CHANGE.change),
    }
    wipeTreeKey(master)
    return new Keyring(chains, imported)
  }

  /** The same keys with these as the imported ones; wiping either wipes what both have. */
  withImported(imported: readonly Uint8Array[]): Keyring {
    return new Keyring(this.#chains, imported)
  }

  /** 32 or 4,032 bytes, of which the caller has his own copy. Throws once the keys were wiped. */
  privateKey({ kind, index }: KeyPlace): Uint8Array {
    if (this.#isWiped) throw new Error('the keys of the wallet were wiped')
    if (kind !== 'imported') return childKey(this.#chains[kind], index).keySeed
    const key = this.#imported[index]
    if (key === undefined) throw new RangeError(`no imported key ${index}`)
    return key.slice()
  }

  wipe(): void {
    this.#isWiped = true
    for (const chain of Object.values(this.#chains)) wipeTreeKey(chain)
    for (const key of this.#imported) key.fill(0)
  }
}

/** How people write the place of a key; undefined for imported ones, which have none. */
export function pathOf({ kind, index }: KeyPlace, account: number): string | undefined {
  return kind === 'imported' ? undefined : formatPath(account, CHANGE[kind], index)
}

function wipeTreeKey({ keySeed, chainCode }: TreeKey): void {
  keySeed.fill(0)
  chainCode.fill(0)
}
