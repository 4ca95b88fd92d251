import { describe, expect, it } from 'vitest'
import { assemble, spending, stackOf } from '../../testkit/scripts.ts'

const passes = (script: string, fields: Parameters<typeof spending>[0]): boolean => {
  const stack = stackOf(assemble(script), spending(fields))
  if (typeof stack === 'string') expect(stack).toBe('locked')
  else expect(stack).toHaveLength(1)
  return typeof stack !== 'string'
}

const NOT_FINAL = 0xffff_fffe

describe('CHECKLOCKTIMEVERIFY', () => {
  it.each([
    ['100', 100, NOT_FINAL, true],
    ['100', 101, NOT_FINAL, true],
    ['101', 100, NOT_FINAL, false],
    ['0', 0, NOT_FINAL, true],
    ['-1', 100, NOT_FINAL, false],
    ['<80>', 100, NOT_FINAL, true],
    ['499999999', 499_999_999, NOT_FINAL, true],
    ['499999999', 500_000_000, NOT_FINAL, false],
    ['500000000', 499_999_999, NOT_FINAL, false],
    ['500000000', 500_000_000, NOT_FINAL, true],
    ['1700000000', 4_294_967_295, NOT_FINAL, true],
    ['4294967295', 4_294_967_295, NOT_FINAL, true],
    ['4294967296', 4_294_967_295, NOT_FINAL, false],
    ['<640000000000>', 100, NOT_FINAL, false],
    ['<6400000000>', 100, NOT_FINAL, true],
    ['100', 100, 0, true],
    ['100', 100, 0xffff_ffff, false],
  ])('of %s with lock time %i and sequence %i: %s', (wanted, lockTime, sequence, expected) => {
    expect(passes(`${wanted} CHECKLOCKTIMEVERIFY`, { lockTime, sequence })).toBe(expected)
  })
})

const BY_TIME = 0x40_0000

describe('CHECKSEQUENCEVERIFY', () => {
  it.each([
    ['10', 10, 2, true],
    ['10', 11, 2, true],
    ['11', 10, 2, false],
    ['0', 0, 2, true],
    ['-1', 10, 2, false],
    ['10', 10, 1, false],
    ['10', 10, 0, false],
    ['10', 10, -1, true],
    ['10', 0x8000_000a, 2, false],
    ['10', 0xffff_ffff, 2, false],
    ['2147483658', 0xffff_ffff, 1, true],
    ['4294967306', 10, 2, true],
    [String(BY_TIME + 10), BY_TIME + 10, 2, true],
    [String(BY_TIME + 11), BY_TIME + 10, 2, false],
    [String(BY_TIME + 10), 10, 2, false],
    ['10', BY_TIME + 10, 2, false],
    ['65546', 10, 2, true],
    ['10', 65_546, 2, true],
    ['65535', 65_534, 2, false],
    ['<0a0000000000>', 10, 2, false],
  ])('of %s with sequence %i and version %i: %s', (wanted, sequence, version, expected) => {
    expect(passes(`${wanted} CHECKSEQUENCEVERIFY`, { version, sequence })).toBe(expected)
  })
})
