import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Agenda } from '../../src/core/agenda.ts'
import { regtest } from '../../src/params/networks.ts'
import { Peer } from '../../src/peer/peer.ts'
import { monoMs, peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { UNSPECIFIED_V4 } from '../../src/primitives/ip.ts'

const NEVER = Number.POSITIVE_INFINITY

function peerOf(id: number): Peer {
  const remote = { ip: UNSPECIFIED_V4, port: id }
  const place = { group: '', groupOrder: 0, node: '' }
  return new Peer(
    { id: peerId(id), kind: 'inbound', remote, address: '', magic: regtest.magic, localNonce: 1n, ...place },
    { mono: monoMs(0), unix: unixSeconds(0) },
  )
}

const idsOf = (peers: readonly Peer[]): number[] => peers.map(({ id }) => id)

describe('Agenda', () => {
  it('is never due while it is empty', () => {
    const agenda = new Agenda()
    expect(agenda.nextAt).toBe(NEVER)
    expect(agenda.takeDue(monoMs(1e12))).toEqual([])
    agenda.delete(peerOf(1))
    expect(agenda.size).toBe(0)
  })

  it('gives all who are due in the order in which they came, and keeps the others', () => {
    const agenda = new Agenda()
    const peers = [30, 10, 20, 40].map((at, i) => {
      const peer = peerOf(i + 1)
      agenda.set(peer, monoMs(at))
      return peer
    })
    expect(agenda.nextAt).toBe(10)
    expect(idsOf(agenda.takeDue(monoMs(30)))).toEqual([1, 2, 3])
    expect(agenda.nextAt).toBe(40)
    expect(peers.map((peer) => agenda.timeOf(peer))).toEqual([NEVER, NEVER, NEVER, 40])
  })

  it('takes a new time for the old one, sooner or later', () => {
    const agenda = new Agenda()
    const [first, second] = [peerOf(1), peerOf(2)]
    agenda.set(first, monoMs(10))
    agenda.set(second, monoMs(20))
    agenda.set(first, monoMs(30))
    expect(agenda.nextAt).toBe(20)
    agenda.set(first, monoMs(5))
    expect(agenda.nextAt).toBe(5)
    expect(agenda.size).toBe(2)
  })

  it('agrees with a plain list under any operations', () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 40 }), at: fc.integer({ min: 0, max: 30 }) })
    const kind = fc.constantFrom('set', 'delete', 'take')
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, step), { maxLength: 120 }), (steps) => {
        const agenda = new Agenda()
        const peers = new Map<number, Peer>()
        const plain = new Map<number, number>()
        for (const [what, { id, at }] of steps) {
          const peer = peers.get(id) ?? peerOf(id)
          peers.set(id, peer)
          if (what === 'set') {
            agenda.set(peer, monoMs(at))
            plain.set(id, at)
          } else if (what === 'delete') {
            agenda.delete(peer)
            plain.delete(id)
          } else {
            const due = [...plain].filter(([, time]) => time <= at).map(([key]) => key)
            expect(idsOf(agenda.takeDue(monoMs(at)))).toEqual(due.sort((a, b) => a - b))
            for (const key of due) plain.delete(key)
          }
          agenda.assertConsistent()
          expect(agenda.size).toBe(plain.size)
          expect(agenda.nextAt).toBe(Math.min(NEVER, ...plain.values()))
        }
      }),
    )
  })
})
