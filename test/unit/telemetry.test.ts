/** What events say in the log, for people and for machines, and how strangers are kept from flooding it. */
import { describe, expect, it } from 'vitest'
import type { NodeEvent } from '../../src/core/seam.ts'
import { describeDisconnect, disconnectReasons } from '../../src/peer/disconnect.ts'
import type { PeerVersion } from '../../src/peer/handshake.ts'
import type { ConnectionKind } from '../../src/peer/peer.ts'
import { peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { EventLog } from '../../src/telemetry/event-log.ts'
import { LineLimiter } from '../../src/telemetry/limiter.ts'
import { linesOf } from '../../src/telemetry/lines.ts'
import { Logger, type LogOptions } from '../../src/telemetry/logger.ts'
import { boundedWriter } from '../../src/telemetry/output.ts'

const peer = peerId(7)
const address = '1.2.3.4:5'

const version: PeerVersion = {
  layout: 'current',
  version: 70_011,
  services: 1n,
  userAgent: '/Dilithion:v4.0.18/',
  startHeight: 12,
  relay: true,
  nonce: 2n ** 64n - 1n,
  timeOffset: -3,
  seesUsAs: { ip: parseIp('2001:db8::1') ?? new Uint8Array(16), port: 8_444 },
}

const texts = (event: NodeEvent): string[] => linesOf(event).map(({ level, text }) => `${level} ${text}`)

/** A log that is written into a list, with a clock that is set. */
function makeLog(options: Partial<LogOptions> & { readonly debug?: boolean } = {}) {
  const written: string[] = []
  const clock = { ms: Date.UTC(2026, 0, 2, 3, 4, 5, 6) }
  const nowMs = (): number => clock.ms
  const write = (text: string): void => void written.push(text)
  const logger = new Logger({ write, nowMs, color: false, json: false, ...options })
  return { written, clock, logger, events: new EventLog({ logger, nowMs, debug: options.debug ?? false }) }
}

describe('linesOf', () => {
  it('has the words of the founding plan', () => {
    expect(texts({ type: 'dialing', address, kind: 'manual' })).toEqual(['info Connecting to 1.2.3.4:5...'])
    expect(texts({ type: 'connected', peer, address, kind: 'manual' })).toEqual(['info Connected to peer 7'])
    expect(texts({ type: 'accepted', peer, address })).toEqual([
      'info New peer connected: 1.2.3.4:5',
      'info Peer 7 accepted: 1.2.3.4:5',
    ])
    expect(texts({ type: 'versionReceived', peer, version, bytes: 1 })).toEqual([
      "info Received 'version' from peer 7\n  Protocol: 70011\n  User Agent: Dilithion:v4.0.18\n  Start Height: 12",
    ])
    const sent = { type: 'sent', peer, bytes: 24, routine: false } as const
    expect(texts({ ...sent, command: 'verack' })).toEqual(["info Sent 'verack' to peer 7 (24 bytes)"])
    expect(texts({ ...sent, command: 'ping' })).toEqual(["info Sent 'ping' to peer 7 (24 bytes)"])
    expect(texts({ type: 'verackReceived', peer, bytes: 24 })).toEqual(["info Received 'verack' from peer 7"])
    const pong = { type: 'pongReceived', peer, nonce: 123_456_789n, roundTripMs: 1 } as const
    expect(texts({ ...pong, routine: false })).toEqual([
      "info Received 'pong' from peer 7 (nonce: 123456789)",
    ])
    expect(texts({ type: 'handshakeComplete', peer })).toEqual(['info Handshake complete with peer 7'])
  })

  it('says to whom it connected where no line before did', () => {
    for (const kind of ['automatic', 'blockRelay'] as const)
      expect(texts({ type: 'connected', peer, address, kind })).toEqual([
        'info Connected to peer 7: 1.2.3.4:5',
      ])
  })

  it('says routine and details only to those who debug', () => {
    const sent = { type: 'sent', peer, bytes: 32 } as const
    const pong = { type: 'pongReceived', peer, nonce: 1n } as const
    const events: NodeEvent[] = [
      { ...sent, command: 'ping', routine: true },
      { ...sent, command: 'getaddr', routine: false },
      { ...pong, routine: true, roundTripMs: 1 },
      { ...pong, routine: false, roundTripMs: undefined },
      { type: 'received', peer, command: 'inv', bytes: 61 },
      { type: 'ignored', peer, command: 'inv' },
      { type: 'congested', peer, queuedBytes: 9 },
      { type: 'throttled', peer, forMs: 9.5 },
      { type: 'addressesReceived', peer, count: 3, taken: 2, added: 1 },
      { type: 'skipped', peer, frame: { kind: 'skipped', why: 'unknownCommand', command: 'x', length: 3 } },
    ]
    for (const event of events) expect(linesOf(event).map(({ level }) => level)).toEqual(['debug'])
    expect(linesOf({ type: 'message', peer, message: { type: 'verack' } })).toEqual([])
  })

  it('says what the operator asked for aloud, and what the node dials by its own choice only if it succeeds', () => {
    const failed = { type: 'dialFailed', address, error: 'timed out', retryMs: undefined } as const
    const ended = {
      type: 'disconnected',
      peer,
      address,
      inbound: false,
      wasReady: true,
      bytesSent: 0,
    } as const
    const levels = (kind: ConnectionKind): string =>
      [
        { type: 'dialing', address, kind } as const,
        { ...failed, kind },
        { type: 'connected', peer, address, kind } as const,
        { ...ended, bytesReceived: 0, reason: 'closedByPeer', kind } as const,
      ]
        .flatMap((event) => linesOf(event).map(({ level }) => level))
        .join(' ')
    for (const kind of ['manual', 'oneTry', 'seed'] as const) expect(levels(kind)).toBe('info info info info')
    for (const kind of ['automatic', 'blockRelay'] as const)
      expect(levels(kind)).toBe('debug debug info info')
    expect(levels('feeler')).toBe('debug debug debug debug')
  })

  it('tells what a peer did wrong', () => {
    const offence = { type: 'offence', peer, points: 10, score: 30 } as const
    const broken = { kind: 'broken', code: 'badMagic', detail: '0x01020304' } as const
    const skipped = { kind: 'skipped', why: 'badSize', command: 'ping', length: 9 } as const
    const malformed = { type: 'inv', code: 'tooLarge', field: 'count', offset: 0 } as const
    expect([
      ...texts({ ...offence, offence: 'badMagic', detail: broken }),
      ...texts({ ...offence, offence: 'badSize', detail: skipped }),
      ...texts({ ...offence, offence: 'malformed', detail: malformed }),
    ]).toEqual([
      'info Peer 7: badMagic: 0x01020304; 10 points, 30 in all',
      "info Peer 7: badSize: 'ping' of 9 bytes; 10 points, 30 in all",
      "info Peer 7: malformed 'inv': count at byte 0 is tooLarge; 10 points, 30 in all",
    ])
  })

  it('has words for every end, every refusal, and every reject', () => {
    const ended = {
      type: 'disconnected',
      kind: 'inbound',
      peer,
      address,
      wasReady: true,
      bytesSent: 0,
      bytesReceived: 0,
    } as const
    for (const reason of disconnectReasons) {
      expect(texts({ ...ended, inbound: true, reason, detail: 'why' })).toEqual([
        `info Peer 7 disconnected: ${describeDisconnect(reason)} (why)`,
      ])
    }
    expect(texts({ type: 'refused', address, reason: 'perIpLimit' })).toEqual([
      'info Refused 1.2.3.4:5: too many connections from this address',
    ])
    const reject = { type: 'rejectReceived', peer, command: 'version', reason: 'old' } as const
    expect([...texts({ ...reject, code: 0x11 }), ...texts({ ...reject, code: 0xff })]).toEqual([
      "info Peer 7 rejected our 'version': old (obsolete 0x11)",
      "info Peer 7 rejected our 'version': old (code 0xff)",
    ])
    expect(texts({ type: 'selfTarget', address })).toEqual([
      'warn 1.2.3.4:5 is this node itself: not dialled again',
    ])
  })

  it('tells when a failed dial is tried again', () => {
    const failed = { type: 'dialFailed', kind: 'manual', address, error: 'connection refused' } as const
    expect([
      ...texts({ ...failed, retryMs: 90 }),
      ...texts({ ...failed, retryMs: 1_600 }),
      ...texts({ ...failed, retryMs: undefined }),
    ]).toEqual([
      'info Could not connect to 1.2.3.4:5: connection refused; next attempt in 1 s',
      'info Could not connect to 1.2.3.4:5: connection refused; next attempt in 2 s',
      'info Could not connect to 1.2.3.4:5: connection refused',
    ])
  })

  it('shows nothing of a user agent that could move a cursor', () => {
    const userAgent = '/\u001b[31mred\u009b\n\u0000/x/'
    const [line] = texts({ type: 'versionReceived', peer, version: { ...version, userAgent }, bytes: 1 })
    expect(line).toContain('\n  User Agent: ?[31mred???/x\n')
  })

  it('counts everything that strangers can cause at will against an allowance', () => {
    const events: NodeEvent[] = [
      { type: 'accepted', peer, address },
      { type: 'refused', address, reason: 'inboundFull' },
      { type: 'versionReceived', peer, version, bytes: 1 },
      { type: 'verackReceived', peer, bytes: 24 },
      { type: 'handshakeComplete', peer },
      { type: 'sent', peer, command: 'version', bytes: 1, routine: false },
      { type: 'sent', peer, command: 'verack', bytes: 1, routine: false },
      { type: 'sent', peer, command: 'reject', bytes: 1, routine: false },
      { type: 'sent', peer, command: 'ping', bytes: 1, routine: false },
      { type: 'pongReceived', peer, nonce: 1n, routine: false, roundTripMs: 1 },
      { type: 'rejectReceived', peer, command: 'x', code: 1, reason: 'y' },
      {
        type: 'disconnected',
        peer,
        address,
        kind: 'inbound',
        inbound: true,
        wasReady: false,
        bytesSent: 0,
        bytesReceived: 0,
        reason: 'closedByPeer',
      },
      // What is dialled depends on addresses that strangers told.
      { type: 'dialing', address, kind: 'seed' },
      { type: 'dialFailed', address, kind: 'seed', error: 'timed out', retryMs: undefined },
      { type: 'connected', peer, address, kind: 'automatic' },
      { type: 'selfTarget', address },
      { type: 'ownAddress', address },
      { type: 'banned', subnet: '1.2.3.4/32', until: unixSeconds(9), reason: 'misbehaving' },
    ]
    for (const event of events) {
      for (const line of linesOf(event)) expect(line.allowance, event.type).toBeDefined()
    }
  })
})

describe('Logger', () => {
  it('writes the time in milliseconds, the category and the text, and marks what is not quiet', () => {
    const { logger, written, clock } = makeLog()
    logger.log({ level: 'info', category: 'P2P', text: 'one\n  two' })
    clock.ms += 1_000
    logger.log({ level: 'warn', category: 'Node', text: 'odd' })
    logger.log({ level: 'error', category: 'RPC', text: 'bad' })
    const stamp = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:0`
    expect(written.join('')).toMatch(
      new RegExp(
        `^${stamp}5\\.006 \\[P2P\\] one\n  two\n${stamp}6\\.006 \\[Node\\] warning: odd\n${stamp}6\\.006 \\[RPC\\] ERROR: bad\n$`,
      ),
    )
  })

  it('uses colours only where they are wanted, and ends each line without one', () => {
    const plain = makeLog()
    const colored = makeLog({ color: true })
    for (const level of ['info', 'warn', 'error', 'debug'] as const) {
      for (const { logger } of [plain, colored]) logger.log({ level, category: 'P2P', text: 'x' })
    }
    expect(plain.written.join('')).not.toContain('\u001b')
    for (const line of colored.written) {
      expect(line).toContain('\u001b[36m[P2P]\u001b[0m')
      expect(line.lastIndexOf('\u001b[0m')).toBeGreaterThan(line.lastIndexOf('\u001b[3'))
    }
  })

  it('writes one ASCII object per line for machines, whatever is in it', () => {
    const { logger, written } = makeLog({ json: true })
    const fields = {
      event: 'x',
      big: 2n ** 64n - 1n,
      ip: parseIp('10.0.0.1'),
      agent: 'caf\u00e9\u009b\u{1f600}\n',
    }
    logger.log({ level: 'info', category: 'P2P', text: 'a\nb', fields })
    expect(written).toHaveLength(1)
    expect(written[0]).toMatch(/^[\x20-\x7e]+\n$/)
    expect(JSON.parse(written[0] ?? '')).toEqual({
      time: '2026-01-02T03:04:05.006Z',
      level: 'info',
      category: 'P2P',
      event: 'x',
      big: '18446744073709551615',
      ip: '10.0.0.1',
      agent: 'caf\u00e9\u009b\u{1f600}\n',
      text: 'a\nb',
    })
  })
})

describe('EventLog', () => {
  it('leaves details out unless told otherwise', () => {
    const event: NodeEvent = { type: 'received', peer, command: 'inv', bytes: 61 }
    const quiet = makeLog()
    quiet.events.write(event)
    expect(quiet.written).toEqual([])
    const loud = makeLog({ debug: true })
    loud.events.write(event)
    expect(loud.written).toHaveLength(1)
  })

  it('takes everything about a probe for a detail, until the probe is gone', () => {
    const { events, written } = makeLog()
    const ended = {
      type: 'disconnected',
      peer,
      address,
      inbound: false,
      wasReady: true,
      bytesSent: 0,
    } as const
    events.write({ type: 'connected', peer, address, kind: 'feeler' })
    events.write({ type: 'sent', peer, command: 'version', bytes: 1, routine: false })
    events.write({ type: 'versionReceived', peer, version, bytes: 148 })
    events.write({ type: 'handshakeComplete', peer })
    events.write({ ...ended, bytesReceived: 0, reason: 'probed', kind: 'feeler' })
    expect(written).toEqual([])
    events.write({ type: 'handshakeComplete', peer })
    expect(written).toHaveLength(1)
  })

  it('gives machines the event with its values', () => {
    const { events, written } = makeLog({ json: true })
    events.write({ type: 'versionReceived', peer, version, bytes: 148 })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({
      level: 'info',
      category: 'P2P',
      event: 'versionReceived',
      peer: 7,
      bytes: 148,
      version: { nonce: '18446744073709551615', seesUsAs: { ip: '2001:db8::1', port: 8_444 } },
    })
  })

  it('holds back what strangers cause too often, sums it up, and still shows keepalive and our own doing', () => {
    const { events, written, clock } = makeLog()
    for (let i = 0; i < 100_000; i++) {
      events.write({ type: 'handshakeComplete', peer })
      events.write({ type: 'sent', peer, command: 'ping', bytes: 32, routine: false })
      clock.ms += 1
    }
    // Two bursts of 2000, then 100 s with 10 lines a second each, and a summary of each a minute after it began.
    expect(written.length).toBeGreaterThan(5_900)
    expect(written.length).toBeLessThan(6_100)
    const summaries = written.filter((line) => line.includes('were left out'))
    expect(summaries.join('')).toMatch(/\d+ lines about peers were left out: too many in a short time/)
    expect(summaries.join('')).toMatch(/\d+ lines about keepalive were left out/)

    written.length = 0
    events.write({ type: 'dialing', address, kind: 'manual' })
    events.write({ type: 'connected', peer, address, kind: 'manual' })
    events.write({ type: 'selfTarget', address })
    expect(written).toHaveLength(3)
  })

  it('shows the keepalive of 125 honest peers in full while strangers flood', () => {
    const { events, written, clock } = makeLog()
    for (let second = 0; second < 600; second++) {
      for (let i = 0; i < 500; i++) events.write({ type: 'handshakeComplete', peer })
      clock.ms += 1_000
      if (second % 30 > 0) continue
      for (let i = 0; i < 125; i++) {
        events.write({ type: 'sent', peer, command: 'ping', bytes: 32, routine: false })
        events.write({ type: 'pongReceived', peer, nonce: 1n, routine: false, roundTripMs: 1 })
      }
    }
    expect(written.filter((line) => line.includes("'ping'"))).toHaveLength(20 * 125)
    expect(written.filter((line) => line.includes("'pong'"))).toHaveLength(20 * 125)
  })
})

describe('boundedWriter', () => {
  it('keeps what is not read up to a limit, and tells of the gap when it is read again', () => {
    const stream = {
      written: '',
      writableLength: 0,
      write(text: string): void {
        this.written += text
        this.writableLength += text.length
      },
    }
    const write: (text: string) => void = boundedWriter(stream, (lines) => write(`${lines} left out\n`))
    const line = `${'x'.repeat(99)}\n`
    for (let i = 0; i < 20_000; i++) write(line)
    expect(stream.writableLength).toBeGreaterThan(1_048_576)
    expect(stream.writableLength).toBeLessThan(1_048_576 + 200)
    const kept = stream.written.length / line.length
    stream.writableLength = 0
    stream.written = ''
    write('a\n')
    write('b\n')
    expect(stream.written).toBe(`${20_000 - kept} left out\na\nb\n`)
  })
})

describe('LineLimiter', () => {
  it('counts a long line as several', () => {
    const limiter = new LineLimiter()
    const passed = Array.from({ length: 2_500 }, () => limiter.take(0, 360).pass).filter(Boolean)
    expect(passed).toHaveLength(667)
    expect(limiter.take(200, 360).pass).toBe(true)
    expect(limiter.take(300, 360).pass).toBe(false)
  })

  it('passes a burst, then a steady rate, and tells once a minute how much it held back', () => {
    const limiter = new LineLimiter()
    const burst = Array.from({ length: 2_500 }, () => limiter.take(0))
    expect(burst.filter(({ pass }) => pass)).toHaveLength(2_000)
    expect(burst.every(({ summary }) => summary === undefined)).toBe(true)
    expect(limiter.take(1_000)).toEqual({ pass: true })
    expect(limiter.take(60_000)).toEqual({ pass: true, summary: 500 })
    expect(limiter.take(120_000)).toEqual({ pass: true })
  })
})

/** What stands before, between and behind two marks. */
function splitAt(text: string, from: string, to: string): string[] {
  const start = text.indexOf(from)
  const end = text.indexOf(to, start)
  return [text.slice(0, start), text.slice(start + from.length, end), text.slice(end + to.length)]
}

describe('the progress of a download on a terminal', () => {
  const progress = {
    type: 'syncProgress',
    phase: 'blocks',
    height: 1_200,
    headers: 4_000,
    expectedHeight: 4_000,
    done: 0.3,
    perSecond: 250,
    secondsLeft: 11,
  } as const

  function logOn(terminal: boolean) {
    let text = ''
    const write = (more: string): void => {
      text += more
    }
    const logger = new Logger({ write, nowMs: () => 0, color: false, json: false, terminal })
    const log = new EventLog({ logger, nowMs: () => 0, debug: false })
    const take = (): string => {
      const taken = text
      text = ''
      return taken
    }
    return { log, logger, take }
  }

  it('is a bar below the lines, which goes when it is done', () => {
    const { log, logger, take } = logOn(true)
    log.write(progress)
    const bar = 'Blocks [#######-----------------] 1200 of 4000 (30.0 %), 250 per second, 11 s left'
    const erase = '\r\u001b[2K'
    expect(take()).toBe(erase + bar)
    logger.log({ level: 'info', category: 'Node', text: 'something' })
    const [before, line, after] = splitAt(take(), erase, '\n')
    expect([before, after]).toEqual(['', bar])
    expect(line).toMatch(/something$/)
    log.write({ type: 'syncDone', height: 4_000, seconds: 16 })
    const [gone, end, rest] = splitAt(take(), erase, '\n')
    expect([gone, rest]).toEqual(['', ''])
    expect(end).toMatch(/Caught up with the network at height 4000, in 16 s$/)
  })

  it('is a line elsewhere', () => {
    const { log, take } = logOn(false)
    log.write(progress)
    expect(take()).toMatch(/Blocks: 1200 of 4000 \(30\.0 %\), 250 per second, 11 s left\n$/)
  })
})
