/**
 * Which coins pay for what. As few as possible, since each costs 5.3 kB and its fee; among as many, the smallest that
 * do, so that change stays small. Change below the smallest output that there may be is avoided, or left to the fee.
 */
import { MIN_OUTPUT_VALUE } from '../chain/transaction-rules.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import {
  costOf,
  INPUT_BYTES,
  MAX_PAYMENT_INPUTS,
  OUTPUT_BYTES,
  paymentBytes,
  paymentFee,
} from './transaction-size.ts'

export interface PaymentWish {
  /** In ions. */
  readonly amount: number
  /** Ions per byte; raised to what the network takes at least. */
  readonly feeRate: number
  /** Is the fee taken out of the amount? */
  readonly subtractFee: boolean
}

export interface Selection<Coin> {
  readonly inputs: readonly Coin[]
  /** What is paid, in ions: the amount, or less by the fee if that is subtracted. */
  readonly paid: number
  readonly fee: number
  /** What comes back; 0 for no such output. */
  readonly change: number
}

export type SelectionFault =
  /** `needed`: with the fee. */
  | { readonly code: 'insufficient'; readonly available: number; readonly needed: number }
  /** More coins are needed than fit into a transaction. `most`: what can be paid at once. */
  | { readonly code: 'spread'; readonly coins: number; readonly most: number }
  /** The network takes no smaller outputs. `least`: what must be paid. */
  | { readonly code: 'tooSmall'; readonly least: number }

interface Valued {
  readonly value: number
}

/** A coin of less than its own fee makes a payment dearer. */
export function isWorthSpending({ value }: Valued, feeRate: number): boolean {
  return value > costOf(INPUT_BYTES, feeRate)
}

/** Of a smaller one more would go to the miner than is left, for nothing but a tidy wallet. */
export function isWorthMerging({ value }: Valued, feeRate: number): boolean {
  return value >= 2 * costOf(INPUT_BYTES, feeRate)
}

export function selectCoins<Coin extends Valued>(
  coins: readonly Coin[],
  wish: PaymentWish,
): Result<Selection<Coin>, SelectionFault> {
  if (wish.amount < MIN_OUTPUT_VALUE) return err({ code: 'tooSmall', least: MIN_OUTPUT_VALUE })
  const usable = coins.filter((coin) => isWorthSpending(coin, wish.feeRate)).sort((a, b) => a.value - b.value)
  const count = fewest(usable, wish)
  if (count === undefined) return err(whyNot(usable, wish))
  const inputs = choose(usable, count, wish)
  return finish(inputs, wish)
}

/** All of these coins to one output, as a tidy wallet has it. Undefined if nothing would be left. */
export function mergeCoins<Coin extends Valued>(
  coins: readonly Coin[],
  feeRate: number,
): Selection<Coin> | undefined {
  const fee = paymentFee(paymentBytes(coins.length, 1), feeRate)
  const paid = sumOf(coins) - fee
  return paid < MIN_OUTPUT_VALUE ? undefined : { inputs: coins, paid, fee, change: 0 }
}

/** What must come in, without or with change. */
function needed({ amount, feeRate, subtractFee }: PaymentWish, inputs: number, outputs: 1 | 2): number {
  const change = outputs === 2 ? MIN_OUTPUT_VALUE : 0
  return amount + change + (subtractFee ? 0 : paymentFee(paymentBytes(inputs, outputs), feeRate))
}

/** How many coins it takes at least; undefined if there are not enough, or not enough fit. */
function fewest(usable: readonly Valued[], wish: PaymentWish): number | undefined {
  let sum = 0
  for (let n = 1; n <= Math.min(usable.length, MAX_PAYMENT_INPUTS); n++) {
    sum += usable[usable.length - n]?.value ?? 0
    if (sum >= needed(wish, n, 1)) return n
  }
  return undefined
}

function choose<Coin extends Valued>(usable: readonly Coin[], count: number, wish: PaymentWish): Coin[] {
  const exact = smallestThat(usable, count, needed(wish, count, 1))
  // What making change now and spending it later costs may as well go to the miner now.
  const spare = costOf(OUTPUT_BYTES + INPUT_BYTES, wish.feeRate)
  if (sumOf(exact) - needed(wish, count, 1) <= Math.min(spare, MIN_OUTPUT_VALUE)) return exact
  const withChange = needed(wish, count, 2)
  return sumOf(usable.slice(-count)) >= withChange ? smallestThat(usable, count, withChange) : exact
}

/** So many coins that are together worth the goal: beginning with the largest, each is made as small as it can be. */
function smallestThat<Coin extends Valued>(usable: readonly Coin[], count: number, goal: number): Coin[] {
  const chosen = new Set(Array.from({ length: count }, (_, i) => usable.length - 1 - i))
  let sum = [...chosen].reduce((total, at) => total + (usable[at]?.value ?? 0), 0)
  for (const at of [...chosen]) {
    const value = usable[at]?.value ?? 0
    let other = firstFrom(usable, goal - (sum - value))
    while (chosen.has(other) && other < at) other++
    if (other >= at) continue
    chosen.delete(at)
    chosen.add(other)
    sum += (usable[other]?.value ?? 0) - value
  }
  return [...chosen].flatMap((at) => usable[at] ?? [])
}

/** The first coin, in ascending order, that is worth that much. */
function firstFrom(usable: readonly Valued[], value: number): number {
  let [low, high] = [0, usable.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((usable[middle]?.value ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

function finish<Coin extends Valued>(
  inputs: readonly Coin[],
  { amount, feeRate, subtractFee }: PaymentWish,
): Result<Selection<Coin>, SelectionFault> {
  const total = sumOf(inputs)
  const fee = paymentFee(paymentBytes(inputs.length, 2), feeRate)
  const change = total - amount - (subtractFee ? 0 : fee)
  if (change >= MIN_OUTPUT_VALUE)
    return checked({ inputs, paid: amount - (subtractFee ? fee : 0), fee, change })
  // Without change; what is left over goes to the fee.
  const least = paymentFee(paymentBytes(inputs.length, 1), feeRate)
  const paid = Math.min(amount, total - least)
  return checked({ inputs, paid, fee: total - paid, change: 0 })
}

function checked<Coin>(selection: Selection<Coin>): Result<Selection<Coin>, SelectionFault> {
  const { paid, fee } = selection
  return paid < MIN_OUTPUT_VALUE ? err({ code: 'tooSmall', least: MIN_OUTPUT_VALUE + fee }) : ok(selection)
}

function whyNot(usable: readonly Valued[], wish: PaymentWish): SelectionFault {
  const { length } = usable
  const available = sumOf(usable)
  const most = usable.slice(-MAX_PAYMENT_INPUTS)
  const isEnough = length > MAX_PAYMENT_INPUTS && available >= needed(wish, MAX_PAYMENT_INPUTS, 1)
  if (!isEnough) return { code: 'insufficient', available, needed: needed(wish, Math.max(1, most.length), 1) }
  const fee = wish.subtractFee ? 0 : paymentFee(paymentBytes(most.length, 1), wish.feeRate)
  return { code: 'spread', coins: length, most: sumOf(most) - fee }
}

function sumOf(coins: readonly Valued[]): number {
  return coins.reduce((sum, { value }) => sum + value, 0)
}
