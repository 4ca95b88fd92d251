/** Tells a wallet's history of the transactions that wait to be mined, and its keys which of their addresses are used. */
import type { MempoolEntry } from '../mempool/entry.ts'
import type { MempoolOutcome } from '../mempool/mempool.ts'
import type { WalletHistory } from '../wallet/history.ts'
import type { HistoryEntry } from '../wallet/history-entry.ts'
import type { ChainControl } from './chain-control.ts'
import type { WalletFollower } from './wallet-follower.ts'
import type { WalletKeys } from './wallet-keys.ts'

export interface WaitingParts {
  readonly chain: ChainControl
  readonly keys: WalletKeys
  readonly history: WalletHistory
  readonly follower: WalletFollower
}

export class WaitingTransactions {
  readonly #parts: WaitingParts

  constructor(parts: WaitingParts) {
    this.#parts = parts
  }

  /** Looks at all of them again: more may be about this wallet than was known when they came. */
  look(): void {
    for (const entry of this.#parts.chain.mempool?.table.all() ?? []) this.#waits(entry)
  }

  note(outcome: MempoolOutcome): void {
    const { history } = this.#parts
    if (outcome.type === 'removed') {
      const { entry, reason } = outcome
      // What was mined is found in its block; what others have pushed out may come back.
      const mayComeBack = reason === 'evicted' && history.get(entry.key)?.raw !== undefined
      if (reason !== 'mined' && !mayComeBack) history.fail(entry.key)
    } else if (outcome.entry !== undefined && outcome.verdict === 'accepted') {
      this.#waits(outcome.entry)
    } else if (outcome.verdict === 'rejected' && outcome.arrival === 'returned') {
      history.fail(outcome.known.key)
    }
  }

  #waits(entry: MempoolEntry): void {
    const { history, keys, follower } = this.#parts
    const seen = history.seen(entry.transaction, entry.id, entry.time, undefined)
    if (seen === undefined) return
    // The file can't be written, or the node stops; it is noted when the block comes.
    void noteUsed(keys, follower, [seen]).catch(() => undefined)
  }
}

/**
 * Resolves when addresses that follow from these payments are watched. If there are new ones, blocks that were read before
 * may pay to them: that these are to be read again is written down first, since nobody would know later.
 */
export async function noteUsed(
  keys: WalletKeys,
  follower: WalletFollower,
  entries: readonly HistoryEntry[],
): Promise<void> {
  const places = entries.flatMap(({ received }) => received.flatMap(({ hash }) => keys.own.find(hash) ?? []))
  if (!keys.areNews(places)) return
  await follower.noteRescan()
  await keys.noteUsed(places)
  follower.poke()
}
