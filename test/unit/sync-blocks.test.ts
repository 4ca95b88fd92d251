/** Which blocks are asked of whom, and what happens when they do not come. */
import { describe, expect, it } from 'vitest'
import { type HeaderNode, hashKey } from '../../src/chain/header-node.ts'
import {
  BLOCK_TIMEOUT_MAX_MS,
  BLOCK_TIMEOUT_MIN_MS,
  CLAIM_TIMEOUT_MS,
  DOWNLOAD_PENDING_BYTES,
  DOWNLOAD_WINDOW_BLOCKS,
  EXHAUSTED_MS,
  MAX_BLOCKS_IN_FLIGHT,
  MAX_KEPT_BLOCK_BYTES,
  MAX_PENDING_BLOCK_BYTES,
  STALL_TIMEOUT_MIN_MS,
  START_BLOCKS_IN_FLIGHT,
} from '../../src/params/limits.ts'
import { type FakeBlock, fakeBlock, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { type Remote, SyncBench } from '../../testkit/sync-bench.ts'

const GENESIS_TIME = 1_761_436_800
const CHAIN = fakeBlocks(2_000)

const at = (height: number): FakeBlock => {
  const block = CHAIN[height - 1]
  if (block === undefined) throw new RangeError(`no block ${height}`)
  return block
}
const askedFor = (remote: Remote, height: number): boolean => remote.asked.has(hashKey(at(height).hash))

/** At a height, by a clock that agrees. */
function near(height = 100): SyncBench {
  const bench = new SyncBench(GENESIS_TIME + 240 * height + 60)
  bench.chain.grow(CHAIN.slice(0, height))
  return bench
}

/** A peer that announces blocks behind height 100 as headers. */
function announce(bench: SyncBench, remote: Remote, to: number): void {
  bench.headers(remote, headersOf(CHAIN.slice(100, to)))
}

describe('a download', () => {
  it('comes from all peers, each block once', () => {
    const bench = new SyncBench()
    const peers = [1, 2, 3, 4].map(() => bench.add({ blocks: CHAIN, latencyMs: 40, msPerBlock: 2 }))
    bench.runUntil(() => bench.chain.tip.height === 2_000, 10_000)
    const counts = peers.map(({ asked }) => asked.size)
    expect(counts.reduce((a, b) => a + b)).toBe(2_000)
    expect(Math.min(...counts)).toBeGreaterThan(200)
    expect(bench.ends).toEqual([undefined, undefined, undefined, undefined])
  })

  it('gives the slow less to do', () => {
    const bench = new SyncBench()
    const slow = bench.add({ blocks: CHAIN, msPerBlock: 400 })
    const fast = bench.add({ blocks: CHAIN, msPerBlock: 1 })
    bench.runUntil(() => bench.chain.tip.height === 2_000, 20_000)
    expect(slow.asked.size).toBeLessThan(100)
    expect(fast.asked.size).toBeGreaterThan(1_900)
    expect(bench.ends).toEqual([undefined, undefined])
  })

  it('asks for so many at once and no more, in few messages', () => {
    const bench = new SyncBench()
    const peer = bench.add({ blocks: CHAIN, latencyMs: 300, msPerBlock: 0 })
    bench.run(300 + 1)
    expect(peer.batches).toEqual([START_BLOCKS_IN_FLIGHT])
    bench.runUntil(() => bench.chain.tip.height === 2_000, 20_000)
    expect(Math.max(...peer.batches)).toBeLessThanOrEqual(MAX_BLOCKS_IN_FLIGHT)
    expect(peer.batches.length).toBeLessThan(200)
  })

  it('looks no further ahead than the window', () => {
    const bench = new SyncBench()
    const peers = [1, 2, 3].map(() => bench.add({ blocks: CHAIN, withholds: (height) => height === 5 }))
    bench.run(4_000)
    expect(bench.chain.tip.height).toBe(4)
    const seen = peers.some((peer) => askedFor(peer, 4 + DOWNLOAD_WINDOW_BLOCKS))
    const beyond = peers.some((peer) => askedFor(peer, 5 + DOWNLOAD_WINDOW_BLOCKS))
    expect([seen, beyond]).toEqual([true, false])
  })

  it('never asks a peer for what it does not have', () => {
    const bench = new SyncBench()
    const short = bench.add({ blocks: CHAIN.slice(0, 300) })
    const fork = bench.add({ blocks: [...CHAIN.slice(0, 500), ...fakeBlocks(50, at(500), 9)] })
    bench.add({ blocks: CHAIN })
    // The bench throws if it does.
    bench.runUntil(() => bench.chain.tip.height === 2_000, 60_000)
    expect(short.asked.size).toBeGreaterThan(0)
    expect(askedFor(fork, 501)).toBe(false)
  })

  it('asks nodes that keep only recent blocks for recent blocks', () => {
    const bench = new SyncBench()
    const pruned = bench.add({ blocks: CHAIN, services: 1_024n, msPerBlock: 1 })
    bench.add({ blocks: CHAIN, msPerBlock: 5 })
    bench.runUntil(() => bench.chain.tip.height === 2_000, 60_000)
    expect(askedFor(pruned, 1_000)).toBe(false)
    expect(pruned.asked.size).toBeGreaterThan(100)
  })

  it('follows the most work, across a fork', () => {
    const bench = near()
    bench.add({ blocks: CHAIN.slice(0, 100) })
    bench.run(500)
    bench.add({ blocks: [...CHAIN.slice(0, 60), ...fakeBlocks(60, at(60), 4)] })
    bench.run(5_000)
    expect(bench.chain.tip.height).toBe(120)
  })
})

describe('blocks that do not come', () => {
  it('are asked of others, and who brings nothing has to go', () => {
    const bench = new SyncBench()
    const silent = bench.add({ blocks: CHAIN, withholds: () => true, claims: 9_000 })
    bench.add({ blocks: CHAIN })
    bench.runUntil(() => bench.chain.tip.height === 2_000, BLOCK_TIMEOUT_MIN_MS)
    expect(silent.asked.size).toBeLessThanOrEqual(START_BLOCKS_IN_FLIGHT)
    bench.run(3 * BLOCK_TIMEOUT_MIN_MS)
    expect(bench.ends).toEqual(['stalled', undefined])
  })

  it('hold the window up for seconds only, one after the other', () => {
    const bench = new SyncBench()
    for (let i = 0; i < 4; i++) bench.add({ blocks: CHAIN, withholds: (height) => height % 400 === 1 })
    bench.add({ blocks: CHAIN, msPerBlock: 20 })
    bench.runUntil(() => bench.chain.tip.height === 2_000, 60_000)
  })

  it('are welcome late, and then we are more patient', () => {
    const bench = near()
    const slow = bench.add({ blocks: CHAIN.slice(0, 100), latencyMs: 3 * STALL_TIMEOUT_MIN_MS })
    const other = bench.add({ blocks: CHAIN.slice(0, 100), latencyMs: 4 * STALL_TIMEOUT_MIN_MS })
    bench.run(60_000)
    slow.blocks.push(at(101))
    other.blocks.push(at(101))
    announce(bench, slow, 101)
    bench.run(10)
    announce(bench, other, 101)
    bench.run(STALL_TIMEOUT_MIN_MS + 100)
    expect([askedFor(slow, 101), askedFor(other, 101)]).toEqual([true, true])
    bench.run(2.5 * STALL_TIMEOUT_MIN_MS)
    expect(bench.chain.tip.height).toBe(101)
    bench.run(60_000)
    slow.blocks.push(at(102))
    other.blocks.push(at(102))
    announce(bench, other, 102)
    bench.run(10)
    announce(bench, slow, 102)
    bench.run(STALL_TIMEOUT_MIN_MS + 100)
    expect(askedFor(slow, 102)).toBe(false)
    expect(bench.ends).toEqual([undefined, undefined])
  })

  it('of one peer alone end its connection, and are asked on a new one', () => {
    const bench = near()
    let isLost = true
    const options = { blocks: CHAIN.slice(0, 103), withholds: (height: number) => isLost && height === 101 }
    const peer = bench.add({ ...options, kind: 'manual' })
    bench.runUntil(() => peer.end !== undefined, 60_000 + EXHAUSTED_MS + 2 * BLOCK_TIMEOUT_MAX_MS)
    expect(peer.end).toBe('stalled')
    isLost = false
    bench.again(peer)
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(103)
  })

  it('are free for others when a peer leaves', () => {
    const bench = near()
    const first = bench.add({ blocks: CHAIN.slice(0, 110), withholds: () => true })
    bench.run(100)
    bench.add({ blocks: CHAIN.slice(0, 110) })
    bench.end(first, 'closedByPeer')
    bench.run(200)
    expect(bench.chain.tip.height).toBe(110)
  })

  it('are no fault of a peer that we do not read from', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 110), withholds: () => true })
    bench.run(1_000)
    peer.peer.held = true
    bench.run(5 * BLOCK_TIMEOUT_MAX_MS)
    expect(peer.end).toBeUndefined()
    peer.peer.held = false
    bench.run(5 * BLOCK_TIMEOUT_MAX_MS)
    expect(peer.end).toBe('stalled')
  })
})

describe('a block that is not what it should be', () => {
  it('mutated costs its sender, and is had from another', () => {
    const bench = near()
    const forge = (block: FakeBlock) => ({ ...block, transactionData: new Uint8Array(70) })
    const forger = bench.add({ blocks: CHAIN.slice(0, 101), forge, kind: 'inbound' })
    bench.do(() => bench.chain.verdicts.set(hashKey(at(101).hash), 'mutated'))
    bench.run(100)
    expect(forger.end).toBe('misbehaving')
    bench.add({ blocks: CHAIN.slice(0, 101) })
    bench.run(200)
    expect(bench.chain.tip.height).toBe(101)
    expect(bench.offences.map(({ offence }) => offence)).toEqual(['mutatedBlock'])
  })

  it('invalid costs its sender, and nobody is asked for it again', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 103) })
    bench.chain.verdicts.set(hashKey(at(101).hash), 'invalid')
    bench.run(100)
    expect(peer.end).toBe('misbehaving')
    const other = bench.add({ blocks: CHAIN.slice(0, 103) })
    bench.run(60_000)
    expect(other.asked.size).toBe(0)
    expect(other.end).toBeUndefined()
  })

  it('that can not be connected costs who brought it, not who has what stands on it', () => {
    const bench = near()
    bench.chain.unconnectable.add(hashKey(at(101).hash))
    const bringer = bench.add({ blocks: CHAIN.slice(0, 101) })
    bench.run(1_000)
    const honest = bench.add({ blocks: CHAIN.slice(0, 104) })
    bench.run(1_000)
    expect([bringer.end, honest.end]).toEqual(['misbehaving', undefined])
    expect(bench.offences.map(({ offence }) => offence)).toEqual(['badBlock'])
  })

  it('a better chain than the bad one is still found at the same peer', () => {
    const bench = near()
    bench.chain.unconnectable.add(hashKey(at(105).hash))
    const bringer = bench.add({ blocks: CHAIN.slice(0, 110), kind: 'manual' })
    bench.run(1_000)
    expect(bringer.end).toBe('misbehaving')
    const peer = bench.add({ blocks: [...CHAIN.slice(0, 104), ...fakeBlocks(4, at(104), 5)] })
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(108)
    expect(peer.end).toBeUndefined()
  })
})

describe('a block that nobody asked for', () => {
  it('is taken if it continues our chain, and dropped if it is no news or far away', () => {
    const bench = near(300)
    const peer = bench.add({ blocks: CHAIN.slice(0, 300) })
    bench.run(1_000)
    bench.block(peer, at(301))
    expect(bench.chain.tip.height).toBe(301)
    bench.block(peer, at(50))
    bench.block(peer, fakeBlock(at(10), 77))
    expect(bench.chain.tree.size).toBe(302)
    expect(bench.offences).toEqual([])
  })

  it('does not fill memory: a few of one peer are judged at once', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 100), kind: 'inbound' })
    bench.run(1_000)
    bench.chain.held = true
    let judged = 0
    const submit = bench.chain.submitBlock.bind(bench.chain)
    bench.chain.submitBlock = (...args) => {
      judged++
      submit(...args)
    }
    for (let i = 0; i < 50; i++) bench.block(peer, fakeBlock(at(100), 100 + i))
    expect(judged).toBe(4)
  })
})

describe('pressure', () => {
  it('leaves only the blocks that are needed first', () => {
    const bench = new SyncBench()
    bench.chain.pendingBytes = DOWNLOAD_PENDING_BYTES
    const peer = bench.add({ blocks: CHAIN, latencyMs: 1, msPerBlock: 1_000 })
    bench.run(500)
    expect(peer.asked.size).toBe(4)
    bench.chain.pendingBytes = 0
    bench.run(1_000)
    expect(peer.asked.size).toBeGreaterThan(10)
  })

  it('keeps what comes nevertheless until there is room', () => {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 104), latencyMs: 50 })
    bench.run(75)
    bench.chain.pendingBytes = MAX_PENDING_BLOCK_BYTES
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(100)
    bench.chain.pendingBytes = 0
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(104)
    expect(peer.end).toBeUndefined()
  })

  /** One that brings sixteen blocks, twice as many as may be kept, while the chain is full. */
  function overfilled(): SyncBench {
    const bench = near()
    const body = new Uint8Array(MAX_KEPT_BLOCK_BYTES / 8)
    const forge = ({ header }: FakeBlock) => ({ header, transactionData: body })
    bench.add({ blocks: CHAIN.slice(0, 116), latencyMs: 50, forge })
    bench.run(75)
    bench.chain.pendingBytes = MAX_PENDING_BLOCK_BYTES
    bench.run(1_000)
    expect(bench.remotes[0]?.asked.size).toBe(16)
    return bench
  }

  it('lets go of what is needed last when more comes than is kept, and has it from another', () => {
    const bench = overfilled()
    const second = bench.add({ blocks: CHAIN.slice(0, 116) })
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(100)
    bench.chain.pendingBytes = 0
    bench.runUntil(() => bench.chain.tip.height === 116, 5_000)
    expect([108, 109, 116].map((height) => askedFor(second, height))).toEqual([false, true, true])
    expect(bench.ends).toEqual([undefined, undefined])
  })

  it('lets go of what is needed last, and has it of the only one there is on a new connection', () => {
    const bench = overfilled()
    const [only] = bench.remotes
    bench.chain.pendingBytes = 0
    bench.runUntil(() => only?.end !== undefined, EXHAUSTED_MS + 1_000)
    expect(bench.chain.tip.height).toBe(108)
    if (only !== undefined) bench.again(only)
    bench.runUntil(() => bench.chain.tip.height === 116, 5_000)
  })

  it('keeps nothing that nobody asked for', () => {
    const bench = near()
    const blocks = CHAIN.slice(0, 110)
    bench.chain.pendingBytes = MAX_PENDING_BLOCK_BYTES
    const peer = bench.add({ blocks, withholds: () => true })
    bench.run(1_000)
    expect([104, 105].map((height) => askedFor(peer, height))).toEqual([true, false])
    for (const block of blocks.slice(100)) bench.block(peer, block)
    bench.chain.pendingBytes = 0
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(104)
    expect(bench.chain.tree.find(at(105).header.bytes)?.position).toBeUndefined()
  })

  it('a failed disk ends all asking', () => {
    const bench = new SyncBench()
    const peer = bench.add({ blocks: CHAIN, msPerBlock: 100 })
    bench.run(500)
    bench.do(() => bench.sync.outcome({ type: 'storageFailed', error: 'no space' }, bench.now))
    const before = peer.asked.size
    bench.run(60_000)
    expect(peer.asked.size).toBe(before)
  })
})

describe('a block that comes in parts', () => {
  /** A peer whose block 101 is known by its header. */
  function known(): { bench: SyncBench; peer: Remote; node: HeaderNode } {
    const bench = near()
    const peer = bench.add({ blocks: CHAIN.slice(0, 100) })
    bench.run(1_000)
    bench.do(() => bench.chain.submitHeaders('local', headersOf([at(101)])))
    peer.blocks.push(at(101))
    const node = bench.chain.tree.get(at(101).hash)
    if (node === undefined) throw new Error('the header is not there')
    bench.do(() => bench.sync.claim(peer.peer, node, bench.now))
    return { bench, peer, node }
  }

  it('is asked of nobody else, until that takes too long', () => {
    const bench = near()
    const first = bench.add({ blocks: [...CHAIN.slice(0, 101)], answer: () => headersOf([at(100)]) })
    const second = bench.add({ blocks: [...CHAIN.slice(0, 101)], answer: () => headersOf([at(100)]) })
    bench.run(1_000)
    bench.do(() => {
      bench.chain.submitHeaders('local', headersOf([at(101)]))
      const node = bench.chain.tree.get(at(101).hash)
      if (node !== undefined) bench.sync.claim(first.peer, node, bench.now)
    })
    bench.headers(second, headersOf([at(101)]))
    bench.run(STALL_TIMEOUT_MIN_MS / 2)
    expect([first.asked.size, second.asked.size]).toEqual([0, 0])
    bench.run(CLAIM_TIMEOUT_MS)
    expect(bench.chain.tip.height).toBe(101)
    expect(first.end).toBeUndefined()
  })

  it('is asked for whole when the parts do not fit, and its sender is not blamed', () => {
    const { bench, peer, node } = known()
    bench.chain.verdicts.set(node.key, 'mutated')
    const broken = { ...at(101), transactionData: new Uint8Array(3) }
    bench.do(() => bench.sync.onAssembled(peer.peer, broken, undefined, bench.now))
    expect(bench.offences).toEqual([])
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(101)
    expect(askedFor(peer, 101)).toBe(true)
  })

  it('is not blamed on who passed it on before it was connected', () => {
    const { bench, peer, node } = known()
    bench.chain.unconnectable.add(node.key)
    bench.do(() => bench.sync.onAssembled(peer.peer, at(101), undefined, bench.now))
    expect(node.isFailed).toBe(true)
    expect(bench.offences).toEqual([])
  })

  it('can be asked for whole at once, or given up', () => {
    const { bench, peer, node } = known()
    expect(bench.sync.isRequested(node)).toBe(true)
    bench.do(() => bench.sync.fetch(peer.peer, node, bench.now))
    expect(askedFor(peer, 101)).toBe(true)
    bench.run(1_000)
    expect(bench.chain.tip.height).toBe(101)
    const other = known()
    bench.do(() => other.bench.sync.release(other.peer.peer, other.node, other.bench.now))
    expect(other.bench.sync.isRequested(other.node)).toBe(false)
  })
})
