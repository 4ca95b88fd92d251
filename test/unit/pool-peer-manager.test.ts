import { describe, expect, it } from 'vitest'
import { type ConnectionLimits, PeerManager } from '../../src/pool/peer-manager.ts'
import { monoMs, unixSeconds } from '../../src/primitives/brand.ts'
import { ipOf } from '../../testkit/sim/probe.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const NOW = { mono: monoMs(0), unix: unixSeconds(1) }

function managerOf(limits: Partial<ConnectionLimits> = {}): PeerManager {
  const all = { maxConnections: 10, reservedOutbound: 3, ...limits }
  return new PeerManager(1, { maxInboundPerIp: { limit: 2, scope: 'routable' }, ...all }, randomOfSeed(1))
}

function add(manager: PeerManager, kind: 'inbound' | 'manual', ip: string) {
  return manager.add(kind, { ip: ipOf(ip), port: 1 }, `${ip}:1`, NOW)
}

describe('PeerManager', () => {
  it('counts ids from 1 and never uses one again', () => {
    const manager = managerOf()
    const first = add(manager, 'inbound', '9.0.0.1')
    manager.remove(first)
    manager.remove(first)
    expect([first.id, add(manager, 'manual', '9.0.0.1').id]).toEqual([1, 2])
    expect(manager.get(first.id)).toBeUndefined()
    expect([manager.size, manager.inboundCount, manager.outboundCount]).toEqual([1, 0, 1])
  })

  it('gives each peer a nonce of its own, for as long as it lives', () => {
    const manager = managerOf()
    const peers = ['9.0.0.1', '9.0.0.2', '9.0.0.3'].map((ip) => add(manager, 'inbound', ip))
    expect([...manager.ownNonces.values()]).toEqual([1, 2, 3])
    for (const peer of peers) {
      expect(manager.ownNonces.get(peer.localNonce)).toBe(peer.id)
      manager.remove(peer)
    }
    expect([...manager.ownNonces.keys(), ...manager.keyedIds()]).toEqual([])
  })

  it('keeps slots for those that it dials', () => {
    const manager = managerOf()
    for (let i = 0; i < 7; i++) {
      expect(manager.judgeInbound(ipOf(`9.0.1.${i}`), 0)).toBeUndefined()
      add(manager, 'inbound', `9.0.1.${i}`)
    }
    expect(manager.judgeInbound(ipOf('9.0.2.1'), 0)).toBe('inboundFull')
    expect(manager.room).toBe(3)
  })

  it('gives away no slot that a dial under way may need', () => {
    const manager = managerOf({ maxConnections: 5, reservedOutbound: 1 })
    for (const ip of ['9.0.0.1', '9.0.0.2']) add(manager, 'manual', ip)
    add(manager, 'inbound', '9.0.0.3')
    expect(manager.judgeInbound(ipOf('9.0.0.4'), 1)).toBeUndefined()
    expect(manager.judgeInbound(ipOf('9.0.0.4'), 2)).toBe('inboundFull')
  })

  it.each([
    ['a routable address', '9.1.2.3', 'routable', 'perIpLimit'],
    ['loopback', '127.0.0.1', 'routable', undefined],
    ['a private address', '192.168.1.1', 'routable', undefined],
    ['loopback, if all count', '127.0.0.1', 'all', 'perIpLimit'],
    ['an IPv6 address', '2a00::1', 'routable', 'perIpLimit'],
  ] as const)('takes two connections from %s', (_, ip, scope, third) => {
    const manager = managerOf({ maxInboundPerIp: { limit: 2, scope } })
    const peers = [1, 2].map(() => {
      expect(manager.judgeInbound(ipOf(ip), 0)).toBeUndefined()
      return add(manager, 'inbound', ip)
    })
    expect(manager.judgeInbound(ipOf(ip), 0)).toBe(third)
    expect(manager.judgeInbound(ipOf('9.99.99.99'), 0)).toBeUndefined()
    for (const peer of peers) {
      manager.remove(peer)
      manager.assertConsistent()
    }
    expect(manager.judgeInbound(ipOf(ip), 0)).toBeUndefined()
  })

  it('does not count those that it dialled itself', () => {
    const manager = managerOf()
    for (let i = 0; i < 3; i++) add(manager, 'manual', '9.1.2.3')
    expect(manager.judgeInbound(ipOf('9.1.2.3'), 0)).toBeUndefined()
  })
})
