/**
 * The wallet of a running node: joins its keys, its history and the chain. Nothing is made or read before the wallet is
 * used for the first time. What RPC and miners ask of a wallet, they ask here; spending is in wallet-payments.ts.
 */
import type { NodeEvent } from '../core/seam.ts'
import type { Signer } from '../crypto/signer.ts'
import { errorText, UserError } from '../primitives/errors.ts'
import { ByteReader } from '../primitives/reader.ts'
import { hash160 } from '../primitives/sha3.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import {
  type Balance,
  balanceOf,
  type Surroundings,
  type UnspentCoin,
  unspentCoins,
} from '../wallet/balance.ts'
import { CoinLocks } from '../wallet/coin-locks.ts'
import { WalletHistory } from '../wallet/history.ts'
import type { HistoryEntry } from '../wallet/history-entry.ts'
import type { KeyPlace } from '../wallet/keyring.ts'
import { describePhraseError, entropyOf, normalPhrase } from '../wallet/mnemonic.ts'
import { RELAYED_TRANSACTION, readTransaction, type Transaction } from '../wire/transaction.ts'
import type { ChainControl } from './chain-control.ts'
import { transactionsOf } from './stored-transactions.ts'
import { WalletFollower } from './wallet-follower.ts'
import { HistoryStore } from './wallet-history-store.ts'
import { checkPrivateKey } from './wallet-key-exchange.ts'
import { NO_WALLET, WalletKeys } from './wallet-keys.ts'
import { WalletPayments } from './wallet-payments.ts'
import { WalletStore } from './wallet-store.ts'
import { WalletUpkeep } from './wallet-upkeep.ts'
import { noteUsed, WaitingTransactions } from './wallet-waiting.ts'

export interface WalletOptions {
  /** The wallet file. Left out: the wallet is gone with the process. */
  readonly path?: string | undefined
  /** Mine to another address after each block? Left out: always to the same. */
  readonly rotatesMiningAddress?: boolean | undefined
  /** Takes a line for the operator. */
  readonly onNotice?: ((line: string) => void) | undefined
  /** Who makes keys and signatures. Left out: the chain's threads. */
  readonly signer?: Signer | undefined
  /** Cost of the seal under a passphrase; for tests. */
  readonly vaultCost?: number | undefined
}

/** How far the chain was read. */
export type WalletProgress = Pick<WalletFollower, 'height' | 'isScanning' | 'missedBelow' | 'obstacle'>

/** What belongs to one set of keys. */
interface Following {
  readonly history: WalletHistory
  readonly follower: WalletFollower
  readonly payments: WalletPayments
  readonly upkeep: WalletUpkeep
  readonly waiting: WaitingTransactions
}

export class WalletService {
  readonly keys: WalletKeys
  readonly locks = new CoinLocks()
  readonly #chain: ChainControl
  readonly #options: WalletOptions
  readonly #signer: Signer
  readonly #store: WalletStore
  #following: Promise<Following> | undefined
  #starting: Promise<void> | undefined
  #isClosed = false

  constructor(chain: ChainControl, options: WalletOptions = {}) {
    this.#chain = chain
    this.#options = options
    const signer = options.signer ?? chain.backend.signatures.signer
    this.#signer = signer
    this.#store = new WalletStore(options.path)
    this.keys = new WalletKeys({ store: this.#store, signer, vaultCost: options.vaultCost })
  }

  /** The backup of a wallet whose file is not there; undefined if there is none. */
  strayBackup(): Promise<string | undefined> {
    return this.#store.strayBackup()
  }

  /** Reads the wallet, if there is one, and follows the chain. Throws UserError if its file can't be used. */
  start(): Promise<void> {
    this.#starting ??= this.#load()
    return this.#starting
  }

  async #load(): Promise<void> {
    await this.keys.load()
    if (this.keys.exists) await this.#follow()
  }

  /** To be told of what happens to the node. */
  note(event: NodeEvent): void {
    if (event.type === 'chain' && event.outcome.type === 'tip')
      void this.#following?.then(({ follower }) => follower.poke())
    else if (event.type === 'mempool') {
      const { outcome } = event
      void this.#following?.then(({ waiting }) => waiting.note(outcome))
    }
  }

  /** Resolves when our payments that wait are in the mempool, as far as it takes them. */
  async resubmitted(): Promise<void> {
    const following = await this.#settled()
    await following?.payments.resubmit()
  }

  /** To spend with. Throws UserError without a wallet. */
  async payments(): Promise<WalletPayments> {
    return (await this.#existing()).payments
  }

  /** Throws UserError without a wallet. */
  async upkeep(): Promise<WalletUpkeep> {
    return (await this.#existing()).upkeep
  }

  /** Writes what is known and wipes all secrets. */
  async close(): Promise<void> {
    this.#isClosed = true
    const following = await this.#following?.catch(() => undefined)
    await this.keys.close()
    // What can't be written is read from the blocks again; the node has to end in good order nevertheless.
    await following?.follower.close().catch((error: unknown) => this.#options.onNotice?.(errorText(error)))
  }

  /** A wallet is made for it if there is none. */
  async newAddress(): Promise<string> {
    await this.#ensure()
    return encodeAddress(await this.keys.newAddress('receiving'))
  }

  /** Where this node's miner sends its next reward. A wallet is made for it if there is none. */
  async nextMiningScript(): Promise<Uint8Array> {
    await this.#ensure()
    const { rotatesMiningAddress } = this.#options
    return p2pkhScript(
      await (rotatesMiningAddress === true ? this.keys.newAddress('receiving') : this.keys.miningAddress()),
    )
  }

  /** A new wallet with its first address. Throws UserError if there is one. */
  async create(passphrase: string): Promise<{ phrase: string; address: string }> {
    await this.start()
    await this.keys.create({ passphrase, birthHeight: this.#birthHeight(), first: true })
    await this.#follow()
    return { phrase: this.keys.phrase().phrase, address: this.#firstAddress() }
  }

  /** The wallet of a recovery phrase. The chain is looked through for its coins. Returns its first address. */
  async restore(phrase: string, passphrase: string): Promise<string> {
    const entropy = entropyOf(phrase)
    if (!entropy.ok) throw new UserError(describePhraseError(entropy.error))
    await this.start()
    await this.keys.create({ entropy: entropy.value, passphrase, birthHeight: 0, first: true })
    await this.#follow()
    return this.#firstAddress()
  }

  /** The same, unless this is it already. Throws UserError if there is another one, or that can't be told. */
  async ensure(phrase: string): Promise<void> {
    await this.start()
    if (!this.keys.exists) {
      const address = await this.restore(phrase, '')
      this.#options.onNotice?.(`The wallet was made of the recovery phrase; its first address is ${address}`)
      return
    }
    const isSame = !this.keys.isLocked && this.keys.phrase().phrase === normalPhrase(phrase)
    if (isSame) return
    const what = this.keys.isLocked ? 'one that is locked' : 'another one'
    throw new UserError(
      `restore-mnemonic: there is a wallet, ${what}. Leave the words out; or move its file away first, which keeps its keys`,
    )
  }

  /**
   * Takes a private key in, a seed or a secret key, and looks through the chain for its coins. `publicKey`: what it should
   * be. Resolves with its HASH160. Throws UserError if it is no key, or the wallet is locked.
   */
  async importKey(secret: Uint8Array, publicKey: Uint8Array | undefined): Promise<Uint8Array> {
    const hash = hash160(await checkPrivateKey(secret, publicKey, this.#signer))
    await this.#ensure()
    await this.keys.importKey(secret, hash)
    const { follower } = await this.#follow()
    const { receiving, imported } = this.keys.content
    const [wallet = hash] = receiving.hashes
    follower.rescan(0, { wallet, imported: imported.length })
    return hash
  }

  /** For so many seconds; 0: until it is locked. Throws UserError if the passphrase is wrong. */
  async unlock(passphrase: string, seconds: number): Promise<void> {
    await this.keys.unlock(passphrase, seconds)
    // Addresses that could not be made before may have been paid.
    const following = await this.#following
    following?.follower.poke()
  }

  /** Reads the chain again from that height on. Resolves when that is done; throws UserError if it can't be now. */
  async rescan(fromHeight = 0): Promise<void> {
    const follower = await this.lookAgain(fromHeight)
    await follower?.until(this.#chain.engine.tip.height)
  }

  /** As {@link rescan}, in the background. Undefined without a wallet. */
  async lookAgain(fromHeight = 0): Promise<WalletFollower | undefined> {
    const following = await this.#current()
    if (following === undefined) return undefined
    this.#options.onNotice?.(`Looking through the chain from block ${fromHeight} on for payments`)
    following.follower.rescan(fromHeight)
    return following.follower
  }

  async balance(): Promise<Balance> {
    const following = await this.#settled()
    if (following === undefined) return { confirmed: 0, unconfirmed: 0, immature: 0 }
    return balanceOf(following.history, this.surroundings())
  }

  async unspent(): Promise<UnspentCoin[]> {
    const following = await this.#settled()
    return following === undefined ? [] : [...unspentCoins(following.history, this.surroundings())]
  }

  /** Latest last. */
  async transactions(): Promise<HistoryEntry[]> {
    const following = await this.#settled()
    return following === undefined ? [] : [...following.history.entries()].sort(byAge)
  }

  async transaction(key: string): Promise<HistoryEntry | undefined> {
    const following = await this.#settled()
    return following?.history.get(key)
  }

  /** The transaction itself; undefined if it can't be found any more. */
  async contentOf({ raw, block }: HistoryEntry): Promise<Transaction | undefined> {
    if (raw !== undefined) return readTransaction(new ByteReader(raw), RELAYED_TRANSACTION)
    const node = block === undefined ? undefined : this.#chain.engine.tree.get(block.hash)
    const stored = node === undefined ? undefined : await this.#chain.readBlock(node)
    return stored === undefined ? undefined : transactionsOf(stored)[block?.position ?? 0]
  }

  /** Does this wallet pay what is left over to this key? */
  isChange(hash: Uint8Array): boolean {
    return this.keys.own.find(hash)?.kind === 'change'
  }

  /** Addresses that were given out, the imported ones last. */
  addresses(): { readonly address: string; readonly place: KeyPlace }[] {
    if (!this.keys.exists) return []
    const { receiving, imported } = this.keys.content
    const told = receiving.hashes.slice(0, receiving.told)
    return [
      ...told.map((hash, index) => ({
        address: encodeAddress(hash),
        place: { kind: 'receiving', index } as const,
      })),
      ...imported.map((hash, index) => ({
        address: encodeAddress(hash),
        place: { kind: 'imported', index } as const,
      })),
    ]
  }

  /** How far the chain was read; undefined without a wallet. */
  async progress(): Promise<WalletProgress | undefined> {
    const following = await this.#current()
    if (following === undefined) return undefined
    const { height, isScanning, missedBelow, obstacle } = following.follower
    return { height, isScanning, missedBelow, obstacle }
  }

  surroundings(): Surroundings {
    const { tip, params } = this.#chain.engine
    return {
      tipHeight: tip.height,
      maturityBlocks: params.coinbaseMaturityBlocks,
      isPending: (key) => this.#chain.mempool?.table.get(key) !== undefined,
    }
  }

  async #ensure(): Promise<void> {
    await this.start()
    await this.keys.ensure(() => this.#birthHeight())
    await this.#follow()
  }

  /** So many blocks may still be undone, and others mined in their place. */
  #birthHeight(): number {
    const { tip, params } = this.#chain.engine
    return Math.max(0, tip.height - params.maxReorgDepth)
  }

  async #existing(): Promise<Following> {
    await this.start()
    const following = await this.#following
    // Says what there is to do.
    if (following === undefined) throw new UserError(NO_WALLET)
    return following
  }

  async #current(): Promise<Following | undefined> {
    return await this.#following
  }

  /** When the blocks that are here have been read. */
  async #settled(): Promise<Following | undefined> {
    const following = await this.#following
    await following?.follower.caughtUp()
    return following
  }

  #firstAddress(): string {
    const [first] = this.keys.content.receiving.hashes
    if (first === undefined) throw new Error('a wallet without addresses')
    return encodeAddress(first)
  }

  #follow(): Promise<Following> {
    this.#following ??= this.#begin()
    return this.#following
  }

  async #begin(): Promise<Following> {
    const { keys } = this
    const { receiving, imported, birthHeight } = keys.content
    const [first] = receiving.hashes
    if (first === undefined) throw new Error('a wallet without addresses')
    const isOwn = (hash: Uint8Array): boolean => keys.own.find(hash) !== undefined
    const history = new WalletHistory(isOwn)
    const store = new HistoryStore(this.#chain.backend.store)
    const saved = await store.load(first, isOwn)
    for (const entry of saved?.entries ?? []) history.restore(entry)
    const wallet = { wallet: first, imported: imported.length }
    let resubmit = (): void => undefined
    let waiting: WaitingTransactions | undefined
    const follower: WalletFollower = new WalletFollower(history, store, wallet, {
      engine: this.#chain.engine,
      readBlock: (node) => this.#chain.readBlock(node),
      found: (entries) => noteUsed(keys, follower, entries),
      rescanned: () => waiting?.look(),
      isFilled: () => keys.isFilled,
      isPending: (key) => this.surroundings().isPending(key),
      settled: () => resubmit(),
      notice: (line) => {
        if (!this.#isClosed) this.#options.onNotice?.(line)
      },
    })
    const parts = { chain: this.#chain, keys, history, follower }
    const payments = new WalletPayments({
      ...parts,
      signer: this.#signer,
      locks: this.locks,
      unspent: () => this.unspent(),
    })
    resubmit = () => void payments.resubmit().catch(() => undefined)
    // Imported keys may be older than the wallet.
    follower.begin(saved?.state, imported.length === 0 ? birthHeight : 0)
    // A crash may have come between a payment that was read and the note that its address is used.
    await noteUsed(keys, follower, saved?.entries ?? [])
    const upkeep = new WalletUpkeep({ ...parts, surroundings: () => this.surroundings() })
    waiting = new WaitingTransactions(parts)
    waiting.look()
    return { history, follower, payments, upkeep, waiting }
  }
}

/** Those that are not mined last, in order of time. */
function byAge(a: HistoryEntry, b: HistoryEntry): number {
  const [heightA, heightB] = [
    a.block?.height ?? Number.MAX_SAFE_INTEGER,
    b.block?.height ?? Number.MAX_SAFE_INTEGER,
  ]
  if (heightA !== heightB) return heightA - heightB
  return (a.block?.position ?? 0) - (b.block?.position ?? 0) || a.time - b.time
}
