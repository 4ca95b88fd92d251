/**
 * What is left to be done when blocks were taken off the chain: what they held is handed in again, a few at a time and
 * parents first, and then everything that waits is looked at again, since it may spend what is not there any more. Both
 * stop while a further reorganisation is under way, and are begun again when it is over.
 */
import type { MempoolChain } from '../chain/chain.ts'
import type { Job } from '../chain/io.ts'
import { Pace } from '../chain/pace.ts'
import { rest } from '../chain/requests.ts'
import { MAX_RETURNING } from '../params/limits.ts'
import { type KnownTransaction, type MempoolEntry, madeKeys } from './entry.ts'
import { type ReturnedTransaction, ReturnedTransactions } from './returned.ts'
import type { MempoolTable } from './table.ts'

export interface AftermathHooks {
  /** `done` is told whether it was refused. */
  handIn(known: KnownTransaction, done: (isRefused: boolean) => void): void
  /** An entry stands in a block, though none with it was joined. */
  isMined(entry: MempoolEntry): void
  /** Looks at an entry again, with what it spends loaded. */
  review(entry: MempoolEntry): void
}

/** Of one that is handed in, as {@link Pace} counts: scripts and rules, by its bytes. */
const HAND_IN_WORK = 20
const BYTES_PER_WORK = 32
/** Outputs that are looked up at once when everything is looked at again: some milliseconds' work. */
const REVIEWED_COINS = 500

export class Aftermath {
  readonly returned = new ReturnedTransactions()
  /** Keys of entries whose outputs may be there again, as a transaction that was repeated leaves them. */
  readonly #repeated = new Set<string>()
  readonly #chain: MempoolChain
  readonly #table: MempoolTable
  readonly #hooks: AftermathHooks
  readonly #pace = new Pace()
  /** Were blocks taken off of which not all consequences are drawn, or being drawn? */
  #isDue = false
  /** Being judged. */
  #open = 0
  /** Is a job under way, and nothing to be begun before it is done? */
  #isBusy = false
  /** Is it the last one? */
  #isReviewing = false

  constructor(chain: MempoolChain, table: MempoolTable, hooks: AftermathHooks) {
    this.#chain = chain
    this.#table = table
    this.#hooks = hooks
  }

  /** Is there nothing left to be done? */
  get isOver(): boolean {
    return !this.#isDue && !this.#isReviewing
  }

  /** Is there something to be done that {@link goOn} has not begun? */
  get isWaiting(): boolean {
    return this.#isDue && this.#open === 0 && !this.#isBusy && this.#chain.isSettled
  }

  /** A transaction that was taken off had spent from this one. */
  unspent(key: string): void {
    if (this.#table.get(key) !== undefined) this.#repeated.add(key)
  }

  /** A block was taken off. */
  undone(height: number, transactions: readonly KnownTransaction[]): void {
    this.#isDue = true
    this.returned.add(height, transactions)
  }

  /** Does what can be done now. */
  goOn(): void {
    if (!this.#isDue || this.#isBusy || !this.#chain.isSettled) return
    if (this.#repeated.size > 0) return this.#run(this.#lookForRepeated(), () => this.goOn())
    while (this.#open < MAX_RETURNING && this.#chain.isSettled) {
      const item = this.returned.next()
      if (item === undefined) break
      this.#handIn(item)
      if (this.#pace.isOver(HAND_IN_WORK + item.known.bytes.length / BYTES_PER_WORK))
        return this.#run(rest(), () => this.goOn())
    }
    if (this.#open === 0 && this.returned.size === 0 && this.#chain.isSettled) this.#review()
  }

  #handIn(item: ReturnedTransaction): void {
    this.#open++
    let isHere = true
    this.#hooks.handIn(item.known, (isRefused) => {
      this.#open--
      // What it spends may stand in a block that has been taken off meanwhile, and come back as well; the tip is one of a moment.
      if (isRefused && !this.#chain.isSettled) this.returned.putBack(item)
      if (!isHere) this.goOn()
    })
    isHere = false
  }

  #run<T>(job: Job<T>, done: (value: T) => void): void {
    this.#isBusy = true
    this.#chain.run(job, (value) => {
      this.#isBusy = false
      done(value)
    })
  }

  #review(): void {
    this.#isDue = false
    this.#isReviewing = true
    this.#run(this.#lookAtAll(), (isWhole) => {
      this.#isReviewing = false
      if (!isWhole) this.#isDue = true
      this.goOn()
    })
  }

  /** Before anything is handed in that spends from them: it would fall with them. */
  *#lookForRepeated(): Job<void> {
    for (const key of this.#repeated) {
      const entry = this.#table.get(key)
      const made = entry === undefined ? [] : madeKeys(entry)
      yield* this.#chain.loadCoins(made)
      if (!this.#chain.isSettled) return
      this.#repeated.delete(key)
      const isThere = made.some((coin) => this.#chain.coins.get(coin) !== undefined)
      if (isThere && entry !== undefined && this.#table.get(key) === entry) this.#hooks.isMined(entry)
      yield* rest()
    }
  }

  /** False if it had to stop, for blocks are being taken off again. */
  *#lookAtAll(): Job<boolean> {
    const entries = [...this.#table.all()]
    for (let at = 0; at < entries.length; ) {
      const some: MempoolEntry[] = []
      const keys: string[] = []
      for (
        let entry = entries[at];
        entry !== undefined && keys.length < REVIEWED_COINS;
        entry = entries[++at]
      ) {
        for (const key of entry.spends) keys.push(key)
        some.push(entry)
      }
      yield* this.#chain.loadCoins(keys)
      if (!this.#chain.isSettled) return false
      for (const entry of some) if (this.#table.get(entry.key) === entry) this.#hooks.review(entry)
      yield* rest()
    }
    return true
  }
}
