/** The virtual internet itself: lines with a width, names, sets that lose each other, machines that come when called. */
import { describe, expect, it } from 'vitest'
import { mainnet } from '../../src/params/networks.ts'
import { addressOf, crowdAddress, isCrowdAddress, spreadAddress } from '../../testkit/sim/addresses.ts'
import { messageOfBytes } from '../../testkit/sim/scripted.ts'
import { VirtualTime } from '../../testkit/sim/virtual-time.ts'
import { World } from '../../testkit/sim/world.ts'

describe('made-up addresses', () => {
  it('are all different, and in different networks where they are spread', () => {
    const numbers = Array.from({ length: 22_000 }, (_, i) => i)
    expect(new Set(numbers.map(spreadAddress)).size).toBe(numbers.length)
    expect(new Set(numbers.map((i) => spreadAddress(i).split('.').slice(0, 2).join('.'))).size).toBe(22_000)
    expect(new Set(numbers.map(addressOf)).size).toBe(numbers.length)
    const crowd = numbers.slice(0, 10_000).map((i) => crowdAddress(i, 8))
    expect(new Set(crowd).size).toBe(10_000)
    expect(new Set(crowd.map((address) => address.split('.')[1])).size).toBe(8)
    expect(crowd.every(isCrowdAddress)).toBe(true)
  })
})

describe('virtual time', () => {
  it('lets things happen in the order of their times, and in that of their planning where these are equal', () => {
    const time = new VirtualTime()
    const happened: number[] = []
    const planned = Array.from({ length: 5_000 }, (_, i) => ({ at: (i * 7_919) % 101, i }))
    for (const { at, i } of planned) time.at(at, () => happened.push(i))
    time.runUntil(1_000)
    const expected = planned.toSorted((a, b) => a.at - b.at || a.i - b.i).map(({ i }) => i)
    expect(happened).toEqual(expected)
    expect(time.mono).toBe(1_000)
  })
})

describe('a machine on a narrow line', () => {
  it('shares it among its connections', () => {
    const arrival = (bytesPerMs: number, peers: number): number => {
      const world = new World()
      const hub = world.add()
      hub.options.host.bytesPerMs = bytesPerMs
      const nodes = Array.from({ length: peers }, () => world.add({ targets: [hub.endpoint] }))
      world.run(20_000)
      const start = world.time.mono
      for (const node of nodes) {
        const [peer] = node.peers
        if (peer !== undefined)
          node.command({ type: 'send', peer: peer.id, message: messageOfBytes(100_000) })
      }
      const all = (): boolean =>
        hub.peers.every(({ received }) => received.byCommand.get('block') !== undefined)
      expect(world.runUntil(all, 60_000)).toBe(true)
      return world.time.mono - start
    }
    expect(arrival(Number.POSITIVE_INFINITY, 2)).toBeLessThan(1_000)
    expect(arrival(50, 1)).toBeGreaterThan(2_000)
    expect(arrival(50, 2)).toBeGreaterThan(4_000)
  })
})

describe('a node on the virtual internet', () => {
  it('saves its addresses, starts with them after it was killed, and may have a wrong clock', () => {
    const world = new World()
    const automatic = {
      outbound: 8,
      blockRelay: 2,
      feelers: false,
      dnsSeeds: ['seed.example', 'nobody.example'],
      fixedSeeds: [],
      seedNodes: [],
    }
    const wishes = { network: mainnet, automatic }
    const first = world.add({ ...wishes, ip: spreadAddress(1) })
    world.names.set('seed.example', [first.options.host.address])
    const second = world.add({ ...wishes, ip: spreadAddress(2) })
    second.clockOffsetSeconds = -7_200
    expect(world.runUntil(() => world.areJoined(second, first), 60_000)).toBe(true)
    world.run(60_000)
    expect(first.readyPeers[0]?.version?.timeOffset).toBe(-7_200)
    expect(second.disk?.addresses.length).toBe(1)
    second.kill()
    world.names.clear()
    second.start()
    expect(second.core?.addresses.size).toBe(1)
    expect(world.runUntil(() => world.areJoined(second, first), 300_000)).toBe(true)
  })

  it('does not see those of another set until they meet again', () => {
    const world = new World()
    const [a, b, c] = [world.add(), world.add(), world.prepare()]
    c.start([a.endpoint, b.endpoint])
    world.run(1_000)
    world.net.split([[a.options.host], [b.options.host, c.options.host]], 'refuse')
    world.run(1_000)
    expect([world.areJoined(c, a), world.areJoined(c, b)]).toEqual([false, true])
    world.net.heal()
    expect(world.runUntil(() => world.areJoined(c, a), 120_000)).toBe(true)
  })
})
