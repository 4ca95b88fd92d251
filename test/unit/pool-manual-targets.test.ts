import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_DIALS_IN_FLIGHT, MAX_MANUAL_TARGETS, REDIAL_MISFIT_MS } from '../../src/params/limits.ts'
import { type Dial, ManualTargets } from '../../src/pool/manual-targets.ts'
import { type MonoMs, monoMs, peerId } from '../../src/primitives/brand.ts'
import type { HostPort } from '../../src/primitives/ip.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const ROOM = 125
const host = (n: number): HostPort => ({ host: `host${n}`, port: 8_444 })

function targetsOf(count: number, seed = 1): ManualTargets {
  const targets = new ManualTargets(randomOfSeed(seed))
  for (let i = 0; i < count; i++) targets.add(host(i), true, monoMs(0))
  return targets
}

function onlyDial(targets: ManualTargets, now: MonoMs): Dial {
  const dials = targets.planDials(now, ROOM)
  const [dial] = dials
  if (dial === undefined || dials.length > 1) throw new Error(`${dials.length} dials`)
  return dial
}

/** Waits after `count` failed attempts in a row. */
function failures(targets: ManualTargets, count: number): number[] {
  const waits: number[] = []
  let now = monoMs(0)
  for (let i = 0; i < count; i++) {
    const wait = targets.dialFailed(onlyDial(targets, now).ticket, now)
    if (wait === undefined) throw new Error('given up')
    waits.push(wait)
    now = monoMs(now + wait)
    expect(targets.nextDeadline(ROOM)).toBe(now)
  }
  return waits
}

describe('ManualTargets', () => {
  it('dials what was added at once, each target once', () => {
    const targets = targetsOf(3)
    expect(targets.nextDeadline(ROOM)).toBe(0)
    expect(targets.planDials(monoMs(0), ROOM).map(({ ticket, address }) => [ticket, address])).toEqual([
      [1, 'host0:8444'],
      [2, 'host1:8444'],
      [3, 'host2:8444'],
    ])
    expect(targets.planDials(monoMs(1e9), ROOM)).toEqual([])
    expect(targets.nextDeadline(ROOM)).toBeUndefined()
  })

  it('waits twice as long after each failure, up to a minute, give or take a fifth', () => {
    fc.assert(
      fc.property(fc.nat(10_000), (seed) => {
        const waits = failures(targetsOf(1, seed), 12)
        for (const [i, wait] of waits.entries()) {
          const middle = Math.min(1_000 * 2 ** i, 60_000)
          expect(wait).toBeGreaterThanOrEqual(0.8 * middle)
          expect(wait).toBeLessThanOrEqual(1.2 * middle)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('spreads the waits of targets that failed together', () => {
    const targets = targetsOf(10)
    const dials = targets.planDials(monoMs(0), ROOM)
    expect(new Set(dials.map(({ ticket }) => targets.dialFailed(ticket, monoMs(0)))).size).toBe(10)
  })

  it('starts small again after a connection that was good for half a minute', () => {
    const targets = targetsOf(1)
    failures(targets, 6)
    const now = monoMs(1e6)
    const { ticket } = onlyDial(targets, now)
    targets.connected(ticket, peerId(4))
    expect(targets.nextDeadline(ROOM)).toBeUndefined()
    targets.disconnected(peerId(4), 30_000, false, now)
    expect(targets.nextDeadline(ROOM)).toBeLessThanOrEqual(now + 1_200)
  })

  it('goes on waiting longer after a connection that was not', () => {
    const targets = targetsOf(1)
    failures(targets, 6)
    const now = monoMs(1e6)
    targets.connected(onlyDial(targets, now).ticket, peerId(4))
    targets.disconnected(peerId(4), 29_999, false, now)
    expect(targets.nextDeadline(ROOM)).toBeGreaterThan(now + 40_000)
  })

  it('leaves a peer alone for longer that does not fit us', () => {
    const targets = targetsOf(1)
    targets.connected(onlyDial(targets, monoMs(0)).ticket, peerId(4))
    targets.disconnected(peerId(4), 0, true, monoMs(5))
    expect(targets.nextDeadline(ROOM)).toBe(5 + REDIAL_MISFIT_MS)
  })

  it('frees every name of a peer when it goes', () => {
    const targets = targetsOf(2)
    const [first, second] = targets.planDials(monoMs(0), ROOM)
    if (first === undefined || second === undefined) throw new Error('two dials were due')
    targets.connected(first.ticket, peerId(4))
    targets.connected(second.ticket, peerId(4))
    targets.disconnected(peerId(4), 0, false, monoMs(0))
    expect([...targets.keyedIds()]).toEqual([])
    expect(targets.planDials(monoMs(10_000), ROOM)).toHaveLength(2)
  })

  it('tries once if that is all that is wanted, whether it failed or ended', () => {
    const targets = new ManualTargets(randomOfSeed(1))
    targets.add(host(1), false, monoMs(0))
    expect(targets.dialFailed(onlyDial(targets, monoMs(0)).ticket, monoMs(0))).toBeUndefined()
    expect([...targets.rows]).toEqual([])
    targets.add(host(1), false, monoMs(0))
    targets.connected(onlyDial(targets, monoMs(0)).ticket, peerId(1))
    expect([...targets.rows]).toHaveLength(1)
    targets.disconnected(peerId(1), 1e6, false, monoMs(0))
    expect([...targets.rows]).toEqual([])
  })

  it('keeps a target that was to be tried once when it is added to be kept', () => {
    const targets = new ManualTargets(randomOfSeed(1))
    targets.add(host(1), false, monoMs(0))
    const { ticket } = onlyDial(targets, monoMs(0))
    expect(targets.add(host(1), true, monoMs(0))).toBe('added')
    expect(targets.add(host(1), true, monoMs(0))).toBe('alreadyAdded')
    expect(targets.add(host(1), false, monoMs(0))).toBe('alreadyAdded')
    expect(targets.dialFailed(ticket, monoMs(0))).toBeGreaterThan(0)
    expect([...targets.rows]).toMatchObject([{ keep: true, address: 'host1:8444' }])
  })

  it('takes so many targets and no more, and each once', () => {
    const targets = targetsOf(MAX_MANUAL_TARGETS)
    expect(targets.add(host(0), true, monoMs(0))).toBe('alreadyAdded')
    expect(targets.add(host(-1), true, monoMs(0))).toBe('full')
    expect(targets.delete(host(5))).toBe(true)
    expect(targets.delete(host(5))).toBe(false)
    expect(targets.add(host(-1), true, monoMs(0))).toBe('added')
  })

  it('has few dials under way at once', () => {
    const targets = targetsOf(MAX_DIALS_IN_FLIGHT + 4)
    const dials = targets.planDials(monoMs(0), ROOM)
    expect(dials).toHaveLength(MAX_DIALS_IN_FLIGHT)
    expect(targets.dialing).toBe(MAX_DIALS_IN_FLIGHT)
    expect(targets.nextDeadline(ROOM)).toBeUndefined()
    targets.connected(dials[0]?.ticket ?? never(), peerId(1))
    expect(targets.nextDeadline(ROOM)).toBe(0)
    expect(targets.planDials(monoMs(0), ROOM)).toHaveLength(1)
  })

  it('comes to every target in the end, however many before it are dead', () => {
    const targets = targetsOf(300)
    const dialled = new Set<string>()
    // A dial to nowhere takes ten seconds.
    for (let now = 0; now < 300_000; now += 10_000) {
      for (const { ticket, address } of targets.planDials(monoMs(now), ROOM)) {
        dialled.add(address)
        targets.dialFailed(ticket, monoMs(now + 10_000))
      }
    }
    expect(dialled.size).toBe(300)
  })

  it('dials no more than there is room for', () => {
    const targets = targetsOf(5)
    expect(targets.nextDeadline(0)).toBeUndefined()
    expect(targets.planDials(monoMs(0), 0)).toEqual([])
    expect(targets.planDials(monoMs(0), 2)).toHaveLength(2)
    expect(targets.nextDeadline(2)).toBeUndefined()
    expect(targets.nextDeadline(3)).toBe(0)
    expect(targets.planDials(monoMs(0), 3)).toHaveLength(1)
  })

  it('knows nothing of a target that was removed while it was dialled or connected', () => {
    const targets = targetsOf(2)
    const [first, second] = targets.planDials(monoMs(0), ROOM)
    if (first === undefined || second === undefined) return never()
    targets.delete(host(0))
    expect(targets.byTicket(first.ticket)).toBeUndefined()
    targets.connected(first.ticket, peerId(1))
    expect(targets.dialFailed(first.ticket, monoMs(0))).toBeUndefined()
    targets.connected(second.ticket, peerId(2))
    expect([...targets.keyedIds()]).toEqual([2])
    targets.delete(host(1))
    expect([...targets.keyedIds()]).toEqual([])
    targets.disconnected(peerId(2), 0, false, monoMs(0))
    expect(targets.nextDeadline(ROOM)).toBeUndefined()
  })

  it('never dials itself again', () => {
    const targets = targetsOf(1)
    targets.connected(onlyDial(targets, monoMs(0)).ticket, peerId(1))
    targets.forgetSelf(peerId(1))
    expect([...targets.rows]).toEqual([])
  })
})

function never(): never {
  throw new Error('this can not be')
}
