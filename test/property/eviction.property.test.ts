/** Newcomers, however many and however they behave, can't push out what matters. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVICTION_HANDSHAKE_GRACE_MS } from '../../src/params/limits.ts'
import { chooseEviction, type EvictionCandidate } from '../../src/pool/eviction.ts'
import { type MonoMs, monoMs, peerId } from '../../src/primitives/brand.ts'

const RUNS = { numRuns: 500 }
const NOW = monoMs(1_000_000)

const moment = fc.nat({ max: NOW }).map(monoMs)
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** A peer without an id, in one of `groups` groups. */
const peerOf = (groups: number): fc.Arbitrary<Omit<EvictionCandidate, 'id'>> =>
  fc
    .record({
      ready: fc.boolean(),
      connectedAt: moment,
      group: fc.nat({ max: groups - 1 }),
      minPingMs: maybe(fc.nat({ max: 500 })),
      lastBlockAt: maybe(moment),
      lastTransactionAt: maybe(moment),
      misbehaviour: fc.nat({ max: 2 }),
    })
    .map((fields) => ({ ...fields, group: `g${fields.group}`, groupOrder: (fields.group * 7_919) % 1_009 }))

const crowd = (groups: number, maxLength = 130): fc.Arbitrary<EvictionCandidate[]> =>
  fc.array(peerOf(groups), { maxLength }).map((list) => list.map((c, i) => ({ ...c, id: peerId(i + 1) })))

const anyCrowd = fc.integer({ min: 1, max: 60 }).chain((groups) => crowd(groups))

function overdue(candidate: EvictionCandidate, now: MonoMs): boolean {
  return !candidate.ready && now - candidate.connectedAt > EVICTION_HANDSHAKE_GRACE_MS
}

/** Fewer than `count` of `all` are at least as good as this one. */
function isAmongFirst<T>(all: readonly T[], one: T, count: number, isAsGood: (other: T) => boolean): boolean {
  return all.filter((other) => other !== one && isAsGood(other)).length < count
}

describe('chooseEviction', () => {
  it('does not depend on the order of the candidates', () => {
    const shuffled = anyCrowd.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
    )
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        const frozen = Object.freeze([...all])
        expect(chooseEviction(other, NOW)).toBe(chooseEviction(frozen, NOW))
      }),
      RUNS,
    )
  })

  it('chooses one of the candidates, and somebody whenever they are more than it can protect', () => {
    fc.assert(
      fc.property(anyCrowd, (all) => {
        const chosen = chooseEviction(all, NOW)
        if (chosen === undefined) expect(all.length).toBeLessThanOrEqual(4 + 8 + 4 + 4)
        else expect(all.map(({ id }) => id)).toContain(chosen)
      }),
      RUNS,
    )
  })

  it('takes overdue handshakes before anybody else', () => {
    fc.assert(
      fc.property(anyCrowd, (all) => {
        fc.pre(all.some((candidate) => overdue(candidate, NOW)))
        const chosenId = chooseEviction(all, NOW)
        const chosen = all.find(({ id }) => id === chosenId)
        expect(chosen !== undefined && overdue(chosen, NOW)).toBe(true)
      }),
      RUNS,
    )
  })

  it('never chooses who is among the best', () => {
    fc.assert(
      fc.property(anyCrowd, (mixed) => {
        const all = mixed.map((candidate) => ({ ...candidate, ready: true }))
        const chosenId = chooseEviction(all, NOW)
        const chosen = all.find(({ id }) => id === chosenId)
        if (chosen === undefined) return
        const { minPingMs, lastBlockAt, lastTransactionAt, misbehaviour, connectedAt, group } = chosen
        if (minPingMs !== undefined && misbehaviour === 0) {
          const asFast = (o: EvictionCandidate) => o.misbehaviour === 0 && (o.minPingMs ?? 1e9) <= minPingMs
          expect(isAmongFirst(all, chosen, 8, asFast)).toBe(false)
        }
        if (lastBlockAt !== undefined) {
          expect(isAmongFirst(all, chosen, 4, (o) => (o.lastBlockAt ?? -1) >= lastBlockAt)).toBe(false)
        }
        if (lastTransactionAt !== undefined) {
          expect(isAmongFirst(all, chosen, 4, (o) => (o.lastTransactionAt ?? -1) >= lastTransactionAt)).toBe(
            false,
          )
        }
        const orders = [...new Set(all.map((o) => o.groupOrder))].sort((a, b) => a - b)
        const isHead = !all.some(
          (o) => o.group === group && o.id !== chosen.id && o.connectedAt <= connectedAt,
        )
        if (isHead) expect(orders.indexOf(chosen.groupOrder)).toBeGreaterThanOrEqual(4)
      }),
      RUNS,
    )
  })
})

const SLOTS = 117

/** How an attacker's connection looks, as favourable to him as he can make it. */
interface Attempt {
  readonly group: number
  readonly ready: boolean
  readonly useful: boolean
  readonly afterMs: number
}

/** A node whose slots are full, and what becomes of it as others knock. */
class FullNode {
  candidates: EvictionCandidate[]
  now = NOW
  #lastId: number

  constructor(candidates: readonly EvictionCandidate[]) {
    this.candidates = [...candidates]
    this.#lastId = candidates.length
  }

  /** Lets the newcomer in if somebody goes for it. Returns who went. */
  knock(newcomer: Omit<EvictionCandidate, 'id' | 'connectedAt'>): EvictionCandidate | undefined {
    const chosen = chooseEviction(this.candidates, this.now)
    const evicted = this.candidates.find(({ id }) => id === chosen)
    if (evicted === undefined) return undefined
    this.candidates = this.candidates.filter((candidate) => candidate !== evicted)
    this.candidates.push({ ...newcomer, id: peerId(++this.#lastId), connectedAt: this.now })
    return evicted
  }

  count(who: 'honest' | 'bad'): number {
    return this.candidates.filter(({ group }) => group.startsWith(who)).length
  }
}

/** Honest peers, `perGroup` to a group, with ordinary pings and a word now and then. */
function honestPeers(count: number, perGroup: number): EvictionCandidate[] {
  return Array.from({ length: count }, (_, i) => ({
    id: peerId(i + 1),
    ready: true,
    connectedAt: monoMs(i * 1_000),
    group: `honest ${Math.floor(i / perGroup)}`,
    groupOrder: (Math.floor(i / perGroup) * 7_919) % 1_009,
    minPingMs: 40 + ((i * 31) % 160),
    lastBlockAt: i % 3 === 0 ? monoMs(NOW - i * 500) : undefined,
    lastTransactionAt: i % 2 === 0 ? monoMs(NOW - i * 300) : undefined,
    misbehaviour: 0,
  }))
}

const attempts = (groups: number): fc.Arbitrary<Attempt[]> =>
  fc.array(
    fc.record({
      group: fc.nat({ max: groups - 1 }),
      ready: fc.boolean(),
      useful: fc.boolean(),
      afterMs: fc.nat({ max: 20_000 }),
    }),
    { minLength: 150, maxLength: 400 },
  )

const ATTACK_RUNS = { numRuns: 60 }

describe('an attacker in few groups', () => {
  it('gains no more slots than there are for merit, however many he opens and whenever', () => {
    const world = fc
      .integer({ min: 1, max: 8 })
      .chain((groups) => fc.tuple(fc.constant(groups), attempts(groups)))
    fc.assert(
      fc.property(world, fc.integer({ min: 1, max: 3 }), ([groups, list], perGroup) => {
        const node = new FullNode(honestPeers(SLOTS, perGroup))
        for (const { group, ready, useful, afterMs } of list) {
          node.now = monoMs(node.now + afterMs)
          // Even the secret order favours him, he is nearer than all others, and his news are the latest.
          node.knock({
            ready,
            group: `bad ${group}`,
            groupOrder: -1 - group,
            minPingMs: useful ? 0 : undefined,
            lastBlockAt: useful ? node.now : undefined,
            lastTransactionAt: useful ? node.now : undefined,
            misbehaviour: 0,
          })
        }
        // 20 by merit, and in each of his groups no more than an honest group has, with one at the door.
        expect(node.count('bad')).toBeLessThanOrEqual(4 + 8 + 4 + 4 + groups * perGroup + 1)
      }),
      ATTACK_RUNS,
    )
  })

  it('who holds all other slots pushes out himself, not the newcomer from elsewhere', () => {
    fc.assert(
      fc.property(attempts(4), (list) => {
        const node = new FullNode(honestPeers(20, 1))
        const attack = ({ group, ready, useful }: Attempt) => ({
          ready,
          group: `bad ${group}`,
          groupOrder: 5_000 + group,
          minPingMs: useful ? 1 : undefined,
          lastBlockAt: undefined,
          lastTransactionAt: undefined,
          misbehaviour: 0,
        })
        for (const [i, attempt] of list.slice(0, SLOTS - 20).entries()) {
          node.candidates.push({ ...attack(attempt), id: peerId(1_000 + i), connectedAt: node.now })
        }
        for (const attempt of list) {
          node.now = monoMs(node.now + attempt.afterMs)
          expect(node.knock(attack(attempt))?.group).toMatch(/^bad/)
        }
        expect(node.count('honest')).toBe(20)
      }),
      ATTACK_RUNS,
    )
  })

  it('with 500 half-open connections keeps no honest peer out', () => {
    const node = new FullNode(honestPeers(SLOTS, 1))
    const common = {
      minPingMs: undefined,
      lastBlockAt: undefined,
      lastTransactionAt: undefined,
      misbehaviour: 0,
    }
    for (let i = 0; i < 500; i++) {
      node.knock({ ...common, ready: false, group: `bad ${i % 3}`, groupOrder: 5_000 + (i % 3) })
    }
    const before = node.count('honest')
    expect(before).toBeGreaterThan(SLOTS - 10)
    node.now = monoMs(node.now + EVICTION_HANDSHAKE_GRACE_MS + 1)
    for (let i = 0; i < node.count('bad'); i++) {
      expect(node.knock({ ...common, ready: true, group: `honest new ${i}`, groupOrder: i })).toBeDefined()
    }
    expect(node.count('honest')).toBeGreaterThanOrEqual(before)
  })
})
