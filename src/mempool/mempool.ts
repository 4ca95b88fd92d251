/**
 * The pool of transactions that wait to be mined: takes them in, keeps those that fit the chain's tip, and follows
 * the tip. Pure; what it needs of the chain it asks in jobs beside the chain's.
 */
import type { BlockBody } from '../chain/block-body.ts'
import type { ChainEngine } from '../chain/engine.ts'
import { type Fault, fault } from '../chain/faults.ts'
import { hashKey } from '../chain/header-node.ts'
import type { Job } from '../chain/io.ts'
import type { Source } from '../chain/outcomes.ts'
import { isCoinbase } from '../chain/transaction-rules.ts'
import {
  MAX_ADMISSIONS,
  MAX_REJECTED_TRANSACTIONS,
  MEMPOOL_EXPIRY_CHECK_MS,
  MEMPOOL_EXPIRY_SECONDS,
  MEMPOOL_MB,
} from '../params/limits.ts'
import { type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import type { Transaction } from '../wire/transaction.ts'
import { type AdmissionResult, type AdmissionView, admit, stillFits } from './admission.ts'
import { type KnownTransaction, knownTransaction, type MempoolEntry, spentKeys } from './entry.ts'
import { OrphanTransactions } from './orphans.ts'
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

export interface TransactionOutcome {
  readonly source: Source
  readonly known: KnownTransaction
  readonly verdict: TransactionVerdict
  readonly fault: Fault | undefined
  /** If it was accepted. */
  readonly entry: MempoolEntry | undefined
  /** Keys of unknown transactions that it spends from, if it is an orphan. */
  readonly missing: readonly string[]
}

/** Why a transaction is not in the pool any more. */
export type RemovalReason = 'mined' | 'conflict' | 'evicted' | 'expired' | 'invalid'

export interface MempoolHooks {
  now(): Now
  outcome(outcome: TransactionOutcome): void
  removed(entry: MempoolEntry, reason: RemovalReason): void
}

export class Mempool {
  readonly table: MempoolTable
  readonly orphans = new OrphanTransactions()
  readonly #chain: ChainEngine
  readonly #hooks: MempoolHooks
  /** Refused since the tip changed: not asked for again. In order of refusal. */
  readonly #rejected = new Set<string>()
  /** Being judged, by key, with what is to be done when that is over: others that spend from them wait for it. */
  readonly #judging = new Map<string, (() => void)[]>()
  /** Of blocks that a reorganisation took off: to be taken in again when it is done. */
  #returned: KnownTransaction[] = []
  #nextExpiry: MonoMs

  constructor(chain: ChainEngine, hooks: MempoolHooks, budgetBytes = MEMPOOL_MB * 1_000_000) {
    this.#chain = chain
    this.#hooks = hooks
    this.table = new MempoolTable(budgetBytes)
    this.#nextExpiry = monoMs(hooks.now().mono + MEMPOOL_EXPIRY_CHECK_MS)
  }

  /** Is there a reason not to ask for it? `id`: 32 bytes in wire order. */
  knows(id: Uint8Array): boolean {
    const key = hashKey(id)
    return this.table.get(key) !== undefined || this.orphans.has(key) || this.#rejected.has(key)
  }

  /** Answered by one outcome, at once or later. */
  submit(source: Source, transaction: Transaction): void {
    this.#take(source, knownTransaction(transaction), false, undefined)
  }

  /** The same for one that was here before, at that time in Unix seconds. */
  restore(known: KnownTransaction, time: number): void {
    this.#take('local', known, false, time)
  }

  /** What would come of it, without taking it in. */
  test(transaction: Transaction, done: (known: KnownTransaction, result: AdmissionResult) => void): void {
    const known = knownTransaction(transaction)
    this.#chain.run(
      admit(() => this.#view(), this.table, known, { isReturning: false }),
      (result) => done(known, result),
    )
  }

  selectForBlock(limits: SelectionLimits): Selection {
    return selectForBlock(this.table.sorted(), limits)
  }

  /** To be told of each block that is joined to the chain. */
  blockConnected(body: BlockBody): void {
    for (const { txid, transaction } of body.transactions) {
      if (isCoinbase(transaction)) continue
      const key = hashKey(txid)
      const entry = this.table.get(key)
      if (entry !== undefined) {
        this.table.remove(entry)
        this.#hooks.removed(entry, 'mined')
      }
      this.orphans.remove(key)
      for (const coin of spentKeys(transaction)) {
        const rival = this.table.spenderOf(coin)
        if (rival !== undefined) this.#drop(rival, 'conflict')
      }
      this.#adopt(key)
    }
    this.#returned = this.#returned.filter(
      ({ key }) => !body.transactions.some(({ txid }) => hashKey(txid) === key),
    )
  }

  /** To be told of each block that is taken off the chain. */
  blockDisconnected(body: BlockBody): void {
    const own = body.transactions.filter(({ transaction }) => !isCoinbase(transaction))
    // Blocks come off from the tip back; parents must come in before children.
    this.#returned.unshift(...own.map(({ transaction }) => knownTransaction(transaction)))
  }

  /** To be told when the tip has changed, and a reorganisation is done. `undone`: blocks were taken off. */
  tipChanged(undone: boolean): void {
    this.#rejected.clear()
    if (!undone) return
    const returned = this.#returned
    this.#returned = []
    for (const known of returned) this.#take('local', known, true, undefined)
    this.#chain.run(this.#review(), () => undefined)
  }

  forget(source: PeerId): void {
    this.orphans.forget(source)
  }

  get nextDeadline(): MonoMs {
    return this.#nextExpiry
  }

  due({ mono, unix }: Now): void {
    if (mono < this.#nextExpiry) return
    this.#nextExpiry = monoMs(mono + MEMPOOL_EXPIRY_CHECK_MS)
    this.orphans.expire(mono)
    for (const entry of this.table.all())
      if (entry.time + MEMPOOL_EXPIRY_SECONDS <= unix) this.#drop(entry, 'expired')
  }

  #take(source: Source, known: KnownTransaction, isReturning: boolean, time: number | undefined): void {
    const says = (verdict: TransactionVerdict, why?: Fault): void =>
      this.#hooks.outcome({ source, known, verdict, fault: why, entry: undefined, missing: [] })
    if (this.table.get(known.key) !== undefined) return says('known', fault('txn-already-in-mempool'))
    if (this.#judging.has(known.key)) return says('known', fault('txn-already-in-mempool'))
    if (this.#judging.size >= MAX_ADMISSIONS && source !== 'local') return says('busy')
    this.#judging.set(known.key, [])
    const job = admit(() => this.#view(), this.table, known, { isReturning })
    this.#chain.run(job, (result) => {
      const waiting = this.#judging.get(known.key) ?? []
      this.#judging.delete(known.key)
      const again = (): void => this.#take(source, known, isReturning, time)
      if (!this.#waitsForParent(result, again)) this.#judged(source, known, result, time)
      for (const next of waiting) next()
    })
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

  #judged(source: Source, known: KnownTransaction, result: AdmissionResult, time: number | undefined): void {
    if (!result.ok) return this.#refused(source, known, result)
    const { unix } = this.#hooks.now()
    const facts = { fee: result.fee, time: time ?? unix, height: this.#chain.tip.height }
    const entry = this.table.add(known, facts, result.parents)
    const evicted = this.table.shrink()
    for (const other of evicted) if (other !== entry) this.#hooks.removed(other, 'evicted')
    const outcome = { source, known, missing: [] }
    if (evicted.includes(entry))
      return this.#hooks.outcome({
        ...outcome,
        verdict: 'rejected',
        fault: fault('mempool-full'),
        entry: undefined,
      })
    this.orphans.remove(known.key)
    this.#hooks.outcome({ ...outcome, verdict: 'accepted', fault: undefined, entry })
    this.#adopt(known.key)
  }

  #refused(
    source: Source,
    known: KnownTransaction,
    { fault: why, missing = [] }: Extract<AdmissionResult, { ok: false }>,
  ): void {
    const { code } = why
    const isKnown = code === 'txn-already-in-mempool' || code === 'txn-already-known'
    const verdict = isKnown ? 'known' : code === 'missing-inputs' ? 'orphan' : 'rejected'
    if (verdict === 'orphan' && source !== 'local')
      this.orphans.add(known, source, missing, this.#hooks.now().mono)
    if (verdict === 'rejected') this.#noteRejected(known.key)
    this.#hooks.outcome({ source, known, verdict, fault: why, entry: undefined, missing })
  }

  #noteRejected(key: string): void {
    this.#rejected.add(key)
    if (this.#rejected.size <= MAX_REJECTED_TRANSACTIONS) return
    for (const oldest of this.#rejected) {
      this.#rejected.delete(oldest)
      return
    }
  }

  /** Those that waited for a transaction get another chance. */
  #adopt(key: string): void {
    for (const { known, source } of this.orphans.take(key)) this.#take(source, known, false, undefined)
  }

  /** After blocks were taken off: what spends what is not there any more, or is locked again, goes. */
  *#review(): Job<void> {
    for (const entry of [...this.table.all()]) {
      if (this.table.get(entry.key) !== entry) continue
      yield* this.#chain.loadCoins(entry.spends)
      if (this.table.get(entry.key) !== entry || stillFits(this.#view(), this.table, entry)) continue
      this.#drop(entry, 'invalid')
    }
  }

  #drop(entry: MempoolEntry, reason: RemovalReason): void {
    for (const gone of this.table.removeWithDescendants(entry)) this.#hooks.removed(gone, reason)
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
