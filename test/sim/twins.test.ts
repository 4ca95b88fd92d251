/** Two nodes have one connection, whoever dialled whom, and a probe that explores becomes a peer. */
import { describe, expect, it } from 'vitest'
import { mainnet } from '../../src/params/networks.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { automaticOptions } from '../../testkit/sim/scenarios/society.ts'
import { World } from '../../testkit/sim/world.ts'

function nodeAt(world: World, number: number, outbound: number): SimNode {
  const automatic = automaticOptions({ dnsSeeds: [], outbound, blockRelay: 0, feelers: outbound < 8 })
  return world.add({ ip: spreadAddress(number), network: mainnet, automatic })
}

function know(node: SimNode, ...others: readonly SimNode[]): void {
  for (const { endpoint } of others) {
    const ip = parseIp(endpoint.host)
    if (ip === undefined) throw new Error(endpoint.host)
    node.command({ type: 'addAddress', endpoint: { ip, port: endpoint.port }, tried: true })
  }
}

describe('two nodes that know each other', () => {
  it('end up with one connection, though both dial at the same moment', () => {
    let duplicates = 0
    for (let seed = 1; seed <= 60; seed++) {
      const world = new World({ seed, conditions: { latencyMs: [200, 400] } })
      const [one, other] = [nodeAt(world, 1, 8), nodeAt(world, 2, 8)]
      know(one, other)
      know(other, one)
      world.run(10_000)
      expect(one.readyPeers).toHaveLength(1)
      expect(other.readyPeers).toHaveLength(1)
      expect(world.halfAlive()).toEqual([])
      const closed = [one, other].map(({ ends }) => ends.get('duplicate') ?? 0)
      expect(Math.max(...closed)).toBeLessThanOrEqual(1)
      duplicates += closed.reduce((a, b) => a + b)
    }
    // It did happen that both dialled.
    expect(duplicates).toBeGreaterThan(5)
  })
})

describe('a node with all its peers', () => {
  it('gives the place of the youngest to somebody elsewhere, again and again, and keeps the others', () => {
    const world = new World({ seed: 5 })
    const others = Array.from({ length: 12 }, (_, i) => nodeAt(world, i + 2, 0))
    const node = nodeAt(world, 1, 4)
    know(node, ...others)
    world.run(10_000)
    const before = node.readyPeers.map((peer) => peer.id)
    expect(before).toHaveLength(4)
    world.run(3_600_000)
    const { length: now } = node.readyPeers.filter((peer) => peer.kind === 'automatic')
    expect(now).toBe(4)
    expect(node.ends.get('replaced') ?? 0).toBeGreaterThan(3)
    expect(node.readyPeers.filter((peer) => before.includes(peer.id))).toHaveLength(3)
  })
})
