/** The table of peers, and the plan for those of our own choice, under random operations. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConnectionKind } from '../../src/peer/peer.ts'
import { AddressBook } from '../../src/pool/address-book.ts'
import { ticketCounter } from '../../src/pool/manual-targets.ts'
import { netGroup } from '../../src/pool/net-group.ts'
import { type Flight, OutboundPlan } from '../../src/pool/outbound-plan.ts'
import { PeerManager } from '../../src/pool/peer-manager.ts'
import { monoMs, type Now, unixSeconds } from '../../src/primitives/brand.ts'
import { formatIp } from '../../src/primitives/ip.ts'
import { addressAt, DAY_ZERO, endpointOf, sourceAt } from '../../testkit/books.ts'
import { crowdAddress, spreadAddress } from '../../testkit/sim/addresses.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const ip = (who: number): string => (who % 3 === 0 ? crowdAddress(who, 3) : spreadAddress(who % 60))
const LIMITS = {
  maxConnections: 12,
  reservedOutbound: 0,
  maxInboundPerIp: { limit: 2, scope: 'routable' },
} as const
const LOOK_AGAIN_MS = 8_000

const operation = fc.record({
  what: fc.constantFrom(
    'know',
    'accept',
    'land',
    'land',
    'land',
    'fail',
    'ready',
    'ready',
    'end',
    'wait',
    'wait',
  ),
  who: fc.nat({ max: 600 }),
  how: fc.nat({ max: 60_000 }),
})

class World {
  readonly book = new AddressBook(randomOfSeed(1))
  readonly peers = new PeerManager(1, LIMITS, randomOfSeed(2))
  readonly plan: OutboundPlan
  #mono = 0
  #flights: Flight[] = []
  #lastId = 0
  connected = 0

  constructor(seed: number) {
    const options = {
      outbound: 5,
      blockRelay: 2,
      feelers: true,
      tellAddresses: true,
      seedNodes: [],
      anchors: [endpointOf(ip(1)), endpointOf(ip(2))],
      reserved: () => 0,
      mayDial: () => true,
    }
    this.plan = new OutboundPlan(
      options,
      this.book,
      this.peers,
      randomOfSeed(seed),
      ticketCounter(),
      monoMs(0),
    )
  }

  get now(): Now {
    return { mono: monoMs(this.#mono), unix: unixSeconds(DAY_ZERO + Math.floor(this.#mono / 1_000)) }
  }

  run({ what, who, how }: { what: string; who: number; how: number }): void {
    const peers = [...this.peers.all()]
    const peer = peers[who % Math.max(1, peers.length)]
    const flight = this.#flights[who % Math.max(1, this.#flights.length)]
    if (what === 'know') this.#know(who, how)
    else if (what === 'accept') this.#accept(who)
    else if (what === 'wait') this.#wait(how)
    else if (what === 'land' && flight !== undefined) this.#land(flight)
    else if (what === 'fail' && flight !== undefined) this.#fail(flight, how)
    else if (what === 'ready' && peer !== undefined) {
      peer.state = 'ready'
      peer.readyAt ??= this.now.mono
    } else if (what === 'end' && peer !== undefined) {
      this.peers.remove(peer)
      this.plan.disconnected(peer, how % 5 === 0, how % 5 === 1, this.now)
    }
    this.#check()
  }

  #know(who: number, how: number): void {
    const source = sourceAt(spreadAddress(how % 40), how % 2 === 0 ? 'told' : 'vouched')
    this.book.add([addressAt(ip(who)), addressAt(ip(who + 7))], source, this.now.unix)
    this.plan.hurry(this.now.mono)
  }

  #accept(who: number): void {
    const remote = endpointOf(ip(who), 40_000)
    if (this.peers.judgeInbound(remote.ip, this.plan.missing) === undefined) this.#add('inbound', who)
  }

  #add(kind: ConnectionKind, who: number): void {
    const peer = this.peers.add(kind, endpointOf(ip(who), 40_000), '', this.now)
    if (peer.id <= this.#lastId) throw new Error('an id was used twice')
    this.#lastId = peer.id
  }

  #drop(flight: Flight): void {
    this.#flights = this.#flights.filter((other) => other !== flight)
    if (this.plan.landed(flight.ticket) !== flight) throw new Error('a flight that is not known')
    if (this.plan.landed(flight.ticket) !== undefined) throw new Error('a flight that landed twice')
  }

  #land(flight: Flight): void {
    this.#drop(flight)
    const { endpoint, kind } = flight
    const isFull = this.peers.room === 0 && kind !== 'feeler'
    if (endpoint === undefined || isFull) return this.plan.hurry(this.now.mono)
    const peer = this.peers.add(kind, endpoint, '', this.now)
    this.#lastId = peer.id
    this.connected++
  }

  #fail(flight: Flight, how: number): void {
    this.#drop(flight)
    this.plan.dialFailed(flight, how % 4 === 0, this.now.mono)
  }

  #wait(ms: number): void {
    const end = this.#mono + ms
    while (this.plan.nextAt <= end) {
      this.#mono = Math.max(this.#mono, this.plan.nextAt)
      for (let next = this.plan.plan(this.now); next !== undefined; next = this.plan.plan(this.now))
        this.#flights.push(next)
      if (this.plan.nextAt <= this.#mono) throw new Error('still due after it was planned')
    }
    this.#mono = end
  }

  #check(): void {
    this.book.assertConsistent()
    const peers = [...this.peers.all()]
    const kept = [...peers, ...this.#flights].filter(
      ({ kind }) => kind === 'automatic' || kind === 'blockRelay',
    )
    const endpoints = kept.flatMap((one) => ('remote' in one ? [one.remote] : (one.endpoint ?? [])))
    expect(kept.length).toBeLessThanOrEqual(5)
    expect(kept.filter(({ kind }) => kind === 'blockRelay').length).toBeLessThanOrEqual(2)
    expect(new Set(endpoints.map((one) => netGroup(one.ip))).size).toBe(endpoints.length)
    const probes = [...peers, ...this.#flights].filter(({ kind }) => kind === 'feeler')
    expect(probes.length).toBeLessThanOrEqual(1)
    const inbound = peers.filter((peer) => peer.inbound)
    for (const { remote } of inbound)
      expect(inbound.filter((peer) => formatIp(peer.remote.ip) === formatIp(remote.ip)).length).toBeLessThan(
        3,
      )
    expect(this.peers.inboundCount).toBe(inbound.length)
    expect(this.peers.outboundCount).toBe(peers.length - inbound.length)
    expect(peers.filter(({ kind }) => kind !== 'feeler').length).toBeLessThanOrEqual(LIMITS.maxConnections)
    expect([...this.peers.ownNonces.values()].sort()).toEqual(peers.map(({ id }) => id).sort())
    if (this.plan.missing > 0 && this.#flights.length === 0)
      expect(this.plan.nextAt).toBeLessThanOrEqual(this.#mono + LOOK_AGAIN_MS)
  }
}

describe('the pool', () => {
  it('keeps its promises under any operations', { timeout: 120_000 }, () => {
    let connected = 0
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 150, size: 'max' }),
        fc.nat({ max: 99 }),
        (operations, seed) => {
          const world = new World(seed)
          for (const one of operations) world.run(one)
          connected += world.connected
        },
      ),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 100) },
    )
    expect(connected).toBeGreaterThan(100)
  })
})
