/** The history of a wallet among the chain's rows: reading it at the start, and writing what has changed. */
import type { StoreChange } from '../chain/io.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import type { ChainStore } from '../storage/chain-store.ts'
import type { HistoryEntry } from '../wallet/history-entry.ts'
import {
  decodeEntry,
  decodeState,
  ENTRY_PREFIX,
  encodeEntry,
  encodeState,
  HISTORY_PREFIX,
  type HistoryState,
  STATE_KEY,
} from '../wallet/history-rows.ts'

export interface SavedHistory {
  readonly entries: readonly HistoryEntry[]
  /** Undefined where only that was kept which can't be made again. */
  readonly state: HistoryState | undefined
}

export class HistoryStore {
  readonly #store: ChainStore

  constructor(store: ChainStore) {
    this.#store = store
  }

  /**
   * Undefined if there is none for this wallet and these addresses, or it is damaged: then it is deleted, and to be made
   * again from the chain. Our own transactions that may still have to be mined are kept.
   */
  async load(wallet: Uint8Array, isOwn: (hash: Uint8Array) => boolean): Promise<SavedHistory | undefined> {
    const keys: string[] = []
    const entries: (HistoryEntry | undefined)[] = []
    let state: HistoryState | undefined
    for await (const batch of this.#store.scan(HISTORY_PREFIX)) {
      for (const [key, value] of batch) {
        keys.push(key)
        if (key === STATE_KEY) state = decodeState(value)
        else if (key.startsWith(ENTRY_PREFIX)) entries.push(decodeEntry(key, value))
      }
    }
    const whole = entries.filter((entry) => entry !== undefined)
    // A copy of the wallet file that was put back may not know addresses that were used since.
    const isKnown = whole.every(({ received }) => received.every(({ hash }) => isOwn(hash)))
    const isOurs = state !== undefined && bytesEqual(state.wallet, wallet)
    if (state !== undefined && isOurs && isKnown && whole.length === entries.length)
      return { entries: whole, state }
    // What is left where --reindex, damage, or a copy of the wallet file that was put back has made the rest useless.
    const kept = whole.filter(
      ({ raw, spent, received }) =>
        raw !== undefined && [...spent, ...received].every(({ hash }) => isOwn(hash)),
    )
    const keptKeys = new Set(kept.map(({ key }) => ENTRY_PREFIX + key))
    await this.#commit(
      keys.filter((key) => !keptKeys.has(key)).map((key) => ({ key, value: undefined })),
      false,
    )
    return kept.length === 0 ? undefined : { entries: kept, state: undefined }
  }

  /** `entries` by their keys; undefined where one is gone. `lasts`: it survives a power failure when this resolves. */
  async save(
    entries: ReadonlyMap<string, HistoryEntry | undefined>,
    state: HistoryState,
    lasts = false,
  ): Promise<void> {
    const changes: StoreChange[] = [{ key: STATE_KEY, value: encodeState(state) }]
    for (const [key, entry] of entries) {
      const isKept = entry !== undefined && (entry.block !== undefined || entry.raw !== undefined)
      changes.push({ key: ENTRY_PREFIX + key, value: isKept ? encodeEntry(entry) : undefined })
    }
    await this.#commit(changes, lasts)
  }

  async #commit(changes: readonly StoreChange[], sync: boolean): Promise<void> {
    const result = await this.#store.perform({ kind: 'commit', changes, sync })
    if (!result.ok) throw new UserError(`the wallet's history can't be written: ${result.error}`)
  }
}
