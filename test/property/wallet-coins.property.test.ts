/** Which coins pay, for any coins and any amount. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MIN_OUTPUT_VALUE } from '../../src/chain/transaction-rules.ts'
import { MAX_FEE, MIN_FEE, MIN_FEE_PER_BYTE } from '../../src/params/limits.ts'
import { isWorthSpending, mergeCoins, type Selection, selectCoins } from '../../src/wallet/coin-selection.ts'
import { MAX_PAYMENT_INPUTS, paymentBytes, paymentFee } from '../../src/wallet/transaction-size.ts'

interface Coin {
  readonly id: number
  readonly value: number
}

const value = fc.oneof(
  fc.integer({ min: MIN_OUTPUT_VALUE, max: 200_000 }),
  fc.integer({ min: 1, max: 10_000_000 }),
  fc.constant(5_000_000_000),
)
const coins = (maxLength: number): fc.Arbitrary<Coin[]> =>
  fc.array(value, { maxLength }).map((values) => values.map((value, id) => ({ id, value })))
const amount = fc.oneof(
  fc.integer({ min: 0, max: 400_000 }),
  fc.integer({ min: MIN_OUTPUT_VALUE, max: 50_000_000 }),
  fc.integer({ min: MIN_OUTPUT_VALUE, max: 20_000_000_000 }),
)
const feeRate = fc.oneof(
  fc.constant(5),
  fc.double({ min: 0, max: 60, noNaN: true }),
  fc.double({ min: 60, max: 3_000, noNaN: true }),
)
const wish = fc.record({ amount, feeRate, subtractFee: fc.boolean() })

const sum = (list: readonly Coin[]): number => list.reduce((total, coin) => total + coin.value, 0)

function expectSound({ inputs, paid, fee, change }: Selection<Coin>): void {
  expect(sum(inputs)).toBe(paid + fee + change)
  expect(new Set(inputs.map(({ id }) => id)).size).toBe(inputs.length)
  expect(inputs.length).toBeLessThanOrEqual(MAX_PAYMENT_INPUTS)
  const bytes = paymentBytes(inputs.length, change > 0 ? 2 : 1)
  expect(bytes).toBeLessThanOrEqual(1_000_000)
  expect(fee).toBeGreaterThanOrEqual(Math.max(MIN_FEE, MIN_FEE_PER_BYTE * bytes))
  expect(fee).toBeLessThanOrEqual(MAX_FEE)
  expect(paid).toBeGreaterThanOrEqual(MIN_OUTPUT_VALUE)
  if (change > 0) expect(change).toBeGreaterThanOrEqual(MIN_OUTPUT_VALUE)
}

describe('the coins that pay', () => {
  it('are worth amount, fee and change, within what the network takes', () => {
    fc.assert(
      fc.property(coins(60), wish, (all, wished) => {
        const result = selectCoins(all, wished)
        if (!result.ok) return
        expectSound(result.value)
        const { paid, fee, change } = result.value
        if (!wished.subtractFee) expect(paid).toBe(wished.amount)
        else expect(paid).toBeLessThanOrEqual(wished.amount)
        // No more is given away than an output would be worth that there may not be.
        const due = paymentFee(paymentBytes(result.value.inputs.length, change > 0 ? 2 : 1), wished.feeRate)
        expect(fee - due).toBeLessThan(
          MIN_OUTPUT_VALUE + 34 * Math.min(1_000, Math.max(5, wished.feeRate)) + 1,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('are as few as can be', () => {
    fc.assert(
      fc.property(coins(30), wish, (all, wished) => {
        const result = selectCoins(all, wished)
        if (!result.ok) return
        const { inputs } = result.value
        const n = inputs.length - 1
        const largest = all.toSorted((a, b) => b.value - a.value).slice(0, n)
        const fee = wished.subtractFee ? 0 : paymentFee(paymentBytes(n, 1), wished.feeRate)
        if (n > 0) expect(sum(largest)).toBeLessThan(wished.amount + fee)
      }),
      { numRuns: 1_000 },
    )
  })

  it('are found whenever there are any', () => {
    fc.assert(
      fc.property(coins(12), wish, (all, wished) => {
        const result = selectCoins(all, wished)
        if (result.ok || wished.amount < MIN_OUTPUT_VALUE || result.error.code === 'tooSmall') return
        expect(result.error.code).toBe('insufficient')
        const worth = all.filter((coin) => isWorthSpending(coin, wished.feeRate))
        for (let n = 1; n <= worth.length; n++) {
          const fee = wished.subtractFee ? 0 : paymentFee(paymentBytes(n, 1), wished.feeRate)
          const largest = worth.toSorted((a, b) => b.value - a.value).slice(0, n)
          expect(sum(largest)).toBeLessThan(wished.amount + fee)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('merge into one output', () => {
    fc.assert(
      fc.property(coins(MAX_PAYMENT_INPUTS), (all) => {
        const merged = mergeCoins(all, 5)
        if (merged === undefined) expect(sum(all)).toBeLessThan(MIN_OUTPUT_VALUE + MAX_FEE)
        else expectSound(merged)
      }),
      { numRuns: 200 },
    )
  })
})

describe('for an amount', () => {
  const of = (...values: number[]): Coin[] => values.map((value, id) => ({ id, value }))
  const pay = (amount: number, subtractFee = false) => ({ amount, feeRate: 5, subtractFee })
  const result = (all: Coin[], wished: ReturnType<typeof pay>) => {
    const selected = selectCoins(all, wished)
    if (!selected.ok) return selected.error
    const { inputs, ...rest } = selected.value
    return { ...rest, inputs: inputs.map(({ value }) => value).sort((a, b) => a - b) }
  }
  const ONE_IN_TWO_OUT = 5 * paymentBytes(1, 2)

  it('has room for 188 inputs', () => {
    expect(MAX_PAYMENT_INPUTS).toBe(188)
    expect(paymentBytes(1, 2)).toBe(4 + 1 + 5_308 + 1 + 68 + 4)
  })

  it('takes the smallest coin that is enough', () => {
    expect(result(of(1_000_000, 3_000_000, 9_000_000), pay(2_000_000))).toEqual({
      inputs: [3_000_000],
      paid: 2_000_000,
      fee: ONE_IN_TWO_OUT,
      change: 1_000_000 - ONE_IN_TWO_OUT,
    })
  })

  it('takes another coin where change would be too small to be paid', () => {
    const close = 2_000_000 + ONE_IN_TWO_OUT + 40_000
    expect(result(of(close, 9_000_000), pay(2_000_000))).toMatchObject({ inputs: [9_000_000] })
    // And gives the rest to the fee where there is no other, or it is less than change would cost.
    expect(result(of(close), pay(2_000_000))).toMatchObject({ change: 0, fee: ONE_IN_TWO_OUT + 40_000 })
    const closer = 2_000_000 + ONE_IN_TWO_OUT + 10_000
    expect(result(of(closer, 9_000_000), pay(2_000_000))).toMatchObject({ inputs: [closer], change: 0 })
  })

  it('takes the fee out of the amount if that is wished', () => {
    const all = of(5_000_000, 5_000_000)
    const fee = 5 * paymentBytes(2, 1)
    expect(result(all, pay(10_000_000, true))).toMatchObject({ paid: 10_000_000 - fee, fee, change: 0 })
    expect(result(of(60_000), pay(60_000, true))).toEqual({
      code: 'tooSmall',
      least: 50_000 + 5 * paymentBytes(1, 1),
    })
  })

  it('says what is missing', () => {
    expect(result(of(1_000_000), pay(2_000_000))).toMatchObject({
      code: 'insufficient',
      available: 1_000_000,
    })
    expect(result([], pay(2_000_000))).toMatchObject({ code: 'insufficient', available: 0 })
    expect(result(of(1_000_000), pay(49_999))).toEqual({ code: 'tooSmall', least: 50_000 })
    const many = of(...Array.from({ length: 400 }, () => 1_000_000))
    const most = 188_000_000 - 5 * paymentBytes(188, 1)
    expect(result(many, pay(300_000_000))).toEqual({ code: 'spread', coins: 400, most })
    expect(result(many, pay(most))).toMatchObject({ paid: most })
    expect(result(many, pay(most + 1))).toMatchObject({ code: 'spread' })
    // Coins that cost more than they are worth are left where they are.
    expect(result(of(20_000, 20_000, 20_000), pay(50_000))).toMatchObject({
      code: 'insufficient',
      available: 0,
    })
  })
})
