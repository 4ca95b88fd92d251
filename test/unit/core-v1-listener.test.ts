/** A dialled listener of the first release wants to be talked to often; people are told as of any other peer. */
import { beforeEach, describe, expect, it } from 'vitest'
import { testnet } from '../../src/params/networks.ts'
import { type PeerId, peerId } from '../../src/primitives/brand.ts'
import { CoreProbe } from '../../testkit/sim/probe.ts'

let probe: CoreProbe
let peer: PeerId

beforeEach(() => {
  probe = new CoreProbe({ network: testnet, targets: [{ host: '9.8.7.6', port: 18_444 }] })
  probe.wait(0)
  peer = probe.connect() ?? peerId(0)
  const version = { version: 70_001, services: 1n, time: 0n, nonce: 0n, userAgent: '/Dilithion:0.1.0/' }
  probe.receive(
    peer,
    { type: 'version', layout: 'v1', ...version, startHeight: 0, relay: true },
    { type: 'verack' },
  )
})

/** Answers the pings that have not been answered yet. */
function answerPings(answered: number): number {
  const pings = probe.sentTo(peer).filter((message) => message.type === 'ping')
  for (const ping of pings.slice(answered)) probe.receive(peer, { type: 'pong', nonce: ping.nonce })
  probe.flush(peer)
  return pings.length
}

describe('keepalive with a listener of the first release', () => {
  it('pings every two seconds while it answers, and says so every thirty', () => {
    let answered = 0
    for (let second = 0; second < 119; second++) {
      answered = answerPings(answered)
      probe.wait(1_000)
    }
    expect(answered).toBeGreaterThan(50)
    const notable = probe.events.filter(
      (event) => event.type === 'sent' && event.command === 'ping' && !event.routine,
    )
    const pongs = probe.events.filter((event) => event.type === 'pongReceived' && !event.routine)
    expect([notable.length, pongs.length]).toEqual([4, 4])
  })

  it('does not pile up pings when it is slow to answer', () => {
    for (let second = 0; second < 100; second++) {
      probe.wait(1_000)
      probe.flush(peer)
    }
    const pings = probe.sentTo(peer).filter(({ type }) => type === 'ping')
    expect(pings.length).toBeLessThanOrEqual(4)
    expect(answerPings(0)).toBe(pings.length)
    expect(probe.events.filter(({ type }) => type === 'pongReceived').length).toBe(pings.length)
  })

  it('answers its pings, but not while one of ours has waited for long to be read', () => {
    const pongs = (): number => probe.sentTo(peer).filter(({ type }) => type === 'pong').length
    probe.receive(peer, { type: 'ping', nonce: 1n })
    expect(pongs()).toBe(1)
    probe.wait(11_000)
    probe.flush(peer)
    probe.receive(peer, { type: 'ping', nonce: 2n })
    expect(pongs()).toBe(1)
    answerPings(0)
    probe.receive(peer, { type: 'ping', nonce: 3n })
    expect(pongs()).toBe(2)
  })
})
