import { beforeEach, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { connectionId, dialTicket, type PeerId, peerId } from '../../src/primitives/brand.ts'
import type { Message } from '../../src/wire/messages.ts'
import { CoreProbe, ipOf } from '../../testkit/sim/probe.ts'
import { frameOf, versionOf } from '../../testkit/sim/scripted.ts'

const TARGET = { host: '9.8.7.6', port: 8_444 }
const verack = { type: 'verack' } as const

let probe: CoreProbe

beforeEach(() => {
  probe = new CoreProbe()
})

describe('inputs that come too late', () => {
  it('about peers that are gone, or never were, do nothing', () => {
    const peer = probe.ready()
    probe.handle({ type: 'closed', peer })
    probe.effects = []
    for (const id of [peer, peerId(99)]) {
      probe.receive(id, { type: 'ping', nonce: 1n })
      probe.handle({ type: 'flushed', peer: id, bytes: 10 })
      probe.handle({ type: 'closed', peer: id, error: 'ECONNRESET' })
      probe.handle({ type: 'disconnect', peer: id })
      probe.handle({ type: 'hold', peer: id, held: true })
      probe.handle({ type: 'send', peer: id, message: { type: 'mempool' } })
    }
    expect(probe.effects).toEqual([])
  })

  it('about dials that nobody knows end their connection', () => {
    const connection = connectionId(5)
    probe.handle({ type: 'dialFailed', ticket: dialTicket(7), error: 'x' })
    expect(probe.effects).toEqual([])
    const remote = { ip: ipOf('9.9.9.9'), port: 1 }
    probe.handle({ type: 'dialed', ticket: dialTicket(7), connection, remote })
    expect(probe.effects).toEqual([{ type: 'refuse', connection }])
  })

  it('as ticks before anything is due do nothing', () => {
    probe.ready()
    probe.effects = []
    for (let i = 0; i < 5; i++) {
      probe.skip(100)
      probe.handle({ type: 'tick' })
    }
    expect(probe.effects).toEqual([])
  })
})

describe('messages', () => {
  it('of the program around the node go only to peers whose handshake is complete', () => {
    const stranger = probe.accept() ?? peerId(0)
    probe.effects = []
    probe.handle({ type: 'send', peer: stranger, message: { type: 'mempool' } })
    expect(probe.effects).toEqual([])
    const peer = probe.ready('9.9.9.8')
    probe.effects = []
    probe.handle({ type: 'send', peer, message: { type: 'mempool' } })
    expect(probe.commandsTo(peer)).toEqual(['mempool'])
  })

  it('that can not be written throw, and change nothing', () => {
    const peer = probe.ready()
    probe.effects = []
    const addresses = Array.from({ length: 30_001 }, () => ({
      time: 0,
      services: 0n,
      ip: ipOf('::1'),
      port: 1,
    }))
    const message = { type: 'addr', addresses } as const
    expect(() => probe.handle({ type: 'send', peer, message })).toThrow(RangeError)
    probe.receive(peer, { type: 'ping', nonce: 9n })
    expect(probe.sentTo(peer)).toEqual([{ type: 'pong', nonce: 9n }])
  })

  it('are delivered to the program around the node if it asked, from the handshake on', () => {
    probe = new CoreProbe({ deliverMessages: true })
    const peer = probe.accept() ?? peerId(0)
    const later: Message[] = [
      { type: 'ping', nonce: 2n },
      { type: 'pong', nonce: 3n },
    ]
    probe.receive(peer, { type: 'ping', nonce: 1n }, versionOf(regtest), verack, ...later)
    const delivered = probe.events.flatMap((event) => (event.type === 'message' ? [event.message] : []))
    // Handshake and keepalive are the node's own affair.
    expect(delivered).toMatchObject([{ type: 'pong', nonce: 3n }])
  })

  it('are all told of when tracing, and only then', () => {
    const kinds = (tracing: boolean): string[] => {
      const one = new CoreProbe({ traceMessages: tracing })
      const peer = one.ready()
      one.effects = []
      one.receive(peer, { type: 'ping', nonce: 1n }, { type: 'mempool' }, { type: 'pong', nonce: 4n })
      return one.events.map(({ type }) => type)
    }
    expect(kinds(false)).toEqual([])
    expect(kinds(true)).toEqual(['received', 'sent', 'received', 'ignored', 'pongReceived'])
  })
})

describe('violations', () => {
  it('of a hundred points end a peer', () => {
    const peer = probe.ready()
    // A list that claims one entry more than it has.
    const short = frameOf(regtest.magic, 'inv', Uint8Array.of(1))
    for (let i = 1; i <= 10; i++) {
      expect(probe.ends).toEqual([])
      probe.receiveBytes(peer, short.slice())
    }
    expect(probe.ends).toEqual(['misbehaving'])
  })

  it('of the frame format end it at once, whatever stands behind', () => {
    const peer = probe.ready()
    const right = frameOf(regtest.magic, 'inv', Uint8Array.of(0))
    const wrong = right.with(20, ((right[20] ?? 0) + 1) % 256)
    probe.receiveBytes(peer, Uint8Array.from([...wrong, ...right]))
    expect(probe.ends).toEqual(['badChecksum'])
    expect(probe.events.find(({ type }) => type === 'offence')).toMatchObject({ points: 50, score: 50 })
  })

  it('within a turn still let earlier answers count, but nothing later', () => {
    const peer = probe.ready()
    probe.effects = []
    const ping = probe.bytesOf({ type: 'ping', nonce: 1n })
    const broken = ping.slice()
    broken[0] = 0
    probe.receiveBytes(peer, Uint8Array.from([...ping, ...broken, ...ping]))
    expect(probe.ends).toEqual(['badMagic'])
    expect(probe.deeds.filter((deed) => deed !== 'write')).toEqual(['close'])
  })
})

describe('connections', () => {
  it('are refused when the limits say so, and counted again when one ends', () => {
    const limits = {
      maxConnections: 4,
      reservedOutbound: 1,
      maxInboundPerIp: { limit: 2, scope: 'routable' },
    } as const
    probe = new CoreProbe({ limits })
    expect([probe.accept('9.9.9.1'), probe.accept('9.9.9.1'), probe.accept('9.9.9.1')]).toEqual([
      1,
      2,
      undefined,
    ])
    expect(probe.events.at(-1)).toEqual({ type: 'refused', address: '9.9.9.1:40000', reason: 'perIpLimit' })
    expect(probe.accept('9.9.9.2')).toBe(3)
    // Of three that have shown nothing yet, the youngest gives way to the next.
    expect(probe.accept('9.9.9.3')).toBe(4)
    expect(probe.ends).toEqual(['evicted'])
    expect(probe.core.peers.inboundCount).toBe(3)
    probe.handle({ type: 'closed', peer: peerId(1) })
    expect(probe.accept('9.9.9.1')).toBe(5)
    expect(probe.ends).toEqual(['evicted', 'closedByPeer'])
  })

  it('are never more than allowed, dialled ones included', () => {
    const limits = {
      maxConnections: 3,
      reservedOutbound: 1,
      maxInboundPerIp: { limit: 9, scope: 'all' },
    } as const
    const targets = [1, 2].map((n) => ({ host: `9.0.0.${n}`, port: 1 }))
    probe = new CoreProbe({ limits, targets })
    const first = probe.accept('9.9.9.1')
    expect(first).toBeDefined()
    // The two targets keep their slots before and while they are dialled, and once they are connected.
    expect(probe.accept('9.9.9.2')).toBeUndefined()
    probe.wait(0)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(2)
    expect(probe.accept('9.9.9.3')).toBeUndefined()
    probe.connect('9.0.0.2')
    expect(probe.accept('9.9.9.4')).toBeUndefined()
    probe.handle({ type: 'closed', peer: first ?? peerId(0) })
    expect(probe.accept('9.9.9.5')).toBeDefined()
  })

  it('are dialled only as far as there is room', () => {
    const limits = {
      maxConnections: 3,
      reservedOutbound: 1,
      maxInboundPerIp: { limit: 9, scope: 'all' },
    } as const
    const targets = [1, 2, 3, 4, 5].map((n) => ({ host: `9.0.0.${n}`, port: 1 }))
    probe = new CoreProbe({ limits, targets })
    expect(probe.accept('9.9.9.1')).toBeUndefined()
    probe.wait(0)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(3)
    const peer = probe.connect('9.0.0.2') ?? peerId(0)
    expect(probe.core.nextDeadline()).toBeGreaterThan(probe.now.mono)
    probe.handle({ type: 'closed', peer })
    probe.wait(0)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(4)
  })

  it('to a target that was removed while it was dialled are refused', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: true })
    probe.handle({ type: 'removeTarget', target: TARGET })
    expect(probe.connect()).toBeUndefined()
    expect(probe.deeds).toEqual(['dial', 'refuse'])
    probe.wait(600_000)
    expect(probe.deeds).toEqual(['dial', 'refuse'])
  })

  it('to a target that was removed later stay, and are not made again', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: true })
    const peer = probe.connect() ?? peerId(0)
    probe.handle({ type: 'removeTarget', target: TARGET })
    expect(probe.ends).toEqual([])
    probe.handle({ type: 'closed', peer })
    probe.wait(600_000)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(1)
  })

  it('are ended on request, with what was queued, and those of targets made again', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: true })
    const peer = probe.connect() ?? peerId(0)
    probe.handle({ type: 'disconnect', peer })
    expect(probe.ends).toEqual(['requested'])
    expect(probe.effects.filter(({ type }) => type === 'close')).toEqual([
      { type: 'close', peer, deliver: true },
    ])
    probe.wait(1_200)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(2)
  })

  it('tried once are tried once', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: false })
    const peer = probe.connect() ?? peerId(0)
    expect(probe.peer(peer).kind).toBe('oneTry')
    probe.handle({ type: 'closed', peer, error: 'ECONNRESET' })
    expect(probe.events.at(-1)).toMatchObject({ reason: 'connectionLost', detail: 'ECONNRESET' })
    probe.wait(600_000)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(1)
    expect(probe.core.nextDeadline()).toBeUndefined()
  })
})

describe('a connection to ourselves', () => {
  it('ends at both ends, whichever learns of it', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: true })
    const outbound = probe.connect() ?? peerId(0)
    const inbound = probe.accept(TARGET.host) ?? peerId(0)
    const [version] = probe.sentTo(outbound)
    if (version === undefined) throw new Error('no version')
    probe.receive(inbound, version)
    expect(probe.ends).toEqual(['selfConnection', 'selfConnection'])
    expect(probe.events).toContainEqual({ type: 'selfTarget', address: '9.8.7.6:8444' })
    probe.wait(600_000)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(1)
    expect(probe.core.nextDeadline()).toBeUndefined()
  })

  it('is not seen in a nonce of a connection that has ended', () => {
    probe.handle({ type: 'addTarget', target: TARGET, keep: true })
    const outbound = probe.connect() ?? peerId(0)
    const [version] = probe.sentTo(outbound)
    if (version === undefined) throw new Error('no version')
    probe.handle({ type: 'closed', peer: outbound })
    const inbound = probe.accept() ?? peerId(0)
    probe.receive(inbound, version, verack)
    expect(probe.peer(inbound).state).toBe('ready')
  })
})

describe('a shutdown', () => {
  let peers: PeerId[]

  beforeEach(() => {
    probe = new CoreProbe({ targets: [TARGET, { host: '9.8.7.5', port: 1 }] })
    probe.wait(0)
    peers = [probe.ready('9.9.9.1'), probe.accept('9.9.9.2') ?? peerId(0), probe.connect() ?? peerId(0)]
    probe.effects = []
    probe.handle({ type: 'shutdown' })
  })

  it('closes every peer, with what was queued', () => {
    expect(probe.ends).toEqual(['shutdown', 'shutdown', 'shutdown'])
    expect(probe.effects.filter(({ type }) => type === 'close')).toEqual(
      peers.map((peer) => ({ type: 'close', peer, deliver: true })),
    )
  })

  it('lets nothing happen afterwards', () => {
    probe.effects = []
    expect(probe.accept()).toBeUndefined()
    probe.handle({
      type: 'dialed',
      ticket: dialTicket(2),
      connection: connectionId(9),
      remote: remoteOf('9.8.7.5'),
    })
    expect(probe.deeds).toEqual(['refuse', 'refuse'])
    probe.effects = []
    probe.handle({ type: 'dialFailed', ticket: dialTicket(2), error: 'ECONNREFUSED' })
    probe.handle({ type: 'dialFailed', ticket: dialTicket(1), error: 'ECONNREFUSED' })
    probe.handle({ type: 'addTarget', target: { host: 'new', port: 1 }, keep: true })
    probe.handle({ type: 'pingAll' })
    probe.handle({ type: 'shutdown' })
    probe.wait(600_000)
    expect(probe.effects).toEqual([])
    expect(probe.core.nextDeadline()).toBeUndefined()
  })
})

const remoteOf = (ip: string) => ({ ip: ipOf(ip), port: 1 })

describe('a peer that does not fit us', () => {
  it('and says so is left, also where it would keep the connection, and left alone for long', () => {
    probe = new CoreProbe({ targets: [TARGET] })
    probe.wait(0)
    const peer = probe.connect() ?? peerId(0)
    probe.effects = []
    probe.receive(peer, { type: 'reject', command: 'version', code: 0x10, reason: 'genesis mismatch' })
    expect(probe.events).toMatchObject([
      { type: 'rejectReceived' },
      { type: 'disconnected', reason: 'rejectedByPeer', detail: 'genesis mismatch' },
    ])
    probe.effects = []
    probe.wait(300_000)
    expect(probe.events).toEqual([])
  })
})

describe('two names of one peer', () => {
  it('lead to one connection', () => {
    const other = { host: 'same.example', port: TARGET.port }
    probe = new CoreProbe({ targets: [TARGET, other] })
    probe.wait(0)
    const dials = probe.effects.filter((effect) => effect.type === 'dial')
    for (const [i, { ticket }] of dials.entries()) {
      const remote = { ip: ipOf('9.8.7.6'), port: TARGET.port }
      probe.handle({ type: 'dialed', ticket, connection: connectionId(100 + i), remote })
    }
    expect(probe.deeds.filter((deed) => deed !== 'write')).toEqual(['dial', 'dial', 'adopt', 'refuse'])
    expect(probe.core.peers.size).toBe(1)
    expect([...probe.core.targets.rows].every(({ peer }) => peer !== undefined)).toBe(true)
    probe.wait(20_000)
    expect(probe.deeds.filter((deed) => deed === 'dial')).toHaveLength(2)
  })
})
