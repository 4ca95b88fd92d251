/**
 * Coins that the owner keeps out of payments until he says otherwise or the node ends. Bounded by the coins there are:
 * what is spent is forgotten.
 */
export class CoinLocks {
  readonly #coins = new Set<string>()

  has(coin: string): boolean {
    return this.#coins.has(coin)
  }

  lock(coins: Iterable<string>): void {
    for (const coin of coins) this.#coins.add(coin)
  }

  unlock(coins: Iterable<string>): void {
    for (const coin of coins) this.#coins.delete(coin)
  }

  clear(): void {
    this.#coins.clear()
  }

  /** `unspent`: keys of all coins that are not spent. Forgets the locks of others. */
  keep(unspent: ReadonlySet<string>): void {
    for (const coin of this.#coins) if (!unspent.has(coin)) this.#coins.delete(coin)
  }
}
