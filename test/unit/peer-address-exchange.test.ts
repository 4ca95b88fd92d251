import { describe, expect, it } from 'vitest'
import {
  ADDR_INTERVAL_MS,
  ADDR_SEND_INTERVAL_MS,
  ADDR_TOKENS_ASKED,
  ADDR_TOKENS_PER_SECOND,
  ADDR_TOKENS_START,
  MAX_ADDR_KNOWN,
  MAX_ADDR_PENDING,
} from '../../src/params/limits.ts'
import { AddressExchange } from '../../src/peer/address-exchange.ts'
import { type MonoMs, monoMs } from '../../src/primitives/brand.ts'
import { addressAt } from '../../testkit/books.ts'

const ms = monoMs
const one = addressAt('9.1.0.1')

function exchange(): AddressExchange {
  return new AddressExchange(ms(0))
}

/** What is sent now, as the gossip does it. */
function send(to: AddressExchange, now: MonoMs): number {
  const due = to.take(now)
  if (due !== undefined) to.sent(now)
  // The answer to a ping comes at once here.
  if (due !== undefined) to.delivered(now, now)
  return due?.length ?? 0
}

describe('AddressExchange', () => {
  it('has nothing to tell at first', () => {
    expect([exchange().sendAt, exchange().take(ms(1e9))]).toEqual([Number.POSITIVE_INFINITY, undefined])
  })

  it('tells after a time that varies around the average', () => {
    for (const [jitter, expected] of [
      [0, 0],
      [0.5, ADDR_SEND_INTERVAL_MS],
      [0.999, 1.998 * ADDR_SEND_INTERVAL_MS],
    ] as const) {
      const to = exchange()
      to.push('a', one, ms(1_000), jitter)
      expect(to.sendAt).toBeCloseTo(1_000 + expected)
      expect(to.take(ms(to.sendAt - 1))).toBeUndefined()
      expect(to.take(to.sendAt)).toEqual([one])
      expect(to.sendAt).toBe(Number.POSITIVE_INFINITY)
    }
  })

  it('collects what comes meanwhile, each once, and does not put off the first', () => {
    const to = exchange()
    to.push('a', one, ms(0), 0.5)
    const { sendAt } = to
    to.push('b', one, ms(10), 0.9)
    to.push('a', one, ms(20), 0.1)
    expect(to.sendAt).toBe(sendAt)
    expect(to.take(sendAt)).toHaveLength(2)
  })

  it('never sends twice within 11 s, however it is asked', () => {
    const to = exchange()
    let last = Number.NEGATIVE_INFINITY
    let sent = 0
    for (let now = 0; now < 600_000; now += 500) {
      to.push(`k${now}`, one, ms(now), 0)
      if (send(to, ms(now)) === 0) continue
      expect(now - last).toBeGreaterThanOrEqual(ADDR_INTERVAL_MS)
      last = now
      sent++
    }
    expect(sent).toBeGreaterThan(50)
  })

  it('waits when an answer went out after something was planned', () => {
    const to = exchange()
    to.push('a', one, ms(0), 0.1)
    to.sent(ms(5_000))
    expect(to.take(to.sendAt)).toBeUndefined()
    expect(to.sendAt).toBe(Number.POSITIVE_INFINITY)
    expect(to.delivered(ms(4_999), ms(5_000))).toBe(false)
    expect(to.delivered(ms(5_000), ms(5_000))).toBe(true)
    expect(to.sendAt).toBe(5_000 + ADDR_INTERVAL_MS)
    expect(to.take(to.sendAt)).toHaveLength(1)
  })

  it('counts the interval from when the last message is known to have arrived, however late that is', () => {
    const to = exchange()
    to.sent(ms(0))
    to.push('a', one, ms(0), 0.1)
    expect([to.maySend(ms(1_000_000)), to.sendAt]).toEqual([false, Number.POSITIVE_INFINITY])
    to.delivered(ms(30_000), ms(70_000))
    expect(to.sendAt).toBe(70_000 + ADDR_INTERVAL_MS)
    // Later pongs say nothing new.
    to.delivered(ms(60_000), ms(75_000))
    expect(to.sendAt).toBe(70_000 + ADDR_INTERVAL_MS)
    expect(send(to, to.sendAt)).toBe(1)
  })

  it('does not tell what the peer knows, because it said so or was told', () => {
    const to = exchange()
    to.noteKnown('a')
    to.push('a', one, ms(0), 0)
    expect(to.sendAt).toBe(Number.POSITIVE_INFINITY)
    to.push('b', one, ms(0), 0)
    expect(send(to, ms(0))).toBe(1)
    to.push('b', one, ms(0), 0)
    expect(to.sendAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('keeps bounded what waits and what is known', () => {
    const to = exchange()
    for (let i = 0; i < 3 * MAX_ADDR_PENDING; i++) to.push(`p${i}`, one, ms(0), 0)
    expect(to.take(ms(0))).toHaveLength(MAX_ADDR_PENDING)
    for (let i = 0; i < 10 * MAX_ADDR_KNOWN; i++) to.noteKnown(`n${i}`)
    // The latest are known still.
    to.push(`n${10 * MAX_ADDR_KNOWN - 1}`, one, ms(0), 0)
    expect(to.sendAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('allows a few addresses at once, one in ten seconds later, and what was asked for', () => {
    const to = exchange()
    expect(to.tokens.available(ms(0))).toBe(ADDR_TOKENS_START)
    expect(to.tokens.available(ms(100_000))).toBeCloseTo(ADDR_TOKENS_START + 100 * ADDR_TOKENS_PER_SECOND)
    to.tokens.grant(ADDR_TOKENS_ASKED)
    expect(to.tokens.available(ms(1e9))).toBeLessThanOrEqual(ADDR_TOKENS_ASKED + ADDR_TOKENS_START + 10)
  })
})
