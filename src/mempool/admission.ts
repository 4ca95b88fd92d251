/**
 * Whether a transaction may wait to be mined (chain 5, validation 6). Cheap rules first, signatures last; what was
 * found before the signatures were verified is looked at again afterwards, since blocks and rivals may have come.
 */
import { type Coin, coinKey } from '../chain/coin.ts'
import { type Fault, fault } from '../chain/faults.ts'
import { hashKey } from '../chain/header-node.ts'
import type { Job } from '../chain/io.ts'
import { checkScripts } from '../chain/script-checks.ts'
import {
  checkTransaction,
  isCoinbase,
  isFinal,
  relativeLock,
  relativeLockFault,
} from '../chain/transaction-rules.ts'
import type { ChainParams } from '../params/chain-params.ts'
import { MAX_ANCESTORS, MAX_DESCENDANTS, MAX_FEE, MIN_FEE, MIN_FEE_PER_BYTE } from '../params/limits.ts'
import { FINAL_SEQUENCE } from '../script/locks.ts'
import type { Transaction } from '../wire/transaction.ts'
import {
  ancestorsOf,
  descendantsOf,
  type KnownTransaction,
  type MempoolEntry,
  madeKeys,
  spentKeys,
} from './entry.ts'
import type { MempoolTable } from './table.ts'

/** What admission sees of the chain. */
export interface AdmissionView {
  readonly params: ChainParams
  readonly tipHeight: number
  /** Unix seconds. */
  readonly now: number
  loadCoins(keys: readonly string[]): Job<void>
  /** A coin that was loaded; undefined if there is none. */
  coin(key: string): Coin | undefined
}

export interface Admissible {
  readonly fee: number
  readonly parents: ReadonlySet<MempoolEntry>
  /** The lowest height of a tip behind which its confirmed inputs may be spent. */
  readonly validFrom: number
}

export type AdmissionResult =
  | ({ readonly ok: true } & Admissible)
  /** `missing`: ids of the transactions that it spends from and that are not known, if that is the reason. */
  | { readonly ok: false; readonly fault: Fault; readonly missing?: readonly string[] }

export interface AdmissionWishes {
  /** A block held it: whatever it paid was enough. */
  readonly isReturning: boolean
}

/** The smallest fee for so many bytes, in ions. */
export function minFee(bytes: number): number {
  return Math.max(MIN_FEE, MIN_FEE_PER_BYTE * bytes)
}

export function* admit(
  view: () => AdmissionView,
  table: MempoolTable,
  known: KnownTransaction,
  wishes: AdmissionWishes,
): Job<AdmissionResult> {
  const { transaction, bytes } = known
  if (isCoinbase(transaction)) return refuse('coinbase')
  const wrong = checkTransaction(transaction, bytes.length, false)
  if (wrong !== undefined) return { ok: false, fault: wrong }
  const early = conflictOf(table, known)
  if (early !== undefined) return early
  // Its own outputs tell whether it was mined already.
  const keys = spentKeys(transaction).concat(madeKeys(known))
  yield* view().loadCoins(keys)
  const first = judge(view(), table, known, wishes)
  if (!first.ok) return first
  const { params } = view()
  const unsigned = yield* checkScripts([{ transaction, coins: first.coins }], params.chainId)
  if (unsigned !== undefined)
    return { ok: false, fault: fault('mandatory-script-verify-flag-failed', unsigned.detail) }
  yield* view().loadCoins(keys)
  return conflictOf(table, known) ?? judge(view(), table, known, wishes)
}

/**
 * After blocks were taken off the chain: may it still be mined next? Its coins are loaded. Where they stand may have
 * changed, and with it what `validFrom` says.
 */
export function stillFits(view: AdmissionView, table: MempoolTable, entry: MempoolEntry): boolean {
  const found = inputsOf(view, table, entry, view.tipHeight + 1)
  if (!found.ok) return false
  entry.validFrom = Math.max(entry.validFrom, lowestTip(view, entry.transaction, found.coins))
  return maturityFault(view, found.coins) === undefined && lockFault(view, entry, found.coins) === undefined
}

function lockFault(
  { tipHeight, now }: AdmissionView,
  { transaction }: KnownTransaction,
  coins: readonly Coin[],
): Fault | undefined {
  const height = tipHeight + 1
  if (!isFinal(transaction, height, now)) return fault('bad-txns-nonfinal')
  return relativeLockFault(transaction, height, (i) => coins[i]?.height ?? height)
}

function maturityFault({ params, tipHeight }: AdmissionView, coins: readonly Coin[]): Fault | undefined {
  const isEarly = coins.some(
    (coin) => coin.isCoinbase && tipHeight + 1 - coin.height < params.coinbaseMaturityBlocks,
  )
  return isEarly ? fault('bad-txns-premature-spend-of-coinbase') : undefined
}

type Judged = { readonly ok: true; readonly coins: readonly Coin[] } & Admissible
type Refused = Extract<AdmissionResult, { ok: false }>

function conflictOf(table: MempoolTable, { key, transaction }: KnownTransaction): Refused | undefined {
  if (table.get(key) !== undefined) return refuse('txn-already-in-mempool')
  const rival = spentKeys(transaction).some((coin) => table.spenderOf(coin) !== undefined)
  return rival ? refuse('txn-mempool-conflict') : undefined
}

function judge(
  view: AdmissionView,
  table: MempoolTable,
  known: KnownTransaction,
  { isReturning }: AdmissionWishes,
): Judged | Refused {
  const { transaction } = known
  const height = view.tipHeight + 1
  if (madeKeys(known).some((key) => view.coin(key) !== undefined)) return refuse('txn-already-known')
  const found = inputsOf(view, table, known, height)
  if (!found.ok) return found
  const { coins, parents } = found
  const early = lockFault(view, known, coins) ?? maturityFault(view, coins)
  if (early !== undefined) return { ok: false, fault: early }
  const fee =
    sum(coins.map(({ value }) => value)) - sum(transaction.outputs.map(({ value }) => Number(value)))
  if (fee < 0) return refuse('bad-txns-in-belowout')
  const unfit = isReturning ? undefined : feeFault(fee, known.bytes.length)
  if (unfit !== undefined) return { ok: false, fault: unfit }
  // Before signatures are verified in vain.
  if (!isReturning && fee / known.bytes.length <= table.floorRate) return refuse('mempool-full')
  const ancestors = ancestorsOf({ parents })
  const isTooDeep = ancestors.size >= MAX_ANCESTORS
  if (isTooDeep || [...ancestors].some((entry) => descendantsOf(entry).size >= MAX_DESCENDANTS))
    return refuse('too-long-mempool-chain')
  return { ok: true, coins, fee, parents, validFrom: lowestTip(view, transaction, coins) }
}

function lowestTip(
  { params, tipHeight }: AdmissionView,
  { version, inputs }: Transaction,
  coins: readonly Coin[],
) {
  let lowest = 0
  for (const [i, { height, isCoinbase: isReward }] of coins.entries()) {
    // Of one that waits itself nothing is known yet.
    if (height > tipHeight) continue
    const sequence = inputs[i]?.sequence ?? FINAL_SEQUENCE
    const lock = relativeLock(version, sequence)
    lowest = Math.max(
      lowest,
      height + Math.max(0, (isReward ? params.coinbaseMaturityBlocks : 0) - 1, lock - 1),
    )
  }
  return lowest
}

function inputsOf(
  view: AdmissionView,
  table: MempoolTable,
  { transaction }: KnownTransaction,
  height: number,
): { readonly ok: true; coins: Coin[]; parents: Set<MempoolEntry> } | Refused {
  const coins: Coin[] = []
  const parents = new Set<MempoolEntry>()
  const missing = new Set<string>()
  for (const { previousHash, previousIndex } of transaction.inputs) {
    const parentKey = hashKey(previousHash)
    const parent = table.get(parentKey)
    const coin = parent
      ? table.outputOf(parentKey, previousIndex, height)
      : view.coin(coinKey(previousHash, previousIndex))
    if (coin === undefined) missing.add(parentKey)
    else coins.push(coin)
    if (parent !== undefined) parents.add(parent)
  }
  if (missing.size === 0) return { ok: true, coins, parents }
  return { ok: false, fault: fault('missing-inputs'), missing: [...missing] }
}

function feeFault(fee: number, bytes: number): Fault | undefined {
  const least = minFee(bytes)
  if (fee < least) return fault('min-fee-not-met', `${fee} ions, ${least} are due`)
  return fee > MAX_FEE ? fault('max-fee-exceeded', `${fee} ions, ${MAX_FEE} at most`) : undefined
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function refuse(code: Fault['code']): Refused {
  return { ok: false, fault: fault(code) }
}
