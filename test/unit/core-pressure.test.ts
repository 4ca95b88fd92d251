import { beforeEach, describe, expect, it } from 'vitest'
import {
  MAX_MESSAGES_PER_TURN,
  MESSAGES_PER_TRANSACTION,
  SEND_QUEUE_HIGH_BYTES,
  SEND_QUEUE_LOW_BYTES,
  SEND_QUEUE_MAX_BYTES,
} from '../../src/params/limits.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { CoreProbe } from '../../testkit/sim/probe.ts'
import { messageOfBytes } from '../../testkit/sim/scripted.ts'

const PING_BYTES = 32

let probe: CoreProbe
let peer: PeerId

beforeEach(() => {
  probe = new CoreProbe()
  peer = probe.ready()
  probe.effects = []
})

function pings(count: number): Uint8Array {
  const one = probe.bytesOf({ type: 'ping', nonce: 3n })
  const all = new Uint8Array(count * one.length)
  for (let i = 0; i < count; i++) all.set(one, i * one.length)
  return all
}

/** Has the program around the node send the peer so much that `bytes` wait. */
function fill(bytes: number): void {
  let missing = bytes - probe.peer(peer).sendQueue.bytes
  while (missing > 0) {
    const next = missing > 4_000_000 ? 2_000_000 : missing
    probe.handle({ type: 'send', peer, message: messageOfBytes(next) })
    missing -= next
  }
}

const queued = (): number => probe.peer(peer).sendQueue.bytes

describe('turns', () => {
  it('take 64 messages of a peer, and pause it while there are more', () => {
    probe.receiveBytes(peer, pings(150))
    expect(probe.commandsTo(peer)).toHaveLength(MAX_MESSAGES_PER_TURN)
    expect(probe.deeds).toEqual(['write', 'pauseReading'])
    expect(probe.drain()).toBe(2)
    expect(probe.commandsTo(peer)).toHaveLength(150)
    expect(probe.deeds).toEqual(['write', 'pauseReading', 'write', 'write', 'resumeReading'])
  })

  it('take few transactions, which are more work', () => {
    const input = {
      previousHash: new Uint8Array(32),
      previousIndex: 0,
      scriptSig: new Uint8Array(),
      sequence: 0,
    }
    const output = { value: 1n, scriptPubKey: new Uint8Array() }
    const transaction = { version: 1, inputs: [input], outputs: [output], lockTime: 0 }
    const one = probe.bytesOf({ type: 'tx', transaction })
    const perTurn = MAX_MESSAGES_PER_TURN / MESSAGES_PER_TRANSACTION
    probe.receiveBytes(peer, concatBytes(Array.from({ length: 2 * perTurn + 1 }, () => one)))
    expect(probe.drain()).toBe(2)
    expect(probe.core.hasBacklog).toBe(false)
  })

  it('are not needed for what ends with the budget', () => {
    probe.receiveBytes(peer, pings(64))
    expect(probe.core.hasBacklog).toBe(false)
    expect(probe.deeds).toEqual(['write'])
  })

  it('go round: nobody waits for more than one turn of somebody else', () => {
    const other = probe.ready('9.9.9.8')
    probe.effects = []
    probe.receiveBytes(peer, pings(100_000))
    probe.receiveBytes(other, pings(130))
    expect(probe.commandsTo(other)).toHaveLength(64)
    probe.handle({ type: 'tick' })
    expect(probe.commandsTo(other)).toHaveLength(128)
    probe.handle({ type: 'tick' })
    expect(probe.commandsTo(other)).toHaveLength(130)
    expect(probe.commandsTo(peer)).toHaveLength(3 * 64)
  })

  it('answer another peer at once, however much one has sent', () => {
    const other = probe.ready('9.9.9.8')
    probe.receiveBytes(peer, pings(100_000))
    probe.effects = []
    probe.receiveBytes(other, pings(1))
    expect(probe.commandsTo(other)).toEqual(['pong'])
  })

  it('are one per round, whatever else is done about the peer meanwhile', () => {
    const handled = (): number => probe.peer(peer).received.byCommand.get('ping')?.messages ?? 0
    probe.receiveBytes(peer, pings(1_000))
    expect(handled()).toBe(64)
    probe.receiveBytes(peer, pings(10))
    probe.handle({ type: 'pingAll' })
    probe.handle({ type: 'send', peer, message: { type: 'mempool' } })
    probe.flush(peer)
    expect(handled()).toBe(64)
    probe.handle({ type: 'tick' })
    expect(handled()).toBe(128)
  })

  it('are over for a peer that is gone', () => {
    probe.receiveBytes(peer, pings(1_000))
    probe.handle({ type: 'closed', peer })
    expect(probe.core.hasBacklog).toBe(false)
    probe.handle({ type: 'tick' })
    expect(probe.ends).toEqual(['closedByPeer'])
  })

  it('count bytes of large messages too', () => {
    const block = probe.bytesOf(messageOfBytes(200_000))
    const chunk = new Uint8Array(5 * block.length)
    for (let i = 0; i < 5; i++) chunk.set(block, i * block.length)
    probe.receiveBytes(peer, chunk)
    expect(probe.peer(peer).received.byCommand.get('block')?.messages).toBe(2)
    expect(probe.drain()).toBe(2)
  })
})

describe('a peer that does not read', () => {
  it('is not read from while a megabyte waits, and is again when most of it has left', () => {
    const flood = pings(50_000)
    probe.receiveBytes(peer, flood)
    probe.drain()
    expect(queued()).toBeGreaterThan(SEND_QUEUE_HIGH_BYTES)
    expect(queued()).toBeLessThanOrEqual(SEND_QUEUE_HIGH_BYTES + 64 * PING_BYTES)
    expect(probe.events.filter(({ type }) => type === 'congested')).toHaveLength(1)
    const left = probe.peer(peer).decoder.bufferedBytes
    probe.flush(peer, queued() - SEND_QUEUE_LOW_BYTES - 1)
    expect(probe.core.hasBacklog).toBe(false)
    expect(probe.peer(peer).decoder.bufferedBytes).toBe(left)
    probe.flush(peer, 1)
    probe.drain()
    expect(probe.peer(peer).decoder.bufferedBytes).toBe(0)
    expect(probe.commandsTo(peer)).toHaveLength(50_000)
    expect(probe.peer(peer).readingPaused).toBe(false)
  })

  it('is reported as congested each time it is, also if it was paused already', () => {
    for (let round = 0; round < 3; round++) {
      probe.receiveBytes(peer, pings(40_000))
      probe.drain()
      probe.flush(peer)
      probe.drain()
    }
    expect(probe.events.filter(({ type }) => type === 'congested')).toHaveLength(3)
  })

  it('is closed when nothing has left for 60 s', () => {
    probe.receiveBytes(peer, pings(1))
    probe.wait(59_999)
    expect(probe.ends).toEqual([])
    probe.wait(1)
    expect(probe.ends).toEqual(['sendStalled'])
    expect(probe.deeds.at(-1)).toBe('close')
  })

  it('is given time by every byte that leaves', () => {
    fill(1_000_000)
    for (let i = 0; i < 10; i++) {
      probe.receive(peer, { type: 'pong', nonce: 1n })
      probe.flush(peer, 1)
      probe.wait(59_000)
    }
    expect(probe.ends).toEqual([])
    probe.wait(1_000)
    expect(probe.ends).toEqual(['sendStalled'])
  })

  it('is closed when a message has no room, and not written to afterwards', () => {
    fill(SEND_QUEUE_MAX_BYTES)
    probe.effects = []
    probe.handle({ type: 'send', peer, message: { type: 'ping', nonce: 1n } })
    expect(probe.ends).toEqual(['sendQueueFull'])
    expect(probe.deeds).toEqual(['close'])
  })

  it('is closed by a ping without room, on command', () => {
    fill(SEND_QUEUE_MAX_BYTES - PING_BYTES + 1)
    probe.effects = []
    probe.handle({ type: 'pingAll' })
    expect(probe.ends).toEqual(['sendQueueFull'])
    expect(probe.deeds).toEqual(['close'])
  })

  it('is closed by a ping without room, by the clock, with input waiting', () => {
    probe.receiveBytes(peer, pings(100))
    fill(SEND_QUEUE_MAX_BYTES - PING_BYTES + 1)
    probe.effects = []
    probe.wait(30_000)
    expect(probe.ends).toEqual(['sendQueueFull'])
    expect(probe.deeds).toEqual(['close'])
    expect(probe.core.hasBacklog).toBe(false)
  })
})

describe('a peer that is held', () => {
  const hold = (held: boolean): void => void probe.handle({ type: 'hold', peer, held })

  it('is not read from, and what it sent waits', () => {
    hold(true)
    hold(true)
    probe.receiveBytes(peer, pings(3))
    expect(probe.deeds).toEqual(['pauseReading'])
    hold(false)
    expect(probe.deeds).toEqual(['pauseReading', 'write', 'resumeReading'])
    expect(probe.commandsTo(peer)).toEqual(['pong', 'pong', 'pong'])
  })

  it('is not closed for its silence meanwhile, and has all its time afterwards', () => {
    hold(true)
    for (let i = 0; i < 20; i++) {
      probe.wait(30_000)
      probe.flush(peer)
    }
    expect(probe.ends).toEqual([])
    hold(false)
    // Pings go out, and are taken by the system.
    for (let i = 0; i < 4; i++) {
      expect(probe.ends).toEqual([])
      probe.wait(30_000)
      if (i < 3) probe.flush(peer)
    }
    expect(probe.ends).toEqual(['inactive'])
  })

  it('may be released while too much waits for it: then it goes on when that has left', () => {
    fill(SEND_QUEUE_HIGH_BYTES + 1)
    hold(true)
    probe.receiveBytes(peer, pings(1))
    hold(false)
    expect(probe.peer(peer).readingPaused).toBe(true)
    probe.flush(peer)
    expect(probe.peer(peer).readingPaused).toBe(false)
    expect(probe.commandsTo(peer).at(-1)).toBe('pong')
  })

  it('stays held when what waits for it has left', () => {
    hold(true)
    fill(SEND_QUEUE_HIGH_BYTES + 1)
    probe.flush(peer)
    expect(probe.peer(peer).readingPaused).toBe(true)
    expect(probe.deeds).not.toContain('resumeReading')
  })

  it('gains no time by being released without having been held', () => {
    for (let i = 0; i < 3; i++) {
      probe.wait(30_000)
      probe.flush(peer)
    }
    hold(false)
    probe.wait(30_000)
    expect(probe.ends).toEqual(['inactive'])
  })

  it('may be held and released while its input waits for its turn', () => {
    probe.receiveBytes(peer, pings(200))
    hold(true)
    hold(false)
    probe.drain()
    expect(probe.commandsTo(peer)).toHaveLength(200)
    expect(probe.peer(peer).readingPaused).toBe(false)
  })
})
