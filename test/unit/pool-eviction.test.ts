/** Who goes when all inbound slots are taken: each rule on its own. */
import { describe, expect, it } from 'vitest'
import { chooseEviction, type EvictionCandidate } from '../../src/pool/eviction.ts'
import { monoMs, peerId } from '../../src/primitives/brand.ts'

const NOW = monoMs(1_000_000)

/** Peer `id` connected `id` seconds after the first; ready, in a group of its own, and of no use so far. */
function peer(id: number, own: Partial<EvictionCandidate> = {}): EvictionCandidate {
  return {
    id: peerId(id),
    ready: true,
    connectedAt: monoMs(id * 1_000),
    group: `group ${id}`,
    groupOrder: id,
    minPingMs: undefined,
    lastBlockAt: undefined,
    lastTransactionAt: undefined,
    misbehaviour: 0,
    ...own,
  }
}

const peers = (count: number, own: (id: number) => Partial<EvictionCandidate> = () => ({})) =>
  Array.from({ length: count }, (_, i) => peer(i + 1, own(i + 1)))

describe('chooseEviction', () => {
  it('takes nobody from nobody', () => {
    expect(chooseEviction([], NOW)).toBeUndefined()
  })

  it('takes nobody of those who are all protected', () => {
    expect(chooseEviction(peers(4), NOW)).toBeUndefined()
  })

  it('takes the youngest of those whom nothing protects', () => {
    expect(chooseEviction(peers(20), NOW)).toBe(20)
  })

  it('takes the youngest of the group with most members, even if others are younger', () => {
    const group = (id: number) => (id >= 20 && id < 26 ? { group: 'crowd', groupOrder: 99 } : {})
    expect(chooseEviction(peers(30, group), NOW)).toBe(25)
  })

  it('of equally large groups, takes from the one with the youngest', () => {
    const group = (id: number) => ({ group: id % 2 === 0 ? 'even' : 'odd', groupOrder: id % 2 })
    expect(chooseEviction(peers(31, group), NOW)).toBe(31)
  })

  it('protects one peer, the eldest, of each of four groups that the key chose', () => {
    const group = (id: number) => (id > 10 ? { group: 'lucky', groupOrder: 0 } : {})
    const chosen = chooseEviction(peers(12, group), NOW)
    expect(chosen).toBe(12)
    expect(chooseEviction(peers(11, group), NOW)).toBe(10)
  })

  it.each<[string, Partial<EvictionCandidate>]>([
    ['the shortest round trip', { minPingMs: 5 }],
    ['the latest transaction', { lastTransactionAt: NOW }],
    ['the latest block', { lastBlockAt: NOW }],
  ])('protects a newcomer that has %s', (_, merit) => {
    expect(
      chooseEviction(
        peers(20, (id) => (id === 20 ? merit : {})),
        NOW,
      ),
    ).toBe(19)
  })

  it('protects only so many by each merit', () => {
    const counted: [Partial<EvictionCandidate>, number][] = [
      [{ minPingMs: 5 }, 8],
      [{ lastTransactionAt: NOW }, 4],
      [{ lastBlockAt: NOW }, 4],
    ]
    for (const [merit, count] of counted) {
      // The youngest have it, but equals are protected in the order in which they came.
      const all = peers(40, (id) => (id > 40 - count - 1 ? merit : {}))
      expect(chooseEviction(all, NOW)).toBe(40)
      expect(chooseEviction(all.slice(0, -1), NOW)).toBe(40 - count - 1)
    }
  })

  it('protects nobody with points by ping or by stay', () => {
    const quick = peers(20, (id) => (id === 20 ? { minPingMs: 5, misbehaviour: 1 } : {}))
    expect(chooseEviction(quick, NOW)).toBe(20)
    // Peer 5 is the first whom its group does not protect; the other old ones stay.
    const old = peers(6, (id) =>
      id === 5 ? { misbehaviour: 1, group: 'a' } : id === 6 ? { group: 'b' } : {},
    )
    expect(chooseEviction(old, NOW)).toBe(5)
  })

  it('takes half-open connections first, whatever else they have', () => {
    const halfOpen = { ready: false, minPingMs: 1, lastBlockAt: NOW, lastTransactionAt: NOW, groupOrder: 0 }
    expect(
      chooseEviction(
        peers(20, (id) => (id === 1 ? halfOpen : {})),
        NOW,
      ),
    ).toBe(1)
  })

  it('of half-open connections takes the eldest of the group with most of them', () => {
    const own = (id: number) => ({ ready: id > 10, group: id >= 4 ? 'crowd' : `group ${id}` })
    expect(chooseEviction(peers(20, own), NOW)).toBe(4)
  })

  it('gives time for a handshake to whoever comes alone from its network, and not beyond that', () => {
    const connectedAt = monoMs(NOW - 2_900)
    const hasty = peers(20, (id) => (id === 20 ? { ready: false, connectedAt } : {}))
    expect(chooseEviction(hasty, NOW)).toBe(19)
    expect(chooseEviction(hasty, monoMs(NOW + 1_000))).toBe(20)
    const crowd = (id: number) => (id > 17 ? { group: 'crowd', groupOrder: 99 } : {})
    const waiting = peers(20, (id) => (id === 5 ? { ready: false, connectedAt } : crowd(id)))
    expect(chooseEviction(waiting, NOW)).toBe(20)
    expect(chooseEviction(waiting, monoMs(NOW + 1_000))).toBe(5)
  })
})
