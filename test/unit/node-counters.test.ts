/** What is counted, and that every counter is explained. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { NodeEvent } from '../../src/core/seam.ts'
import { Counters, counterNames } from '../../src/node/counters.ts'
import { classifyDialError, dialFailures } from '../../src/node/dial-failure.ts'
import { disconnectReasons } from '../../src/peer/disconnect.ts'
import { offences } from '../../src/peer/offences.ts'
import { peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { errorText } from '../../src/primitives/errors.ts'

const peer = peerId(3)
const address = '1.2.3.4:5'
const NO_BYTES = { bytesReceived: 0, bytesSent: 0 }

function count(...events: NodeEvent[]): Record<string, number> {
  const counters = new Counters()
  for (const event of events) counters.note(event)
  const flat: Record<string, number> = {}
  for (const [group, values] of Object.entries(counters.read(NO_BYTES))) {
    for (const [name, value] of Object.entries(values)) if (value > 0) flat[`${group}.${name}`] = value
  }
  return flat
}

describe('counters', () => {
  it('are all there from the start, at zero, with the bytes that are given', () => {
    const values = new Counters().read({ bytesReceived: 7, bytesSent: 8 })
    const names = Object.entries(values).flatMap(([group, row]) =>
      Object.keys(row).map((name) => `${group}.${name}`),
    )
    expect(names).toEqual(counterNames)
    expect(new Set(names).size).toBe(names.length)
    expect(values['bytes']).toEqual({ received: 7, sent: 8 })
    expect(Object.values(values['refused'] ?? {})).toEqual([0, 0, 0, 0, 0])
  })

  it('have one for each reason, offence and kind of failure', () => {
    for (const reason of disconnectReasons) expect(counterNames).toContain(`disconnected.${reason}`)
    for (const offence of Object.keys(offences)) expect(counterNames).toContain(`offences.${offence}`)
    for (const failure of dialFailures) expect(counterNames).toContain(`dial_failures.${failure}`)
  })

  it('count connections, refusals and their ends', () => {
    const ended = {
      type: 'disconnected',
      peer,
      address,
      kind: 'inbound',
      inbound: true,
      wasReady: true,
      bytesSent: 1,
    } as const
    expect(
      count(
        { type: 'dialing', address, kind: 'automatic' },
        { type: 'dialFailed', address, error: 'connection refused', retryMs: 1, kind: 'automatic' },
        { type: 'dialing', address, kind: 'automatic' },
        { type: 'connected', peer, address, kind: 'automatic' },
        { type: 'accepted', peer, address },
        { type: 'handshakeComplete', peer },
        { type: 'refused', address, reason: 'perIpLimit' },
        { ...ended, bytesReceived: 2, reason: 'evicted' },
        { ...ended, bytesReceived: 2, reason: 'evicted' },
      ),
    ).toEqual({
      'connections.dialled': 2,
      'connections.connected': 1,
      'connections.accepted': 1,
      'connections.handshakes': 1,
      'dial_failures.refused': 1,
      'refused.perIpLimit': 1,
      'disconnected.evicted': 2,
    })
  })

  it('count what peers did, were told and told', () => {
    const broken = { kind: 'broken', code: 'badMagic', detail: 'x' } as const
    const reject = { type: 'rejectReceived', peer, command: 'version', reason: 'no' } as const
    expect(
      count(
        { type: 'offence', peer, offence: 'badMagic', points: 0, score: 0, detail: broken },
        { type: 'banned', subnet: '1.2.3.4/32', until: unixSeconds(9), reason: 'misbehaving' },
        { type: 'banned', subnet: '1.2.3.4/32', until: unixSeconds(9), reason: 'manual' },
        { type: 'unbanned', subnet: undefined },
        { ...reject, code: 0x10 },
        { ...reject, code: 0x77 },
        { type: 'sent', peer, command: 'reject', bytes: 40, routine: false },
        { type: 'sent', peer, command: 'ping', bytes: 40, routine: false },
        { type: 'congested', peer, queuedBytes: 9 },
        { type: 'throttled', peer, forMs: 9 },
        { type: 'addressesReceived', peer, count: 10, taken: 4, added: 2 },
        { type: 'seeding', by: 'dns', count: 3 },
        { type: 'seedsResolved', count: 11 },
      ),
    ).toEqual({
      'offences.badMagic': 1,
      'bans.misbehaving': 1,
      'bans.manual': 1,
      'bans.lifted': 1,
      'rejects.received': 2,
      'rejects_received.invalid': 1,
      'rejects_received.other': 1,
      'rejects.sent': 1,
      'throttled.congested': 1,
      'throttled.overAllowance': 1,
      'addresses.messages': 1,
      'addresses.received': 10,
      'addresses.considered': 4,
      'addresses.added': 2,
      'seeds.dns': 1,
      'seeds.resolved': 11,
    })
  })

  it('are explained in docs/METRICS.md', () => {
    const text = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/METRICS.md'), 'utf8')
    for (const name of counterNames) expect(text).toContain(`\`${name}\``)
    const written = [...text.matchAll(/`([a-z_]+\.[a-zA-Z]+)`/g)].map(([, name]) => name)
    expect(written.filter((name) => name !== undefined && !counterNames.includes(name))).toEqual([])
  })
})

describe('classifyDialError', () => {
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ETIMEDOUT', 'timedOut'],
    ['ENETUNREACH', 'noRoute'],
    ['EHOSTUNREACH', 'noRoute'],
    ['ENETDOWN', 'noRoute'],
    ['EADDRNOTAVAIL', 'noRoute'],
    ['ENOTFOUND', 'noSuchHost'],
    ['EAI_AGAIN', 'noSuchHost'],
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['EMFILE', 'noDescriptors'],
    ['ENFILE', 'noDescriptors'],
    ['EWEIRD', 'other'],
  ])("knows the system's %s by its words", (code, expected) => {
    expect(classifyDialError(errorText(Object.assign(new Error(`connect ${code}`), { code })))).toBe(expected)
  })

  it('knows the words of the shell and of proxies', () => {
    expect(classifyDialError('timed out')).toBe('timedOut')
    expect(classifyDialError('connection lost')).toBe('reset')
    expect(classifyDialError('proxy 127.0.0.1:9050: connection refused')).toBe('proxy')
    expect(classifyDialError('proxy: it wants a login that we do not have')).toBe('proxy')
    expect(classifyDialError('proxy: connection refused')).toBe('refused')
    expect(classifyDialError('proxy: host unreachable')).toBe('timedOut')
    expect(classifyDialError('given up')).toBe('other')
  })
})
