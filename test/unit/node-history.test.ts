/** What is remembered of peers and of how connections ended, and what bounds it. */
import { describe, expect, it } from 'vitest'
import type { NodeEvent } from '../../src/core/seam.ts'
import { describeEnd, NodeHistory } from '../../src/node/history.ts'
import type { PeerVersion } from '../../src/peer/handshake.ts'
import { peerId, unixSeconds } from '../../src/primitives/brand.ts'

const peer = peerId(3)
const address = '1.2.3.4:5'
const version: PeerVersion = {
  layout: 'current',
  version: 70_011,
  services: 1n,
  userAgent: '',
  startHeight: 0,
  relay: true,
  nonce: 1n,
  timeOffset: 0,
}
const ping = { type: 'sent', peer, command: 'ping', bytes: 32, routine: false } as const
const pong = { type: 'pongReceived', peer, nonce: 1n, routine: false } as const
const ended = {
  type: 'disconnected',
  peer,
  address,
  kind: 'manual',
  inbound: false,
  wasReady: false,
  bytesSent: 0,
  bytesReceived: 0,
  reason: 'closedByPeer',
} as const

function make() {
  const clock = { seconds: 1_000 }
  const history = new NodeHistory(() => unixSeconds(clock.seconds))
  const tell = (...events: NodeEvent[]): void => {
    for (const event of events) history.note(event)
  }
  const words = (): string[] =>
    history.eventsOf(peer).map(({ time, text, times }) => `${time} ${text} x${times}`)
  return { clock, history, tell, words }
}

describe('events of a peer', () => {
  it('are kept in short words, with their time, until the peer is gone', () => {
    const { clock, history, tell, words } = make()
    tell({ type: 'connected', peer, address, kind: 'manual' })
    clock.seconds++
    tell({ type: 'versionReceived', peer, version, bytes: 1 }, { type: 'handshakeComplete', peer })
    tell({ type: 'rejectReceived', peer, command: 'tx', code: 1, reason: 'bad\u001b[31m' })
    tell({ ...ping, command: 'reject' }, { type: 'throttled', peer, forMs: 5 })
    expect(words()).toEqual([
      '1000 dialled x1',
      '1001 its version: 70011 x1',
      '1001 handshake complete x1',
      "1001 it rejected our 'tx': bad?[31m x1",
      '1001 we rejected its message x1',
      '1001 throttled: sends too much x1',
    ])
    tell(ended)
    expect(words()).toEqual([])
    expect([...history.keyedIds()]).toEqual([])
  })

  it('are ten at most, and repetitions are counted instead of pushing others out', () => {
    const { clock, tell, words } = make()
    const detail = { type: 'inv', code: 'tooLarge', field: 'count', offset: 0 } as const
    tell({ type: 'accepted', peer, address })
    for (let i = 0; i < 1_000; i++) {
      clock.seconds++
      tell({ type: 'offence', peer, offence: 'malformed', points: 10, score: 10 * i, detail })
    }
    expect(words()).toEqual(['1000 accepted x1', "2000 malformed 'inv' x1000"])
    const skipped = { kind: 'skipped', why: 'badSize', command: 'ping', length: 9 } as const
    for (let i = 0; i < 50; i++) {
      tell({ type: 'congested', peer, queuedBytes: i })
      tell({ type: 'offence', peer, offence: 'badSize', points: 20, score: 20, detail: skipped })
    }
    expect(words()).toHaveLength(10)
    expect(words().at(-1)).toBe("2000 badSize 'ping' x1")
  })

  it('tell of pings that were missed, not of those that are asked for in a row', () => {
    const { clock, tell, words } = make()
    tell({ type: 'connected', peer, address, kind: 'manual' }, ping, ping, ping)
    clock.seconds += 30
    tell({ ...pong, roundTripMs: undefined }, ping)
    clock.seconds += 30
    tell(ping, { ...pong, roundTripMs: 1 }, ping)
    clock.seconds += 2
    tell(ping)
    expect(words()).toEqual(['1000 dialled x1', '1060 ping missed x2'])
  })

  it('of peers that are not there are not kept', () => {
    const { history, tell } = make()
    tell({ type: 'handshakeComplete', peer }, ping, { ...pong, roundTripMs: 1 })
    tell({ type: 'versionReceived', peer, version, bytes: 1 })
    expect([...history.keyedIds()]).toEqual([])
  })
})

describe('ends', () => {
  it('tell how far a connection came, and why others did not come about', () => {
    const { clock, history, tell } = make()
    tell(
      { type: 'connected', peer, address, kind: 'manual' },
      { type: 'versionReceived', peer, version, bytes: 1 },
    )
    clock.seconds += 5
    tell({ ...ended, reason: 'wrongGenesis', detail: 'x\n' })
    tell({ type: 'dialFailed', address, error: 'no route to the host', retryMs: 1, kind: 'automatic' })
    clock.seconds++
    tell({ type: 'refused', address: '[2001:db8::1]:9', reason: 'banned' })
    expect(history.ends()).toEqual([
      {
        what: 'disconnected',
        time: 1_005,
        address,
        inbound: false,
        kind: 'manual',
        reason: 'wrongGenesis',
        detail: 'x?',
        gotVersion: true,
        wasReady: false,
        seconds: 5,
      },
      {
        what: 'dialFailed',
        time: 1_005,
        address,
        inbound: false,
        kind: 'automatic',
        reason: 'noRoute',
        detail: 'no route to the host',
      },
      {
        what: 'refused',
        time: 1_006,
        address: '[2001:db8::1]:9',
        inbound: true,
        reason: 'banned',
        detail: '',
      },
    ])
    expect(history.ends().map(describeEnd)).toEqual([
      'the peer is on another chain',
      'this machine has no route there',
      'its address is banned',
    ])
  })

  it('are a hundred of either direction at most: strangers push out none of ours', () => {
    const { history, tell } = make()
    tell({ type: 'dialFailed', address: 'mine:1', error: 'timed out', retryMs: undefined, kind: 'automatic' })
    for (let i = 0; i < 10_000; i++) tell({ type: 'refused', address, reason: 'inboundFull' })
    expect(history.ends()).toHaveLength(101)
    expect(history.ends().some((end) => end.address === 'mine:1')).toBe(true)
    for (let i = 0; i < 1_000; i++)
      tell({ type: 'dialFailed', address, error: 'x', retryMs: undefined, kind: 'automatic' })
    expect(history.ends()).toHaveLength(200)
  })

  it('know whether anybody came from outside', () => {
    const { history, tell } = make()
    for (const from of ['127.0.0.1:9', '192.168.1.5:9', '[fe80::1]:9'])
      tell({ type: 'accepted', peer, address: from })
    expect(history.reachedFromOutside).toBe(false)
    tell({ type: 'accepted', peer, address: '8.8.8.8:9' })
    expect(history.reachedFromOutside).toBe(true)
  })
})
