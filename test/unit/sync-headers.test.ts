/** Who is asked for headers, and what is made of the answers. */
import { describe, expect, it } from 'vitest'
import { fault } from '../../src/chain/faults.ts'
import {
  HEADERS_BUSY_MS,
  HEADERS_REFRESH_MS,
  HEADERS_SLOW_MS,
  HEADERS_TIMEOUT_MS,
  MAX_UNCONNECTED_HEADERS,
  UNCONNECTED_PAUSE_MS,
} from '../../src/params/limits.ts'
import { BlockHeader, HeaderList } from '../../src/wire/header.ts'
import { fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { SyncBench } from '../../testkit/sync-bench.ts'

const GENESIS_TIME = 1_761_436_800
const LONG = fakeBlocks(4_500)
/** A clock by which the tip of so many blocks is new. */
const clockAt = (height: number): number => GENESIS_TIME + 240 * height + 60

describe('while there is much to come', () => {
  it('one peer is followed, two are asked once, the others wait until the first is done', () => {
    const bench = new SyncBench()
    const peers = [1, 2, 3, 4, 5, 6].map(() => bench.add({ blocks: LONG, latencyMs: 50 }))
    bench.run(40)
    expect(peers.map(({ getheaders }) => getheaders)).toEqual([1, 1, 1, 0, 0, 0])
    bench.run(30)
    expect(bench.chain.bestHeader.height).toBe(2_000)
    expect(peers.map(({ getheaders }) => getheaders)).toEqual([2, 1, 1, 1, 1, 0])
    bench.runUntil(() => bench.chain.tip.height === 4_500, 60_000)
    bench.run(1_000)
    // Everybody is asked in the end, so that we know what he has.
    expect(peers.map(({ peer }) => bench.sync.bestOf(peer.id)?.height)).toEqual(peers.map(() => 4_500))
    expect(bench.chain.isInitialDownload).toBe(false)
  })

  it('the one that is followed is rather one that we chose, that claims most', () => {
    const bench = new SyncBench()
    bench.add({ blocks: LONG, kind: 'inbound', claims: 1_000_000 })
    const plain = bench.add({ blocks: LONG, mute: true })
    const best = bench.add({ blocks: LONG, claims: 5_000, mute: true })
    bench.run(1)
    // All three were asked; who is followed shows when the first of them is slow.
    bench.run(HEADERS_SLOW_MS)
    expect([plain.getheaders, best.getheaders]).toEqual([1, 1])
    expect(bench.chain.bestHeader.height).toBe(4_500)
  })

  it('another is followed as soon as the one that was is gone', () => {
    const bench = new SyncBench()
    const [first, second] = [1, 2].map(() => bench.add({ blocks: LONG, latencyMs: 50 }))
    if (first === undefined || second === undefined) return
    bench.runUntil(() => bench.chain.bestHeader.height === 2_000, 1_000)
    // The first is asked on at once, the second was asked once and waits.
    bench.do(() => bench.end(first, 'closedByPeer'))
    bench.runUntil(() => bench.chain.bestHeader.height === 4_500, HEADERS_SLOW_MS / 10)
    expect(second.getheaders).toBeGreaterThan(1)
  })

  it('everybody is asked again when what was told turns out false', () => {
    const bench = new SyncBench()
    const peers = [1, 2, 3].map(() => bench.add({ blocks: LONG, withholds: () => true }))
    bench.runUntil(() => bench.chain.bestHeader.height === 4_500, 1_000)
    bench.run(100)
    const before = peers.map(({ getheaders }) => getheaders)
    bench.chain.takeOut(1_000)
    expect(bench.chain.bestHeader.height).toBe(999)
    bench.runUntil(() => bench.chain.bestHeader.height === 4_500, 1_000)
    bench.run(100)
    for (const [i, { getheaders }] of peers.entries()) expect(getheaders).toBeGreaterThan(before[i] ?? 0)
    expect(peers.map(({ peer }) => bench.sync.bestOf(peer.id)?.height)).toEqual([4_500, 4_500, 4_500])
  })

  it('a peer that does not answer holds nobody up, and is replaced', () => {
    const bench = new SyncBench()
    const silent = bench.add({ blocks: LONG, mute: true, claims: 9_000 })
    const others = [1, 2, 3].map(() => bench.add({ blocks: LONG }))
    bench.runUntil(() => bench.chain.bestHeader.height === 4_500, HEADERS_SLOW_MS + 1_000)
    bench.run(HEADERS_TIMEOUT_MS + HEADERS_SLOW_MS)
    expect(silent.end).toBe('stalled')
    expect(others.map(({ end }) => end)).toEqual([undefined, undefined, undefined])
  })

  it('a silent peer that the operator named is asked again later, not closed', () => {
    const bench = new SyncBench()
    const silent = bench.add({ blocks: LONG, mute: true, kind: 'manual' })
    bench.run(HEADERS_TIMEOUT_MS + 5_000)
    const before = silent.getheaders
    expect(before).toBeGreaterThan(2)
    bench.run(HEADERS_REFRESH_MS - 20_000)
    expect(silent.getheaders).toBe(before)
    bench.run(60_000)
    expect(silent.getheaders).toBeGreaterThan(before)
    expect(silent.end).toBeUndefined()
  })

  it('one header at a time does not keep us from asking others', () => {
    const bench = new SyncBench()
    let at = 0
    bench.add({ blocks: LONG, claims: 9_000, answer: () => headersOf(LONG.slice(at, ++at)) })
    bench.add({ blocks: LONG })
    bench.runUntil(() => bench.chain.bestHeader.height === 4_500, 5_000)
  })

  it('headers that are kept aside are asked on from the last of them', () => {
    const bench = new SyncBench()
    const last = LONG[1_999]
    if (last === undefined) return
    bench.chain.judgeHeaders = () => ({ verdict: 'staged', staged: { hash: last.hash, height: 2_000 } })
    const peer = bench.add({ blocks: LONG })
    bench.run(15)
    expect(peer.getheaders).toBe(2)
    expect(peer.from).toEqual(last.hash)
  })

  it('news are left aside, but not forgotten', () => {
    const bench = new SyncBench()
    bench.add({ blocks: LONG, latencyMs: 100 })
    const other = bench.add({ blocks: LONG, latencyMs: 100 })
    bench.run(1)
    bench.headers(other, headersOf(LONG.slice(-1)))
    expect(bench.chain.bestHeader.height).toBe(0)
    bench.runUntil(() => bench.chain.tip.height === 4_500, 60_000)
    expect(bench.offences).toEqual([])
  })
})

describe('near the tip', () => {
  const blocks = LONG.slice(0, 100)

  function near(): SyncBench {
    const bench = new SyncBench(clockAt(100))
    bench.chain.grow(blocks)
    return bench
  }

  it('everybody is asked at once', () => {
    const bench = near()
    const peers = [1, 2, 3, 4, 5, 6].map(() => bench.add({ blocks, latencyMs: 500 }))
    expect(peers.map(({ getheaders }) => getheaders)).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('a hash that is not known leads to a question, one that is known to none', () => {
    const bench = near()
    const peer = bench.add({ blocks: [...LONG.slice(0, 101)] })
    bench.run(100)
    bench.inv(peer, LONG[99]?.hash ?? new Uint8Array(32))
    expect(peer.getheaders).toBe(1)
    bench.inv(peer, LONG[120]?.hash ?? new Uint8Array(32))
    expect(peer.getheaders).toBe(2)
    bench.run(100)
    expect(bench.chain.tip.height).toBe(101)
  })

  it('an announced header leads to its block, and to no more questions', () => {
    const bench = near()
    const own = [...blocks]
    const peer = bench.add({ blocks: own })
    bench.run(100)
    own.push(...LONG.slice(100, 102))
    bench.headers(peer, headersOf(LONG.slice(100, 102)))
    bench.run(100)
    expect(bench.chain.tip.height).toBe(102)
    expect(peer.getheaders).toBe(1)
  })

  it('headers that do not fit are asked for again, so often and then not for a while', () => {
    const bench = near()
    const stray = fakeBlocks(20, LONG[300], 7)
    const peer = bench.add({ blocks, answer: () => headersOf(stray) })
    bench.run(5_000)
    expect(peer.getheaders).toBe(MAX_UNCONNECTED_HEADERS)
    bench.run(UNCONNECTED_PAUSE_MS)
    expect(peer.getheaders).toBeGreaterThan(MAX_UNCONNECTED_HEADERS)
    expect(peer.getheaders).toBeLessThanOrEqual(2 * MAX_UNCONNECTED_HEADERS)
    expect(bench.offences).toEqual([])
  })

  it('an empty answer is an answer', () => {
    const bench = near()
    const peer = bench.add({ blocks, answer: () => HeaderList.of([]) })
    bench.run(HEADERS_TIMEOUT_MS)
    expect(peer.getheaders).toBe(1)
    expect(peer.end).toBeUndefined()
  })

  it('a peer that is thousands behind on the same chain tells what it has in a few answers', () => {
    const bench = new SyncBench(clockAt(4_500))
    bench.chain.grow(LONG)
    const peers = [1_990, 2_440, 4_400].map((height) => bench.add({ blocks: LONG.slice(0, height) }))
    bench.run(30_000)
    expect(peers.map(({ peer }) => bench.sync.bestOf(peer.id)?.height)).toEqual([1_990, 2_440, 4_400])
    for (const { getheaders } of peers) expect(getheaders).toBeLessThanOrEqual(2)
    bench.run(HEADERS_REFRESH_MS)
    for (const { getheaders } of peers) expect(getheaders).toBeLessThanOrEqual(3)
  })

  it('a peer that tells the same again and again is not asked again and again', () => {
    const bench = new SyncBench(clockAt(4_500))
    bench.chain.grow(LONG)
    const same = headersOf(LONG.slice(0, 2_000))
    const peer = bench.add({ blocks: LONG, answer: () => same })
    bench.run(30_000)
    expect(peer.getheaders).toBeLessThanOrEqual(2)
    expect(peer.end).toBeUndefined()
  })

  it('a chain that has no time is not pressed', () => {
    const bench = near()
    bench.chain.judgeHeaders = () => ({ verdict: 'busy' })
    const peer = bench.add({ blocks: LONG.slice(0, 110) })
    bench.run(HEADERS_BUSY_MS / 2)
    expect(peer.getheaders).toBe(1)
    bench.chain.judgeHeaders = undefined
    bench.run(HEADERS_BUSY_MS)
    expect(bench.chain.tip.height).toBe(110)
  })

  it('a chain that never has time is asked more and more seldom', () => {
    const bench = near()
    bench.chain.judgeHeaders = () => ({ verdict: 'busy' })
    const peer = bench.add({ blocks: LONG.slice(0, 110) })
    bench.run(600_000)
    expect(peer.getheaders).toBeLessThan(20)
    expect(peer.end).toBeUndefined()
  })

  it('a lost announcement is made up for after a while without news', () => {
    const bench = near()
    const own = [...blocks]
    const peer = bench.add({ blocks: own })
    bench.run(1_000)
    own.push(...LONG.slice(100, 103))
    bench.run(HEADERS_REFRESH_MS + 2_000)
    expect(bench.chain.tip.height).toBe(103)
    expect(peer.getheaders).toBe(2)
  })

  it('two chains of the same peers: the one with more work wins', () => {
    const bench = near()
    const fork = [...LONG.slice(0, 90), ...fakeBlocks(30, LONG[89], 3)]
    bench.add({ blocks })
    bench.add({ blocks: fork })
    bench.run(5_000)
    expect(bench.chain.tip.height).toBe(120)
  })
})

describe('a broken rule in headers', () => {
  const cases = [
    ['high-hash', ['badProofOfWork'], 'misbehaving'],
    ['bad-diffbits', ['badHeaders'], undefined],
    ['bad-prevblk', [], undefined],
    ['duplicate-invalid', [], undefined],
  ] as const

  it.each(cases)('%s', (code, offences, end) => {
    const bench = new SyncBench()
    bench.chain.judgeHeaders = () => ({ verdict: 'invalid', fault: fault(code) })
    const peer = bench.add({ blocks: LONG.slice(0, 10) })
    bench.run(1_000)
    expect(bench.offences.map(({ offence }) => offence)).toEqual(offences)
    expect(peer.end).toBe(end)
    expect(peer.getheaders).toBe(1)
  })

  it('a time in the future costs nothing, and is looked at again', () => {
    const bench = new SyncBench()
    bench.chain.judgeHeaders = () => ({ verdict: 'future', fault: fault('time-too-new') })
    const peer = bench.add({ blocks: LONG.slice(0, 10) })
    bench.run(1_000)
    bench.chain.judgeHeaders = undefined
    bench.run(UNCONNECTED_PAUSE_MS)
    expect(bench.offences).toEqual([])
    expect(peer.end).toBeUndefined()
    expect(bench.chain.tip.height).toBe(10)
  })
})

describe('headers that nobody asked for', () => {
  it('in great number cost their sender an allowance, and never more than two are judged at once', () => {
    const bench = new SyncBench(clockAt(100))
    bench.chain.grow(LONG.slice(0, 100))
    const peer = bench.add({ blocks: LONG.slice(0, 100), kind: 'inbound' })
    bench.run(1_000)
    let judged = 0
    bench.chain.judgeHeaders = () => {
      judged++
      return undefined
    }
    bench.chain.held = true
    const list = headersOf(LONG.slice(0, 2_000))
    for (let i = 0; i < 600; i++) bench.headers(peer, list)
    expect(judged).toBe(2)
    expect(peer.peer.allowance.waitUntil(bench.now.mono)).toBeGreaterThan(bench.now.mono)
  })

  it('of another length than ours do no harm', () => {
    const bench = new SyncBench()
    const peer = bench.add({ blocks: [] })
    bench.run(100)
    const header = BlockHeader.of({
      version: 4,
      previousHash: new Uint8Array(32),
      merkleRoot: new Uint8Array(32),
      time: 0,
      bits: 0,
      nonce: 0,
      vdf: { output: new Uint8Array(32), proofHash: new Uint8Array(32) },
    })
    bench.headers(peer, HeaderList.of([header]))
    bench.run(1_000)
    expect(peer.end).toBeUndefined()
  })
})
