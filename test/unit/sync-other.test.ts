/** Orphans, nodes of the first release, peers that lag, and what is told of it all. */
import { describe, expect, it } from 'vitest'
import {
  CHAIN_LAG_ANSWER_MS,
  CHAIN_LAG_MS,
  MAX_ORPHANS,
  SYNC_PROGRESS_INTERVAL_MS,
  SYNC_STUCK_MS,
} from '../../src/params/limits.ts'
import { type FakeBlock, fakeBlock, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { SyncBench } from '../../testkit/sync-bench.ts'

const GENESIS_TIME = 1_761_436_800
const CHAIN = fakeBlocks(3_000)

const at = (height: number): FakeBlock => {
  const block = CHAIN[height - 1]
  if (block === undefined) throw new RangeError(`no block ${height}`)
  return block
}

function near(height = 100): SyncBench {
  const bench = new SyncBench(GENESIS_TIME + 240 * height + 60)
  bench.chain.grow(CHAIN.slice(0, height))
  return bench
}

describe('orphans', () => {
  it('wait for their parents, which are asked for', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 103) })
    const questions = peer.getheaders
    bench.block(peer, at(103))
    bench.block(peer, at(102))
    expect(bench.sync.snapshot(bench.now).orphans).toBe(2)
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(103)
    expect(bench.sync.snapshot(bench.now).orphans).toBe(0)
    // Only the one that was missing.
    expect(peer.asked.size).toBe(1)
    expect(peer.getheaders - questions).toBeLessThanOrEqual(1)
  })

  it('are connected as soon as the parent is here, whoever brings it', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 100), latencyMs: 5_000 })
    const other = bench.add({ blocks: CHAIN.slice(0, 100), latencyMs: 5_000 })
    bench.block(peer, at(102))
    bench.block(other, at(101))
    expect(bench.chain.tip.height).toBe(102)
  })

  it('cost nothing, in any number, and never more memory than allowed', () => {
    const bench = near()
    const flooders = [1, 2, 3, 4, 5, 6].map(() => bench.add({ blocks: CHAIN.slice(0, 100), kind: 'inbound' }))
    for (let i = 0; i < 60; i++)
      for (const [n, peer] of flooders.entries())
        bench.block(peer, fakeBlock({ hash: new Uint8Array(32).fill(7), time: 10 * i + n }, i))
    expect(bench.sync.snapshot(bench.now).orphans).toBe(MAX_ORPHANS)
    expect(bench.offences).toEqual([])
    for (const peer of flooders) bench.end(peer, 'closedByPeer')
    expect(bench.sync.snapshot(bench.now).orphans).toBe(0)
  })

  it('are not kept while there is much to come', () => {
    const bench = new SyncBench()
    const peer = bench.add({ blocks: CHAIN, latencyMs: 1_000 })
    bench.block(peer, at(3_000))
    expect(bench.sync.snapshot(bench.now).orphans).toBe(0)
  })
})

describe('a node of the first release', () => {
  const OLD = { layout: 'v1', nonce: 0n, mute: true, claims: 0 } as const

  it('is asked for what it announces, and not for headers', () => {
    const bench = near()
    const own = CHAIN.slice(0, 100)
    const peer = bench.add({ blocks: own, ...OLD })
    bench.run(200_000)
    expect([peer.getheaders, peer.end]).toEqual([0, undefined])
    own.push(at(101))
    bench.inv(peer, at(101).hash)
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(101)
  })

  it('is followed back to what is known, and then forward', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN, ...OLD })
    bench.inv(peer, at(3_000).hash)
    bench.runUntil(() => bench.chain.tip.height === 3_000, 600_000)
    expect(peer.end).toBeUndefined()
    expect(Math.max(...peer.batches)).toBeLessThanOrEqual(8)
  })

  it('leaves nothing behind when it goes on the way', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN, ...OLD })
    bench.inv(peer, at(3_000).hash)
    bench.run(500)
    expect(new Set(bench.sync.keyedIds())).toEqual(new Set([peer.peer.id]))
    bench.do(() => bench.end(peer, 'closedByPeer'))
    expect([...bench.sync.keyedIds()]).toEqual([])
  })

  it('that does not answer is asked again when it announces again', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN, ...OLD, withholds: (height) => height === 120 })
    bench.inv(peer, at(120).hash)
    bench.run(31_000)
    bench.inv(peer, at(119).hash)
    bench.run(10_000)
    expect(bench.chain.tip.height).toBe(119)
  })

  it('that is deaf for minutes is asked nothing twice, and its answer goes on where it was', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN, ...OLD, deaf: true, latencyMs: 100_000 })
    for (const height of [105, 106, 107]) {
      bench.inv(peer, at(height).hash)
      bench.run(60_000)
    }
    expect(peer.batches.length).toBe(2)
    bench.run(1_200_000)
    // First the way to what it announced first, then what it announced meanwhile.
    expect(bench.chain.tip.height).toBe(107)
    expect([bench.offences, peer.end]).toEqual([[], undefined])
    expect(peer.batches.length).toBeLessThanOrEqual(9)
  })

  it('of ours in its dialect answers like any other', () => {
    const bench = new SyncBench()
    const peer = bench.add({ blocks: CHAIN.slice(0, 500), layout: 'v1', nonce: 9n })
    bench.runUntil(() => bench.chain.tip.height === 500, 120_000)
    expect(peer.getheaders).toBeGreaterThan(0)
  })
})

describe('a peer whose chain lags', () => {
  it('is given time, asked once more, and replaced, but not if the operator named it', () => {
    const bench = near(200)
    const behind = bench.add({ blocks: CHAIN.slice(0, 100) })
    const named = bench.add({ blocks: CHAIN.slice(0, 100), kind: 'manual' })
    const caller = bench.add({ blocks: CHAIN.slice(0, 100), kind: 'inbound' })
    bench.run(CHAIN_LAG_MS - 60_000)
    expect(bench.ends).toEqual([undefined, undefined, undefined])
    bench.run(60_000 + CHAIN_LAG_ANSWER_MS + 1_000)
    expect([behind.end, named.end, caller.end]).toEqual(['lagging', undefined, undefined])
  })

  it('keeps its place if it reaches in time where we were', () => {
    const bench = near(200)
    const own = CHAIN.slice(0, 100)
    const peer = bench.add({ blocks: own })
    const ahead = CHAIN.slice(0, 200)
    const leader = bench.add({ blocks: ahead, kind: 'manual' })
    for (let height = 201; height < 300; height++) {
      bench.run(CHAIN_LAG_MS / 10)
      ahead.push(at(height))
      bench.headers(leader, headersOf([at(height)]))
      // Always some blocks behind.
      own.push(...CHAIN.slice(own.length, height - 8))
      bench.headers(peer, headersOf([at(height - 8)]))
    }
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(299)
    expect(peer.end).toBeUndefined()
  })

  it('keeps its place if it had our tip once, as the first four', () => {
    const bench = near(200)
    const peers = [1, 2, 3, 4, 5, 6].map(() => bench.add({ blocks: CHAIN.slice(0, 200) }))
    bench.run(1_000)
    const leader = bench.add({ blocks: CHAIN.slice(0, 203), kind: 'manual' })
    bench.run(2 * (CHAIN_LAG_MS + CHAIN_LAG_ANSWER_MS))
    expect(bench.chain.tip.height).toBe(203)
    expect(peers.map(({ end }) => end)).toEqual([...new Array(4).fill(undefined), 'lagging', 'lagging'])
    expect(leader.end).toBeUndefined()
  })
})

describe('what is told', () => {
  it('how far we are, how fast, and how long it takes', () => {
    const bench = new SyncBench()
    bench.add({ blocks: CHAIN, msPerBlock: 20 })
    bench.runUntil(() => bench.chain.tip.height === 3_000, 120_000)
    bench.run(1_000)
    const lines = bench.events.filter(({ type }) => type === 'syncProgress')
    expect(lines.length).toBeGreaterThan(8)
    expect(lines.length).toBeLessThanOrEqual(Math.ceil(61_000 / SYNC_PROGRESS_INTERVAL_MS))
    const middle = lines[6]
    if (middle?.type !== 'syncProgress') throw new Error('no progress was told')
    expect(middle).toMatchObject({ phase: 'blocks', headers: 3_000, expectedHeight: 3_000 })
    expect(middle.done).toBeCloseTo(middle.height / 3_000)
    expect(middle.perSecond).toBeGreaterThan(40)
    expect(middle.perSecond).toBeLessThan(60)
    expect(middle.secondsLeft).toBeCloseTo((3_000 - middle.height) / middle.perSecond)
    expect(bench.events.at(-1)).toMatchObject({ type: 'syncDone', height: 3_000 })
    expect(bench.chain.isInitialDownload).toBe(false)
  })

  it('why nothing moves: nobody has the blocks', () => {
    const bench = near()
    bench.do(() => bench.chain.submitHeaders('local', headersOf(CHAIN.slice(100, 110))))
    bench.add({ blocks: CHAIN.slice(0, 100) })
    bench.run(SYNC_STUCK_MS - 1_000)
    expect(bench.events).toEqual([])
    bench.run(2_000)
    expect(bench.events).toEqual([{ type: 'syncStuck', cause: 'noSource', waitsFor: undefined, seconds: 60 }])
    expect(bench.sync.snapshot(bench.now).stuck?.cause).toBe('noSource')
    bench.add({ blocks: CHAIN.slice(0, 110) })
    bench.run(1_000)
    expect(bench.events).toContainEqual({ type: 'syncGoesOn' })
    expect(bench.sync.snapshot(bench.now).stuck).toBeUndefined()
  })

  it('why nothing moves: headers, blocks, the disk, the clock, the chain itself', () => {
    const causes = (bench: SyncBench): unknown[] =>
      bench.events.flatMap((event) => (event.type === 'syncStuck' ? [event.cause] : []))
    const headers = new SyncBench()
    headers.add({ blocks: CHAIN, mute: true, kind: 'manual' })
    headers.run(2 * SYNC_STUCK_MS)
    const blocks = near()
    blocks.add({ blocks: CHAIN.slice(0, 110), kind: 'manual', withholds: () => true })
    blocks.do(() => undefined)
    blocks.run(1_000)
    const peer = blocks.remotes[0]
    if (peer !== undefined) peer.peer.held = true
    blocks.run(2 * SYNC_STUCK_MS)
    const disk = near()
    disk.do(() => disk.sync.outcome({ type: 'storageFailed', error: 'no space' }, disk.now))
    disk.run(2 * SYNC_STUCK_MS)
    const clock = near()
    clock.chain.judgeHeaders = () => ({ verdict: 'future' })
    clock.add({ blocks: CHAIN.slice(0, 110) })
    clock.run(2 * SYNC_STUCK_MS)
    const busy = near()
    busy.chain.held = true
    busy.do(() => busy.chain.submitHeaders('local', headersOf(CHAIN.slice(100, 101))))
    busy.chain.tree.get(at(101).hash)?.set(0)
    const node = busy.chain.tree.get(at(101).hash)
    if (node !== undefined) node.position = { file: 0, offset: 0, length: 1 }
    busy.add({ blocks: CHAIN.slice(0, 100) })
    busy.run(2 * SYNC_STUCK_MS)
    const alone = near()
    alone.do(() => alone.chain.submitHeaders('local', headersOf(CHAIN.slice(100, 110))))
    alone.run(2 * SYNC_STUCK_MS)
    expect([headers, blocks, disk, clock, busy, alone].map(causes)).toEqual([
      ['awaitingHeaders'],
      ['awaitingBlocks'],
      ['diskFailed'],
      ['clockWrong'],
      ['chainBusy'],
      ['noPeers'],
    ])
  })

  it('what each peer has and brings', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 103), withholds: () => true })
    bench.run(1_000)
    expect(bench.sync.snapshot(bench.now)).toMatchObject({
      height: 100,
      headerHeight: 103,
      inFlight: 3,
      peers: [
        { id: peer.peer.id, headerHeight: 103, commonHeight: 100, inFlight: [101, 102, 103], stalled: false },
      ],
    })
  })
})

describe('blocks that somebody wants', () => {
  /** A peer on a branch with less work than our chain, whose headers are known and whose blocks nobody needs. */
  function withBranch() {
    const bench = near()
    const branch = fakeBlocks(4, at(95), 3)
    const peer = bench.add({ blocks: [...CHAIN.slice(0, 95), ...branch] })
    const other = bench.add({ blocks: CHAIN.slice(0, 100) })
    bench.headers(peer, headersOf(branch))
    bench.run(5_000)
    const nodes = branch.flatMap(({ hash }) => bench.chain.tree.get(hash) ?? [])
    return { bench, peer, other, nodes }
  }

  it('are asked for though no plan wants them, once each', () => {
    const { bench, peer, other, nodes } = withBranch()
    expect([nodes.length, peer.asked.size]).toEqual([4, 0])
    const tip = bench.chain.tip
    const ask = () => bench.sync.request([...nodes, tip], bench.now)
    expect(ask()).toEqual({ requested: 4, peers: 1, stored: 1, underWay: 0, unavailable: 0 })
    expect(ask()).toEqual({ requested: 0, peers: 0, stored: 1, underWay: 4, unavailable: 0 })
    expect(bench.sync.snapshot(bench.now).inFlight).toBe(4)
    bench.run(5_000)
    expect(nodes.map(({ position }) => position !== undefined)).toEqual([true, true, true, true])
    expect([bench.chain.tip, other.asked.size, peer.asked.size]).toEqual([tip, 0, 4])
    expect(bench.ends).toEqual([undefined, undefined])
    expect(ask()).toEqual({ requested: 0, peers: 0, stored: 5, underWay: 0, unavailable: 0 })
  })

  it('can not be had when whoever has them is gone', () => {
    const { bench, peer, nodes } = withBranch()
    bench.end(peer, 'closedByPeer')
    expect(bench.sync.request(nodes, bench.now)).toMatchObject({ requested: 0, unavailable: 4 })
  })
})
