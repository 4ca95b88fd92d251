/** The plan for peers of our own choice, with a book and a table of peers but no node around them. */
import { describe, expect, it } from 'vitest'
import {
  ADDRESS_COLLISION_TEST_SECONDS,
  ADDRESS_MISFIT_MS,
  ADDRESS_REPLACEMENT_SECONDS,
  MAX_TOLD_PEERS,
  PROVEN_AFTER_MS,
  STARVED_MS,
} from '../../src/params/limits.ts'
import type { Peer } from '../../src/peer/peer.ts'
import { AddressBook } from '../../src/pool/address-book.ts'
import { AddressSlots } from '../../src/pool/address-slots.ts'
import type { Trust } from '../../src/pool/known-address.ts'
import { ticketCounter } from '../../src/pool/manual-targets.ts'
import { netGroup } from '../../src/pool/net-group.ts'
import { type Flight, type OutboundOptions, OutboundPlan } from '../../src/pool/outbound-plan.ts'
import { PeerManager } from '../../src/pool/peer-manager.ts'
import { monoMs, type Now, unixSeconds } from '../../src/primitives/brand.ts'
import { type Endpoint, formatIp } from '../../src/primitives/ip.ts'
import { addressAt, DAY_ZERO, endpointOf, sourceAt } from '../../testkit/books.ts'
import { crowdAddress, spreadAddress } from '../../testkit/sim/addresses.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const anyIp = { limit: 2, scope: 'routable' } as const
const DIAL_TIMEOUT_MS = 10_000

/** A plan with its surroundings, and an hour hand. What is dialled succeeds unless `answers` says no. */
class Bench {
  readonly book = new AddressBook(randomOfSeed(1))
  readonly peers: PeerManager
  readonly plan: OutboundPlan
  readonly dialled: Flight[] = []
  answers: (endpoint: Endpoint | undefined) => 'yes' | 'refused' | 'timeout' | 'noNetwork' = () => 'yes'
  #mono = 0
  #waiting: { readonly at: number; readonly flight: Flight; readonly ours: boolean }[] = []

  constructor(options: Partial<OutboundOptions> = {}, maxConnections = 125) {
    const limits = { maxConnections, reservedOutbound: 0, maxInboundPerIp: anyIp }
    this.peers = new PeerManager(1, limits, randomOfSeed(2))
    this.plan = new OutboundPlan(
      {
        outbound: 8,
        blockRelay: 2,
        feelers: false,
        tellAddresses: true,
        seedNodes: [],
        anchors: [],
        reserved: () => 0,
        mayDial: () => true,
        ...options,
      },
      this.book,
      this.peers,
      randomOfSeed(3),
      ticketCounter(),
      monoMs(0),
    )
  }

  get now(): Now {
    return { mono: monoMs(this.#mono), unix: unixSeconds(DAY_ZERO + Math.floor(this.#mono / 1_000)) }
  }

  know(trust: Trust, ...ips: string[]): void {
    for (const ip of ips) {
      this.book.add([addressAt(ip)], sourceAt(ip, trust === 'proven' ? 'vouched' : trust), this.now.unix)
      if (trust === 'proven') this.book.served(endpointOf(ip), PROVEN_AFTER_MS)
    }
    this.plan.hurry(this.now.mono)
  }

  /** Lets time pass, and does what the plan says when it is due. */
  wait(ms: number): void {
    const end = this.#mono + ms
    while (true) {
      const landing = this.#waiting.reduce((min, { at }) => Math.min(min, at), Number.POSITIVE_INFINITY)
      const next = Math.min(landing, this.plan.nextAt)
      if (next > end) break
      this.#mono = Math.max(this.#mono, next)
      this.#land()
      for (let flight = this.plan.plan(this.now); flight !== undefined; flight = this.plan.plan(this.now))
        this.#fly(flight)
    }
    this.#mono = end
  }

  #fly(flight: Flight): void {
    this.dialled.push(flight)
    const answer = this.answers(flight.endpoint)
    if (answer === 'yes') return void this.connect(flight)
    const after = answer === 'timeout' ? DIAL_TIMEOUT_MS : 1
    this.#waiting.push({ at: this.#mono + after, flight, ours: answer === 'noNetwork' })
  }

  #land(): void {
    const due = this.#waiting.filter(({ at }) => at <= this.#mono)
    this.#waiting = this.#waiting.filter(({ at }) => at > this.#mono)
    for (const { flight, ours } of due) {
      this.plan.landed(flight.ticket)
      this.plan.dialFailed(flight, ours, this.now.mono)
    }
  }

  connect({ ticket, kind, endpoint, address }: Flight): Peer | undefined {
    this.plan.landed(ticket)
    if (endpoint === undefined) return undefined
    const peer = this.peers.add(kind, endpoint, address, this.now)
    peer.state = 'ready'
    peer.readyAt = this.now.mono
    this.book.good(endpoint, this.now)
    if (kind === 'feeler' || kind === 'seed') this.end(peer)
    return peer
  }

  end(peer: Peer, how: { misfit?: boolean; busy?: boolean } = {}): void {
    this.peers.remove(peer)
    this.plan.disconnected(peer, how.misfit ?? false, how.busy ?? false, this.now)
  }

  kinds(kind: string): Peer[] {
    return [...this.peers.all()].filter((peer) => peer.kind === kind)
  }

  get chosen(): Peer[] {
    return [...this.kinds('automatic'), ...this.kinds('blockRelay')]
  }

  get told(): number {
    return this.chosen.filter((peer) => this.book.find(peer.remote)?.trust === 'told').length
  }
}

const spread = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => spreadAddress(from + i))

describe('slots', () => {
  it('are filled with eight peers, two of them for blocks only, at a calm pace', () => {
    const bench = new Bench()
    bench.know('vouched', ...spread(40))
    bench.wait(700)
    expect(bench.dialled.length).toBeLessThanOrEqual(3)
    bench.wait(60_000)
    expect([bench.kinds('automatic').length, bench.kinds('blockRelay').length]).toEqual([6, 2])
    expect([bench.plan.missing, bench.dialled.length]).toEqual([0, 8])
    expect(bench.plan.nextAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('hold one peer of each network', () => {
    const bench = new Bench()
    bench.know('vouched', ...Array.from({ length: 300 }, (_, i) => crowdAddress(i, 5)))
    bench.wait(600_000)
    expect(bench.chosen).toHaveLength(5)
    expect(new Set(bench.chosen.map(({ remote }) => netGroup(remote.ip))).size).toBe(5)
  })

  it('go to no network that an operator’s peer is in, nor to hosts that are connected', () => {
    const bench = new Bench()
    bench.peers.add('manual', endpointOf('9.1.0.1'), '', bench.now)
    bench.peers.add('inbound', endpointOf('9.2.0.1', 40_000), '', bench.now)
    bench.know('vouched', '9.1.0.2', '9.2.0.1', '9.3.0.1')
    bench.wait(600_000)
    expect(bench.chosen.map(({ remote }) => formatIp(remote.ip))).toEqual(['9.3.0.1'])
  })

  it('are filled again when a peer is gone', () => {
    const bench = new Bench()
    bench.know('vouched', ...spread(40))
    bench.wait(60_000)
    for (const peer of bench.chosen.slice(0, 5)) bench.end(peer)
    expect(bench.plan.missing).toBe(5)
    bench.wait(20_000)
    expect([bench.kinds('automatic').length, bench.kinds('blockRelay').length]).toEqual([6, 2])
  })

  it('count what is being dialled', () => {
    const bench = new Bench()
    bench.answers = () => 'timeout'
    bench.know('vouched', ...spread(40))
    bench.wait(9_000)
    expect(bench.dialled).toHaveLength(8)
    bench.wait(9_000)
    expect(bench.dialled.length).toBeGreaterThan(8)
    expect(bench.dialled.length).toBeLessThanOrEqual(16)
  })

  it('are not filled beyond the room there is, and are as soon as there is some, whoever left', () => {
    const bench = new Bench({}, 6)
    const strangers = spread(3, 900).map((ip) => bench.peers.add('inbound', endpointOf(ip), '', bench.now))
    bench.know('vouched', ...spread(20))
    bench.wait(60_000)
    expect(bench.chosen).toHaveLength(3)
    for (const stranger of strangers) bench.end(stranger)
    bench.wait(20_000)
    expect(bench.chosen).toHaveLength(6)
  })

  it('stay empty if nobody may be dialled, without being busy about it', () => {
    const bench = new Bench({ mayDial: () => false })
    bench.know('vouched', ...spread(20))
    let looked = 0
    for (let i = 0; i < 600; i++) {
      const { nextAt } = bench.plan
      if (nextAt <= bench.now.mono + 100) looked++
      bench.wait(100)
    }
    expect(bench.dialled).toEqual([])
    expect(looked).toBeLessThan(40)
  })

  it('are filled by a known address alone, after it was away', () => {
    const bench = new Bench()
    bench.answers = () => 'refused'
    bench.know('vouched', spreadAddress(0))
    bench.wait(3_600_000)
    bench.answers = () => 'yes'
    bench.wait(600_000)
    expect(bench.chosen).toHaveLength(1)
  })
})

describe('retries', () => {
  it('of an address that fails become rarer, at times that can’t be told before', () => {
    const bench = new Bench()
    bench.answers = () => 'refused'
    bench.know('vouched', spreadAddress(0))
    const times: number[] = []
    for (let i = 0; i < 40_000; i++) {
      bench.wait(100)
      while (times.length < bench.dialled.length) times.push(bench.now.mono)
    }
    const waits = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    expect(waits[0]).toBeGreaterThan(20_000)
    expect(waits.at(-1)).toBeGreaterThan(300_000)
    expect(Math.max(...waits)).toBeLessThan(620_000)
    expect(times.length).toBeLessThan(20)
    expect(new Set(waits.map((ms) => Math.round(ms / 1_000))).size).toBeGreaterThan(times.length / 2)
  })

  it('are not held against an address while we have no network', () => {
    const bench = new Bench()
    bench.answers = () => 'noNetwork'
    bench.know('vouched', ...spread(3))
    bench.wait(600_000)
    for (const ip of spread(3)) expect(bench.book.find(endpointOf(ip))?.attempts).toBe(0)
    bench.answers = () => 'yes'
    bench.wait(60_000)
    expect(bench.chosen).toHaveLength(3)
  })

  it('of a node of another chain come an hour later, at the earliest', () => {
    const bench = new Bench()
    bench.know('vouched', spreadAddress(0))
    for (let i = 0; i < 5; i++) {
      bench.wait(2 * ADDRESS_MISFIT_MS)
      const [peer] = bench.chosen
      if (peer === undefined) throw new Error('it was not dialled')
      peer.readyAt = undefined
      bench.end(peer, { misfit: true })
      bench.wait(ADDRESS_MISFIT_MS)
      expect(bench.chosen).toEqual([])
    }
  })

  it('of a node without a free slot come soon', () => {
    const bench = new Bench()
    bench.know('vouched', spreadAddress(0))
    bench.wait(1_000)
    const [peer] = bench.chosen
    if (peer === undefined) throw new Error('it was not dialled')
    bench.end(peer, { busy: true })
    bench.wait(45_000)
    expect(bench.chosen).toHaveLength(1)
  })
})

describe('hearsay', () => {
  it('fills three slots at most while better is known', () => {
    const bench = new Bench()
    bench.know('told', ...spread(200))
    bench.know('vouched', ...spread(30, 1_000))
    bench.wait(600_000)
    expect(bench.chosen).toHaveLength(8)
    expect(bench.told).toBeLessThanOrEqual(MAX_TOLD_PEERS)
    for (let i = 0; i < 40; i++) {
      const peer = bench.chosen[i % 8]
      if (peer !== undefined) bench.end(peer)
      bench.wait(10_000)
      expect(bench.told).toBeLessThanOrEqual(MAX_TOLD_PEERS)
    }
  })

  it('has its turn too', () => {
    const bench = new Bench()
    bench.know('told', ...spread(50))
    bench.know('vouched', ...spread(50, 1_000))
    let sum = 0
    for (let i = 0; i < 60; i++) {
      bench.wait(10_000)
      sum += bench.told
      const peer = bench.chosen[i % 8]
      if (peer !== undefined) bench.end(peer)
    }
    expect(sum).toBeGreaterThan(0)
  })

  it('fills one slot more for each minute in which nobody better could be reached', () => {
    const bench = new Bench()
    bench.know('told', ...spread(50))
    bench.wait(0.4 * STARVED_MS)
    expect(bench.told).toBe(MAX_TOLD_PEERS)
    bench.wait(STARVED_MS)
    expect(bench.told).toBe(MAX_TOLD_PEERS + 1)
    bench.wait(5 * STARVED_MS)
    expect(bench.told).toBe(8)
  })

  it('is not kept waiting for ever by dials to the dead', () => {
    const bench = new Bench()
    const dead = spread(5, 1_000)
    bench.answers = (endpoint) =>
      endpoint !== undefined && dead.includes(formatIp(endpoint.ip)) ? 'timeout' : 'yes'
    bench.know('told', ...spread(50))
    bench.know('vouched', ...dead)
    // Until they have failed three times they are hoped for.
    bench.wait(600_000)
    expect(bench.told).toBe(8)
  })

  it('has to wait again when a slot is empty that was filled', () => {
    const bench = new Bench()
    bench.know('told', ...spread(50))
    bench.wait(7 * STARVED_MS)
    expect(bench.told).toBe(8)
    bench.wait(3_600_000)
    const [peer] = bench.chosen
    if (peer !== undefined) bench.end(peer)
    bench.wait(0.9 * STARVED_MS)
    expect(bench.told).toBe(7)
    bench.wait(6 * STARVED_MS)
    expect(bench.told).toBe(8)
  })

  it('counts as such when the book has forgotten who it was', () => {
    const bench = new Bench()
    bench.know('told', ...spread(50))
    bench.wait(0.4 * STARVED_MS)
    for (const { remote } of bench.chosen) bench.book.remove(remote)
    bench.wait(0.4 * STARVED_MS)
    expect(bench.chosen).toHaveLength(MAX_TOLD_PEERS)
  })
})

describe('anchors', () => {
  it('come first, for blocks only, and no more than those', () => {
    const anchors = spread(5, 500).map((ip) => endpointOf(ip))
    const bench = new Bench({ anchors })
    bench.know('vouched', ...spread(30))
    bench.wait(60_000)
    expect(bench.dialled.slice(0, 2).map(({ kind, endpoint }) => [kind, endpoint])).toEqual([
      ['blockRelay', anchors[0]],
      ['blockRelay', anchors[1]],
    ])
    expect([bench.kinds('automatic').length, bench.kinds('blockRelay').length]).toEqual([6, 2])
  })

  it('that fail are replaced', () => {
    const anchors = spread(2, 500).map((ip) => endpointOf(ip))
    const bench = new Bench({ anchors })
    bench.answers = (endpoint) => (endpoint === anchors[0] || endpoint === anchors[1] ? 'timeout' : 'yes')
    bench.know('vouched', ...spread(30))
    bench.wait(120_000)
    expect([bench.kinds('automatic').length, bench.kinds('blockRelay').length]).toEqual([6, 2])
  })

  it('in one network are one', () => {
    const anchors = ['9.1.0.1', '9.1.0.2'].map((ip) => endpointOf(ip))
    const bench = new Bench({ anchors })
    bench.know('vouched', ...spread(30))
    bench.wait(60_000)
    expect(
      bench.chosen.filter(({ remote }) => netGroup(remote.ip) === netGroup(endpointOf('9.1.0.1').ip)),
    ).toHaveLength(1)
  })
})

describe('feelers', () => {
  const full = (): Bench => {
    const bench = new Bench({ feelers: true })
    bench.know('vouched', ...spread(60))
    bench.wait(30_000)
    expect(bench.chosen).toHaveLength(8)
    return bench
  }

  it('are not sent while a slot is empty', () => {
    const bench = new Bench({ feelers: true })
    // There would be somebody to test in each network, but the eighth is not known.
    bench.know('vouched', ...spread(7), ...spread(7).map((ip) => ip.replace(/\d+$/, '251')))
    bench.wait(3_600_000)
    expect(bench.dialled.filter(({ kind }) => kind === 'feeler')).toEqual([])
  })

  it('test some thirty addresses in an hour, others each time', () => {
    const bench = full()
    bench.wait(3_600_000)
    const feelers = bench.dialled.filter(({ kind }) => kind === 'feeler')
    expect(feelers.length).toBeGreaterThan(20)
    expect(feelers.length).toBeLessThan(45)
    // Every fourth looks elsewhere in the network, also among those who are known well.
    const tests = feelers.filter(({ explores }) => !explores)
    expect(feelers.length - tests.length).toBe(Math.floor(feelers.length / 4))
    expect(new Set(tests.map(({ address }) => address)).size).toBe(tests.length)
    for (const { endpoint } of feelers)
      expect(endpoint && bench.book.find(endpoint)?.lastSuccessAt).toBeGreaterThan(0)
    expect(bench.kinds('feeler')).toEqual([])
  })

  it('fly one at a time', () => {
    const bench = full()
    const stuck = bench.peers.add('feeler', endpointOf('9.9.0.1'), '', bench.now)
    bench.wait(1_800_000)
    expect(bench.dialled.filter(({ kind }) => kind === 'feeler')).toEqual([])
    bench.end(stuck)
    bench.wait(600_000)
    expect(bench.dialled.filter(({ kind }) => kind === 'feeler').length).toBeGreaterThan(0)
  })

  /** The holder of a place in tried, connected or not, and one who wants that place. */
  function collision(isConnected: boolean): { bench: Bench; holder: string; newcomer: string } {
    const bench = new Bench({ feelers: true })
    const slots = new AddressSlots<unknown>(bench.book.save([]).key)
    const seen = new Map<number, string>()
    for (let i = 0; ; i++) {
      const ip = `9.1.${i >> 8}.${i & 0xff}`
      const endpoint = endpointOf(ip)
      const slot = slots.triedSlot({ ...endpoint, group: netGroup(endpoint.ip) })
      const holder = seen.get(slot)
      seen.set(slot, ip)
      if (holder === undefined) continue
      if (!isConnected) {
        bench.know('vouched', ...spread(8))
        bench.wait(60_000)
      }
      bench.know('vouched', holder)
      bench.book.good(endpointOf(holder), bench.now)
      bench.wait(5_000)
      bench.know('vouched', ...spread(8))
      // Nor is it there when somebody explores.
      if (!isConnected)
        bench.answers = (other) => (other && formatIp(other.ip) === holder ? 'refused' : 'yes')
      bench.wait(60_000 + 1_000 * ADDRESS_REPLACEMENT_SECONDS)
      bench.book.add([addressAt(ip)], sourceAt('7.7.7.7', 'vouched'), bench.now.unix)
      expect(bench.chosen.some(({ remote }) => formatIp(remote.ip) === holder)).toBe(isConnected)
      return { bench, holder, newcomer: ip }
    }
  }

  it('test the holder of a place before another gets it', () => {
    const { bench, holder, newcomer } = collision(false)
    bench.book.good(endpointOf(newcomer), bench.now)
    expect(bench.book.nextCollision()).toBeDefined()
    bench.wait(1_200_000)
    expect(bench.book.find(endpointOf(newcomer))?.tried).toBe(true)
    expect(bench.book.find(endpointOf(holder))?.tried).toBe(false)
    bench.book.assertConsistent()
  })

  it('need not test a holder that serves us: it keeps its place', () => {
    const { bench, holder, newcomer } = collision(true)
    bench.book.good(endpointOf(newcomer), bench.now)
    bench.wait(3_000 * ADDRESS_COLLISION_TEST_SECONDS)
    expect(bench.book.find(endpointOf(holder))?.tried).toBe(true)
    expect(bench.book.find(endpointOf(newcomer))?.tried).toBe(false)
    bench.book.assertConsistent()
  })
})

describe('seed nodes', () => {
  it('are dialled once each, before others', () => {
    const seedNodes = [
      { host: 'one.example', port: 1 },
      { host: '9.200.0.1', port: 2 },
    ]
    const bench = new Bench({ seedNodes })
    bench.know('vouched', ...spread(3))
    bench.wait(3_600_000)
    const seeds = bench.dialled.filter(({ kind }) => kind === 'seed' && bench.dialled.length > 0)
    expect(bench.dialled.slice(0, 2).map(({ address }) => address)).toEqual(['one.example:1', '9.200.0.1:2'])
    expect(seeds.filter(({ endpoint }) => endpoint === undefined)).toHaveLength(2)
  })
})

describe('a node with empty slots and nobody left to dial', () => {
  it.each([true, false])(
    'asks those it knows for more addresses, where they tell any: %s',
    (tellAddresses) => {
      const bench = new Bench({ tellAddresses })
      bench.know('vouched', ...spread(3))
      bench.wait(600_000)
      expect(bench.chosen).toHaveLength(3)
      expect(bench.dialled.some(({ kind }) => kind === 'seed')).toBe(tellAddresses)
    },
  )
})
