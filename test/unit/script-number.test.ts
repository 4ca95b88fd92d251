import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/primitives/bytes.ts'
import { decodeScriptNumber, encodeScriptNumber, isTrue } from '../../src/script/script-number.ts'
import { hex } from '../../testkit/vectors.ts'

describe('script numbers', () => {
  it.each([
    [0, ''],
    [1, '01'],
    [-1, '81'],
    [127, '7f'],
    [128, '8000'],
    [-128, '8080'],
    [255, 'ff00'],
    [-255, 'ff80'],
    [256, '0001'],
    [32_767, 'ff7f'],
    [32_768, '008000'],
    [500_000_000, '0065cd1d'],
    [2_147_483_648, '0000008000'],
    [549_755_813_887, 'ffffffff7f'],
    [-549_755_813_887, 'ffffffffff'],
  ])('%i is %s', (value, bytes) => {
    expect(toHex(encodeScriptNumber(value))).toBe(bytes)
    expect(decodeScriptNumber(hex(bytes))).toBe(value)
  })

  it.each([
    ['00', 0],
    ['80', 0],
    ['0000000080', 0],
    ['0100', 1],
    ['0180', -1],
    ['0100000080', -1],
  ])('%s need not be in its shortest form', (bytes, value) => {
    expect(decodeScriptNumber(hex(bytes))).toBe(value)
  })

  it('has at most five bytes', () => {
    expect(decodeScriptNumber(hex('010000000000'))).toBeUndefined()
  })

  it('is a whole number', () => {
    expect(() => encodeScriptNumber(1.5)).toThrow(RangeError)
  })

  it.each([
    ['', false],
    ['00', false],
    ['80', false],
    ['000080', false],
    ['8000', true],
    ['01', true],
    ['81', true],
    ['000001', true],
    ['0000000000000000000000', false],
    ['0000000000000000000002', true],
  ])('%s is true: %s', (bytes, truth) => {
    expect(isTrue(hex(bytes))).toBe(truth)
  })
})
