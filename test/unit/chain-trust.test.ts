import { describe, expect, it } from 'vitest'
import { NodeFlag } from '../../src/chain/header-node.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { regtest } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { BenchDisk, ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder } from '../../testkit/chain-builder.ts'

const builder = new ChainBuilder(regtest.chain)
const peer = peerId(1)
const trunk = builder.chain(builder.genesis, 40)

function checkpoint(height: number): ChainParams['checkpoints'][number] {
  return { height, hash: trunk[height - 1]?.hash ?? new Uint8Array(32) }
}

/** A chain whose hash costs something, and that is vouched for up to block 30. */
const params: ChainParams = {
  ...regtest.chain,
  proofOfWork: { kind: 'randomx', key: 'test' },
  checkpoints: [checkpoint(10), checkpoint(30)],
  trustedHeight: 30,
}

function headers(blocks: readonly BuiltBlock[]): HeaderList {
  return HeaderList.of(blocks.map(({ header }) => header))
}

function hashesAsked(bench: ChainBench): number {
  let count = 0
  while (bench.waiting.length > 0) {
    const [request] = bench.waiting
    if (request?.kind === 'hash') count += request.headers.length
    bench.answer()
  }
  return count
}

/** The same blocks, but one of them has another header than its hash is of. */
function withLie(blocks: readonly BuiltBlock[], height: number): BuiltBlock[] {
  const parent = blocks[height - 2] ?? builder.genesis
  return blocks.map((block) => (block.height === height ? builder.next(parent, { salt: 9 }) : block))
}

/** Blocks that nobody made up to the first checkpoint, linked by hashes that are none of theirs. */
function invented(): BuiltBlock[] {
  const made = builder.chain(builder.genesis, 9, { salt: 4 })
  return [...made.slice(0, 8), builder.next(trunk[7] ?? builder.genesis, { salt: 5 }), ...trunk.slice(9)]
}

/** Headers that all are believed: what is hashed in the background waits. */
function believing(told: readonly BuiltBlock[], disk = new BenchDisk()): ChainBench {
  const bench = new ChainBench({ params }, disk)
  bench.engine.submitHeaders(peer, headers(told))
  while (bench.engine.bestHeader.height < told.length) bench.answer()
  return bench
}

/** Answers nothing but what somebody waits for. Returns how many headers were hashed for that. */
function answerUrgent(bench: ChainBench): number {
  let count = 0
  for (;;) {
    const at = bench.waiting.findIndex((request) => request.kind !== 'hash' || request.urgent)
    const request = bench.waiting[at]
    if (request === undefined) return count
    if (request.kind === 'hash') count += request.headers.length
    bench.answer(at)
  }
}

describe('below the last checkpoint', () => {
  it('headers wait aside for the next checkpoint', () => {
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(trunk.slice(0, 15)))
    // Of fifteen, the one at the checkpoint and the last one are hashed, and then those below the checkpoint.
    expect(hashesAsked(bench)).toBe(2 + 9)
    expect(bench.of('headers')).toMatchObject([{ verdict: 'staged', added: 10, staged: { height: 15 } }])
    expect(bench.engine.bestHeader.height).toBe(10)
  })

  it('other headers at the height of a checkpoint are refused', () => {
    const other = builder.chain(builder.genesis, 12, { salt: 1 })
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(other))
    bench.settle()
    expect(bench.of('headers')).toMatchObject([
      { verdict: 'invalid', fault: { code: 'checkpoint-mismatch' }, added: 0 },
    ])
    expect(bench.engine.stagedHeaders).toBe(0)
  })

  it('nobody forks once it is passed', () => {
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(trunk))
    bench.settle()
    expect(bench.engine.bestHeader.height).toBe(40)
    bench.engine.submitHeaders(peerId(2), headers(builder.chain(trunk[4] ?? builder.genesis, 3, { salt: 2 })))
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ fault: { code: 'bad-fork-prior-to-checkpoint' } })
  })

  it('headers are hashed later, once, also over a restart', () => {
    const disk = new BenchDisk()
    const bench = new ChainBench({ params }, disk)
    bench.engine.submitHeaders(peer, headers(trunk))
    bench.settle()
    const assumed = [...bench.engine.tree.all()].filter((node) => node.has(NodeFlag.assumed))
    expect(assumed).toEqual([])
    const again = new ChainBench({ params }, disk)
    expect(hashesAsked(again)).toBe(0)
  })

  it('a false header is found out in the end, and taken out with all on top of it', () => {
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(withLie(trunk, 5)))
    bench.settle()
    expect(bench.of('falseHeaders')).toMatchObject([{ behind: { height: 4 }, count: 36 }])
    expect(bench.engine.bestHeader.height).toBe(4)
    expect(bench.engine.tree.size).toBe(5)
    const rows = [...bench.disk.values.keys()].filter((key) => key.startsWith('h'))
    expect(rows).toHaveLength(4)
    // Nobody is believed any more.
    bench.engine.submitHeaders(peer, headers(withLie(trunk, 5)))
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ verdict: 'invalid', fault: { code: 'bad-link' } })
    bench.engine.submitHeaders(peer, headers(trunk))
    expect(hashesAsked(bench)).toBe(36)
    expect(bench.engine.bestHeader.height).toBe(40)
  })

  it('blocks are connected when their headers have been hashed, and no sooner', () => {
    const bench = believing(trunk)
    for (const { block, stored } of trunk) bench.engine.submitBlock(peer, block, stored)
    expect(answerUrgent(bench)).toBe(0)
    expect(bench.engine.tip.height).toBe(0)
    bench.answer()
    answerUrgent(bench)
    // Sixteen at once, but for the checkpoint at block 10, which had been hashed.
    expect(bench.engine.tip.height).toBe(17)
    bench.settle()
    expect(bench.engine.tip.height).toBe(40)
  })

  it('no block of a false history is connected behind what is false', () => {
    const lie = withLie(trunk, 5)
    const bench = believing(lie)
    for (const { block, stored } of lie) bench.engine.submitBlock(peer, block, stored)
    bench.settle()
    expect(bench.of('falseHeaders')).toMatchObject([{ behind: { height: 4 }, count: 36 }])
    expect(bench.engine.tip.height).toBe(4)
    expect(bench.of('storageFailed')).toEqual([])
  })

  it.each([
    ['one false header', withLie(trunk, 5), 4],
    ['an invented history', invented(), 7],
  ])('who tells the truth is believed after %s, and not blamed', (_, told, good) => {
    const disk = new BenchDisk()
    const bench = believing(told, disk)
    for (const { block, stored } of told) bench.engine.submitBlock(peer, block, stored)
    const honest = peerId(2)
    bench.engine.submitHeaders(honest, headers(trunk))
    expect(answerUrgent(bench)).toBe(0)
    expect(bench.of('headers').at(-1)).toMatchObject({ source: honest, verdict: 'busy' })
    bench.settle()
    expect(bench.of('falseHeaders')).toMatchObject([{ behind: { height: good }, count: 40 - good }])
    expect(bench.engine.tip.height).toBe(good)
    bench.engine.submitHeaders(honest, headers(trunk))
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ source: honest, verdict: 'accepted' })
    for (const { block, stored } of trunk) bench.engine.submitBlock(honest, block, stored)
    bench.settle()
    expect(bench.engine.tip.hash).toEqual(trunk[39]?.hash)
    expect(new ChainBench({ params }, disk).engine.tip.hash).toEqual(trunk[39]?.hash)
  })

  it('a block of somebody honest is welcome later, while ours are not proven', () => {
    const bench = believing(withLie(trunk, 5))
    for (const { block, stored } of trunk.slice(0, 5)) bench.engine.submitBlock(peerId(2), block, stored)
    answerUrgent(bench)
    expect(bench.of('block').filter(({ verdict }) => verdict !== 'stored')).toMatchObject([
      { verdict: 'busy' },
    ])
  })

  it('what is being hashed on top of what is taken out is to be told again', () => {
    const bench = believing(withLie(trunk, 5).slice(0, 32))
    bench.engine.submitHeaders(peerId(2), headers(trunk.slice(32)))
    const isOurs = (at: number) => {
      const request = bench.waiting[at]
      return request?.kind === 'hash' && request.headers.length === 1
    }
    // The header of the second one is on its way while the audit finds the lie of the first.
    while (bench.of('falseHeaders').length === 0) bench.answer(isOurs(0) ? 1 : 0)
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ source: peerId(2), verdict: 'busy', added: 0 })
    expect(bench.engine.stagedHeaders).toBe(0)
    expect(bench.engine.tree.size).toBe(5)
  })

  it('a fork is refused once it is certain that ours leads to the checkpoint', () => {
    const bench = believing(trunk)
    const fork = headers(builder.chain(trunk[4] ?? builder.genesis, 3, { salt: 2 }))
    bench.engine.submitHeaders(peerId(2), fork)
    answerUrgent(bench)
    expect(bench.of('headers').at(-1)).toMatchObject({ verdict: 'busy' })
    bench.settle()
    bench.engine.submitHeaders(peerId(2), fork)
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ fault: { code: 'bad-fork-prior-to-checkpoint' } })
  })
})
