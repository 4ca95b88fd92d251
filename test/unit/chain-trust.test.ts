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

describe('below the last checkpoint', () => {
  it('headers wait aside for the next checkpoint', () => {
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(trunk.slice(0, 15)))
    // Of fifteen, the one at the checkpoint and the last one are hashed.
    expect(hashesAsked(bench)).toBe(2)
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

  it('a false header is found out in the end', () => {
    const lie = builder.next(trunk[3] ?? builder.genesis, { salt: 9 })
    const told = [...trunk.slice(0, 4), lie, ...trunk.slice(5)]
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headers(told))
    bench.settle()
    expect(bench.of('storageFailed')[0]?.error).toContain('false at block 5')
    expect(bench.engine.isStopped).toBe(true)
  })
})
