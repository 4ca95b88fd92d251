/** From facts to findings in words: one cause each, and what they have in common. */
import { describe, expect, it } from 'vitest'
import { Counters } from '../../src/node/counters.ts'
import { diagnose } from '../../src/node/diagnosis.ts'
import { type Facts, factsOf } from '../../src/node/diagnosis-facts.ts'
import type { DialFailure } from '../../src/node/dial-failure.ts'
import type { ConnectionEnd } from '../../src/node/history.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import type { DisconnectReason } from '../../src/peer/disconnect.ts'
import { peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { parseSubnet } from '../../src/primitives/subnet.ts'
import { FakeControl, peer, readyPeer } from './rpc-fixtures.ts'

const NOW = 1_700_000_000
const NO_BYTES = { bytesReceived: 0, bytesSent: 0 }
const ip = (text: string) => parseIp(text) ?? new Uint8Array(16)
const subnet = (text: string) => parseSubnet(text) ?? { ip: new Uint8Array(16), bits: 0 }

/** A node that looks for peers by itself, runs for a while and has none. */
const ALONE: Facts = {
  now: NOW,
  uptimeSeconds: 1_000,
  network: mainnet,
  listenPort: 8444,
  peers: [],
  ends: [],
  reachedFromOutside: false,
  bans: [],
  targets: [],
  automatic: {
    outbound: 0,
    missing: 8,
    exclusive: false,
    seeding: { dns: ['seed.example'], fixed: [{ ip: ip('9.9.9.9'), port: 8444 }] },
  },
  addressBook: { total: 20, fresh: 20, tried: 0 },
  counters: new Counters().read(NO_BYTES),
  sync: undefined,
  chain: undefined,
  health: {
    eventLoop: { p50Ms: 0, p99Ms: 1, maxMs: 2 },
    memory: { heapUsedBytes: 1, heapTotalBytes: 1, heapLimitBytes: 100, externalBytes: 0, rssBytes: 1 },
  },
  mining: { isOn: false, wait: undefined, refusal: undefined, refused: 0 },
}
const automatic = ALONE.automatic
const out = (id: number, timeOffset = 0) =>
  readyPeer(id, { kind: 'automatic', address: `5.5.${id}.1:8444`, timeOffset })
const EIGHT = Array.from({ length: 8 }, (_, i) => out(i + 1))
/** One with everything as it should be. */
const FINE: Partial<Facts> = {
  peers: [...EIGHT, peer(20, { state: 'ready' })],
  reachedFromOutside: true,
  ...(automatic === undefined ? {} : { automatic: { ...automatic, outbound: 8, missing: 0 } }),
}

let serial = 0
const failed = (reason: DialFailure, detail = '') =>
  ({
    what: 'dialFailed',
    time: unixSeconds(NOW - 60),
    address: `7.7.7.${++serial % 250}:8444`,
    inbound: false,
    kind: 'automatic',
    reason,
    detail,
  }) satisfies ConnectionEnd
const ended = (
  reason: DisconnectReason,
  given: Partial<Extract<ConnectionEnd, { what: 'disconnected' }>> = {},
) =>
  ({
    what: 'disconnected',
    time: unixSeconds(NOW - 60),
    address: `7.7.8.${++serial % 250}:8444`,
    inbound: false,
    kind: 'automatic',
    reason,
    detail: '',
    gotVersion: false,
    wasReady: false,
    seconds: 0,
    ...given,
  }) satisfies ConnectionEnd
const seeded = (dns: number, resolved: number): Facts['counters'] => ({ seeds: { dns, resolved } })

const find = (given: Partial<Facts>) => diagnose({ ...ALONE, ...given })
const codes = (given: Partial<Facts>) => find(given).findings.map(({ level, code }) => `${level} ${code}`)
const textOf = (given: Partial<Facts>, code: string) =>
  Object.values(find(given).findings.find((finding) => finding.code === code) ?? {}).join(' | ')

describe('a node without peers', () => {
  it.each<[string, Partial<Facts>, string]>([
    ['no route', { ends: [failed('noRoute'), failed('noRoute')] }, 'noRoute'],
    ['a firewall', { ends: [failed('timedOut'), failed('timedOut'), failed('refused')] }, 'unreachable'],
    ['dead seeds', { ends: [failed('refused'), failed('noRoute')] }, 'unreachable'],
    ['names that lead nowhere', { ends: [failed('noSuchHost')] }, 'noSuchHost'],
    ['a proxy that is down', { ends: [failed('proxy', 'proxy: connection refused')] }, 'proxy'],
    ['no descriptors', { ends: [failed('noDescriptors')] }, 'noDescriptors'],
    [
      'bans by them, by their closing',
      { ends: [ended('closedByPeer'), ended('connectionLost')] },
      'bannedByThem',
    ],
    [
      'bans by them, in words',
      { ends: [ended('rejectedByPeer', { detail: 'you are banned' })] },
      'bannedByThem',
    ],
    ['another chain', { ends: [ended('wrongGenesis', { gotVersion: true })] }, 'wrongGenesis'],
    [
      'another chain, as they say',
      { ends: [ended('rejectedByPeer', { detail: 'genesis block mismatch' })] },
      'wrongGenesis',
    ],
    ['another network', { ends: [ended('badMagic')] }, 'wrongNetwork'],
    [
      'being too old',
      { ends: [ended('rejectedByPeer', { detail: 'version must be 70020 or greater' })] },
      'obsolete',
    ],
    [
      'a clock that they refuse',
      { ends: [ended('rejectedByPeer', { detail: 'bad timestamp' })] },
      'clockRejected',
    ],
    ['old peers', { ends: [ended('obsoleteVersion', { gotVersion: true })] }, 'peersObsolete'],
    ['silent peers', { ends: [ended('handshakeTimeout', { seconds: 60 })] }, 'silentPeers'],
    ['slots that wait', {}, 'waiting'],
    ['peers that do not answer', { peers: [peer(1, { kind: 'manual', inbound: false })] }, 'noAnswer'],
    [
      'ends that say nothing',
      { ends: [ended('closedByPeer', { gotVersion: true, seconds: 900 })] },
      'waiting',
    ],
  ])('because of %s', (_, given, code) => {
    expect(codes(given)).toEqual([`problem ${code}`])
    const { healthy, findings } = find(given)
    expect(healthy).toBe(false)
    for (const { title, explanation, advice } of findings)
      for (const text of [title, explanation, advice]) expect(text).not.toBe('')
  })

  it('because nothing is known of anybody', () => {
    const given = { addressBook: { total: 0, fresh: 0, tried: 0 }, counters: seeded(2, 0) }
    expect(codes(given)).toEqual(['problem dnsSeeds', 'problem emptyAddressBook'])
    expect(codes({ ...given, counters: seeded(2, 5) })).toEqual(['problem emptyAddressBook'])
    expect(codes({ ...given, uptimeSeconds: 5 })).toEqual(['warn starting'])
    expect(find({ ...given, uptimeSeconds: 5 }).healthy).toBe(true)
  })

  it('because its own bans cover the seeds', () => {
    const ban = {
      createdAt: unixSeconds(1),
      until: unixSeconds(NOW + 9),
      reason: 'manual',
      score: 0,
    } as const
    const bans = [{ ...ban, subnet: subnet('9.9.0.0/16') }]
    expect(codes({ bans })).toEqual(['problem ownBans'])
    expect(textOf({ bans }, 'ownBans')).toContain('1 of 1 are refused: 9.9.9.9.')
    const targets = [
      { address: '1.2.3.4:8444', connected: false },
      { address: 'node.example:8444', connected: false },
    ]
    expect(codes({ bans, targets })).toEqual(['problem waiting', 'warn ownBans'])
    expect(codes({ bans: [{ ...ban, subnet: subnet('8.8.8.8') }] })).toEqual(['problem waiting'])
  })

  it('because it may dial only named ones', () => {
    if (automatic === undefined) throw new Error('no facts')
    const only = { automatic: { ...automatic, missing: 0, exclusive: true } }
    const targets = [{ address: '7.7.7.7:8444', connected: false }]
    const ends = [{ ...failed('refused'), address: '7.7.7.7:8444' }]
    expect(codes({ ...only, targets, ends })).toEqual(['problem unreachable', 'warn connectOnly'])
    expect(textOf({ ...only, targets, ends }, 'unreachable')).toContain('that you named')
    expect(codes({ ...only, addressBook: { total: 0, fresh: 0, tried: 0 } })).toEqual(['warn connectOnly'])
    const peers = [readyPeer(1, { address: '7.7.7.7:8444' })]
    const connected = [{ address: '7.7.7.7:8444', connected: true }]
    expect(codes({ ...only, targets: connected, ends, peers })).toEqual(['ok connectOnly', 'ok connected'])
  })

  it('on a network where nobody is looked for', () => {
    const given = { automatic: undefined, network: regtest }
    expect(codes(given)).toEqual(['warn nobodyToDial'])
    expect(codes({ ...given, listenPort: undefined })).toEqual(['problem nobodyToDial', 'warn notListening'])
    expect(codes({ ...given, peers: [peer(1, { state: 'ready' })] })).toEqual(['ok connected'])
    const targets = [{ address: '127.0.0.1:1', connected: false }]
    expect(codes({ ...given, targets, ends: [failed('refused')] })).toEqual(['problem unreachable'])
  })

  it('says how many were tried, each address once and by its last outcome', () => {
    const again = failed('timedOut')
    const ends = [
      failed('timedOut'),
      again,
      again,
      failed('refused'),
      { ...failed('timedOut'), time: unixSeconds(1) },
    ]
    expect(textOf({ ends }, 'unreachable')).toContain(
      '3 addresses tried lately: 2 gave no answer, 1 refused.',
    )
    expect(textOf({ ends }, 'unreachable')).toContain('firewall')
    expect(textOf({ ends: [again, { ...again, reason: 'refused' }] }, 'unreachable')).toContain(
      '0 gave no answer, 1 refused',
    )
    // A probe that succeeded there later takes the failure back.
    expect(codes({ ends: [again, ended('probed', { address: again.address, wasReady: true })] })).toEqual([
      'problem waiting',
    ])
  })

  it('judges by what happened since the last peer was lost', () => {
    const lost = ended('connectionLost', {
      wasReady: true,
      gotVersion: true,
      seconds: 900,
      time: unixSeconds(NOW - 100),
    })
    const before = { ...failed('timedOut'), time: unixSeconds(NOW - 900) }
    const refusedBefore = ended('closedByPeer', { time: unixSeconds(NOW - 800) })
    expect(codes({ ends: [before, refusedBefore, lost, failed('noRoute')] })).toEqual(['problem noRoute'])
    expect(codes({ ends: [before, lost] })).toEqual(['problem waiting'])
    expect(textOf({ ends: [before, lost] }, 'waiting')).toContain(
      `Lost lately: ${lost.address} (connection lost).`,
    )
    // A seed that told its addresses, and a probe, were no peers.
    const seed = { ...ended('seedDone', { wasReady: true }), kind: 'seed' } as const
    expect(codes({ ends: [failed('noRoute'), { ...seed, time: unixSeconds(NOW - 10) }] })).toEqual([
      'problem noRoute',
    ])
  })

  it('says what peers that have banned it said, if they said anything', () => {
    const refused = ended('rejectedByPeer', { detail: 'banned until tomorrow' })
    expect(textOf({ ends: [refused] }, 'bannedByThem')).toContain(
      `${refused.address} refused us: "banned until tomorrow".`,
    )
    expect(textOf({ ends: [ended('closedByPeer')] }, 'bannedByThem')).toContain('before a word')
  })

  it('takes no probe for a peer, and no stranger for one of its own', () => {
    expect(codes({ peers: [readyPeer(1, { kind: 'feeler' }), peer(2, { state: 'ready' })] })).toEqual([
      'problem waiting',
      'ok connected',
    ])
    const inboundEnds = [{ ...ended('wrongGenesis'), inbound: true }]
    expect(codes({ ends: inboundEnds })).toEqual(['problem waiting'])
  })
})

describe('a node with peers', () => {
  it('is well, and says so', () => {
    expect(codes(FINE)).toEqual(['ok connected'])
    expect(find(FINE).healthy).toBe(true)
    expect(textOf(FINE, 'connected')).toContain('8 outbound, 1 inbound.')
  })

  it('does not mind single failures', () => {
    const ends = [
      failed('timedOut'),
      failed('noRoute'),
      ended('closedByPeer'),
      ended('wrongGenesis'),
      ended('noVersion'),
    ]
    expect(codes({ ...FINE, ends })).toEqual(['ok connected'])
    const many = Array.from({ length: 5 }, () => ended('closedByPeer'))
    expect(codes({ ...FINE, ends: many })).toEqual(['warn bannedByThem', 'ok connected'])
    expect(textOf({ ...FINE, ends: many }, 'bannedByThem')).toMatch(
      /: 7\.7\.8\.\d+:8444, [^,]*, [^,]* and 2 more\./,
    )
  })

  it('knows by them that its clock is wrong', () => {
    expect(codes({ ...FINE, peers: [out(1, 3_600), out(2, 3_601), out(3, -5)] })).toEqual([
      'problem wrongClock',
      'ok connected',
    ])
    expect(textOf({ ...FINE, peers: [out(1, 3_600)] }, 'wrongClock')).toContain('60 minutes behind')
    expect(textOf({ ...FINE, peers: [out(1, -7_200)] }, 'wrongClock')).toContain('120 minutes ahead')
    expect(codes({ ...FINE, peers: [out(1, 600), out(2, -600)] })).toEqual(['ok connected'])
    // Two strangers prove nothing.
    const strangers = [1, 2].map((id) => peer(id, { state: 'ready', timeOffset: 9_999 }))
    expect(codes({ ...FINE, peers: [out(3), ...strangers] })).toEqual(['ok connected'])
  })

  it('is told what could be better', () => {
    expect(codes({ ...FINE, listenPort: undefined })).toEqual(['warn notListening', 'ok connected'])
    expect(textOf({ ...FINE, listenPort: undefined }, 'notListening')).toMatch(
      /--listen=0.*--proxy.*--listen=1/,
    )
    expect(codes({ ...FINE, reachedFromOutside: false })).toEqual(['ok connected'])
    expect(codes({ ...FINE, reachedFromOutside: false, uptimeSeconds: 3_600 })).toEqual([
      'warn notReached',
      'ok connected',
    ])
    if (automatic === undefined) throw new Error('no facts')
    const slots = { ...FINE, automatic: { ...automatic, outbound: 5, missing: 3 } }
    expect(codes(slots)).toEqual(['warn emptySlots', 'ok connected'])
    expect(codes({ ...slots, uptimeSeconds: 100 })).toEqual(['ok connected'])
    const targets = [{ address: '1.2.3.4:1', connected: false }]
    const ends = [{ ...failed('refused'), address: '1.2.3.4:1' }]
    expect(codes({ ...FINE, targets, ends })).toEqual(['warn targetsMissing', 'ok connected'])
    expect(textOf({ ...FINE, targets, ends }, 'targetsMissing')).toContain('1.2.3.4:1 (nobody listens there)')
  })

  it('is told why it does not mine although it should', () => {
    const mining = { isOn: true, wait: undefined, refusal: undefined, refused: 0 }
    expect(codes({ ...FINE, mining })).toEqual(['ok connected'])
    const wait = { code: 'initialDownload', text: 'the node catches up' } as const
    expect(codes({ ...FINE, mining: { ...mining, wait } })).toEqual(['warn miningWaits', 'ok connected'])
    expect(textOf({ ...FINE, mining: { ...mining, wait } }, 'miningWaits')).toContain('The node catches up.')
    const refused = { ...mining, isOn: false, refusal: 'there is no address' }
    expect(codes({ ...FINE, mining: refused })).toEqual(['warn miningRefused', 'ok connected'])
    expect(codes({ ...FINE, mining: { ...mining, refused: 2 } })).toEqual([
      'warn ownBlocksRefused',
      'ok connected',
    ])
    expect(codes({ ...FINE, mining: undefined })).toEqual(['ok connected'])
  })

  it('is told of an overloaded machine', () => {
    const eventLoop = { p50Ms: 1, p99Ms: 900, maxMs: 999 }
    expect(codes({ ...FINE, health: { ...ALONE.health, eventLoop } })).toEqual(['warn slow', 'ok connected'])
    const memory = { ...ALONE.health.memory, heapUsedBytes: 81 }
    expect(codes({ ...FINE, health: { ...ALONE.health, memory } })).toEqual(['warn memory', 'ok connected'])
    expect(codes({ ...FINE, health: { eventLoop, memory } })).toEqual([
      'warn slow',
      'warn memory',
      'ok connected',
    ])
  })
})

describe('a node with a chain', () => {
  const SYNC = {
    height: 100,
    headerHeight: 100,
    initialDownload: false,
    inFlight: 0,
    orphans: 0,
    stuck: undefined,
    peers: [],
  }

  it('is told where it stands', () => {
    expect(codes({ ...FINE, sync: SYNC })).toEqual(['ok chain', 'ok connected'])
    const behind = { ...FINE, sync: { ...SYNC, headerHeight: 4_000, inFlight: 64 } }
    expect(codes(behind)).toEqual(['ok catchingUp', 'ok connected'])
    expect(textOf(behind, 'catchingUp')).toContain('Height 100, headers up to 4000; 64 blocks are under way')
  })

  it.each([
    ['noSource', 'warn'],
    ['awaitingBlocks', 'warn'],
    ['awaitingHeaders', 'warn'],
    ['chainBusy', 'warn'],
    ['noPeers', 'warn'],
    ['diskFailed', 'problem'],
    ['clockWrong', 'problem'],
  ] as const)('is told why it does not grow: %s', (cause, level) => {
    const given = { ...FINE, sync: { ...SYNC, stuck: { cause, waitsFor: peerId(3), forSeconds: 75 } } }
    expect(codes(given)).toEqual([`${level} sync-${cause}`, 'ok connected'])
    expect(textOf(given, `sync-${cause}`)).toContain('for 75 s, at height 100')
    expect(textOf(given, `sync-${cause}`)).toContain('Peer 3 was asked')
    expect(find(given).healthy).toBe(level === 'warn')
  })

  const CHAIN = {
    progress: 0.12345,
    tipTime: NOW - 3 * 86_400 - 5,
    isStopped: false,
    hashTrouble: undefined,
    deepFork: undefined,
    rejectedFork: undefined,
    pruneHeight: undefined,
    unchecked: '',
  }

  it('is told how far it has come', () => {
    const sync = { ...SYNC, headerHeight: 4_000, initialDownload: true }
    const text = (tipTime: number) => textOf({ ...FINE, sync, chain: { ...CHAIN, tipTime } }, 'catchingUp')
    expect(text(NOW - 3 * 86_400 - 5)).toContain('About 12.3 % are done; the last block is of 3 days ago.')
    expect(text(NOW - 7_200)).toContain('2 hours ago')
    expect(text(NOW - 7_199)).toContain('119 minutes ago')
    expect(text(NOW + 9)).toContain('0 seconds ago')
  })

  it.each<[string, string, Partial<NonNullable<Facts['chain']>>, RegExp]>([
    [
      'that it can not hash',
      'problem noProofOfWork',
      { hashTrouble: 'the library is missing' },
      /library is missing/,
    ],
    [
      'of a chain that breaks a rule',
      'problem rejectedFork',
      { rejectedFork: { firstHeight: 50, height: 300 } },
      /Its block 50 is invalid here; it goes up to 300/,
    ],
    [
      'of a chain that it does not follow',
      'problem deepFork',
      { deepFork: { forkHeight: 50, height: 300 } },
      /leaves ours at block 50 and goes up to 300.*-named invalidateblock height=51/,
    ],
    ['that old blocks are gone', 'ok pruned', { pruneHeight: 7_000 }, /Those below 7000 are gone/],
    ['that old blocks will be', 'ok pruned', { pruneHeight: 0 }, /None is deleted yet/],
    ['what is not checked', 'ok uncheckedRules', { unchecked: 'some rules' }, /in one respect: some rules/],
  ])('is told %s', (_, code, given, text) => {
    const facts = { ...FINE, sync: SYNC, chain: { ...CHAIN, ...given } }
    expect(codes(facts)).toContain(code)
    expect(textOf(facts, code.split(' ')[1] ?? '')).toMatch(text)
    expect(find(facts).healthy).toBe(code.startsWith('ok'))
  })

  it('whose disk has failed is told so once', () => {
    const chain = { ...CHAIN, isStopped: true }
    expect(codes({ ...FINE, sync: SYNC, chain })).toEqual(['problem sync-diskFailed', 'ok connected'])
    const sync = { ...SYNC, stuck: { cause: 'diskFailed', waitsFor: undefined, forSeconds: 75 } } as const
    expect(codes({ ...FINE, sync, chain })).toEqual(['problem sync-diskFailed', 'ok connected'])
  })

  it('and no peers is told of both', () => {
    const sync = { ...SYNC, stuck: { cause: 'diskFailed', waitsFor: undefined, forSeconds: 75 } } as const
    expect(codes({ sync }).sort()).toEqual(['problem sync-diskFailed', ...codes({})].sort())
  })
})

describe('factsOf', () => {
  it('asks the node for everything', () => {
    const control = new FakeControl(regtest)
    control.snapshots = [readyPeer(1)]
    control.tell({ type: 'accepted', peer: readyPeer(1).id, address: '8.8.8.8:1' })
    const facts = factsOf(control)
    expect(facts).toMatchObject({ reachedFromOutside: true, listenPort: 18444, uptimeSeconds: 3_700 })
    expect(facts.counters['connections']?.['accepted']).toBe(1)
    expect(diagnose(facts).findings.map(({ code }) => code)).toEqual(['connected'])
  })
})
