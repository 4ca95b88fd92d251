import { describe, expect, it } from 'vitest'
import { BAN_SECONDS, MISBEHAVIOUR_DECAY_MS } from '../../src/params/limits.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { type PeerId, unixSeconds } from '../../src/primitives/brand.ts'
import { parseSubnet, type Subnet } from '../../src/primitives/subnet.ts'
import { endpointOf } from '../../testkit/books.ts'
import { CoreProbe } from '../../testkit/sim/probe.ts'
import { versionOf } from '../../testkit/sim/scripted.ts'
import { makeFrame } from '../../testkit/tcp-peer.ts'

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

const eventTypes = (probe: CoreProbe): string[] => probe.events.map(({ type }) => type)

/** A `getheaders` that ends in the middle of its locator: 10 points. */
const malformed = makeFrame(regtest.magic, 'getheaders', Uint8Array.of(0x20, ...new Uint8Array(40)))

describe('misbehaviour', () => {
  it('sends the peer away at 100 points and refuses its address for an hour', () => {
    const probe = new CoreProbe()
    const peer = probe.ready('9.9.9.9')
    for (let i = 0; i < 10; i++) probe.receiveBytes(peer, malformed)
    expect(probe.core.peers.get(peer)).toBeUndefined()
    expect(probe.events).toContainEqual({
      type: 'banned',
      subnet: '9.9.9.9/32',
      until: probe.now.unix + BAN_SECONDS,
      reason: 'misbehaving',
    })
    probe.effects = []
    probe.accept('9.9.9.9')
    expect(probe.events).toMatchObject([{ type: 'refused', reason: 'banned' }])
    probe.accept('9.9.9.8')
    probe.wait(BAN_SECONDS * 1_000)
    probe.effects = []
    probe.accept('9.9.9.9')
    expect(eventTypes(probe)).toContain('accepted')
  })

  it('of one IPv6 address refuses its /64, and no more', () => {
    const probe = new CoreProbe()
    const peer = probe.ready('2a00:1:2:3::5')
    for (let i = 0; i < 10; i++) probe.receiveBytes(peer, malformed)
    probe.effects = []
    probe.accept('2a00:1:2:3:ffff::6')
    probe.accept('2a00:1:2:4::5')
    expect(probe.events).toMatchObject([
      { type: 'refused', reason: 'banned' },
      { type: 'accepted', address: '[2a00:1:2:4::5]:40000' },
    ])
  })

  it('fades with time', () => {
    const probe = new CoreProbe()
    const peer = probe.ready('9.9.9.9')
    for (let i = 0; i < 9; i++) probe.receiveBytes(peer, malformed)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(90)
    probe.wait(2 * MISBEHAVIOUR_DECAY_MS)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(88)
    probe.receiveBytes(peer, malformed)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(98)
  })

  it('ends the connection of loopback peers without banning everybody on the machine', () => {
    const probe = new CoreProbe()
    const peer = probe.ready('127.0.0.1')
    for (let i = 0; i < 10; i++) probe.receiveBytes(peer, malformed)
    expect(probe.core.peers.get(peer)).toBeUndefined()
    expect(eventTypes(probe)).not.toContain('banned')
  })
})

describe('nobody is banned who', () => {
  const seed = endpointOf('7.7.7.7')
  const choice = { outbound: 8, blockRelay: 0, feelers: false, dnsSeeds: [], seedNodes: [] }

  function offend(probe: CoreProbe, peer: PeerId): void {
    const frame = makeFrame(probe.network.magic, 'getheaders', Uint8Array.of(0x20, ...new Uint8Array(40)))
    for (let i = 0; i < 10; i++) probe.receiveBytes(peer, frame)
    expect(probe.events).toContainEqual(
      expect.objectContaining({ type: 'disconnected', reason: 'misbehaving' }),
    )
    expect(eventTypes(probe)).not.toContain('banned')
  }

  it.each([
    ['was named by the operator', true],
    ['was named for one attempt', false],
  ])('%s', (_, keep) => {
    const probe = new CoreProbe({ network: mainnet })
    probe.handle({ type: 'addTarget', target: { host: '9.8.7.6', port: 8_444 }, keep })
    const peer = probe.connect()
    if (peer === undefined) throw new Error('refused')
    probe.receive(peer, versionOf(mainnet), { type: 'verack' })
    offend(probe, peer)
  })

  it('is a built-in seed, whichever way it is connected', () => {
    const probe = new CoreProbe({ network: mainnet, automatic: { ...choice, fixedSeeds: [seed] } })
    offend(probe, probe.ready('7.7.7.7'))
  })

  it.each(['172.17.0.1', '192.168.1.1', 'fd00::1', 'fe80::1'])(
    'comes through a gateway, as %s may be: everybody behind it would be refused',
    (ip) => {
      const probe = new CoreProbe({ network: mainnet })
      offend(probe, probe.ready(ip))
    },
  )
})

describe("the operator's bans", () => {
  it('close peers in the range, and only those', () => {
    const probe = new CoreProbe()
    const inside = probe.ready('9.9.9.9')
    const outside = probe.ready('9.9.8.9')
    probe.effects = []
    probe.handle({ type: 'setBan', subnet: subnet('9.9.9.0/24'), until: unixSeconds(probe.now.unix + 60) })
    expect(probe.core.peers.get(inside)).toBeUndefined()
    expect(probe.core.peers.get(outside)).toBeDefined()
    expect(probe.events).toMatchObject([
      { type: 'banned', subnet: '9.9.9.0/24', reason: 'manual' },
      { type: 'disconnected', peer: inside, reason: 'banned' },
    ])
  })

  it('of all of IPv6 leave IPv4 alone', () => {
    const probe = new CoreProbe()
    const [four, six] = [probe.ready('9.9.9.9'), probe.ready('2a00:1:2:3::5')]
    probe.handle({ type: 'setBan', subnet: subnet('::/0'), until: unixSeconds(probe.now.unix + 60) })
    expect(probe.core.peers.get(six)).toBeUndefined()
    expect(probe.core.peers.get(four)).toBeDefined()
    probe.effects = []
    probe.accept('9.9.9.8')
    expect(eventTypes(probe)).toEqual(['accepted'])
  })

  it('can be lifted, one or all', () => {
    const probe = new CoreProbe()
    const until = unixSeconds(probe.now.unix + 60)
    for (const text of ['1.1.1.1', '2.2.2.2', '3.3.3.3']) {
      probe.handle({ type: 'setBan', subnet: subnet(text), until })
    }
    probe.effects = []
    probe.handle({ type: 'removeBan', subnet: subnet('1.1.1.1') })
    probe.handle({ type: 'removeBan', subnet: subnet('4.4.4.4') })
    probe.accept('1.1.1.1')
    probe.handle({ type: 'clearBans' })
    probe.accept('2.2.2.2')
    expect(eventTypes(probe)).toEqual(['unbanned', 'accepted', 'unbanned', 'accepted'])
  })

  it('hold from the start if they were kept', () => {
    const ban = { subnet: subnet('9.0.0.0/8'), createdAt: unixSeconds(1), until: unixSeconds(9e9), score: 0 }
    const probe = new CoreProbe({ bans: [{ ...ban, reason: 'manual' }] })
    probe.accept('9.9.9.9')
    expect(probe.events).toMatchObject([{ type: 'refused', reason: 'banned' }])
  })
})
