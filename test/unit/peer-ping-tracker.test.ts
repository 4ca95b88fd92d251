import { describe, expect, it } from 'vitest'
import { MAX_PINGS_OUTSTANDING } from '../../src/params/limits.ts'
import { PingTracker } from '../../src/peer/ping-tracker.ts'
import { monoMs } from '../../src/primitives/brand.ts'

describe('PingTracker', () => {
  it('plans nothing and knows nothing before the first ping', () => {
    const pings = new PingTracker()
    expect([pings.nextPingAt, pings.roundTrips, pings.waitingSince]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('plans the next ping an interval after each one', () => {
    const pings = new PingTracker()
    pings.sent(1n, monoMs(100))
    expect(pings.nextPingAt).toBe(30_100)
    pings.sent(2n, monoMs(150))
    expect(pings.nextPingAt).toBe(30_150)
    expect(pings.waitingSince).toBe(100)
  })

  it('sends the next one sooner when told so, but not while one is under way', () => {
    const pings = new PingTracker()
    pings.sent(1n, monoMs(100))
    pings.hasten(monoMs(110), 2_000)
    expect(pings.nextPingAt).toBe(30_100)
    pings.pong(1n, monoMs(120))
    pings.hasten(monoMs(120), 2_000)
    expect(pings.nextPingAt).toBe(2_120)
  })

  it('is not put off by being told again', () => {
    const pings = new PingTracker()
    pings.sent(1n, monoMs(0))
    pings.pong(1n, monoMs(100))
    for (let at = 100; at < 2_000; at += 100) pings.hasten(monoMs(at), 2_000)
    expect(pings.nextPingAt).toBe(2_100)
  })

  it('calls a ping routine that comes between those of the usual interval', () => {
    const pings = new PingTracker()
    expect(
      [0, 2_000, 29_999, 30_000, 32_000, 60_000].map((at) => pings.sent(BigInt(at), monoMs(at), true)),
    ).toEqual([false, true, true, false, true, false])
    expect(pings.sent(1n, monoMs(60_001))).toBe(false)
    expect(pings.pong(32_000n, monoMs(61_000))).toMatchObject({ routine: true })
    expect(pings.pong(60_000n, monoMs(61_000))).toMatchObject({ routine: false })
  })

  it('keeps the last, the shortest and the smoothed round trip', () => {
    const pings = new PingTracker()
    const trips = [80, 40, 120]
    for (const [i, ms] of trips.entries()) {
      const at = 1_000 * i
      pings.sent(BigInt(i), monoMs(at))
      expect(pings.pong(BigInt(i), monoMs(at + ms))).toMatchObject({ matched: true, roundTripMs: ms })
    }
    // 80, then an eighth of the way to 40, then an eighth of the way to 120.
    expect(pings.roundTrips).toEqual({ lastMs: 120, minMs: 40, smoothedMs: 75 + (120 - 75) / 8 })
    expect(pings.waitingSince).toBeUndefined()
  })

  it('takes no pong that nobody asked for, and none twice', () => {
    const pings = new PingTracker()
    expect(pings.pong(1n, monoMs(5))).toEqual({ matched: false })
    pings.sent(1n, monoMs(10))
    expect(pings.pong(2n, monoMs(11)).matched).toBe(false)
    expect(pings.pong(1n, monoMs(12)).matched).toBe(true)
    expect(pings.pong(1n, monoMs(13)).matched).toBe(false)
    expect(pings.roundTrips?.lastMs).toBe(2)
    expect(pings.unsolicitedPongs).toBe(3)
  })

  it('takes a pong as the end of waiting for earlier ones, but not for later ones', () => {
    const pings = new PingTracker()
    for (const nonce of [1n, 2n, 3n]) pings.sent(nonce, monoMs(Number(nonce) * 10))
    expect(pings.pong(2n, monoMs(100))).toMatchObject({ matched: true, roundTripMs: 80 })
    expect(pings.waitingSince).toBe(30)
    expect(pings.pong(1n, monoMs(101)).matched).toBe(false)
    expect(pings.pong(3n, monoMs(102)).matched).toBe(true)
  })

  it('forgets the oldest when too many are under way', () => {
    const pings = new PingTracker()
    for (let i = 0; i < MAX_PINGS_OUTSTANDING + 5; i++) pings.sent(BigInt(i), monoMs(i))
    expect(pings.waitingSince).toBe(5)
    expect(pings.pong(4n, monoMs(1_000)).matched).toBe(false)
    expect(pings.pong(5n, monoMs(1_000)).matched).toBe(true)
  })

  it('spares a peer that reads little: the longer pongs take, and if two are missing, the rarer pings are', () => {
    const pings = new PingTracker()
    const send = (at: number): number => {
      pings.sent(BigInt(at), monoMs(at), true)
      return (pings.nextPingAt ?? 0) - at
    }
    expect([0, 30_000, 270_000].map(send)).toEqual([30_000, 240_000, 240_000])
    pings.pong(270_000n, monoMs(300_000))
    expect(send(310_000)).toBe(60_000)
    pings.pong(310_000n, monoMs(450_000))
    expect(send(460_000)).toBe(240_000)
  })

  it('waits with the next ping for the answer to something else, and no longer', () => {
    const pings = new PingTracker()
    pings.asked(monoMs(0), 2_000)
    expect(pings.nextPingAt).toBeUndefined()
    pings.sent(1n, monoMs(0), true)
    pings.asked(monoMs(10), 2_000)
    // The ping before it is answered first.
    pings.pong(1n, monoMs(3_000))
    expect(pings.nextPingAt).toBe(3_000)
    pings.asked(monoMs(3_000), 2_000)
    pings.hasten(monoMs(3_001), 2_000)
    expect(pings.nextPingAt).toBe(9_000)
    pings.heard(monoMs(3_500), 2_000)
    expect(pings.nextPingAt).toBe(5_500)
  })

  it('knows up to when what was sent has been read', () => {
    const pings = new PingTracker()
    for (const nonce of [1n, 2n, 3n]) pings.sent(nonce, monoMs(Number(nonce) * 10))
    expect(pings.answeredAt).toBeUndefined()
    pings.pong(2n, monoMs(100))
    expect(pings.answeredAt).toBe(20)
  })
})
