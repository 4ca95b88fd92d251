/** People pay while everything goes wrong. `PAYMENT_SEEDS=100 npm test -- test/sim/payments` runs more. */
import { describe, expect, it } from 'vitest'
import { payments } from '../../testkit/sim/scenarios/payments.ts'

const { PAYMENT_SEEDS, PAYMENT_FIRST } = process.env
const SEEDS = Number(PAYMENT_SEEDS ?? 6)
const FIRST = Number(PAYMENT_FIRST ?? 1)
const TEST_TIMEOUT_MS = 240_000

describe('payments', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST + i))(
    'are all mined, each once, wherever they can be, seed %i',
    (seed) => {
      const result = payments({ seed })
      expect(result.payments).toBeGreaterThan(10)
      if (PAYMENT_SEEDS !== undefined) process.stdout.write(`${seed}: ${JSON.stringify(result)}\n`)
    },
  )

  it('reach fifty nodes whose connections break again and again', () => {
    const result = payments({ seed: 1, nodes: 50, faults: ['resets'] })
    expect(result.payments).toBeGreaterThan(10)
    expect(result.judged).toBeGreaterThan(10)
  })

  it('of the same coins on both sides of a partition are settled for one of them', () => {
    const result = payments({ seed: 2, nodes: 10, faults: ['partitions'] })
    expect(result.lost).toBeGreaterThan(0)
  })

  it('go the same way again from the same seed', () => {
    expect(payments({ seed: 3 }).traceHash).toBe(payments({ seed: 3 }).traceHash)
  })
})
