/**
 * The keys of a running wallet: what of them is on disk, which addresses were given out, and whether the secret is at
 * hand. One change at a time, each on disk before anybody hears of it. Secrets are here alone, and wiped when the
 * wallet is locked.
 */
import { randomBytes } from 'node:crypto'
import { NODE_STOPS } from '../chain/maintenance.ts'
import type { Signer } from '../crypto/signer.ts'
import { UserError } from '../primitives/errors.ts'
import { hash160 } from '../primitives/sha3.ts'
import { type ChainKind, type KeyPlace, Keyring } from '../wallet/keyring.ts'
import { ENTROPY_BYTES, phraseOf } from '../wallet/mnemonic.ts'
import { OwnAddresses } from '../wallet/own-addresses.ts'
import { passphraseFault } from '../wallet/passphrase.ts'
import { VaultKey } from '../wallet/vault.ts'
import {
  hashAt,
  missingPlaces,
  newContent,
  sameHash,
  untoldPlaces,
  withAddresses,
  withImported,
  withTold,
} from '../wallet/wallet-content.ts'
import type { WalletContent } from '../wallet/wallet-file.ts'
import { openSecret, sealSecret, type WalletSecret, wipeSecret } from '../wallet/wallet-secret.ts'
import type { WalletStore } from './wallet-store.ts'

/** What is in memory while the wallet is open. */
interface Opened {
  readonly secret: WalletSecret
  readonly keyring: Keyring
  /** What seals the secret again; undefined if it is not sealed. */
  readonly key: VaultKey | undefined
}

export interface NewWallet {
  /** Left out: by chance. */
  readonly entropy?: Uint8Array
  /** Of the recovery phrase. */
  readonly passphrase?: string
  /** No block below it pays to it. */
  readonly birthHeight: number
  /** Does its first address count as told? */
  readonly first?: boolean
}

export interface WalletKeysOptions {
  readonly store: WalletStore
  readonly signer: Signer
  /** Cost of the seal, for tests. */
  readonly vaultCost?: number | undefined
}

export const NO_WALLET =
  'there is no wallet yet: getnewaddress or createhdwallet makes one, restorehdwallet brings one back'
const LOCKED = 'the wallet is locked: unlock it with walletpassphrase first'
const WRONG_PASSPHRASE = 'the passphrase is wrong'

export class WalletKeys {
  readonly own = new OwnAddresses()
  readonly #options: WalletKeysOptions
  #content: WalletContent | undefined
  #opened: Opened | undefined
  #lockTimer: NodeJS.Timeout | undefined
  #unlockedUntilMs: number | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isLoaded = false
  #isClosed = false

  constructor(options: WalletKeysOptions) {
    this.#options = options
  }

  /** Reads the file, if there is one. Throws UserError if it can't be used. */
  async load(): Promise<void> {
    const content = await this.#options.store.read()
    this.#isLoaded = true
    if (content === undefined) return
    const { secret } = content
    if (secret.kind === 'open') await this.#openWith(content, secret.secret, undefined)
    this.#take(content)
    await this.#exclusive(() => this.#refill())
  }

  /** Are all addresses there that should be watched? Not if it is locked and some were used meanwhile. */
  get isFilled(): boolean {
    return missingPlaces(this.content).length === 0
  }

  get exists(): boolean {
    return this.#content !== undefined
  }

  /** Throws UserError if there is no wallet. */
  get content(): WalletContent {
    if (this.#content === undefined) throw new UserError(NO_WALLET)
    return this.#content
  }

  get isEncrypted(): boolean {
    return this.#content?.secret.kind === 'sealed'
  }

  get isLocked(): boolean {
    return this.isEncrypted && this.#opened === undefined
  }

  /** Unix milliseconds at which it locks itself; undefined if it doesn't. */
  get unlockedUntilMs(): number | undefined {
    return this.#unlockedUntilMs
  }

  /** Throws UserError if there is a wallet already. */
  create(wishes: NewWallet): Promise<void> {
    return this.#exclusive(() => this.#create(wishes))
  }

  /** A new wallet, unless there is one. */
  ensure(birthHeight: () => number): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#content === undefined) await this.#create({ birthHeight: birthHeight() })
    })
  }

  /** HASH160 of an address that nobody was told before. */
  newAddress(kind: ChainKind): Promise<Uint8Array> {
    return this.#exclusive(() => this.#newAddress(kind))
  }

  /** HASH160 of the address to which this wallet mines: always the same. */
  miningAddress(): Promise<Uint8Array> {
    return this.#exclusive(async () => {
      const { mining } = this.content
      const known = mining === undefined ? undefined : this.content.receiving.hashes[mining]
      if (known !== undefined) return known
      return await this.#newAddress('receiving', true)
    })
  }

  /** Has one of these places not been told, as after a wallet was restored? */
  areNews(places: readonly KeyPlace[]): boolean {
    return places.some(({ kind, index }) => kind !== 'imported' && index >= this.content[kind].told)
  }

  /** Somebody was paid at these places: they count as told. */
  noteUsed(places: readonly KeyPlace[]): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.areNews(places)) return
      let content = this.content
      for (const { kind, index } of places)
        if (kind !== 'imported') content = withTold(content, kind, index + 1)
      await this.#saveFilled(content)
    })
  }

  /** Throws UserError if it is locked, full, or the key is here already. */
  importKey(secret: Uint8Array, hash: Uint8Array): Promise<void> {
    return this.#exclusive(async () => {
      const opened = this.#open()
      const { secret: before, keyring, key } = opened
      if (this.own.find(hash) !== undefined) throw new UserError('the key is in this wallet already')
      const after = { ...before, imported: [...before.imported, secret.slice()] }
      const stored = key === undefined ? ({ kind: 'open', secret: after } as const) : sealSecret(after, key)
      const content = withImported(this.content, hash, stored)
      if (content === undefined) throw new UserError('the wallet holds as many imported keys as it can')
      await this.#save(content)
      // It may have been locked meanwhile: then what it was opened with is wiped, and not to be sealed again.
      if (this.#opened !== opened) wipeSecret(after)
      else this.#opened = { ...opened, secret: after, keyring: keyring.withImported(after.imported) }
    })
  }

  /** A copy of each private key, for the caller to wipe. Throws UserError if the wallet is locked. */
  privateKeys(places: readonly KeyPlace[]): Uint8Array[] {
    const { keyring } = this.#open()
    return places.map((place) => keyring.privateKey(place))
  }

  /** Throws UserError if the wallet is locked. */
  phrase(): { readonly phrase: string; readonly hasPassphrase: boolean } {
    const { entropy, passphrase } = this.#open().secret
    return { phrase: phraseOf(entropy), hasPassphrase: passphrase !== '' }
  }

  /** Seals the secret, and locks. Throws UserError if it is sealed already, or the passphrase is too weak. */
  encrypt(passphrase: string): Promise<void> {
    return this.#exclusive(async () => {
      if (this.isEncrypted)
        throw new UserError('the wallet is encrypted already: walletpassphrasechange changes its passphrase')
      const { secret } = this.#open()
      await this.#sealWith(secret, passphrase)
    })
  }

  /** Throws UserError if the old one is wrong, or the new one too weak. Locks. */
  changePassphrase(old: string, next: string): Promise<void> {
    return this.#exclusive(async () => {
      const { secret, key } = await this.#unseal(old)
      key.wipe()
      try {
        await this.#sealWith(secret, next)
      } finally {
        wipeSecret(secret)
      }
    })
  }

  /** For so many seconds; 0: until it is locked. Throws UserError if the passphrase is wrong. */
  unlock(passphrase: string, seconds: number): Promise<void> {
    return this.#exclusive(async () => {
      const { secret, key } = await this.#unseal(passphrase)
      this.lock()
      await this.#openWith(this.content, secret, key)
      try {
        await this.#checkUntold()
        await this.#refill()
      } catch (error) {
        this.lock()
        throw error
      }
      if (seconds === 0) return
      this.#unlockedUntilMs = Date.now() + seconds * 1_000
      this.#lockTimer = setTimeout(() => this.lock(), seconds * 1_000)
      this.#lockTimer.unref()
    })
  }

  /** Wipes what is secret. Without effect if the wallet is not encrypted. */
  lock(): void {
    if (!this.isEncrypted) return
    this.#wipe()
  }

  /** Writes what is there to another file. */
  copyTo(target: string): Promise<void> {
    return this.#exclusive(() => this.#options.store.copyTo(target, this.content))
  }

  /** Wipes all secrets once what is under way has been written. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#last
    // What is wiped must never be written.
    this.#content = undefined
    this.#wipe()
  }

  async #create({ entropy, passphrase = '', birthHeight, first = false }: NewWallet): Promise<void> {
    if (!this.#isLoaded) throw new Error('a wallet is made before it is known whether there is one')
    if (this.#content !== undefined)
      throw new UserError(
        `there is a wallet already, in ${this.#options.store.path ?? 'memory'}: stop the node and move that file to a safe place first`,
      )
    const secret = {
      entropy: entropy ?? new Uint8Array(randomBytes(ENTROPY_BYTES)),
      passphrase,
      imported: [],
    }
    const content = withTold(newContent({ kind: 'open', secret }, birthHeight), 'receiving', first ? 1 : 0)
    const keyring = await Keyring.of(secret, content.account)
    const places = missingPlaces(content)
    const filled = withAddresses(content, places, await this.#hashes(keyring, places))
    await this.#options.store.write(filled)
    this.#opened = { secret, keyring, key: undefined }
    this.#take(filled)
  }

  async #newAddress(kind: ChainKind, isForMining = false): Promise<Uint8Array> {
    const { content } = this
    const { told, hashes } = content[kind]
    const hash = hashes[told]
    if (hash === undefined)
      throw new UserError(
        this.isLocked
          ? 'all addresses that were made before the wallet was locked are given out: unlock it with walletpassphrase to make more'
          : 'the wallet has as many addresses as it can hold',
      )
    const next = withTold(content, kind, told + 1)
    await this.#saveFilled(isForMining ? { ...next, mining: told } : next)
    return hash
  }

  async #refill(): Promise<void> {
    if (!this.isFilled && this.#opened !== undefined) await this.#saveFilled(this.content)
  }

  /** With the addresses that should be there; without them while the wallet is locked. */
  async #saveFilled(content: WalletContent): Promise<void> {
    const places = this.#opened === undefined ? [] : missingPlaces(content)
    const hashes = this.#opened === undefined ? [] : await this.#hashes(this.#opened.keyring, places)
    await this.#save(withAddresses(content, places, hashes))
  }

  /**
   * What stood in the file unsealed may have been changed by somebody else: addresses that are yet to be told must be of
   * these keys.
   */
  async #checkUntold(): Promise<void> {
    const places = untoldPlaces(this.content)
    const hashes = await this.#hashes(this.#open().keyring, places)
    const isWrong = places.some((place, i) => !sameHash(hashAt(this.content, place), hashes[i]))
    if (isWrong)
      throw new UserError(
        'the wallet file holds addresses that are not of its keys: somebody has changed it. Move it away and restore the wallet from its recovery phrase',
      )
  }

  /** All private keys are taken out before the first wait: the wallet may be locked meanwhile. */
  async #hashes(keyring: Keyring, places: readonly KeyPlace[]): Promise<Uint8Array[]> {
    const secrets = places.map((place) => keyring.privateKey(place))
    const made = this.#options.signer.publicKeys(secrets)
    for (const secret of secrets) secret.fill(0)
    return (await made).map(hash160)
  }

  async #unseal(passphrase: string): Promise<{ secret: WalletSecret; key: VaultKey }> {
    const { secret } = this.content
    if (secret.kind === 'open') throw new UserError('the wallet is not encrypted: encryptwallet does that')
    const opened = await openSecret(secret.sealed, passphrase)
    if (opened.ok) return opened.value
    throw new UserError(
      opened.error === 'wrongPassphrase'
        ? WRONG_PASSPHRASE
        : 'the secret of the wallet is sealed in a way that this program does not know: use the one that made it',
    )
  }

  /** And locks. What was written before is not kept: it would open without the new passphrase. */
  async #sealWith(secret: WalletSecret, passphrase: string): Promise<void> {
    const fault = passphraseFault(passphrase)
    if (fault !== undefined) throw new UserError(fault)
    const key = await VaultKey.create(passphrase, this.#options.vaultCost)
    const stored = sealSecret(secret, key)
    key.wipe()
    await this.#save({ ...this.content, secret: stored }, true)
    this.#wipe()
  }

  #open(): Opened {
    if (this.#content === undefined) throw new UserError(NO_WALLET)
    if (this.#opened === undefined) throw new UserError(LOCKED)
    return this.#opened
  }

  async #openWith(content: WalletContent, secret: WalletSecret, key: VaultKey | undefined): Promise<void> {
    if (secret.imported.length !== content.imported.length)
      throw new UserError('the wallet file does not hold as many imported keys as addresses of them')
    this.#opened = { secret, keyring: await Keyring.of(secret, content.account), key }
  }

  async #save(content: WalletContent, forgetsOld = false): Promise<void> {
    await this.#options.store.write(content, forgetsOld)
    this.#take(content)
  }

  #take(content: WalletContent): void {
    this.#content = content
    this.own.update(content)
  }

  #wipe(): void {
    clearTimeout(this.#lockTimer)
    this.#unlockedUntilMs = undefined
    const opened = this.#opened
    this.#opened = undefined
    if (opened === undefined) return
    opened.keyring.wipe()
    opened.key?.wipe()
    wipeSecret(opened.secret)
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(() => {
      // Also what waited its turn: the end of the node waits for no more than what is under way.
      if (this.#isClosed) throw new UserError(NODE_STOPS)
      return work()
    })
    this.#last = next.catch(() => undefined)
    return next
  }
}
