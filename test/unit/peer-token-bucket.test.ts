import { describe, expect, it } from 'vitest'
import {
  BYTE_ALLOWANCE,
  BYTES_PER_SECOND,
  MESSAGE_ALLOWANCE,
  MESSAGES_PER_SECOND,
  WORK_ALLOWANCE,
  WORK_PER_SECOND,
} from '../../src/params/limits.ts'
import { PeerAllowance } from '../../src/peer/allowance.ts'
import { TokenBucket } from '../../src/peer/token-bucket.ts'
import { monoMs } from '../../src/primitives/brand.ts'

const ms = monoMs

describe('TokenBucket', () => {
  it('is full at first unless said otherwise', () => {
    expect(new TokenBucket(5, 1, ms(0)).available(ms(0))).toBe(5)
    expect(new TokenBucket(5, 1, ms(0), 2).available(ms(0))).toBe(2)
  })

  it('fills with time, up to its capacity', () => {
    const bucket = new TokenBucket(5, 2, ms(0), 0)
    expect(bucket.available(ms(1_000))).toBe(2)
    expect(bucket.available(ms(1_250))).toBe(2.5)
    expect(bucket.available(ms(1e9))).toBe(5)
    bucket.take(5)
    expect(bucket.available(ms(1e9))).toBe(0)
  })

  it('fills no faster for being looked at', () => {
    const bucket = new TokenBucket(1_000, 0.1, ms(0), 0)
    for (let t = 0; t <= 100_000; t += 7) bucket.available(ms(t))
    expect(bucket.available(ms(100_000))).toBeCloseTo(10, 6)
  })

  it('keeps what was granted beyond its capacity, which does not grow', () => {
    const bucket = new TokenBucket(5, 1, ms(0))
    bucket.grant(10)
    expect(bucket.available(ms(1e6))).toBe(15)
    bucket.take(12)
    expect(bucket.available(ms(1e6))).toBe(3)
    expect(bucket.available(ms(1e6 + 1_000))).toBe(4)
  })

  it('says when there is something again, and is right', () => {
    const bucket = new TokenBucket(5, 3, ms(0))
    expect(bucket.readyAt(ms(0))).toBe(0)
    for (const debt of [5, 1, 100, 2.5]) {
      bucket.take(debt)
      const now = ms(1_000)
      const at = bucket.readyAt(now)
      if (at === now) continue
      expect(bucket.available(ms(at - 1))).toBeLessThan(1)
      expect(bucket.available(at)).toBeGreaterThanOrEqual(1 - 1e-9)
      expect(bucket.readyAt(at)).toBe(at)
    }
  })
})

describe('PeerAllowance', () => {
  const allowance = (): PeerAllowance => new PeerAllowance(ms(0))

  it('lets a peer do what honest peers do', () => {
    const one = allowance()
    for (let t = 0; t < 100_000; t += 100) {
      one.use(100, 100_000)
      if (t % 1_000 === 0) one.useWork()
      expect(one.waitUntil(ms(t))).toBeUndefined()
    }
  })

  it.each<[string, (one: PeerAllowance) => void, number]>([
    ['messages', (one) => one.use(MESSAGE_ALLOWANCE, 0), 1_000 / MESSAGES_PER_SECOND],
    ['bytes', (one) => one.use(0, BYTE_ALLOWANCE), 1_000 / BYTES_PER_SECOND],
    [
      'work',
      (one) => {
        for (let i = 0; i < WORK_ALLOWANCE; i++) one.useWork()
      },
      1_000 / WORK_PER_SECOND,
    ],
  ])('makes a peer wait that has used up its %s', (_, useUp, waitMs) => {
    const one = allowance()
    useUp(one)
    const until = one.waitUntil(ms(0))
    expect(until).toBe(Math.ceil(waitMs))
    expect(one.waitUntil(until ?? ms(0))).toBeUndefined()
  })

  it('bounds what comes in for ever', () => {
    const one = allowance()
    let [now, messages] = [0, 0]
    while (now < 60_000) {
      one.use(64, 0)
      messages += 64
      now = one.waitUntil(ms(now)) ?? now
    }
    expect(messages).toBeLessThanOrEqual(MESSAGE_ALLOWANCE + 61 * MESSAGES_PER_SECOND)
    expect(messages).toBeGreaterThan(MESSAGE_ALLOWANCE + 50 * MESSAGES_PER_SECOND)
  })
})
