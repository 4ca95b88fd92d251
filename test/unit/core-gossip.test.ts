/** What is told about addresses, to whom, and how often: on mainnet, where it matters. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AutomaticOptions } from '../../src/core/outbound.ts'
import {
  ADDR_ANSWER_CACHE_MS,
  ADDR_ANSWER_SHARE,
  ADDR_INTERVAL_MS,
  ADDR_RELAY_FRESH_SECONDS,
  ADDR_TOKENS_ASKED,
  ADDR_TOKENS_ASKED_INBOUND,
  ADDR_TOKENS_START,
  MAX_ADDR_ANSWER,
  MAX_RELAYED_PER_MESSAGE,
  WORK_ALLOWANCE,
} from '../../src/params/limits.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { connectionId, type PeerId } from '../../src/primitives/brand.ts'
import { type Endpoint, formatEndpoint, formatIp } from '../../src/primitives/ip.ts'
import type { TimedAddress } from '../../src/wire/address.ts'
import type { CurrentVersion } from '../../src/wire/version.ts'
import { endpointOf } from '../../testkit/books.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import { CoreProbe, ipOf, type ProbeOptions } from '../../testkit/sim/probe.ts'
import { v1Version, versionOf } from '../../testkit/sim/scripted.ts'

const automatic: AutomaticOptions = {
  outbound: 8,
  blockRelay: 2,
  feelers: false,
  dnsSeeds: [],
  fixedSeeds: [],
  seedNodes: [],
}

/** First of those that are told of here; what is connected is numbered from 0. */
const TOLD = 5_000

let probe: CoreProbe
let connections = 0

beforeEach(() => start())

function start(options: ProbeOptions = {}): void {
  probe = new CoreProbe({ network: mainnet, listenPort: 8_444, ...options })
}

const told = (i: number, change: Partial<TimedAddress> = {}): TimedAddress => ({
  ...endpointOf(spreadAddress(TOLD + i)),
  time: probe.now.unix,
  services: 1n,
  ...change,
})
const many = (count: number, from = 0): TimedAddress[] =>
  Array.from({ length: count }, (_, i) => told(from + i))

function finish(peer: PeerId, change: Partial<CurrentVersion> = {}): PeerId {
  probe.receive(peer, versionOf(probe.network, change), { type: 'verack' })
  if (probe.core.peers.get(peer) !== undefined) probe.flush(peer)
  return peer
}

/** Inbound peers of as many networks, each with the handshake and what follows behind it. */
function inbound(count: number): PeerId[] {
  return Array.from({ length: count }, (_, i) => probe.ready(spreadAddress(i), 40_000))
}

/** Has the core dial the address, and answers. */
function outbound(i: number, change: Partial<CurrentVersion> = {}): PeerId {
  const endpoint = endpointOf(spreadAddress(i))
  probe.handle({ type: 'addTarget', target: { host: formatIp(endpoint.ip), port: 8_444 }, keep: true })
  return finish(answerDial(endpoint), change)
}

function answerDial(remote: Endpoint): PeerId {
  const dial = probe.effects.findLast(
    (effect) => effect.type === 'dial' && effect.target.host === formatIp(remote.ip),
  )
  if (dial?.type !== 'dial') throw new Error('it was not dialled')
  const connection = connectionId(10_000 + ++connections)
  const effects = probe.handle({ type: 'dialed', ticket: dial.ticket, connection, remote })
  const adopt = effects.find(({ type }) => type === 'adopt')
  if (adopt?.type !== 'adopt') throw new Error('it was not adopted')
  return adopt.peer
}

function addressesTo(peer: PeerId): TimedAddress[] {
  return probe.sentTo(peer).flatMap((message) => (message.type === 'addr' ? message.addresses : []))
}

const tell = (peer: PeerId, ...addresses: TimedAddress[]): void =>
  void probe.receive(peer, { type: 'addr', addresses })

const knows = (address: Endpoint): boolean => probe.core.addresses.find(address) !== undefined

/** The nonce of the latest ping, or one that answers none. */
function lastPingTo(id: PeerId): bigint {
  const ping = probe.sentTo(id).findLast((message) => message.type === 'ping')
  return ping?.type === 'ping' ? ping.nonce : 1n
}

/** Lets time pass in which everybody reads, and answers pings, so that nobody is closed. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 20_000) {
    probe.wait(Math.min(20_000, left))
    for (const { id, state, sendQueue } of probe.core.peers.all()) {
      if (state === 'ready') probe.receive(id, { type: 'pong', nonce: lastPingTo(id) })
      if (sendQueue.bytes > 0) probe.flush(id)
    }
  }
}

/** As above for days, where only the clock matters. */
function sleep(ms: number): void {
  probe.skip(ms - 1)
  for (const { id } of probe.core.peers.all()) {
    probe.receive(id, { type: 'pong', nonce: lastPingTo(id) })
    if (probe.peer(id).sendQueue.bytes > 0) probe.flush(id)
  }
  probe.wait(1)
}

describe('what is taken in', () => {
  it('is what was asked for of a peer of our choice: a thousand addresses', () => {
    const peer = outbound(0)
    tell(peer, ...many(1_000))
    expect(probe.events).toContainEqual(
      expect.objectContaining({ type: 'addressesReceived', count: 1_000, taken: 1_000 }),
    )
    tell(peer, ...many(1_000, 1_000))
    const last = probe.events.findLast(({ type }) => type === 'addressesReceived')
    expect(last).toMatchObject({ count: 1_000 })
    expect(last?.type === 'addressesReceived' && last.taken).toBeLessThanOrEqual(ADDR_TOKENS_START)
    expect(probe.peer(peer).addresses.rateLimited).toBeGreaterThanOrEqual(990)
  })

  it('is a hundred of one who came to us, then one in ten seconds', () => {
    const [peer = probe.ready()] = inbound(1)
    tell(peer, ...many(1_000))
    const { addresses } = probe.peer(peer)
    expect(addresses.processed).toBe(ADDR_TOKENS_ASKED_INBOUND + ADDR_TOKENS_START)
    pass(100_000)
    tell(peer, ...many(1_000, 1_000))
    expect(addresses.processed).toBe(ADDR_TOKENS_ASKED_INBOUND + ADDR_TOKENS_START + 10)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(0)
    expect(ADDR_TOKENS_ASKED).toBe(1_000)
  })

  it.each([
    ['short messages', 3, WORK_ALLOWANCE],
    ['long messages', 1_000, WORK_ALLOWANCE / 10],
  ])('is work, so that a flood of %s waits', (_, count, messages) => {
    const [peer = probe.ready()] = inbound(1)
    for (let i = 0; i < messages; i++) tell(peer, ...many(count))
    probe.drain()
    expect(probe.events.some(({ type }) => type === 'throttled')).toBe(true)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(0)
    const { processed, rateLimited } = probe.peer(peer).addresses
    expect(processed).toBeLessThanOrEqual(ADDR_TOKENS_ASKED_INBOUND + ADDR_TOKENS_START)
    expect(processed + rateLimited).toBeGreaterThan(WORK_ALLOWANCE)
  })

  it.each([
    ['a private address', { ip: ipOf('10.0.0.1') }],
    ['loopback', { ip: ipOf('127.0.0.1') }],
    ['no address', { ip: ipOf('0.0.0.0') }],
    ['no IPv6 address', { ip: ipOf('::') }],
    ['an IPv6 address of a link', { ip: ipOf('fe80::1') }],
    ['no port', { port: 0 }],
  ])('is not %s', (_, change) => {
    tell(outbound(0), told(0, change))
    expect(knows(told(0, change))).toBe(false)
  })

  it('is not an address of ours', () => {
    start({ ownAddress: ipOf('5.5.5.5') })
    const ours = { ...told(0), ip: ipOf('5.5.5.5') }
    tell(outbound(0), ours, { ...ours, port: 5 })
    expect([knows(ours), knows({ ...ours, port: 5 })]).toEqual([false, true])
  })

  it('is vouched for by peers whom the operator named, and told by strangers', () => {
    tell(outbound(0), told(0))
    tell(probe.ready(spreadAddress(1)), told(1))
    expect(probe.core.addresses.find(told(0))?.trust).toBe('vouched')
    expect(probe.core.addresses.find(told(1))?.trust).toBe('told')
  })

  it('counts as seen two hours earlier, but what a node says of itself as seen then', () => {
    const [peer = probe.ready()] = inbound(1)
    const itself = { ...told(0), ip: ipOf(spreadAddress(0)) }
    tell(peer, itself)
    tell(peer, told(1))
    const ageOf = (address: Endpoint): number =>
      probe.now.unix - (probe.core.addresses.find(address)?.time ?? 0)
    expect([ageOf(itself), ageOf(told(1))]).toEqual([0, 7_200])
  })

  it('is no more than a thousand at once: twenty points', () => {
    const [peer = probe.ready()] = inbound(1)
    tell(peer, ...many(1_000))
    expect(probe.peer(peer).score(probe.now.mono)).toBe(0)
    tell(peer, ...many(1_001))
    expect(probe.peer(peer).score(probe.now.mono)).toBe(20)
    expect(probe.peer(peer).addresses.processed).toBeLessThanOrEqual(200)
  })

  it('is nothing from a peer that knows no such messages', () => {
    const peer = probe.accept(spreadAddress(0))
    if (peer === undefined) throw new Error('refused')
    probe.receive(peer, v1Version({ version: 70_005 }), { type: 'verack' })
    if (probe.core.peers.get(peer) === undefined) return
    probe.flush(peer)
    tell(peer, told(0))
    expect(knows(told(0))).toBe(false)
    expect(probe.commandsTo(peer)).not.toContain('getaddr')
  })
})

describe('an answer', () => {
  /** Knows so many, of sources of their own. */
  function know(count: number, tried = true): void {
    for (let i = 0; i < count; i++) {
      const endpoint = endpointOf(spreadAddress(TOLD + i))
      probe.handle({ type: 'addAddress', endpoint, tried })
      probe.effects = []
    }
  }

  it('is given once per connection, and only to those who dialled us', () => {
    know(100)
    const asker = probe.ready(spreadAddress(0))
    const ours = outbound(1)
    for (const peer of [asker, ours]) {
      for (let i = 0; i < 3; i++) {
        probe.receive(peer, { type: 'getaddr' })
        pass(60_000)
      }
    }
    expect(probe.commandsTo(asker).filter((command) => command === 'addr')).toHaveLength(1)
    expect(addressesTo(ours)).toEqual([])
  })

  it.each([
    [10, 2],
    [100, 23],
    [6_000, MAX_ADDR_ANSWER],
  ])('of a book of %i shows at most %i', { timeout: 60_000 }, (count, most) => {
    know(count)
    const asker = probe.ready(spreadAddress(0))
    probe.receive(asker, { type: 'getaddr' })
    const shown = addressesTo(asker)
    expect(shown.length).toBeLessThanOrEqual(most)
    const expected = Math.min(MAX_ADDR_ANSWER, Math.floor(ADDR_ANSWER_SHARE * probe.core.addresses.size))
    expect(shown).toHaveLength(expected)
    expect(new Set(shown.map(formatEndpoint)).size).toBe(shown.length)
  })

  it('is the same for everybody for a day', () => {
    know(200)
    const ask = (i: number): string => {
      const peer = probe.ready(spreadAddress(i))
      probe.effects = []
      probe.receive(peer, { type: 'getaddr' })
      return addressesTo(peer).map(formatEndpoint).sort().join()
    }
    const first = ask(0)
    expect(first.split(',')).toHaveLength(46)
    expect([ask(1), ask(2)]).toEqual([first, first])
    sleep(0.85 * ADDR_ANSWER_CACHE_MS)
    expect(ask(3)).toBe(first)
    sleep(0.3 * ADDR_ANSWER_CACHE_MS)
    expect(ask(4)).not.toBe(first)
  })

  it('is made anew when much more is known', () => {
    know(100)
    const ask = (i: number): number => {
      const peer = probe.ready(spreadAddress(i))
      probe.effects = []
      probe.receive(peer, { type: 'getaddr' })
      return addressesTo(peer).length
    }
    expect(ask(0)).toBe(23)
    know(300)
    expect(ask(1)).toBeGreaterThan(60)
  })

  it('does not show hearsay, unless it is what a node says of itself', () => {
    const [stranger = probe.ready()] = inbound(1)
    const itself = { ...told(0), ip: ipOf(spreadAddress(0)) }
    tell(stranger, ...many(50, 1), itself)
    expect(probe.core.addresses.size).toBeGreaterThan(30)
    const asker = probe.ready(spreadAddress(1))
    probe.receive(asker, { type: 'getaddr' })
    expect(addressesTo(asker).map(formatEndpoint)).toEqual([formatEndpoint(itself)])
  })

  it('shows no port that was given to a dialler, unless somebody answers there, and none that is not reachable', () => {
    const endpoint = (i: number, port: number): Endpoint => ({ ...endpointOf(spreadAddress(TOLD + i)), port })
    for (let i = 0; i < 300; i++)
      probe.handle({ type: 'addAddress', endpoint: endpoint(i, 32_768 + i), tried: i < 10 })
    probe.handle({ type: 'addAddress', endpoint: { ip: ipOf('192.168.1.1'), port: 8_444 }, tried: true })
    probe.handle({ type: 'addAddress', endpoint: { ip: ipOf(spreadAddress(1)), port: 0 }, tried: true })
    const asker = probe.ready(spreadAddress(0))
    probe.receive(asker, { type: 'getaddr' })
    const shown = addressesTo(asker)
    expect(shown.map(({ port }) => port - 32_768).sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ])
  })

  it('does not tell the asker of itself', () => {
    probe.handle({ type: 'addAddress', endpoint: endpointOf(spreadAddress(0)), tried: true })
    const asker = probe.ready(spreadAddress(0))
    probe.receive(asker, { type: 'getaddr' })
    expect(addressesTo(asker)).toEqual([])
  })
})

describe('news', () => {
  /** Who was told an address, after all time that it may take. */
  const toldOf = (address: Endpoint, peers: readonly PeerId[]): PeerId[] =>
    peers.filter((peer) => addressesTo(peer).some((one) => formatEndpoint(one) === formatEndpoint(address)))

  /** A stranger whose answer has come, so that what it says now is news. */
  function reporter(): { from: PeerId; others: PeerId[] } {
    const [from = probe.ready(), ...others] = inbound(12)
    tell(from, told(900, { time: 0 }), told(901, { time: 0 }))
    probe.effects = []
    return { from, others }
  }

  it('are passed on to two peers, the same two for an address all day', () => {
    const { from, others } = reporter()
    tell(from, told(0))
    pass(70_000)
    const first = toldOf(told(0), others)
    expect(first).toHaveLength(2)
    expect(addressesTo(from)).toEqual([])
    tell(from, told(0))
    pass(70_000)
    expect(toldOf(told(0), others)).toEqual(first)
    for (const peer of first) expect(addressesTo(peer)).toHaveLength(1)
  })

  it('of different addresses go to different peers', () => {
    const { from, others } = reporter()
    for (let i = 0; i < 10; i++) tell(from, told(i))
    pass(70_000)
    expect(others.filter((peer) => addressesTo(peer).length > 0).length).toBeGreaterThan(5)
  })

  it('are not told to those who know them', () => {
    const { from, others } = reporter()
    for (const peer of others) tell(peer, told(0), told(902))
    probe.effects = []
    tell(from, told(0))
    pass(70_000)
    expect(toldOf(told(0), others)).toEqual([])
  })

  it.each<[string, number, Partial<TimedAddress>]>([
    ['an address seen more than ten minutes ago', 1, { time: 1_762_000_000 - ADDR_RELAY_FRESH_SECONDS - 1 }],
    ['one seen in the future, which would be fresh for ever', 1, { time: 1_762_000_000 + 86_400 }],
    ['one of a message of more than ten', MAX_RELAYED_PER_MESSAGE + 1, {}],
    ['a private address', 1, { ip: ipOf('192.168.5.5') }],
    ['a port of a dialler', 1, { port: 40_000 }],
  ])('are not: %s', (_, count, change) => {
    const { from, others } = reporter()
    tell(from, ...Array.from({ length: count }, (__, i) => told(i, change)))
    pass(70_000)
    for (const peer of others) expect(addressesTo(peer)).toEqual([])
  })

  it('are ten of one message', () => {
    const { from, others } = reporter()
    tell(from, ...many(MAX_RELAYED_PER_MESSAGE))
    pass(70_000)
    const all = others.flatMap((peer) => addressesTo(peer))
    expect(all).toHaveLength(2 * MAX_RELAYED_PER_MESSAGE)
  })

  it('are not the answer to our question', () => {
    const peers = inbound(12)
    const [from = probe.ready(), ...others] = peers
    tell(from, ...many(5))
    pass(70_000)
    for (const peer of others) expect(addressesTo(peer)).toEqual([])
  })

  it('are what a node that has dialled us says of itself, before anything else', () => {
    const [from = probe.ready(), ...others] = inbound(12)
    const itself = { ...told(0), ip: ipOf(spreadAddress(0)) }
    tell(from, itself)
    pass(70_000)
    expect(toldOf(itself, others)).toHaveLength(2)
    // The answer is still an answer.
    tell(from, ...many(5))
    pass(70_000)
    for (const address of many(5)) expect(toldOf(address, others)).toEqual([])
  })

  it('leave in messages that are eleven seconds apart, whatever happens', () => {
    const { from, others } = reporter()
    const sentAt = new Map<PeerId, number[]>()
    for (let step = 0; step < 200; step++) {
      tell(from, told(step))
      if (step % 10 === 0) for (const peer of others) probe.receive(peer, { type: 'getaddr' })
      probe.effects = []
      pass(1_000 * (step % 4))
      for (const peer of others)
        if (addressesTo(peer).length > 0) sentAt.set(peer, [...(sentAt.get(peer) ?? []), probe.now.mono])
    }
    // The oracle of the probe has watched each of them.
    expect([...sentAt.values()].flat().length).toBeGreaterThan(10)
    expect(ADDR_INTERVAL_MS).toBe(11_000)
  })

  it('of one machine are told where all nodes are on it', () => {
    start({ network: regtest })
    const { from, others } = reporter()
    tell(from, told(0, { ip: ipOf('127.0.0.9'), port: 40_001 }))
    pass(70_000)
    expect(toldOf({ ip: ipOf('127.0.0.9'), port: 40_001 }, others)).toHaveLength(2)
  })
})

describe('our own address', () => {
  const seesUsAt = (ip: string): Partial<CurrentVersion> => ({
    receiver: { services: 1n, ip: ipOf(ip), port: 5_000 },
  })
  const ours = { ip: ipOf('5.5.5.5'), port: 8_444 }
  const isOurs = (address: Endpoint): boolean => formatEndpoint(address) === formatEndpoint(ours)

  it('is told to peers of our choice once two networks see us there', () => {
    const first = outbound(0, seesUsAt('5.5.5.5'))
    pass(60_000)
    expect(addressesTo(first)).toEqual([])
    const second = outbound(1, seesUsAt('5.5.5.5'))
    const stranger = probe.ready(spreadAddress(2))
    pass(60_000)
    expect(probe.events).toContainEqual({ type: 'ownAddress', address: '5.5.5.5:8444' })
    expect([first, second].map((peer) => addressesTo(peer).filter(isOurs).length)).toEqual([1, 1])
    expect(addressesTo(stranger)).toEqual([])
    const third = outbound(3)
    pass(60_000)
    expect(addressesTo(third).filter(isOurs)).toHaveLength(1)
  })

  it('is not what strangers who dial us say', () => {
    for (let i = 0; i < 10; i++) {
      const peer = probe.accept(spreadAddress(i))
      if (peer !== undefined) finish(peer, seesUsAt('5.5.5.5'))
    }
    expect(probe.core.ownAddress.ip).toBeUndefined()
  })

  it('is told again a day later', () => {
    start({ ownAddress: ours.ip })
    const peer = outbound(0)
    pass(60_000)
    expect(addressesTo(peer).filter(isOurs)).toHaveLength(1)
    for (let hour = 0; hour < 40; hour++) {
      sleep(3_600_000)
      pass(40_000)
    }
    const count = addressesTo(peer).filter(isOurs).length
    expect(count).toBeGreaterThanOrEqual(2)
    expect(count).toBeLessThanOrEqual(4)
  })

  it('is not told while we take no connections', () => {
    probe = new CoreProbe({ network: mainnet, ownAddress: ours.ip })
    const peer = outbound(0)
    pass(60_000)
    expect(addressesTo(peer)).toEqual([])
  })
})

describe('a peer for blocks only', () => {
  it('is asked for no addresses, told none, and none of it are taken', () => {
    start({ automatic: { ...automatic, outbound: 3, blockRelay: 1 }, ownAddress: ipOf('5.5.5.5') })
    for (let i = 0; i < 6; i++) {
      probe.handle({ type: 'addAddress', endpoint: endpointOf(spreadAddress(i)), tried: true })
    }
    const peers = new Map<string, PeerId>()
    for (let i = 0; i < 6; i++) {
      probe.wait(1_000)
      for (const effect of probe.effects.filter(({ type }) => type === 'dial')) {
        if (effect.type !== 'dial' || peers.has(effect.target.host)) continue
        peers.set(effect.target.host, finish(answerDial(endpointOf(effect.target.host))))
      }
    }
    const kinds = [...peers.values()].map((id) => probe.peer(id).kind)
    expect(kinds.filter((kind) => kind === 'blockRelay')).toHaveLength(1)
    const blockPeer = [...peers.values()].find((id) => probe.peer(id).kind === 'blockRelay')
    if (blockPeer === undefined) throw new Error('no such peer')
    const version = probe.sentTo(blockPeer).find(({ type }) => type === 'version')
    expect(version).toMatchObject({ relay: false })
    const [stranger = blockPeer] = [probe.ready(spreadAddress(100))]
    tell(stranger, told(500, { time: 0 }), told(501, { time: 0 }))
    for (let i = 0; i < 20; i++) tell(stranger, told(i))
    tell(blockPeer, told(600))
    probe.receive(blockPeer, { type: 'getaddr' })
    pass(100_000)
    expect(probe.commandsTo(blockPeer)).not.toContain('addr')
    expect(probe.commandsTo(blockPeer)).not.toContain('getaddr')
    expect(knows(told(600))).toBe(false)
  })
})
