/** What an owner does to his wallet's history: giving a payment up, and having all of it read anew. */
import { coinKey } from '../chain/coin.ts'
import { UserError } from '../primitives/errors.ts'
import type { Surroundings } from '../wallet/balance.ts'
import type { WalletHistory } from '../wallet/history.ts'
import type { ChainControl } from './chain-control.ts'
import type { WalletFollower } from './wallet-follower.ts'

export interface UpkeepParts {
  readonly chain: ChainControl
  readonly history: WalletHistory
  readonly follower: WalletFollower
  surroundings(): Surroundings
}

export class WalletUpkeep {
  readonly #parts: UpkeepParts

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /**
   * Gives a payment up that is neither mined nor in the mempool, and those that spend its outputs: it is handed in no more,
   * and its coins are free. Throws UserError if it may be mined yet.
   */
  async abandon(key: string): Promise<void> {
    const { history, follower, surroundings } = this.#parts
    await follower.caughtUp()
    const entry = history.get(key)
    if (entry === undefined) throw new UserError('no transaction of this wallet')
    if (entry.block !== undefined) throw new UserError(`it was mined in block ${entry.block.height}`)
    const { isPending } = surroundings()
    const family = new Set([entry])
    for (const { received, txid } of family)
      for (const output of received)
        for (const spender of history.spendersOf(coinKey(txid, output.index))) family.add(spender)
    if ([...family].some((each) => isPending(each.key)))
      throw new UserError('it waits in the mempool and may be mined at any time')
    for (const each of family) history.fail(each.key)
    await follower.save(true)
  }

  /**
   * Forgets everything but what waits in the mempool, and reads the chain again. Resolves when that is done, with the
   * number of transactions that were forgotten, and of those that there are now. Throws UserError where blocks are missing, or can't be read now.
   */
  async clear(): Promise<{ readonly forgotten: number; readonly found: number }> {
    const { chain, history, follower, surroundings } = this.#parts
    const { engine } = chain
    if (engine.maintenance.pruneHeight > 0)
      throw new UserError(
        `payments below block ${engine.maintenance.pruneHeight} could not be found again: those blocks have been deleted (--prune)`,
      )
    const { isPending } = surroundings()
    const cleared = [...history.entries()].filter(({ key }) => !isPending(key))
    for (const { key } of cleared) history.forget(key)
    follower.rescan(0)
    await follower.until(engine.tip.height)
    return { forgotten: cleared.length, found: history.size }
  }
}
