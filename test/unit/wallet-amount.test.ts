/** Amounts go in and out without a rounding error. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dilOf, formatDil, ionsOf } from '../../src/wallet/amount.ts'

const MAX_IONS = 2_100_000_000_000_000

describe('an amount', () => {
  it.each([
    ['1', 100_000_000],
    ['0.00000001', 1],
    ['20999999.99999999', MAX_IONS - 1],
    ['21000000', MAX_IONS],
    [' 0.1 ', 10_000_000],
    [0.1, 10_000_000],
    [1e-8, 1],
    [0.29, 29_000_000],
    [20_999_999.99999999, MAX_IONS - 1],
    [0, 0],
  ])('of %s is exact', (amount, ions) => expect(ionsOf(amount)).toBe(ions))

  it.each([
    ['', '-1', '1.', '.5', '1,5', '1e3', '0.000000001', '21000000.00000001', '999999999', 'NaN', '١'],
    [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e-9, 0.123456789, 21_000_000.1],
  ])('such as %s is none', (...amounts) => {
    for (const amount of amounts) expect(ionsOf(amount), String(amount)).toBeUndefined()
  })

  it.each([
    [0, '0.00000000'],
    [1, '0.00000001'],
    [-1, '-0.00000001'],
    [-1_250_000_000, '-12.50000000'],
    [123_456_789_012n, '1234.56789012'],
    [-5n, '-0.00000005'],
  ])('%s is written in full', (ions, text) => expect(formatDil(ions)).toBe(text))

  it('is not written if there is no such amount', () => {
    expect(() => formatDil(1.5)).toThrow(RangeError)
  })

  it('is the same as text, as a number and as JSON', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_IONS }), (ions) => {
        expect(ionsOf(formatDil(ions))).toBe(ions)
        expect(ionsOf(dilOf(ions))).toBe(ions)
        expect(ionsOf(JSON.parse(JSON.stringify(dilOf(ions))))).toBe(ions)
        expect(ionsOf(JSON.parse(formatDil(ions)))).toBe(ions)
      }),
    )
  })
})
