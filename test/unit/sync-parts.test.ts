/** The small parts of synchronisation, each for itself. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MAX_BLOCKS_IN_FLIGHT,
  MAX_ORPHAN_BYTES,
  MAX_ORPHANS,
  MAX_ORPHANS_PER_PEER,
  MIN_BLOCKS_IN_FLIGHT,
  ORPHAN_EXPIRY_MS,
  START_BLOCKS_IN_FLIGHT,
} from '../../src/params/limits.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { IdSet } from '../../src/primitives/id-set.ts'
import { OrphanPool } from '../../src/sync/orphan-pool.ts'
import { PeerSpeed } from '../../src/sync/peer-speed.ts'
import { type FakeBlock, fakeBlock, fakeBlocks } from '../../testkit/fake-chain.ts'

describe('a set of ids', () => {
  it('has what was added, and nothing else', () => {
    const id = fc.oneof(fc.nat(5_000), fc.nat(3_000_000))
    fc.assert(
      fc.property(fc.array(id), fc.array(id), (added, others) => {
        const set = new IdSet()
        for (const one of added) set.add(one)
        for (const one of added) expect(set.has(one)).toBe(true)
        const model = new Set(added)
        for (const one of others) expect(set.has(one)).toBe(model.has(one))
      }),
    )
  })
})

describe('the speed of a peer', () => {
  it('decides how much is asked of it at once', () => {
    const speed = new PeerSpeed()
    expect(speed.capacity(1_000)).toBe(START_BLOCKS_IN_FLIGHT)
    for (let i = 0; i < 100; i++) speed.delivered(25)
    expect(speed.msPerBlock).toBeCloseTo(25)
    expect(speed.capacity(1_000)).toBe(40)
    for (let i = 0; i < 1_000; i++) speed.delivered(0)
    expect(speed.capacity(1_000)).toBe(MAX_BLOCKS_IN_FLIGHT)
    expect(speed.capacity(4_000_000)).toBe(MIN_BLOCKS_IN_FLIGHT)
  })

  it('is that of whole bursts, not of what comes together', () => {
    const speed = new PeerSpeed()
    for (let burst = 0; burst < 20; burst++) {
      speed.delivered(160)
      for (let i = 1; i < 16; i++) speed.delivered(0)
    }
    expect(speed.msPerBlock).toBeCloseTo(10, 1)
  })

  it('is forgotten when it stalls, once, until it brings something', () => {
    const speed = new PeerSpeed()
    for (let i = 0; i < 100; i++) speed.delivered(1)
    speed.stalled()
    const { msPerBlock } = speed
    speed.stalled()
    expect(speed.msPerBlock).toBe(msPerBlock)
    expect(speed.capacity(1_000)).toBe(MIN_BLOCKS_IN_FLIGHT)
    speed.delivered(1)
    expect(speed.capacity(1_000)).toBe(START_BLOCKS_IN_FLIGHT)
  })
})

describe('the pool of orphans', () => {
  const A = peerId(1)
  const B = peerId(2)
  const stray = (salt: number, size = 60): FakeBlock =>
    fakeBlock({ hash: new Uint8Array(32).fill(1 + (salt % 200)), time: salt }, salt, size)
  const add = (pool: OrphanPool, from: typeof A, block: FakeBlock, at = 0): boolean =>
    pool.add({ from, block, received: undefined, at })

  it('gives out what stands on a block, once', () => {
    const pool = new OrphanPool()
    const [parent, child] = fakeBlocks(2)
    if (parent === undefined || child === undefined) return
    expect(add(pool, A, child)).toBe(true)
    expect(add(pool, B, child)).toBe(false)
    const sibling = fakeBlock({ hash: parent.hash }, 5)
    add(pool, B, sibling)
    expect(pool.take(parent.hash).map(({ block }) => block)).toEqual([child, sibling])
    expect(pool.take(parent.hash)).toEqual([])
    expect(pool.size).toBe(0)
  })

  it('keeps a few of each peer, and forgets with him', () => {
    const pool = new OrphanPool()
    for (let i = 0; i < 100; i++) add(pool, A, stray(i))
    expect(pool.size).toBe(MAX_ORPHANS_PER_PEER)
    add(pool, B, stray(1_000))
    pool.forget(A)
    expect([...pool.keyedIds()]).toEqual([B])
  })

  it('is bounded in number and bytes; who has most in it loses first', () => {
    const pool = new OrphanPool()
    add(pool, B, stray(7, 500))
    for (let peer = 10; peer < 40; peer++)
      for (let i = 0; i < 10; i++) add(pool, peerId(peer), stray(100 * peer + i, 1_000))
    expect(pool.size).toBe(MAX_ORPHANS)
    expect([...pool.keyedIds()]).toContain(B)
    // A newcomer gets as much as the others have, whatever the size of his blocks.
    for (let i = 0; i < 10; i++) add(pool, A, stray(9_000 + i, 100_000))
    const counts = new Map<number, number>()
    for (const id of pool.keyedIds()) counts.set(id, (counts.get(id) ?? 0) + 1)
    expect(counts.get(A)).toBeGreaterThan(1)
    expect(Math.max(...counts.values()) - (counts.get(A) ?? 0)).toBeLessThanOrEqual(1)
    const large = new OrphanPool()
    for (let i = 0; i < 10; i++) add(large, A, stray(9_000 + i, 4_000_000))
    expect(large.size).toBe(Math.floor(MAX_ORPHAN_BYTES / 4_000_080))
  })

  it('lets go of what is too old', () => {
    const pool = new OrphanPool()
    add(pool, A, stray(1), 1_000)
    add(pool, A, stray(2), 2_000)
    expect(pool.nextDeadline).toBe(1_000 + ORPHAN_EXPIRY_MS)
    pool.expire(1_000 + ORPHAN_EXPIRY_MS)
    expect(pool.size).toBe(1)
    pool.expire(2_000 + ORPHAN_EXPIRY_MS)
    expect(pool.nextDeadline).toBe(Number.POSITIVE_INFINITY)
  })
})
