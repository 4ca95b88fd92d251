/** Peers that send much, read little, or both, over a network that pushes back. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  MAX_MESSAGES_PER_TURN,
  SEND_QUEUE_HIGH_BYTES,
  SEND_STALL_TIMEOUT_MS,
} from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { Actor, messageOfBytes, type ScriptedPeer } from '../../testkit/sim/scripted.ts'
import { World } from '../../testkit/sim/world.ts'

const PING_BYTES = 32

let world: World
let node: SimNode

beforeEach(() => {
  world = new World({ conditions: { latencyMs: [10, 10], jitterMs: 0, windowBytes: 65_536 } })
  node = world.add({ checkEvery: 64 })
})

/** A peer whose handshake is complete. */
function join(ip: string): ScriptedPeer {
  const peer = new Actor(world, regtest, ip).connect(node).behave()
  world.run(500)
  peer.received.splice(0)
  return peer
}

function flood(peer: ScriptedPeer, pings: number): void {
  const nonces = Array.from({ length: pings }, (_, i) => BigInt(i + 1))
  peer.send(...nonces.map((nonce) => ({ type: 'ping', nonce }) as const))
}

const pongNonces = (peer: ScriptedPeer): bigint[] => peer.all('pong').map(({ nonce }) => nonce)

describe('a peer that floods and reads', () => {
  it('gets every answer, in order, though the network pushes back all the time', () => {
    const peer = join('9.9.9.1')
    flood(peer, 50_000)
    expect(world.runUntil(() => peer.count('pong') === 50_000, 60_000)).toBe(true)
    expect(pongNonces(peer).every((nonce, i) => nonce === BigInt(i + 1))).toBe(true)
    expect(node.readyPeers[0]).toMatchObject({ readingPaused: false })
    expect(node.oracle.offences).toBe(0)
  })

  it('costs another peer at most one of its turns', () => {
    const noisy = join('9.9.9.1')
    const quiet = join('9.9.9.2')
    flood(noisy, 100_000)
    world.runUntil(() => noisy.count('pong') > 1_000, 10_000)
    for (let i = 0; i < 20; i++) {
      const before = quiet.count('pong')
      const noisyPongs = (): number => node.peers[0]?.sent.byCommand.get('pong')?.messages ?? 0
      const quietPongs = (): number => node.peers[1]?.sent.byCommand.get('pong')?.messages ?? 0
      const arrived = (): boolean => (node.peers[1]?.received.byCommand.get('ping')?.messages ?? 0) > before
      quiet.send({ type: 'ping', nonce: 1n })
      world.runUntil(arrived, 1_000)
      // Answered in the very call in which it came.
      expect(quietPongs()).toBe(before + 1)
      const noisyBefore = noisyPongs()
      world.runUntil(() => quiet.count('pong') > before, 1_000)
      expect(noisyPongs()).toBeGreaterThanOrEqual(noisyBefore)
    }
    expect(noisy.count('pong')).toBeLessThan(100_000)
  })

  it('is served in turns of 64, one after the other with other floods', () => {
    const peers = ['9.9.9.1', '9.9.9.2', '9.9.9.3'].map(join)
    for (const peer of peers) flood(peer, 2_000)
    world.runUntil(
      () => node.core?.hasBacklog === true && node.peers.every((peer) => peer.queuedForTurn),
      1_000,
    )
    const pongs = (): number[] => node.peers.map((peer) => peer.sent.byCommand.get('pong')?.messages ?? 0)
    const before = pongs()
    const turns = node.turns
    world.runUntil(() => node.turns === turns + 5, 1_000)
    for (const [i, count] of pongs().entries())
      expect(count - (before[i] ?? 0)).toBe(5 * MAX_MESSAGES_PER_TURN)
  })
})

describe('a peer that floods and does not read', () => {
  it('is read from no more when a megabyte waits, and closed a minute later', () => {
    const peer = join('9.9.9.1')
    peer.pauseReading()
    const from = world.time.mono
    flood(peer, 60_000)
    world.run(20_000)
    const [inside] = node.peers
    expect(inside?.readingPaused).toBe(true)
    expect(inside?.sendQueue.bytes).toBeLessThanOrEqual(
      SEND_QUEUE_HIGH_BYTES + MAX_MESSAGES_PER_TURN * PING_BYTES,
    )
    expect(inside?.decoder.bufferedBytes).toBeLessThanOrEqual(65_536)
    expect(peer.unsentBytes).toBeGreaterThan(500_000)
    expect(node.eventsOf('congested')).toHaveLength(1)
    world.run(42_000)
    expect(node.lastEvent('disconnected')).toMatchObject({ reason: 'sendStalled', wasReady: true })
    expect(world.time.mono - from).toBeGreaterThan(SEND_STALL_TIMEOUT_MS)
  })

  it('and reads again in time, gets all that is due to it', () => {
    const peer = join('9.9.9.1')
    for (let round = 0; round < 2; round++) {
      const before = peer.count('pong')
      peer.pauseReading()
      flood(peer, 40_000)
      world.run(55_000)
      expect(peer.count('pong')).toBe(before)
      peer.resumeReading()
      expect(world.runUntil(() => peer.count('pong') === before + 40_000, 20_000)).toBe(true)
    }
    expect(node.ends.size).toBe(0)
  })

  it('and reads a little now and then, stays, and no more than so much waits for it', () => {
    const peer = join('9.9.9.1')
    peer.pauseReading()
    flood(peer, 90_000)
    for (let i = 0; i < 20; i++) {
      world.run(50_000)
      const before = peer.receivedBytes
      peer.resumeReading()
      world.runUntil(() => peer.receivedBytes > before, 1_000)
      peer.pauseReading()
      expect(node.peers[0]?.sendQueue.bytes).toBeLessThanOrEqual(SEND_QUEUE_HIGH_BYTES + 2_100)
    }
    expect(node.ends.size).toBe(0)
  })

  it('and goes away unseen while it is not read from, is closed all the same', () => {
    const peer = join('9.9.9.1')
    peer.pauseReading()
    flood(peer, 60_000)
    world.run(10_000)
    peer.reset()
    world.run(61_000)
    expect(node.peers).toEqual([])
  })
})

describe('two nodes that flood each other', () => {
  it('do not wait for each other for ever', () => {
    const other = world.add({ targets: [node.endpoint] })
    world.run(1_000)
    for (const one of [node, other]) {
      const [peer] = one.peers
      if (peer === undefined) throw new Error('not connected')
      for (let i = 0; i < 35_000; i++)
        one.command({ type: 'send', peer: peer.id, message: { type: 'ping', nonce: 1n } })
      expect(peer.mustWait).toBe(true)
    }
    world.run(SEND_STALL_TIMEOUT_MS + 10_000)
    expect(world.areJoined(other, node)).toBe(true)
    expect(world.halfAlive()).toEqual([])
    for (const { sendQueue, readingPaused } of [...node.peers, ...other.peers]) {
      expect([sendQueue.bytes, readingPaused]).toEqual([0, false])
    }
  })

  it('with more than a queue holds, lose the connection and make a new one', () => {
    const other = world.add({ targets: [node.endpoint] })
    world.run(1_000)
    const [peer] = node.peers
    for (let i = 0; i < 10 && peer !== undefined; i++) {
      node.command({ type: 'send', peer: peer.id, message: messageOfBytes(1_000_000) })
    }
    expect(node.ends.get('sendQueueFull')).toBe(1)
    world.run(10_000)
    expect(world.areJoined(other, node)).toBe(true)
  })
})

describe('a peer that is held', () => {
  it('is not read from, does not lose a message, and keeps its connection', () => {
    const peer = join('9.9.9.1')
    const id = node.peers[0]?.id
    if (id === undefined) throw new Error('not connected')
    node.command({ type: 'hold', peer: id, held: true })
    flood(peer, 20_000)
    world.run(600_000)
    expect(peer.count('pong')).toBe(0)
    expect(peer.unsentBytes).toBeGreaterThan(100_000)
    expect(node.peers[0]?.decoder.bufferedBytes).toBeLessThanOrEqual(65_536)
    node.command({ type: 'hold', peer: id, held: false })
    world.run(5_000)
    expect(peer.count('pong')).toBe(20_000)
    expect(node.ends.size).toBe(0)
  })
})

describe('pongs', () => {
  it('that nobody asked for cost nothing, however many', () => {
    const peer = join('9.9.9.1')
    const events = node.events.length
    for (let i = 0; i < 20; i++) {
      peer.send(...Array.from({ length: 1_000 }, (_, n) => ({ type: 'pong', nonce: BigInt(n) }) as const))
      world.run(100)
    }
    expect(node.readyPeers).toHaveLength(1)
    expect(node.oracle.offences).toBe(0)
    expect(node.events.length).toBe(events)
  })
})
