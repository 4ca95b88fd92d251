/** Peers that want to keep us from blocks, or others from being heard. */
import { describe, expect, it } from 'vitest'
import { hashKey } from '../../src/chain/header-node.ts'
import {
  BLOCK_TIMEOUT_MAX_MS,
  EXHAUSTED_MS,
  HEADERS_SLOW_MS,
  HEADERS_TIMEOUT_MS,
} from '../../src/params/limits.ts'
import { type FakeBlock, fakeBlock, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { type Remote, SyncBench } from '../../testkit/sync-bench.ts'

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

/** Its line is busy from now on: a message is always on its way. */
function trickle(remote: Remote): void {
  remote.peer.decoder.push(new Uint8Array([1]))
  remote.peer.decoder.next()
}

describe('headers whose blocks nobody gives', () => {
  it('do not keep us from blocks of a chain with less work that is better than ours', () => {
    const bench = near()
    const liar = bench.add({
      blocks: [...CHAIN.slice(0, 100), ...fakeBlocks(3, at(100), 9)],
      kind: 'inbound',
      withholds: () => true,
    })
    const honest = bench.add({ blocks: CHAIN.slice(0, 100) })
    bench.run(1_000)
    bench.headers(liar, headersOf(liar.blocks.slice(100)))
    honest.blocks.push(at(101))
    bench.headers(honest, headersOf([at(101)]))
    bench.runUntil(() => bench.chain.tip.height === 101, 5_000)
  })
})

describe('while there is much to come, one that is followed', () => {
  it('and always has a message on its way does not keep us from asking others', () => {
    const bench = new SyncBench()
    const liar = bench.add({ blocks: CHAIN, mute: true, claims: 9_000 })
    trickle(liar)
    bench.add({ blocks: CHAIN })
    bench.runUntil(() => bench.chain.bestHeader.height === 3_000, HEADERS_TIMEOUT_MS + HEADERS_SLOW_MS)
  })

  it('and tells a little each time that leads nowhere does not either', () => {
    const bench = new SyncBench()
    const honest: Remote[] = []
    bench.chain.judgeHeaders = (_, source) =>
      honest.some(({ peer }) => peer.id === source)
        ? undefined
        : { verdict: 'staged', staged: { hash: new Uint8Array(32).fill(9), height: 1 } }
    bench.add({ blocks: CHAIN, claims: 9_000, latencyMs: 9_000, answer: () => headersOf([at(1)]) })
    honest.push(bench.add({ blocks: CHAIN }))
    bench.runUntil(() => bench.chain.bestHeader.height === 3_000, 60_000)
  })
})

describe('a block that was asked of all', () => {
  it('is asked for again although one of them always has a message on its way', () => {
    const bench = near()
    const honest = bench.add({ blocks: CHAIN.slice(0, 101) })
    bench.chain.verdicts.set(hashKey(at(101).hash), 'busy')
    const liar = bench.add({ blocks: CHAIN.slice(0, 101), kind: 'inbound', withholds: () => true })
    trickle(liar)
    bench.run(EXHAUSTED_MS + 2 * BLOCK_TIMEOUT_MAX_MS)
    expect([honest.end, bench.chain.tip.height]).toEqual(['stalled', 100])
    bench.again(honest)
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(101)
  })
})

describe('one that is asked for a block', () => {
  it('and does not bring it has to go, though nothing else happens', () => {
    const bench = near()
    const silent = bench.add({ blocks: CHAIN.slice(0, 101), withholds: () => true })
    bench.run(3 * BLOCK_TIMEOUT_MAX_MS)
    expect(silent.end).toBe('stalled')
  })
})

describe('blocks that nobody asked for', () => {
  const sibling = (salt: number): FakeBlock => fakeBlock({ hash: at(100).hash }, salt)
  const taken = (bench: SyncBench): number =>
    [...bench.chain.tree.descendants(bench.chain.tip.ancestor(100) ?? bench.chain.tip)].length

  it('are judged a few at a time, however many peers send them', () => {
    const bench = near()
    const peers = Array.from({ length: 10 }, () =>
      bench.add({ blocks: CHAIN.slice(0, 100), kind: 'inbound' }),
    )
    bench.run(100)
    bench.chain.held = true
    for (const [n, peer] of peers.entries())
      for (let i = 1; i <= 6; i++) bench.block(peer, sibling(10 * n + i))
    expect(taken(bench)).toBe(16)
    for (const peer of peers.slice(0, 3)) bench.end(peer, 'closedByPeer')
    bench.do(() => bench.chain.release())
    for (const peer of peers) bench.block(peer, sibling(100 + peer.peer.id))
    expect(taken(bench)).toBe(16 + 7)
  })
})

describe('strangers who come one after the other and say nothing', () => {
  it('do not keep us from knowing that all there is has come', () => {
    const bench = new SyncBench()
    const blocks = CHAIN.slice(0, 50)
    bench.add({ blocks })
    for (let i = 0; i < 20 && bench.chain.isInitialDownload; i++) {
      bench.add({ blocks: [], kind: 'inbound', mute: true })
      bench.run(HEADERS_SLOW_MS / 2)
    }
    expect([bench.chain.tip.height, bench.chain.isInitialDownload]).toEqual([50, false])
  })
})

describe('one that announces again and again what it never tells more of', () => {
  it.each([
    ['nothing', () => headersOf([])],
    ['what is known', () => headersOf([at(100)])],
  ])('and answers with %s is asked seldom', (_, answer) => {
    const bench = near()
    const liar = bench.add({ blocks: CHAIN.slice(0, 100), kind: 'inbound', latencyMs: 1, answer })
    for (let i = 0; i < 1_000; i++) {
      bench.inv(liar, fakeBlock({ hash: new Uint8Array(32) }, i).hash)
      bench.run(10)
    }
    expect(liar.getheaders).toBeLessThan(15)
  })
})
