/** Who may be connected to whom, and how often. */
import { describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { DEFAULT_LIMITS, type SimNode } from '../../testkit/sim/node.ts'
import { Actor } from '../../testkit/sim/scripted.ts'
import { World } from '../../testkit/sim/world.ts'

describe('two nodes that dial each other', () => {
  it('at the same moment both get their connection, and keep both', () => {
    const world = new World({ conditions: { latencyMs: [30, 30], jitterMs: 0 } })
    const [a, b] = [world.prepare(), world.prepare()]
    a.start([b.endpoint])
    b.start([a.endpoint])
    world.run(3_600_000)
    expect(world.halfAlive()).toEqual([])
    expect(world.net.connectionCount).toBe(2)
    for (const node of [a, b]) {
      expect(node.readyPeers.map(({ kind }) => kind).sort()).toEqual(['inbound', 'manual'])
      expect(node.ends.size).toBe(0)
    }
  })
})

describe('a node that dials itself', () => {
  it.each([
    ['by its address', (node: SimNode) => node.endpoint],
    ['by a name', (node: SimNode) => ({ host: 'me.example', port: node.endpoint.port })],
  ])('%s learns of it at both ends, and does not try again', (_, targetOf) => {
    for (let seed = 0; seed < 20; seed++) {
      const world = new World({ seed, conditions: { pieceBytes: 1 + seed * 10 } })
      const node = world.prepare({ checkEvery: 1 })
      world.net.names.set('me.example', [node.options.host.address])
      node.start([targetOf(node)])
      world.run(3_600_000)
      expect(node.ends).toEqual(new Map([['selfConnection', 2]]))
      expect(node.eventsOf('selfTarget')).toHaveLength(1)
      expect(world.net.connectionCount).toBe(1)
      expect([...(node.core?.targets.rows ?? [])]).toEqual([])
    }
  })

  it('keeps its other peers', () => {
    const world = new World()
    const other = world.add()
    const node = world.prepare()
    node.start([node.endpoint, other.endpoint])
    world.run(600_000)
    expect(world.areJoined(node, other)).toBe(true)
    expect(world.halfAlive()).toEqual([])
  })
})

describe('targets', () => {
  it('that are removed while they are dialled end with the dial', () => {
    const world = new World({ conditions: { latencyMs: [50, 50], jitterMs: 0 } })
    const listener = world.add({ checkEvery: 1 })
    for (let ms = 0; ms <= 250; ms += 10) {
      const node = world.add({ checkEvery: 1, targets: [listener.endpoint] })
      world.run(ms)
      node.command({ type: 'removeTarget', target: listener.endpoint })
      world.run(200_000)
      const connected = node.eventsOf('connected').length
      expect(node.core?.peers.size).toBe(connected)
      expect(connected).toBe(ms < 100 ? 0 : 1)
      node.stop()
      world.run(1_000)
      expect(listener.peers).toEqual([])
    }
  })

  it('more than there are connections take what there is, and no more', () => {
    const world = new World()
    const others = Array.from({ length: 6 }, () => world.add())
    const limits = { ...DEFAULT_LIMITS, maxConnections: 4, reservedOutbound: 2 }
    const node = world.add({ limits, checkEvery: 1, targets: others.map((other) => other.endpoint) })
    world.run(10_000)
    expect(node.readyPeers).toHaveLength(4)
    // Whoever goes makes room for one that waits.
    const [gone] = others
    gone?.stop()
    world.run(10_000)
    expect(node.readyPeers).toHaveLength(4)
  })

  it('that are two names of one peer lead to one connection, each time', () => {
    for (let seed = 0; seed < 10; seed++) {
      const world = new World({ seed })
      const other = world.add()
      world.net.names.set('other.example', [other.options.host.address])
      const name = { host: 'other.example', port: other.endpoint.port }
      const node = world.add({ checkEvery: 1, targets: [name, other.endpoint] })
      for (let round = 0; round < 3; round++) {
        world.run(100_000)
        expect(world.halfAlive()).toEqual([])
        expect([node.peers.length, other.peers.length]).toEqual([1, 1])
        expect([...(node.core?.targets.rows ?? [])].every(({ peer }) => peer === node.peers[0]?.id)).toBe(
          true,
        )
        other.kill()
        world.run(1_000)
        other.start()
      }
    }
  })

  it('that are two names of the node itself are both forgotten', () => {
    for (let seed = 0; seed < 10; seed++) {
      const world = new World({ seed })
      const node = world.prepare({ checkEvery: 1 })
      world.net.names.set('me.example', [node.options.host.address])
      node.start([{ host: 'me.example', port: node.endpoint.port }, node.endpoint])
      world.run(600_000)
      expect([...(node.core?.targets.rows ?? [])]).toEqual([])
      expect(node.peers).toEqual([])
    }
  })

  it('sixty at once are all dialled, a few at a time', () => {
    const world = new World()
    const others = Array.from({ length: 60 }, () => world.add())
    const dead = Array.from({ length: 30 }, (_, i) => ({ host: `9.7.0.${i}`, port: 1 }))
    const node = world.add({ targets: [...dead, ...others.map((other) => other.endpoint)] })
    // Every dial to nowhere takes ten seconds.
    world.run(60_000)
    expect(node.readyPeers).toHaveLength(60)
  })
})

describe('limits', () => {
  const visitor = (world: World, ip: string): Actor => new Actor(world, regtest, ip)

  /** How many of five connections from one address a node takes. */
  function taken(ip: string, maxInboundPerIp: { limit: number; scope: 'routable' | 'all' }): number {
    const world = new World()
    const node = world.add({ limits: { ...DEFAULT_LIMITS, maxInboundPerIp }, checkEvery: 1 })
    for (let i = 0; i < 5; i++) visitor(world, ip).connect(node).behave()
    world.run(2_000)
    return node.peers.length
  }

  it.each([
    ['9.9.9.9', 'routable', 2],
    ['127.0.0.1', 'routable', 5],
    ['10.1.2.3', 'routable', 5],
    ['127.0.0.1', 'all', 2],
    ['9.9.9.9', 'all', 2],
  ] as const)(
    'of connections per address: of five from %s (%s count) %i are taken',
    (ip, scope, expected) => {
      expect(taken(ip, { limit: 2, scope })).toBe(expected)
    },
  )

  it('of connections in all hold against a crowd, and slots come back', () => {
    const world = new World()
    const target = world.add()
    const limits = { ...DEFAULT_LIMITS, maxConnections: 20, reservedOutbound: 4 }
    const node = world.add({ limits, checkEvery: 1, targets: [target.endpoint] })
    const crowd = Array.from({ length: 40 }, (_, i) => visitor(world, `9.9.0.${i}`).connect(node).behave())
    world.run(5_000)
    expect(node.readyPeers.filter((peer) => peer.inbound)).toHaveLength(16)
    expect(node.eventsOf('refused').length + (node.ends.get('evicted') ?? 0)).toBe(24)
    expect(crowd.filter((peer) => peer.isOpen)).toHaveLength(16)
    expect(world.areJoined(node, target)).toBe(true)
    for (const peer of crowd) peer.close()
    world.run(1_000)
    for (let i = 0; i < 16; i++) visitor(world, `9.9.1.${i}`).connect(node).behave()
    world.run(1_000)
    expect(node.readyPeers).toHaveLength(17)
  })
})

describe('a shutdown', () => {
  it('in the middle of anything closes everything, and everybody notices', () => {
    for (let ms = 0; ms < 600; ms += 20) {
      const world = new World({ seed: ms })
      const others = [world.add(), world.add()]
      const node = world.add({
        targets: [...others.map((other) => other.endpoint), { host: '9.7.0.1', port: 1 }],
      })
      const peer = new Actor(world, regtest, '9.9.9.9').connect(node)
      world.run(ms)
      node.command({ type: 'shutdown' })
      world.run(1_000)
      expect(node.peers).toEqual([])
      expect(peer.isOpen).toBe(false)
      for (const other of others) expect(other.peers).toEqual([])
      // The core stays up, closed, for as long as somebody calls it.
      const late = new Actor(world, regtest, '9.9.9.8').connect(node)
      world.run(100_000)
      expect(late.isOpen).toBe(false)
      expect(late.commands).toEqual([])
    }
  })
})
