/** Who is worked for when, who has to wait, and who has to go when all together hold too much. */
import { describe, expect, it } from 'vitest'
import { FrameEncoder } from '../../src/framing/encoder.ts'
import {
  MAX_BYTES_PER_ROUND,
  MAX_MESSAGES_PER_ROUND,
  MAX_MESSAGES_PER_TURN,
  MAX_RECEIVE_BYTES_TOTAL,
  MAX_SEND_BYTES_TOTAL,
  MESSAGE_ALLOWANCE,
  MESSAGES_PER_SECOND,
  WORK_ALLOWANCE,
  WORK_PER_SECOND,
} from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { connectionId, type PeerId } from '../../src/primitives/brand.ts'
import { CoreProbe } from '../../testkit/sim/probe.ts'
import { messageOfBytes, versionOf } from '../../testkit/sim/scripted.ts'

const FLOODERS = 100
const LARGE = new FrameEncoder(regtest.magic).encode(messageOfBytes(3_900_000))

function pings(probe: CoreProbe, count: number): Uint8Array {
  const one = probe.bytesOf({ type: 'ping', nonce: 3n })
  const all = new Uint8Array(count * one.length)
  for (let i = 0; i < count; i++) all.set(one, i * one.length)
  return all
}

function peers(probe: CoreProbe, count: number): PeerId[] {
  return Array.from({ length: count }, (_, i) => probe.ready(`9.${i}.0.1`))
}

const handled = (probe: CoreProbe, peer: PeerId): number =>
  probe.peer(peer).received.byCommand.get('ping')?.messages ?? 0
const sum = (probe: CoreProbe, ids: readonly PeerId[]): number =>
  ids.reduce((all, id) => all + handled(probe, id), 0)

/** Part of a large message, such that its sender makes us hold so many bytes. */
function part(bytes: number): Uint8Array {
  return LARGE.slice(0, bytes)
}

describe('rounds', () => {
  it('delay a single small message by nobody, however many flood', () => {
    const probe = new CoreProbe()
    const flooders = peers(probe, FLOODERS)
    const honest = probe.ready('99.1.1.1')
    const flood = pings(probe, 2_000)
    for (const id of flooders) probe.receiveBytes(id, flood)
    expect(probe.core.hasBacklog).toBe(true)
    for (let i = 0; i < 20; i++) {
      probe.effects = []
      const before = sum(probe, flooders)
      probe.receiveBytes(honest, pings(probe, 1))
      expect(probe.commandsTo(honest)).toEqual(['pong'])
      expect(sum(probe, flooders)).toBe(before)
      probe.handle({ type: 'tick' })
    }
  })

  it('are bounded in messages, and give everybody as much', () => {
    const probe = new CoreProbe()
    const flooders = peers(probe, FLOODERS)
    for (const id of flooders) probe.receiveBytes(id, pings(probe, 2_000))
    let before = sum(probe, flooders)
    for (let round = 0; round < 30; round++) {
      probe.skip(1)
      probe.handle({ type: 'tick' })
      const now = sum(probe, flooders)
      expect(now - before).toBeLessThan(MAX_MESSAGES_PER_ROUND + MAX_MESSAGES_PER_TURN)
      before = now
    }
    const shares = flooders.map((id) => handled(probe, id))
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * MAX_MESSAGES_PER_TURN)
  })

  it('are bounded in bytes', () => {
    const probe = new CoreProbe()
    const ids = peers(probe, 40)
    const block = probe.bytesOf(messageOfBytes(200_000))
    for (const id of ids) probe.receiveBytes(id, block)
    const taken = (): number =>
      ids.reduce((all, id) => all + (probe.peer(id).received.byCommand.get('block')?.bytes ?? 0), 0)
    let before = taken()
    expect(before).toBeLessThanOrEqual(MAX_BYTES_PER_ROUND + 200_000)
    while (probe.core.hasBacklog) {
      probe.skip(1)
      probe.handle({ type: 'tick' })
      expect(taken() - before).toBeLessThanOrEqual(MAX_BYTES_PER_ROUND + 200_000)
      before = taken()
    }
    expect(before).toBe(40 * 200_000)
  })

  it('end with everything done, and everybody read from again', () => {
    const probe = new CoreProbe()
    const flooders = peers(probe, 30)
    for (const id of flooders) probe.receiveBytes(id, pings(probe, 500))
    probe.drain()
    for (const id of flooders) {
      expect(probe.commandsTo(id).filter((command) => command === 'pong')).toHaveLength(500)
      expect(probe.peer(id).readingPaused).toBe(false)
    }
    expect(probe.core.heldBytes.received).toBe(0)
  })

  it('go on when peers leave in the middle', () => {
    const probe = new CoreProbe()
    const flooders = peers(probe, 60)
    for (const id of flooders) probe.receiveBytes(id, pings(probe, 500))
    for (const id of flooders.filter((_, i) => i % 2 === 0)) {
      probe.handle({ type: 'tick' })
      probe.handle({ type: 'closed', peer: id })
    }
    probe.drain()
    for (const id of flooders.filter((_, i) => i % 2 === 1)) expect(handled(probe, id)).toBe(500)
  })
})

describe('a peer that has used up an allowance', () => {
  /** Sends so many pings and reads every answer. */
  function flood(probe: CoreProbe, peer: PeerId, count: number): void {
    for (let left = count; left > 0; left -= 20_000) {
      probe.receiveBytes(peer, pings(probe, Math.min(20_000, left)))
      while (probe.core.hasBacklog) {
        probe.handle({ type: 'tick' })
        if (probe.peer(peer).sendQueue.bytes > 0) probe.flush(peer)
      }
      if (probe.peer(peer).sendQueue.bytes > 0) probe.flush(peer)
      probe.effects = probe.effects.filter(
        (effect) => effect.type === 'event' && effect.event.type === 'throttled',
      )
    }
  }

  it('waits, and nothing it said is lost', { timeout: 60_000 }, () => {
    const probe = new CoreProbe()
    const peer = probe.ready()
    const more = 30_000
    flood(probe, peer, MESSAGE_ALLOWANCE + more)
    expect(probe.peer(peer).readingPaused).toBe(true)
    expect(handled(probe, peer)).toBeLessThan(MESSAGE_ALLOWANCE + 2 * MAX_MESSAGES_PER_TURN)
    expect(probe.events.some(({ type }) => type === 'throttled')).toBe(true)
    const since = probe.now.mono
    while (handled(probe, peer) < MESSAGE_ALLOWANCE + more && probe.now.mono < since + 10_000) {
      probe.wait(1)
      if (probe.peer(peer).sendQueue.bytes > 0) probe.flush(peer)
    }
    expect(handled(probe, peer)).toBe(MESSAGE_ALLOWANCE + more)
    const neededMs = (1_000 * more) / MESSAGES_PER_SECOND
    expect(probe.now.mono - since).toBeGreaterThan(0.9 * neededMs)
    expect(probe.now.mono - since).toBeLessThan(3 * neededMs + 100)
    expect(probe.peer(peer).score(probe.now.mono)).toBe(0)
    probe.wait(1_000)
    expect(probe.peer(peer).readingPaused).toBe(false)
  })

  it('waits for work sooner than for words, and is not closed for its silence', () => {
    const probe = new CoreProbe()
    const peer = probe.ready()
    const ask = probe.bytesOf({ type: 'getaddr' })
    for (let i = 0; i < WORK_ALLOWANCE + 3_000; i++) {
      probe.receiveBytes(peer, ask.slice())
      probe.drain()
    }
    const asked = (): number => probe.peer(peer).received.byCommand.get('getaddr')?.messages ?? 0
    expect(asked()).toBeLessThanOrEqual(WORK_ALLOWANCE + 1)
    expect(probe.peer(peer).readingPaused).toBe(true)
    // All that while it can't be heard, which is our doing.
    for (let s = 0; s < 170; s++) {
      probe.wait(1_000)
      if (probe.peer(peer).sendQueue.bytes > 0) probe.flush(peer)
    }
    expect(probe.ends).toEqual([])
    expect(asked()).toBe(WORK_ALLOWANCE + 3_000)
    expect(3_000 / WORK_PER_SECOND).toBeLessThan(170)
  })

  it('does not make others wait', () => {
    const probe = new CoreProbe()
    const [one, other] = peers(probe, 2)
    if (one === undefined || other === undefined) throw new Error('refused')
    const ask = probe.bytesOf({
      type: 'getheaders',
      version: 70_011,
      locator: [],
      stop: new Uint8Array(32),
    } as never)
    for (let i = 0; i < WORK_ALLOWANCE + 100; i++) {
      probe.receiveBytes(one, ask.slice())
      probe.drain()
      if (probe.peer(one).sendQueue.bytes > 0) probe.flush(one)
    }
    expect(probe.peer(one).throttledUntil).toBeDefined()
    probe.effects = []
    probe.receiveBytes(other, pings(probe, 1))
    expect(probe.commandsTo(other)).toEqual(['pong'])
  })
})

describe('all peers together', () => {
  it('may make us hold so much; then who holds most of those that came to us is closed', () => {
    const probe = new CoreProbe()
    const target = { host: '9.8.7.6', port: 1 }
    probe.handle({ type: 'addTarget', target, keep: true })
    const dial = probe.effects.find(({ type }) => type === 'dial')
    if (dial?.type !== 'dial') throw new Error('it was not dialled')
    const remote = { ip: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 9, 8, 7, 6), port: 1 }
    probe.handle({ type: 'dialed', ticket: dial.ticket, connection: connectionId(77), remote })
    const ours = [...probe.core.peers.all()][0]?.id
    if (ours === undefined) throw new Error('it was not adopted')
    probe.receive(ours, versionOf(probe.network), { type: 'verack' })
    probe.flush(ours)
    probe.receiveBytes(ours, part(3_800_000))
    const strangers = peers(probe, 30)
    const heavy = strangers[7]
    if (heavy === undefined) throw new Error('refused')
    probe.receiveBytes(heavy, part(3_700_000))
    for (const id of strangers) {
      if (probe.core.peers.get(id) === undefined || id === heavy) continue
      probe.receiveBytes(id, part(2_600_000))
      expect(probe.core.heldBytes.received).toBeLessThanOrEqual(MAX_RECEIVE_BYTES_TOTAL + 262_144)
    }
    expect(probe.ends[0]).toBe('overBudget')
    expect(probe.core.peers.get(heavy)).toBeUndefined()
    expect(probe.core.peers.get(ours)).toBeDefined()
    expect(new Set(probe.ends)).toEqual(new Set(['overBudget']))
    expect(probe.core.peers.size).toBeGreaterThan(12)
  })

  it('may have so much waiting to be sent', () => {
    const probe = new CoreProbe()
    const ids = peers(probe, 40)
    for (const id of ids) {
      if (probe.core.peers.get(id) === undefined) continue
      probe.handle({ type: 'send', peer: id, message: messageOfBytes(3_900_000) })
      expect(probe.core.heldBytes.toSend).toBeLessThanOrEqual(MAX_SEND_BYTES_TOTAL)
    }
    expect(probe.ends.length).toBeGreaterThan(20)
    expect(new Set(probe.ends)).toEqual(new Set(['overBudget']))
    for (const { id } of probe.core.peers.all()) if (probe.peer(id).sendQueue.bytes > 0) probe.flush(id)
    expect(probe.core.heldBytes.toSend).toBe(0)
  })
})
