import { describe, expect, it } from 'vitest'
import { type NetworkParams, regtest, testnet } from '../../src/params/networks.ts'
import { buildSoak, summarize } from '../../testkit/sim/soak.ts'
import { World } from '../../testkit/sim/world.ts'

const HOUR_MS = 3_600_000
const PING_EVERY_MS = 30_000

const dialects: [string, NetworkParams][] = [
  ['the first release (testnet)', testnet],
  ['today (regtest)', regtest],
]

describe.each(dialects)('nodes in the dialect of %s', (_, network) => {
  it('shake hands, two of them, and keep each other alive for a day', () => {
    const world = new World()
    const listener = world.add({ network })
    const dialler = world.add({ network, targets: [listener.endpoint] })
    expect(world.runUntil(() => world.areJoined(dialler, listener), 1_000)).toBe(true)
    world.run(1_000)
    expect(world.halfAlive()).toEqual([])
    const [inbound] = listener.readyPeers
    const [outbound] = dialler.readyPeers
    expect(inbound).toMatchObject({ kind: 'inbound', version: { userAgent: '/Sim:1.0.0/', startHeight: 2 } })
    expect(outbound).toMatchObject({ kind: 'manual', version: { startHeight: 1 } })
    expect(outbound?.version?.version).toBe(network.protocolVersion)
    expect(inbound?.pings.roundTrips?.lastMs).toBeGreaterThan(0)
    world.run(24 * HOUR_MS)
    expect(listener.readyPeers.map((peer) => peer.id)).toEqual([1])
    expect(dialler.readyPeers.map((peer) => peer.id)).toEqual([1])
    expect(listener.oracle.offences + dialler.oracle.offences).toBe(0)
  })

  it('shake hands, three in a ring, and keep each other alive for a day', () => {
    const world = new World({ conditions: { pieceBytes: 40, jitterMs: 20 }, timerLateMs: 5 })
    const nodes = [world.prepare({ network }), world.prepare({ network }), world.prepare({ network })]
    for (const [i, node] of nodes.entries()) {
      const next = nodes[(i + 1) % 3]
      node.start(next === undefined ? [] : [next.endpoint])
    }
    world.run(24 * HOUR_MS)
    expect(world.halfAlive()).toEqual([])
    for (const node of nodes) {
      expect(node.oracle.offences).toBe(0)
      expect(node.readyPeers.map((peer) => peer.id)).toEqual([1, 2])
      for (const peer of node.readyPeers) {
        const pings = (24 * HOUR_MS) / PING_EVERY_MS
        // Timers are late by 2.5 ms on average, and each ping is planned from the one before.
        expect(peer.sent.byCommand.get('ping')?.messages).toBeGreaterThanOrEqual(pings - 2)
        expect(peer.sent.byCommand.get('ping')?.messages).toBeLessThanOrEqual(pings + 1)
      }
    }
  })
})

describe.each([
  ['today (regtest)', regtest, 50, 24],
  ['the first release (testnet)', testnet, 50, 1],
] as const)('a random network in the dialect of %s', (_, network, count, hours) => {
  it(`of ${count} nodes keeps every connection alive for ${hours} hours`, { timeout: 120_000 }, () => {
    const targetsPerNode = hours > 12 ? 1 : 3
    const world = buildSoak({ seed: 42, nodes: count, network, targetsPerNode })
    world.run(hours * HOUR_MS)
    world.check()
    expect(world.halfAlive()).toEqual([])
    const connections = count * targetsPerNode
    const perEnd = (hours * HOUR_MS) / PING_EVERY_MS
    const summary = summarize(world)
    expect(summary).toMatchObject({ connections, handshakes: 2 * connections, disconnects: 0, offences: 0 })
    expect(Math.abs(summary.pings - 2 * connections * perEnd)).toBeLessThanOrEqual(2 * connections)
    for (const node of world.nodes) {
      for (const peer of node.peers) {
        expect(peer.pings.roundTrips?.lastMs).toBeGreaterThan(0)
        const pings = peer.sent.byCommand.get('ping')?.messages ?? 0
        expect(Math.abs(pings - perEnd)).toBeLessThanOrEqual(1)
        expect(peer.received.byCommand.get('pong')?.messages).toBeGreaterThanOrEqual(pings - 1)
      }
    }
  })
})
