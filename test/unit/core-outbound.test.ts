/** Peers of our own choice as the whole core has them: seeds, feelers, misfits, twins, and restarts. */
import { describe, expect, it } from 'vitest'
import type { AutomaticOptions } from '../../src/core/outbound.ts'
import type { Effect } from '../../src/core/seam.ts'
import {
  ADDRESS_MISFIT_MS,
  PROVEN_AFTER_MS,
  RESEED_INTERVAL_MS,
  SEED_AFTER_MS,
} from '../../src/params/limits.ts'
import { mainnet } from '../../src/params/networks.ts'
import { connectionId, type PeerId, unixSeconds } from '../../src/primitives/brand.ts'
import { type Endpoint, formatIp, UNSPECIFIED_V4 } from '../../src/primitives/ip.ts'
import { hostSubnet } from '../../src/primitives/subnet.ts'
import type { CurrentVersion } from '../../src/wire/version.ts'
import { endpointOf } from '../../testkit/books.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import { CoreProbe, ipOf, type ProbeOptions } from '../../testkit/sim/probe.ts'
import { versionOf } from '../../testkit/sim/scripted.ts'

type Dial = Extract<Effect, { type: 'dial' }>
/** What becomes of a dial: a handshake with such a version, a connection that stays silent, or none. */
type Fate = Partial<CurrentVersion> | 'silent' | 'ECONNREFUSED' | 'ENETUNREACH'

const automatic: AutomaticOptions = {
  outbound: 8,
  blockRelay: 2,
  feelers: false,
  dnsSeeds: [],
  fixedSeeds: [],
  seedNodes: [],
}

/** A core whose dials are answered while time passes. */
class Town {
  readonly probe: CoreProbe
  readonly dials: Dial[] = []
  readonly resolves: number[] = []
  fate: (host: string) => Fate = () => ({})
  #connections = 0

  constructor(options: Partial<AutomaticOptions> = {}, more: ProbeOptions = {}) {
    this.probe = new CoreProbe({ network: mainnet, automatic: { ...automatic, ...options }, ...more })
  }

  know(...ips: string[]): void {
    for (const ip of ips) this.probe.handle({ type: 'addAddress', endpoint: endpointOf(ip), tried: false })
  }

  /** In steps small enough that answers come while they are awaited. */
  pass(ms: number, stepMs = 500): void {
    for (let left = ms; left > 0; left -= stepMs) {
      this.probe.wait(Math.min(stepMs, left))
      this.#answer()
      for (const { id, state, sendQueue } of this.probe.core.peers.all()) {
        if (state === 'ready') this.probe.receive(id, { type: 'pong', nonce: 1n })
        if (this.probe.core.peers.get(id) !== undefined && sendQueue.bytes > 0) this.probe.flush(id)
      }
    }
  }

  #answer(): void {
    const { effects } = this.probe
    this.probe.effects = effects.filter(({ type }) => type === 'event' || type === 'write')
    for (const effect of effects) {
      if (effect.type === 'resolve') this.resolves.push(this.probe.now.mono)
      if (effect.type !== 'dial') continue
      this.dials.push(effect)
      const fate = this.fate(effect.target.host)
      if (typeof fate === 'string' && fate !== 'silent')
        this.probe.handle({ type: 'dialFailed', ticket: effect.ticket, error: fate })
      else this.connect(effect, fate === 'silent' ? undefined : fate)
    }
  }

  connect({ ticket, target }: Dial, version?: Partial<CurrentVersion>): PeerId | undefined {
    const remote = endpointOf(target.host, target.port)
    const connection = connectionId(5_000 + ++this.#connections)
    const effects = this.probe.handle({ type: 'dialed', ticket, connection, remote })
    const adopt = effects.find(({ type }) => type === 'adopt')
    if (adopt?.type !== 'adopt' || version === undefined) return undefined
    this.probe.receive(adopt.peer, versionOf(mainnet, version), { type: 'verack' })
    return adopt.peer
  }

  kinds(kind: string): string[] {
    const peers = [...this.probe.core.peers.all()].filter((peer) => peer.kind === kind)
    return peers.map(({ remote }) => formatIp(remote.ip))
  }

  get chosen(): string[] {
    return [...this.kinds('automatic'), ...this.kinds('blockRelay')]
  }

  hosts(): string[] {
    return this.dials.map(({ target }) => target.host)
  }
}

const spread = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => spreadAddress(from + i))

describe('a node that knows nobody', () => {
  it('asks names at once, and dials where they lead', () => {
    const town = new Town({ dnsSeeds: ['one.example', 'two.example'] })
    const resolve = town.probe.handle({ type: 'tick' }).find(({ type }) => type === 'resolve')
    expect(resolve).toEqual({ type: 'resolve', names: ['one.example', 'two.example'] })
    town.probe.handle({ type: 'resolved', addresses: spread(3).map(ipOf) })
    town.pass(10_000)
    expect(town.chosen.sort()).toEqual(spread(3).sort())
    for (const ip of spread(3)) expect(town.probe.core.addresses.find(endpointOf(ip))?.trust).toBe('vouched')
  })

  it.each([
    ['nothing', []],
    ['this machine', ['127.0.0.1', '0.0.0.0', '::1', '::']],
    ['private addresses', ['10.0.0.1', '192.168.1.1', 'fc00::1', 'fe80::1']],
  ])('turns to the seeds built in after a while when names lead to %s', (_, ips) => {
    const town = new Town({ dnsSeeds: ['one.example'], fixedSeeds: [endpointOf(spreadAddress(9))] })
    town.probe.handle({ type: 'tick' })
    town.probe.handle({ type: 'resolved', addresses: ips.map(ipOf) })
    town.pass(SEED_AFTER_MS - 1_000)
    expect(town.hosts()).toEqual([])
    town.pass(6_000)
    expect(town.hosts()).toContain(spreadAddress(9))
  })

  it('turns to the seeds built in although the operator’s peer is there, who may know nobody', () => {
    const town = new Town({ dnsSeeds: ['one.example'], fixedSeeds: [endpointOf(spreadAddress(9))] })
    town.fate = (host) => (host === spreadAddress(9) ? 'ECONNREFUSED' : {})
    town.probe.handle({ type: 'addTarget', target: { host: spreadAddress(1), port: 8_444 }, keep: true })
    town.pass(RESEED_INTERVAL_MS + 60_000)
    expect(town.kinds('manual')).toEqual([spreadAddress(1)])
    expect(town.hosts()).toContain(spreadAddress(9))
  })

  it('saves a built-in seed only if it has answered', () => {
    const seeds = spread(2).map((ip) => endpointOf(ip))
    const town = new Town({ fixedSeeds: seeds })
    town.fate = (host) => (host === spreadAddress(0) ? 'silent' : {})
    town.pass(10_000)
    expect(town.probe.core.addresses.size).toBe(2)
    const saved = town.probe.core.savedAddresses().addresses
    expect(saved.map(({ ip }) => formatIp(ip))).toEqual([spreadAddress(1)])
  })

  it('asks names again, but not more than every ten minutes, however peers come and go', () => {
    const town = new Town({ dnsSeeds: ['one.example'] })
    town.fate = () => 'silent'
    for (let i = 0; i < 60; i++) {
      town.pass(60_000, 5_000)
      town.probe.handle({ type: 'resolved', addresses: [ipOf(spreadAddress(0))] })
    }
    expect(town.resolves.length).toBeGreaterThan(3)
    for (const [i, at] of town.resolves.entries())
      if (i > 0) expect(at - (town.resolves[i - 1] ?? 0)).toBeGreaterThanOrEqual(RESEED_INTERVAL_MS - 5_000)
  })
})

it('a node that wants one peer, and has it, asks no more names', () => {
  const town = new Town({ outbound: 1, blockRelay: 0, dnsSeeds: ['one.example'] })
  town.know(spreadAddress(0))
  town.pass(4 * RESEED_INTERVAL_MS, 5_000)
  expect(town.chosen).toEqual([spreadAddress(0)])
  expect(town.resolves.length).toBeLessThanOrEqual(1)
})

it('a node that has lost its last peer asks names half a minute later', () => {
  const town = new Town({ dnsSeeds: ['one.example'], outbound: 1, blockRelay: 0 })
  town.know(spreadAddress(0))
  town.pass(RESEED_INTERVAL_MS + 60_000, 5_000)
  const [peer] = [...town.probe.core.peers.all()]
  if (peer === undefined) throw new Error('it was not dialled')
  // At the start, when nobody was known.
  expect(town.resolves).toHaveLength(1)
  town.fate = () => 'ECONNREFUSED'
  town.probe.handle({ type: 'closed', peer: peer.id })
  town.pass(SEED_AFTER_MS - 1_000)
  expect(town.resolves).toHaveLength(1)
  town.pass(2_000)
  expect(town.resolves).toHaveLength(2)
})

describe('a seed node', () => {
  it('is asked, heard, and left', () => {
    const town = new Town({
      outbound: 0,
      blockRelay: 0,
      seedNodes: [{ host: spreadAddress(0), port: 8_444 }],
    })
    town.pass(2_000)
    const [seed] = [...town.probe.core.peers.all()]
    if (seed === undefined) throw new Error('it was not dialled')
    expect(town.probe.commandsTo(seed.id)).toContain('getaddr')
    const addresses = spread(50, 100).map((ip) => ({
      ...endpointOf(ip),
      time: town.probe.now.unix,
      services: 1n,
    }))
    town.probe.receive(seed.id, { type: 'addr', addresses })
    expect([town.probe.ends, town.probe.core.addresses.size]).toEqual([['seedDone'], 51])
  })

  it.each([
    ['an address', spreadAddress(0), ipOf(spreadAddress(0))],
    ['a host name, through a proxy', 'seed.example', UNSPECIFIED_V4],
  ])('named by %s vouches for what it tells', (_, host, ip) => {
    const town = new Town({ outbound: 0, blockRelay: 0, seedNodes: [{ host, port: 8_444 }] })
    town.probe.wait(2_000)
    const dial = town.probe.effects.find((effect) => effect.type === 'dial')
    if (dial?.type !== 'dial') throw new Error('it was not dialled')
    const connection = connectionId(5_000)
    town.probe.handle({ type: 'dialed', ticket: dial.ticket, connection, remote: { ip, port: 8_444 } })
    const [seed] = [...town.probe.core.peers.all()]
    if (seed === undefined) throw new Error('it was not taken')
    town.probe.receive(seed.id, versionOf(mainnet), { type: 'verack' })
    const address = { ...endpointOf(spreadAddress(100)), time: town.probe.now.unix, services: 1n }
    town.probe.receive(seed.id, { type: 'addr', addresses: [address] })
    expect(town.probe.core.addresses.find(address)?.trust).toBe('vouched')
  })

  it('that tells nothing is left after a minute', () => {
    const town = new Town({
      outbound: 0,
      blockRelay: 0,
      seedNodes: [{ host: spreadAddress(0), port: 8_444 }],
    })
    town.pass(65_000)
    expect(town.probe.ends).toEqual(['seedDone'])
  })
})

describe('whom we choose', () => {
  it('is eight nodes of eight networks, and none of them twice', () => {
    const town = new Town()
    town.know(...spread(30), ...spread(30).map((ip) => ip.replace(/\d+$/, '251')))
    town.pass(60_000)
    expect(town.chosen).toHaveLength(8)
    expect(new Set(town.chosen.map((ip) => ip.split('.').slice(0, 2).join())).size).toBe(8)
    expect([town.kinds('automatic').length, town.kinds('blockRelay').length]).toEqual([6, 2])
  })

  it('leaves no trace in the times that others are told, if it was for blocks only', () => {
    const town = new Town()
    town.know(...spread(20))
    town.pass(60_000)
    const timesOf = (kind: string): (number | undefined)[] =>
      hostsOf[kind]?.map((ip) => town.probe.core.addresses.find(endpointOf(ip))?.time) ?? []
    const hostsOf: Record<string, string[]> = {
      automatic: town.kinds('automatic'),
      blockRelay: town.kinds('blockRelay'),
    }
    const before = { automatic: timesOf('automatic'), blockRelay: timesOf('blockRelay') }
    town.fate = () => 'ECONNREFUSED'
    for (const { id } of [...town.probe.core.peers.all()]) town.probe.handle({ type: 'closed', peer: id })
    expect(timesOf('blockRelay')).toEqual(before.blockRelay)
    for (const [i, time] of timesOf('automatic').entries())
      expect(time).toBeGreaterThan(before.automatic[i] ?? 0)
  })

  it('is no more trusted because the book forgot it while hands were shaken', () => {
    const town = new Town()
    const endpoint = endpointOf(spreadAddress(3))
    const stranger = town.probe.ready(spreadAddress(1))
    const told = { ...endpoint, time: town.probe.now.unix, services: 1n }
    town.probe.receive(stranger, { type: 'addr', addresses: [told] })
    town.fate = () => 'silent'
    town.pass(30_000)
    const half = [...town.probe.core.peers.all()].find(({ kind }) => kind === 'automatic')
    if (half === undefined) throw new Error('it was not dialled')
    expect(town.probe.core.addresses.remove(endpoint)).toBe(true)
    town.probe.receive(half.id, versionOf(mainnet), { type: 'verack' })
    expect(town.probe.core.addresses.find(endpoint)?.trust).toBe('told')
  })

  it('is nobody banned, unreachable by wish of the operator, or ourselves', () => {
    const town = new Town({ reachable: (ip) => ip[12] !== 12 }, { ownAddress: ipOf('13.2.2.2') })
    town.know('11.2.2.2', '12.2.2.2', '13.2.2.2', '14.2.2.2')
    const until = town.probe.now.unix + 9_999
    town.probe.handle({ type: 'setBan', subnet: hostSubnet(ipOf('11.2.2.2')), until: unixSeconds(until) })
    town.pass(300_000)
    expect(new Set(town.hosts())).toEqual(new Set(['14.2.2.2']))
  })

  it('is not one whose genesis is another, for an hour', () => {
    const town = new Town()
    town.know(spreadAddress(0))
    town.fate = () => ({ genesisHash: new Uint8Array(32) })
    town.pass(10_000)
    expect([town.dials.length, town.probe.ends]).toEqual([1, ['wrongGenesis']])
    town.pass(ADDRESS_MISFIT_MS - 20_000, 10_000)
    expect(town.dials).toHaveLength(1)
    town.pass(ADDRESS_MISFIT_MS, 10_000)
    expect(town.dials.length).toBeGreaterThan(1)
  })

  it('is not this node itself, once it has seen that', () => {
    const town = new Town()
    town.know(spreadAddress(0))
    town.pass(1_000)
    const [dialled] = [...town.probe.core.peers.all()]
    if (dialled === undefined) throw new Error('it was not dialled')
    const other = new Town()
    other.know(spreadAddress(0))
    other.fate = () => 'silent'
    other.pass(1_000)
    const [half] = [...other.probe.core.peers.all()]
    if (half === undefined) throw new Error('it was not dialled')
    other.probe.receive(half.id, versionOf(mainnet, { nonce: half.localNonce }))
    expect(other.probe.ends).toEqual(['selfConnection'])
    expect(other.probe.core.addresses.size).toBe(0)
    other.know(spreadAddress(0))
    other.pass(600_000)
    expect(other.dials).toHaveLength(1)
  })

  it('is looked for again although a connection was refused because it was there already', () => {
    const town = new Town({ outbound: 2, blockRelay: 0 })
    town.know(...spread(2))
    town.fate = () => 'silent'
    town.probe.wait(3_000)
    const dials = town.probe.effects.filter((effect) => effect.type === 'dial')
    const [first, second] = dials
    if (first === undefined || second === undefined) throw new Error('they were not dialled')
    // Both lead to the same host: the second connection is refused, and its slot is still empty.
    town.connect(first, {})
    const remote = endpointOf(first.target.host)
    town.probe.handle({ type: 'dialed', ticket: second.ticket, connection: connectionId(9_000), remote })
    expect(town.probe.deeds).toContain('refuse')
    town.probe.effects = []
    town.fate = () => ({})
    town.know(...spread(5, 10))
    town.pass(30_000)
    expect(town.chosen).toHaveLength(2)
  })

  it.each([
    [
      'broken frames',
      (town: Town, peer: PeerId) => town.probe.receiveBytes(peer, new Uint8Array(24).fill(65)),
    ],
    ['an end', (town: Town, peer: PeerId) => town.probe.handle({ type: 'closed', peer })],
  ])('is dialled ever more seldom if all that follows its handshake is %s', (_, go) => {
    const town = new Town()
    town.know(spreadAddress(0))
    const at: number[] = []
    for (let ms = 0; ms < 3_600_000; ms += 1_000) {
      town.pass(1_000)
      for (const { id, state } of town.probe.core.peers.all()) {
        if (state !== 'ready') continue
        at.push(town.probe.now.mono)
        go(town, id)
      }
    }
    expect(at.length).toBeGreaterThan(5)
    expect(at.length).toBeLessThan(30)
    expect((at.at(-1) ?? 0) - (at.at(-2) ?? 0)).toBeGreaterThan(5 * ((at[1] ?? 0) - (at[0] ?? 0)))
  })

  it('is another for a while when it had to be sent away, however well it had served', () => {
    const town = new Town()
    town.know(...spread(8))
    town.pass(PROVEN_AFTER_MS + 60_000, 20_000)
    town.know(spreadAddress(8))
    for (let round = 0; round < 4; round++) {
      const served = [...town.probe.core.peers.all()].find(
        ({ remote }) => formatIp(remote.ip) !== spreadAddress(8),
      )
      if (served === undefined) throw new Error('nobody is there')
      town.probe.receiveBytes(served.id, new Uint8Array(24).fill(65))
      town.pass(5_000)
      expect(town.chosen).toContain(spreadAddress(8))
      expect(town.chosen).not.toContain(formatIp(served.remote.ip))
      const [other] = [...town.probe.core.peers.all()].filter(
        ({ remote }) => formatIp(remote.ip) === spreadAddress(8),
      )
      if (other !== undefined) town.probe.handle({ type: 'disconnect', peer: other.id })
      town.pass(PROVEN_AFTER_MS + 60_000, 20_000)
    }
  })

  it('is not taken when it was banned while it was dialled, unless the operator named it', () => {
    const town = new Town({ outbound: 2, blockRelay: 0 })
    const [chosen, named] = [spreadAddress(0), spreadAddress(1)]
    town.know(chosen)
    town.probe.handle({ type: 'addTarget', target: { host: named, port: 8_444 }, keep: true })
    town.probe.wait(3_000)
    const dials = town.probe.effects.filter((effect) => effect.type === 'dial')
    expect(dials.map(({ target }) => target.host).sort()).toEqual([chosen, named].sort())
    for (const host of [chosen, named]) {
      const subnet = hostSubnet(ipOf(host))
      town.probe.handle({ type: 'setBan', subnet, until: unixSeconds(town.probe.now.unix + 60) })
    }
    for (const dial of dials) town.connect(dial, {})
    expect(town.chosen).toEqual([])
    expect(town.kinds('manual')).toEqual([named])
  })

  it('takes no slot that there isn’t, and takes it when a stranger goes', () => {
    const limits = {
      maxConnections: 3,
      reservedOutbound: 0,
      maxInboundPerIp: { limit: 2, scope: 'routable' as const },
    }
    const town = new Town({ outbound: 2, blockRelay: 0 }, { limits })
    const manual: Endpoint = endpointOf(spreadAddress(50))
    town.probe.ready(spreadAddress(60))
    town.probe.handle({ type: 'addTarget', target: { host: formatIp(manual.ip), port: 8_444 }, keep: true })
    town.pass(2_000)
    town.know(...spread(10))
    town.pass(10_000)
    expect([town.kinds('manual').length, town.chosen.length]).toEqual([1, 1])
    const stranger = [...town.probe.core.peers.all()].find(({ inbound }) => inbound)
    if (stranger === undefined) throw new Error('the stranger is gone')
    town.probe.handle({ type: 'closed', peer: stranger.id })
    town.pass(20_000)
    expect(town.chosen).toHaveLength(2)
  })

  it('leaves room for whom the operator named', () => {
    const limits = {
      maxConnections: 3,
      reservedOutbound: 0,
      maxInboundPerIp: { limit: 2, scope: 'routable' as const },
    }
    const town = new Town({ outbound: 3, blockRelay: 0 }, { limits })
    town.fate = (host) => (host === spreadAddress(50) ? 'ECONNREFUSED' : {})
    town.probe.handle({ type: 'addTarget', target: { host: spreadAddress(50), port: 8_444 }, keep: true })
    town.know(...spread(10))
    town.pass(60_000)
    expect(town.chosen).toHaveLength(2)
    town.fate = () => ({})
    town.pass(90_000)
    expect(town.kinds('manual')).toEqual([spreadAddress(50)])
  })

  it('never makes more connections than there may be, whoever is dialled', () => {
    const limits = {
      maxConnections: 2,
      reservedOutbound: 0,
      maxInboundPerIp: { limit: 2, scope: 'routable' as const },
    }
    const town = new Town({ outbound: 2, blockRelay: 0 }, { limits })
    town.know(...spread(10))
    town.probe.wait(5_000)
    const dials = town.probe.effects.filter((effect) => effect.type === 'dial')
    town.probe.effects = []
    town.probe.handle({ type: 'addTarget', target: { host: spreadAddress(50), port: 8_444 }, keep: true })
    const manual = town.probe.effects.find((effect) => effect.type === 'dial')
    if (manual?.type !== 'dial') throw new Error('it was not dialled')
    for (const dial of dials) town.connect(dial, {})
    expect(town.chosen).toHaveLength(2)
    town.connect(manual, {})
    expect(town.kinds('manual')).toEqual([])
    expect(town.probe.events.find(({ type }) => type === 'dialFailed')).toMatchObject({ kind: 'manual' })
  })

  it('grows rarer to be tried when it fails, except when the fault is ours', () => {
    const failing = new Town()
    failing.know(spreadAddress(0))
    failing.fate = () => 'ECONNREFUSED'
    failing.pass(3_600_000, 5_000)
    expect(failing.dials.length).toBeLessThan(20)
    expect(failing.dials.length).toBeGreaterThan(5)
    const offline = new Town()
    offline.know(spreadAddress(0))
    offline.fate = () => 'ENETUNREACH'
    offline.pass(600_000, 5_000)
    expect(offline.probe.core.addresses.find(endpointOf(spreadAddress(0)))?.attempts).toBe(0)
  })
})

describe('a feeler', () => {
  it('ends with the handshake, by our hand', () => {
    const town = new Town({ feelers: true, outbound: 1, blockRelay: 0 })
    town.know(...spread(10))
    town.pass(600_000, 1_000)
    const probed = town.probe.ends.filter((reason) => reason === 'probed')
    expect(probed.length).toBeGreaterThan(2)
    expect(town.kinds('feeler')).toEqual([])
    expect(town.chosen).toHaveLength(1)
  })

  it('ends when nobody says anything', () => {
    const town = new Town({ feelers: true, outbound: 1, blockRelay: 0 })
    town.know(...spread(10))
    town.pass(10_000)
    town.fate = () => 'silent'
    town.pass(1_800_000, 1_000)
    const timeouts = town.probe.ends.filter((reason) => reason === 'handshakeTimeout')
    expect(timeouts.length).toBeGreaterThan(2)
    expect(town.kinds('feeler').length).toBeLessThanOrEqual(1)
  })
})

describe('after a restart', () => {
  it('the anchors of last time come first, for blocks only', () => {
    const town = new Town()
    town.know(...spread(30))
    town.pass(60_000)
    const anchors = town.kinds('blockRelay')
    const addresses = structuredClone(town.probe.core.savedAddresses())
    expect(addresses.anchors.map(({ ip }) => formatIp(ip))).toEqual(anchors)
    const again = new Town({}, { addresses, seed: 99 })
    again.pass(5_000)
    expect(again.hosts().slice(0, 2)).toEqual(anchors)
    expect(again.kinds('blockRelay')).toEqual(anchors)
    again.pass(60_000)
    expect(again.chosen).toHaveLength(8)
  })

  it('anchors are those of before the shutdown', () => {
    const town = new Town()
    town.know(...spread(30))
    town.pass(60_000)
    const anchors = town.kinds('blockRelay')
    town.probe.handle({ type: 'shutdown' })
    expect(town.probe.core.savedAddresses().anchors.map(({ ip }) => formatIp(ip))).toEqual(anchors)
  })
})
