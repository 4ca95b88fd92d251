/**
 * The pool of transactions that wait to be mined: takes them in, keeps those that fit the chain's tip, and follows
 * the tip. Pure; what it needs of the chain it asks in jobs beside the chain's.
 */
import type { BlockBody } from '../chain/block-body.ts'
import type { MempoolChain } from '../chain/chain.ts'
import { type Fault, fault } from '../chain/faults.ts'
import { hashKey } from '../chain/header-node.ts'
import type { Job } from '../chain/io.ts'
import type { Source } from '../chain/outcomes.ts'
import { Pace } from '../chain/pace.ts'
import { rest } from '../chain/requests.ts'
import { isCoinbase } from '../chain/transaction-rules.ts'
import {
  ADMISSIONS_HIGH,
  MAX_ADMISSIONS,
  MAX_MINED_TRANSACTIONS,
  MAX_REJECTED_TRANSACTIONS,
  MEMPOOL_EXPIRY_CHECK_MS,
  MEMPOOL_EXPIRY_SECONDS,
  MEMPOOL_MB,
} from '../params/limits.ts'
import { type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import type { Transaction } from '../wire/transaction.ts'
import { type AdmissionResult, type AdmissionView, admit, stillFits } from './admission.ts'
import { Aftermath } from './aftermath.ts'
import type { DumpedTransaction } from './dump.ts'
import { type KnownTransaction, knownTransaction, type MempoolEntry, spentKeys } from './entry.ts'
import { OrphanTransactions } from './orphans.ts'
import { RecentKeys } from './recent-keys.ts'
import { type Selection, type SelectionLimits, selectForBlock } from './selection.ts'
import { MempoolTable } from './table.ts'

export type TransactionVerdict =
  /** It waits to be mined now. */
  | 'accepted'
  /** It is here already, or was mined. */
  | 'known'
  /** What it spends is not known; it waits aside for that. */
  | 'orphan'
  | 'rejected'
  /** More come than can be looked at. */
  | 'busy'

/** How one comes: for the first time, from the file of last time, or out of a block that was taken off the chain. */
export type Arrival = 'new' | 'restored' | 'returned'

export interface TransactionOutcome {
  readonly type: 'transaction'
  readonly source: Source
  readonly arrival: Arrival
  readonly known: KnownTransaction
  readonly verdict: TransactionVerdict
  readonly fault: Fault | undefined
  /** If it was accepted. */
  readonly entry: MempoolEntry | undefined
  /** Keys of unknown transactions that it spends from, if it is an orphan. */
  readonly missing: readonly string[]
}

/** Why a transaction is not in the pool any more. */
export const removalReasons = ['mined', 'conflict', 'evicted', 'expired', 'invalid'] as const
export type RemovalReason = (typeof removalReasons)[number]

/** A transaction has left the pool. If it was mined, those that spend from it are still in `children`. */
export interface RemovalOutcome {
  readonly type: 'removed'
  readonly entry: MempoolEntry
  readonly reason: RemovalReason
}

export type MempoolOutcome = TransactionOutcome | RemovalOutcome

export interface MempoolHooks {
  now(): Now
  outcome(outcome: MempoolOutcome): void
}

/** What is to be judged, and who wants to know what came of it. */
interface Submission {
  readonly source: Source
  readonly known: KnownTransaction
  readonly arrival: Arrival
  readonly isLocal: boolean
  /** When it came first, if that was earlier; Unix seconds. */
  readonly time: number | undefined
  readonly done: ((outcome: TransactionOutcome) => void) | undefined
}

/** Of a transaction of a block, as {@link Pace} counts, and of its bytes where they are hashed. */
const JOIN_WORK = 4
const BYTES_PER_WORK = 100

export class Mempool {
  readonly table: MempoolTable
  readonly orphans = new OrphanTransactions()
  readonly #chain: MempoolChain
  readonly #hooks: MempoolHooks
  /** Refused since the tip changed: not asked for again. */
  readonly #rejected = new RecentKeys(MAX_REJECTED_TRANSACTIONS)
  /** Stood in one of the last blocks: not asked for either. */
  readonly #mined = new RecentKeys(MAX_MINED_TRANSACTIONS)
  /** Being judged, by key, with what is to be done when that is over: others that spend from them wait for it. */
  readonly #judging = new Map<string, (() => void)[]>()
  readonly #aftermath: Aftermath
  /** Is a block being joined, of which not all was looked at yet? */
  #isJoining = false
  #nextExpiry: MonoMs

  constructor(chain: MempoolChain, hooks: MempoolHooks, budgetBytes = MEMPOOL_MB * 1_000_000) {
    this.#chain = chain
    this.#hooks = hooks
    this.table = new MempoolTable(budgetBytes)
    this.#aftermath = new Aftermath(chain, this.table, {
      handIn: (known, done) => this.#return(known, done),
      isMined: (entry) => this.#noteMined(entry, chain.tip.height),
      review: (entry) => {
        if (!stillFits(this.#view(), this.table, entry)) this.#drop(entry, 'invalid')
      },
    })
    this.#nextExpiry = monoMs(hooks.now().mono + MEMPOOL_EXPIRY_CHECK_MS)
  }

  /** Is there a reason not to ask for it? `id`: 32 bytes in wire order. */
  knows(id: Uint8Array): boolean {
    const key = hashKey(id)
    return (
      this.table.get(key) !== undefined ||
      this.#judging.has(key) ||
      this.#mined.has(key) ||
      this.#rejected.has(key) ||
      this.orphans.has(key)
    )
  }

  /** Is so much being judged that no more should be asked for? */
  get isBusy(): boolean {
    return this.#judging.size >= ADMISSIONS_HIGH
  }

  get(id: Uint8Array): MempoolEntry | undefined {
    return this.table.get(hashKey(id))
  }

  /** Everything at hand that a block may hold: those that wait to be mined, and those that wait for a parent. */
  *all(): Generator<KnownTransaction> {
    yield* this.table.all()
    yield* this.orphans.all()
  }

  /** Answered by one outcome, at once or later, which `done` is given as well. */
  submit(source: Source, known: KnownTransaction, done?: (outcome: TransactionOutcome) => void): void {
    const isLocal = source === 'local'
    this.#take({ source, known, arrival: 'new', isLocal, time: undefined, done })
  }

  /** The same for one that was here before. */
  restore({ known, time, isLocal }: DumpedTransaction, done?: (outcome: TransactionOutcome) => void): void {
    this.#take({ source: 'local', known, arrival: 'restored', isLocal, time, done })
  }

  /** What would come of it, without taking it in. */
  test(known: KnownTransaction, done: (result: AdmissionResult) => void): void {
    this.#chain.run(
      admit(() => this.#view(), this.table, known, { isReturning: false }),
      done,
    )
  }

  /** Does everything that waits fit the tip? Not while a block is joined, or a reorganisation under way, or just over. */
  get isSettled(): boolean {
    return this.#chain.isSettled && this.#aftermath.isOver && !this.#isJoining
  }

  /** Nothing for the moment in which what waits might not fit the tip. */
  selectForBlock(limits: SelectionLimits): Selection {
    return selectForBlock(this.isSettled ? this.table.sorted() : [], limits)
  }

  /** To be done for each block that is joined to the chain. */
  *blockConnected({ height }: { readonly height: number }, body: BlockBody): Job<void> {
    const keys = new Set<string>()
    const pace = new Pace()
    this.#isJoining = true
    for (const { txid, transaction } of body.transactions) {
      if (isCoinbase(transaction)) continue
      const key = hashKey(txid)
      keys.add(key)
      this.#joined(key, transaction, height)
      if (pace.isOver(JOIN_WORK + transaction.inputs.length)) yield* rest()
    }
    this.#isJoining = false
    this.#aftermath.returned.delete(keys)
  }

  /** To be done for each block that is taken off the chain. */
  *blockDisconnected({ height }: { readonly height: number }, body: BlockBody): Job<void> {
    const own: KnownTransaction[] = []
    const pace = new Pace()
    for (const { txid, transaction } of body.transactions) {
      if (isCoinbase(transaction)) continue
      const known = knownTransaction(transaction)
      own.push(known)
      this.#mined.delete(hashKey(txid))
      for (const { previousHash } of transaction.inputs) this.#aftermath.unspent(hashKey(previousHash))
      const work = JOIN_WORK + transaction.inputs.length + known.bytes.length / BYTES_PER_WORK
      if (pace.isOver(work)) yield* rest()
    }
    this.#aftermath.undone(height, own)
  }

  /** To be told when the tip has changed, and a reorganisation is done. */
  tipChanged(): void {
    this.#rejected.clear()
    this.#aftermath.goOn()
  }

  forget(source: PeerId): void {
    this.orphans.forget(source)
  }

  get nextDeadline(): MonoMs {
    return this.#aftermath.isWaiting ? monoMs(Number.NEGATIVE_INFINITY) : this.#nextExpiry
  }

  due({ mono, unix }: Now): void {
    // Blocks may have been joined and taken off again on the way to where we were: nobody is told of that.
    if (this.#aftermath.isWaiting) this.#aftermath.goOn()
    if (mono < this.#nextExpiry) return
    this.#nextExpiry = monoMs(mono + MEMPOOL_EXPIRY_CHECK_MS)
    this.orphans.expire(mono)
    for (const entry of this.table.all())
      if (entry.time + MEMPOOL_EXPIRY_SECONDS <= unix) this.#drop(entry, 'expired')
  }

  #take(submission: Submission): void {
    const { known, source, isLocal } = submission
    const { key } = known
    const entry = this.table.get(key)
    if (entry !== undefined && isLocal) entry.isLocal = true
    if (entry !== undefined || this.#judging.has(key))
      return this.#tell(submission, 'known', fault('txn-already-in-mempool'), entry)
    if (this.#judging.size >= MAX_ADMISSIONS && source !== 'local') return this.#tell(submission, 'busy')
    this.#judging.set(key, [])
    this.#judge(submission)
  }

  #judge(submission: Submission): void {
    const { known, arrival } = submission
    const { key } = known
    const job = admit(() => this.#view(), this.table, known, { isReturning: arrival === 'returned' })
    this.#chain.run(job, (result) => {
      // While it waits for a parent, what spends from it waits for it.
      if (this.#waitsForParent(result, () => this.#judge(submission))) return
      const waiting = this.#judging.get(key) ?? []
      this.#judging.delete(key)
      this.#judged(submission, result)
      for (const next of waiting) next()
    })
  }

  #tell(
    { source, arrival, known, done }: Submission,
    verdict: TransactionVerdict,
    why?: Fault,
    entry?: MempoolEntry,
    missing: readonly string[] = [],
  ): void {
    const outcome = {
      source,
      arrival,
      known,
      verdict,
      fault: why,
      entry,
      missing,
      type: 'transaction',
    } as const
    this.#hooks.outcome(outcome)
    done?.(outcome)
  }

  /** Is a transaction that it spends from being judged right now? Then it is looked at again after that. */
  #waitsForParent(result: AdmissionResult, again: () => void): boolean {
    if (result.ok || result.missing === undefined) return false
    for (const key of result.missing) {
      const waiting = this.#judging.get(key)
      waiting?.push(again)
      if (waiting !== undefined) return true
    }
    return false
  }

  #judged(submission: Submission, result: AdmissionResult): void {
    if (!result.ok) return this.#refused(submission, result)
    const { known, isLocal } = submission
    const { fee, parents } = result
    const { height } = this.#chain.tip
    // To whoever still has the block that it stood in, its inputs are spent.
    const validFrom = submission.arrival === 'returned' ? height : result.validFrom
    const time = submission.time ?? this.#hooks.now().unix
    const facts = { fee, validFrom, isLocal, time, height }
    const entry = this.table.add(known, facts, parents)
    const evicted = this.table.shrink()
    for (const other of evicted) if (other !== entry) this.#removed(other, 'evicted')
    if (evicted.includes(entry)) return this.#tell(submission, 'rejected', fault('mempool-full'))
    this.orphans.remove(known.key)
    this.#tell(submission, 'accepted', undefined, entry)
    this.#adopt(known.key)
  }

  #refused(
    submission: Submission,
    { fault: why, missing = [] }: Extract<AdmissionResult, { ok: false }>,
  ): void {
    const { code } = why
    const { source, known } = submission
    const isKnown = code === 'txn-already-in-mempool' || code === 'txn-already-known'
    const verdict = isKnown ? 'known' : code === 'missing-inputs' ? 'orphan' : 'rejected'
    // Whoever hands one in is told, and may do so again.
    const isHandedIn = source === 'local' && submission.arrival === 'new'
    if (verdict === 'orphan' && !isHandedIn) this.orphans.add(submission, missing, this.#hooks.now().mono)
    if (verdict === 'rejected') this.#rejected.add(known.key)
    this.#tell(submission, verdict, why, undefined, missing)
  }

  /** Those that waited for a transaction get another chance. */
  #adopt(key: string): void {
    const facts = { arrival: 'new', time: undefined, done: undefined } as const
    for (const { known, source, isLocal } of this.orphans.take(key))
      this.#take({ known, source, isLocal, ...facts })
  }

  /** One that stood in a block. `done` is told whether it was refused. */
  #return(known: KnownTransaction, done: (isRefused: boolean) => void): void {
    const facts = { source: 'local', arrival: 'returned', isLocal: false, time: undefined } as const
    this.#take({
      known,
      ...facts,
      done: ({ verdict }) => done(verdict === 'orphan' || verdict === 'rejected'),
    })
  }

  /** A transaction stands in a block now. */
  #joined(key: string, transaction: Transaction, height: number): void {
    this.#mined.add(key)
    const entry = this.table.get(key)
    if (entry !== undefined) this.#noteMined(entry, height)
    this.orphans.remove(key)
    if (this.table.size > 0) {
      for (const coin of spentKeys(transaction)) {
        const rival = this.table.spenderOf(coin)
        if (rival !== undefined) this.#drop(rival, 'conflict')
      }
    }
    this.#adopt(key)
  }

  #drop(entry: MempoolEntry, reason: RemovalReason): void {
    for (const gone of this.table.removeWithDescendants(entry)) this.#removed(gone, reason)
  }

  /** What spends from it may be mined next now. */
  #noteMined(entry: MempoolEntry, height: number): void {
    for (const child of entry.children) child.validFrom = Math.max(child.validFrom, height)
    this.table.remove(entry)
    this.#removed(entry, 'mined')
  }

  #removed(entry: MempoolEntry, reason: RemovalReason): void {
    this.#hooks.outcome({ type: 'removed', entry, reason })
  }

  #view(): AdmissionView {
    const { coins, params, tip } = this.#chain
    return {
      params,
      tipHeight: tip.height,
      now: this.#hooks.now().unix,
      loadCoins: (keys) => this.#chain.loadCoins(keys),
      coin: (key) => coins.get(key),
    }
  }
}
