/** Nodes and networks that go away and come back, with and without a word. */
import { beforeEach, describe, expect, it } from 'vitest'
import { REDIAL_MAX_MS } from '../../src/params/limits.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { World } from '../../testkit/sim/world.ts'

/** The longest wait for the next dial, its jitter, and a dial that times out included. */
const REDIAL_AT_LATEST_MS = 1.2 * REDIAL_MAX_MS + 10_000
const SLACK_MS = 1_000

let world: World
let listener: SimNode
let dialler: SimNode

beforeEach(() => {
  world = new World({ tailLines: 60 })
  listener = world.add({ checkEvery: 1 })
  dialler = world.add({ checkEvery: 1, targets: [listener.endpoint] })
  world.run(1_000)
  expect(world.areJoined(dialler, listener)).toBe(true)
})

function expectJoined(limitMs: number): void {
  expect(world.runUntil(() => world.areJoined(dialler, listener), limitMs)).toBe(true)
  world.run(200_000)
  expect(world.halfAlive()).toEqual([])
  expect([dialler.core?.peers.size, listener.core?.peers.size]).toEqual([1, 1])
}

describe('a half-open connection', () => {
  it('ends 120 s after the last byte, on either side', () => {
    world.run(100_000)
    const lastLife = dialler.peers.map((peer) => peer.lastLifeAt)[0] ?? 0
    dialler.crash()
    world.run(lastLife + 119_000 - world.time.mono)
    expect(listener.readyPeers).toHaveLength(1)
    world.run(2_000 + 30_000)
    expect(listener.peers).toEqual([])
    expect(listener.lastEvent('disconnected')).toMatchObject({ reason: 'inactive', wasReady: true })
  })

  it('is found by the dialler too, who dials again when the other is back', () => {
    listener.crash()
    world.run(125_000)
    expect(dialler.ends.get('inactive')).toBe(1)
    world.run(3_600_000)
    expect(dialler.eventsOf('dialFailed').every(({ error }) => error === 'ETIMEDOUT')).toBe(true)
    world.net.powerOn(listener.options.host)
    listener.start()
    expectJoined(REDIAL_AT_LATEST_MS + SLACK_MS)
  })

  it('ends at once when the other is back and knows nothing of it', () => {
    listener.crash()
    world.run(10_000)
    world.net.powerOn(listener.options.host)
    listener.start()
    // With the next ping at the latest.
    world.run(31_000)
    expect(dialler.ends.get('connectionLost')).toBe(1)
    expectJoined(5_000)
  })
})

describe('a partition', () => {
  const cut = (kind: 'stall' | 'refuse'): void =>
    world.net.partition((host) => (host === listener.options.host ? 1 : 0), kind)

  it('of a minute is not even noticed', () => {
    cut('stall')
    world.run(60_000)
    world.net.heal()
    world.run(60_000)
    expect(dialler.ends.size + listener.ends.size).toBe(0)
    expect(world.halfAlive()).toEqual([])
  })

  it('of ten minutes ends both halves, and the target is dialled again afterwards', () => {
    cut('stall')
    world.run(600_000)
    expect([dialler.core?.peers.size, listener.core?.peers.size]).toEqual([0, 0])
    expect([dialler.ends.get('inactive'), listener.ends.get('inactive')]).toEqual([1, 1])
    world.net.heal()
    expectJoined(REDIAL_AT_LATEST_MS + SLACK_MS)
  })

  it('that says so ends both halves at once', () => {
    cut('refuse')
    expect([dialler.core?.peers.size, listener.core?.peers.size]).toEqual([0, 0])
    world.run(3_600_000)
    expect(dialler.lastEvent('dialFailed')?.error).toBe('EHOSTUNREACH')
    world.net.heal()
    expectJoined(REDIAL_AT_LATEST_MS + SLACK_MS)
  })

  it('that comes and goes all the time leaves nothing behind', () => {
    for (let i = 0; i < 200; i++) {
      cut(i % 3 === 0 ? 'refuse' : 'stall')
      world.run((i % 7) * 9_000)
      world.net.heal()
      world.run((i % 5) * 400)
    }
    expectJoined(REDIAL_AT_LATEST_MS + 120_000 + SLACK_MS)
  })
})

describe('a node that ends', () => {
  it('and says so is dialled again within seconds of its return', () => {
    listener.stop()
    world.run(500)
    expect(dialler.lastEvent('disconnected')?.reason).toBe('closedByPeer')
    world.run(500)
    listener.start()
    expectJoined(5_000)
    expect(dialler.peers[0]?.id).toBe(2)
    expect(listener.peers[0]?.id).toBe(1)
  })

  it('and is gone for a day is dialled about once a minute', () => {
    listener.stop()
    world.run(24 * 3_600_000)
    const dials = dialler.ends.size + dialler.eventsOf('dialFailed').length
    expect(dials).toBeGreaterThan(500)
    const waits = dialler.eventsOf('dialFailed').map(({ retryMs = 0 }) => retryMs)
    const late = waits.slice(-500)
    expect(Math.min(...late)).toBeGreaterThanOrEqual(48_000)
    expect(Math.max(...late)).toBeLessThanOrEqual(72_000)
    listener.start()
    expectJoined(REDIAL_AT_LATEST_MS + SLACK_MS)
  })

  it('after a good connection is dialled again soon, whatever was before that', () => {
    listener.stop()
    world.run(3_600_000)
    listener.start()
    world.runUntil(() => world.areJoined(dialler, listener), REDIAL_AT_LATEST_MS)
    world.run(31_000)
    listener.kill()
    world.run(100)
    listener.start()
    expectJoined(1_300)
  })

  it('again and again is joined again each time, with all ids used once', () => {
    for (let i = 0; i < 50; i++) {
      const node = i % 2 === 0 ? dialler : listener
      if (i % 3 === 0) node.stop()
      else node.kill()
      world.run(100 * (i % 11))
      node.start()
      expect(world.runUntil(() => world.areJoined(dialler, listener), REDIAL_AT_LATEST_MS)).toBe(true)
    }
    expectJoined(0)
  })
})

describe('a name', () => {
  it('that can not be resolved is tried again, and works when it can', () => {
    dialler.command({ type: 'addTarget', target: { host: 'late.example', port: 28_444 }, keep: true })
    const other = world.add()
    world.run(60_000)
    expect(dialler.lastEvent('dialFailed')).toMatchObject({
      address: 'late.example:28444',
      error: 'ENOTFOUND',
    })
    world.net.names.set('late.example', [other.options.host.address])
    world.run(REDIAL_AT_LATEST_MS)
    expect(world.areJoined(dialler, other)).toBe(true)
  })
})
