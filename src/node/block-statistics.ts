/** What the transactions of one block come to: sizes, amounts and fees, as Bitcoin counts them. */
import type { BlockTransaction } from '../chain/block-body.ts'
import { type Coin, isSpendable } from '../chain/coin.ts'

/** Amounts in ions, sizes in bytes, rates in ions per byte. The coinbase counts in `txs`, `outs` and what is increased. */
export interface BlockStatistics {
  readonly avgfee: number
  readonly avgfeerate: number
  readonly avgtxsize: number
  /** Rates below which a tenth, a quarter, half, three quarters and nine tenths of all bytes pay. */
  readonly feerate_percentiles: readonly number[]
  readonly ins: number
  readonly maxfee: number
  readonly maxfeerate: number
  readonly maxtxsize: number
  readonly medianfee: number
  readonly mediantxsize: number
  readonly minfee: number
  readonly minfeerate: number
  readonly mintxsize: number
  readonly outs: number
  readonly total_out: number
  readonly total_size: number
  readonly totalfee: number
  readonly txs: number
  /** Unspent outputs: how many more there are behind the block, and their size by the measure of gettxoutsetinfo. */
  readonly utxo_increase: number
  readonly utxo_size_inc: number
}

const PERCENTILES = [10, 25, 50, 75, 90]
/** Bitcoin's measure of an unspent output without its script. */
const BOGUS_BYTES = 50

interface Figures {
  readonly size: number
  readonly fee: number
  readonly rate: number
}

/** `spent`: what the block's inputs spend, in order. Undefined if that does not fit the block. */
export function blockStatistics(
  transactions: readonly BlockTransaction[],
  spent: readonly Coin[],
): BlockStatistics | undefined {
  const paying: Figures[] = []
  let [ins, outs, totalOut, increase, sizeIncrease] = [0, 0, 0, 0, 0]
  for (const [i, { transaction, start, end }] of transactions.entries()) {
    let made = 0
    for (const { value, scriptPubKey } of transaction.outputs) {
      made += Number(value)
      if (!isSpendable(scriptPubKey)) continue
      increase++
      sizeIncrease += BOGUS_BYTES + scriptPubKey.length
    }
    outs += transaction.outputs.length
    if (i === 0) continue
    let taken = 0
    for (let n = 0; n < transaction.inputs.length; n++) {
      const coin = spent[ins++]
      if (coin === undefined) return undefined
      taken += coin.value
      increase--
      sizeIncrease -= BOGUS_BYTES + coin.script.length
    }
    totalOut += made
    const [size, fee] = [end - start, taken - made]
    paying.push({ size, fee, rate: Math.floor(fee / size) })
  }
  if (ins !== spent.length) return undefined
  const fees = sorted(paying.map(({ fee }) => fee))
  const sizes = sorted(paying.map(({ size }) => size))
  const rates = sorted(paying.map(({ rate }) => rate))
  const [totalFee, totalSize] = [sum(fees), sum(sizes)]
  return {
    avgfee: average(totalFee, paying.length),
    avgfeerate: average(totalFee, totalSize),
    avgtxsize: average(totalSize, paying.length),
    feerate_percentiles: percentiles(paying, totalSize),
    ins,
    maxfee: fees.at(-1) ?? 0,
    maxfeerate: rates.at(-1) ?? 0,
    maxtxsize: sizes.at(-1) ?? 0,
    medianfee: median(fees),
    mediantxsize: median(sizes),
    minfee: fees[0] ?? 0,
    minfeerate: rates[0] ?? 0,
    mintxsize: sizes[0] ?? 0,
    outs,
    total_out: totalOut,
    total_size: totalSize,
    totalfee: totalFee,
    txs: transactions.length,
    utxo_increase: increase,
    utxo_size_inc: sizeIncrease,
  }
}

function percentiles(paying: readonly Figures[], totalSize: number): number[] {
  const byRate = [...paying].sort((a, b) => a.rate - b.rate)
  const found: number[] = []
  let size = 0
  for (const figures of byRate) {
    size += figures.size
    for (;;) {
      const next = PERCENTILES[found.length]
      if (next === undefined || size < (totalSize * next) / 100) break
      found.push(figures.rate)
    }
  }
  while (found.length < PERCENTILES.length) found.push(byRate.at(-1)?.rate ?? 0)
  return found
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function average(total: number, count: number): number {
  return count === 0 ? 0 : Math.floor(total / count)
}

function median(values: readonly number[]): number {
  const middle = Math.floor(values.length / 2)
  const upper = values[middle] ?? 0
  return values.length % 2 === 1 ? upper : Math.floor((upper + (values[middle - 1] ?? 0)) / 2)
}
