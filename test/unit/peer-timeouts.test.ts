import { describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { type ConnectionKind, Peer } from '../../src/peer/peer.ts'
import { monoMs, peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { CoreProbe, ipOf } from '../../testkit/sim/probe.ts'
import { frameOf, messageOfBytes } from '../../testkit/sim/scripted.ts'

const BORN = 5_000

function peerOf(kind: ConnectionKind): Peer {
  return new Peer(
    {
      id: peerId(1),
      kind,
      remote: { ip: ipOf('9.1.1.1'), port: 1_234 },
      address: 'there:1234',
      magic: regtest.magic,
      localNonce: 1n,
      group: '',
      groupOrder: 0,
      node: '',
    },
    { mono: monoMs(BORN), unix: unixSeconds(1) },
  )
}

/** The peer is closed for `reason` exactly from `at` on, and that is its next deadline. */
function expectEnd(peer: Peer, at: number, reason: string): void {
  expect(peer.nextDeadline()).toBe(at)
  expect(peer.timeout(monoMs(at - 0.001))).toBeUndefined()
  expect(peer.timeout(monoMs(at))).toBe(reason)
}

function readyPeer(): Peer {
  const peer = peerOf('manual')
  peer.sentVersion = true
  peer.state = 'ready'
  return peer
}

describe('a peer in its handshake', () => {
  it('has 30 s for its version if it dialled', () => {
    expectEnd(peerOf('inbound'), BORN + 30_000, 'noVersion')
  })

  it('has 60 s for everything once our version went out', () => {
    const peer = peerOf('inbound')
    peer.sentVersion = true
    expectEnd(peer, BORN + 60_000, 'handshakeTimeout')
    peer.state = 'awaitVerack'
    expectEnd(peer, BORN + 60_000, 'handshakeTimeout')
  })

  it('gains nothing by talking', () => {
    const peer = peerOf('inbound')
    peer.lastLifeAt = monoMs(BORN + 29_000)
    expectEnd(peer, BORN + 30_000, 'noVersion')
  })

  it('gains nothing by not reading', () => {
    const peer = peerOf('manual')
    peer.sentVersion = true
    peer.held = true
    expectEnd(peer, BORN + 60_000, 'handshakeTimeout')
  })
})

describe('a node of the first release', () => {
  const version = { layout: 'v1', version: 70_001, services: 1n, startHeight: 0, relay: true } as const
  const old = { ...version, userAgent: '/Dilithion:0.1.0/', nonce: 0n, timeOffset: 0 }

  it('has 15 min for its handshake, as it may be deaf, and may be silent for 300 s', () => {
    const peer = peerOf('inbound')
    peer.version = old
    expectEnd(peer, BORN + 900_000, 'noVersion')
    peer.sentVersion = true
    expectEnd(peer, BORN + 900_000, 'handshakeTimeout')
    peer.state = 'ready'
    expectEnd(peer, BORN + 300_000, 'inactive')
  })

  it('has them before it has said what it is, if we dialled it on a network of such', () => {
    const peer = peerOf('manual')
    peer.sentVersion = true
    peer.mayBeFirstRelease = true
    expectEnd(peer, BORN + 900_000, 'handshakeTimeout')
    peer.version = { ...old, nonce: 5n }
    expectEnd(peer, BORN + 60_000, 'handshakeTimeout')
  })
})

describe('a peer whose handshake is complete', () => {
  it('has 120 s from one byte to the next', () => {
    const peer = readyPeer()
    expectEnd(peer, BORN + 120_000, 'inactive')
    peer.lastLifeAt = monoMs(BORN + 77_000)
    expectEnd(peer, BORN + 197_000, 'inactive')
  })

  it('has 60 s to take something of what waits for it', () => {
    const peer = readyPeer()
    peer.sendQueue.push(new Uint8Array(10))
    peer.sendQueue.take(monoMs(BORN + 10_000))
    expectEnd(peer, BORN + 70_000, 'sendStalled')
    peer.sendQueue.flushed(9, monoMs(BORN + 20_000))
    expectEnd(peer, BORN + 80_000, 'sendStalled')
    peer.sendQueue.flushed(1, monoMs(BORN + 30_000))
    expectEnd(peer, BORN + 120_000, 'inactive')
  })

  it('is not to blame for silence while nobody reads from it', () => {
    const peer = readyPeer()
    peer.held = true
    expect(peer.nextDeadline()).toBe(Number.POSITIVE_INFINITY)
    expect(peer.timeout(monoMs(BORN + 10_000_000))).toBeUndefined()
  })

  it('is looked at when a ping is due', () => {
    const peer = readyPeer()
    peer.pings.sent(1n, monoMs(BORN))
    expect(peer.nextDeadline()).toBe(BORN + 30_000)
    expect(peer.timeout(monoMs(BORN + 30_000))).toBeUndefined()
  })
})

describe('a message that trickles in', () => {
  it('ends the connection, however alive the peer looks', () => {
    const probe = new CoreProbe()
    const id = probe.ready()
    const frame = probe.bytesOf({ type: 'addr', addresses: [] })
    for (const [i, byte] of frame.entries()) {
      if (probe.core.peers.get(id) === undefined) break
      probe.receiveBytes(id, Uint8Array.of(byte))
      if (i < frame.length - 1) probe.wait(20_000)
    }
    expect(probe.events).toContainEqual(
      expect.objectContaining({ type: 'disconnected', reason: 'slowMessage' }),
    )
  })

  it('has the time that its bytes need at the slowest rate', () => {
    const probe = new CoreProbe()
    const id = probe.ready()
    const block = { header: new BlockHeader(new Uint8Array(80)), transactionData: new Uint8Array(1_000_000) }
    const frame = probe.bytesOf({ type: 'block', block })
    for (let at = 0; at < frame.length; at += 50_000) {
      probe.receiveBytes(id, frame.slice(at, at + 50_000))
      probe.wait(12_000)
      probe.flush(id)
    }
    expect(probe.core.peers.get(id)).toBeDefined()
  })

  it('does not pay for the one before it, also if that one was passed over', () => {
    const probe = new CoreProbe()
    const id = probe.ready()
    const unknown = frameOf(regtest.magic, 'future', new Uint8Array(400_000))
    const stream = Uint8Array.from([...unknown, ...probe.bytesOf(messageOfBytes(400_000))])
    // 5 KB/s, cut so that no read ends with a message.
    for (let at = 0; at < stream.length; at += 5_003) {
      probe.receiveBytes(id, stream.slice(at, at + 5_003))
      probe.wait(1_000)
      if (probe.core.peers.get(id) !== undefined) probe.flush(id)
    }
    expect(probe.ends).toEqual([])
    expect(probe.peer(id).received.byCommand.get('block')?.messages).toBe(1)
  })

  it('leaves alone a peer that always has half a message on its way', () => {
    const probe = new CoreProbe()
    const id = probe.ready()
    const ping = probe.bytesOf({ type: 'ping', nonce: 1n })
    probe.receiveBytes(id, ping.slice(0, 10))
    for (let i = 0; i < 40; i++) {
      probe.wait(20_000)
      probe.flush(id)
      probe.receiveBytes(id, new Uint8Array([...ping.slice(10), ...ping.slice(0, 10)]))
    }
    expect(probe.core.peers.get(id)).toBeDefined()
  })
})
