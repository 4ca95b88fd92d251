/**
 * Anything in any order: peers that come, go, lie, stall and talk out of turn, a chain that answers late or has no
 * room. The bench watches what is asked; when all that is over, one honest peer is enough to have the best chain.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashKey } from '../../src/chain/header-node.ts'
import { MAX_PENDING_BLOCK_BYTES } from '../../src/params/limits.ts'
import { type FakeBlock, fakeBlock, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { type Remote, type RemoteOptions, SyncBench } from '../../testkit/sync-bench.ts'

const GENESIS_TIME = 1_761_436_800
const TRUNK = fakeBlocks(160)
const BRANCH = [...TRUNK.slice(0, 90), ...fakeBlocks(60, TRUNK[89], 3)]
const RECOVERED_WITHIN_MS = 300_000

type Operation =
  | { readonly do: 'add'; readonly options: RemoteOptions }
  | { readonly do: 'end' | 'hold' | 'release' | 'full' | 'room' | 'mute' | 'hear'; readonly at: number }
  | { readonly do: 'run'; readonly ms: number }
  | {
      readonly do: 'headers' | 'block' | 'inv' | 'orphan' | 'spoil'
      readonly at: number
      readonly height: number
    }

const options: fc.Arbitrary<RemoteOptions> = fc.record({
  kind: fc.constantFrom('automatic', 'manual', 'inbound', 'blockRelay'),
  blocks: fc
    .tuple(fc.constantFrom(TRUNK, BRANCH), fc.integer({ min: 0, max: 160 }))
    .map(([chain, length]) => chain.slice(0, length)),
  claims: fc.constantFrom(0, 100, 1_000_000),
  latencyMs: fc.constantFrom(1, 40, 900, 15_000),
  msPerBlock: fc.constantFrom(0, 3, 200),
  mute: fc.boolean(),
  withholds: fc.constantFrom(
    () => false,
    () => true,
    (height: number) => height % 7 === 0,
  ),
})

const place = fc.nat(20)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: options.map((given): Operation => ({ do: 'add', options: given })) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('end', 'hold', 'release', 'full', 'room', 'mute', 'hear'),
      at: place,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('run'), ms: fc.constantFrom(1, 50, 2_000, 30_000, 700_000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('headers', 'block', 'inv', 'orphan', 'spoil'),
      at: place,
      height: fc.integer({ min: 1, max: 160 }),
    }),
  },
)

function perform(bench: SyncBench, step: Operation): void {
  if (step.do === 'add') return void bench.add(step.options)
  if (step.do === 'run') return bench.run(step.ms)
  const alive = bench.remotes.filter(({ end }) => end === undefined)
  const remote = alive[step.at % Math.max(1, alive.length)]
  switch (step.do) {
    case 'hold':
      bench.chain.held = true
      return
    case 'release':
      return bench.do(() => bench.chain.release())
    case 'full':
      bench.chain.pendingBytes = MAX_PENDING_BLOCK_BYTES
      return
    case 'room':
      bench.chain.pendingBytes = 0
      return
  }
  if (remote === undefined) return
  if ('height' in step) return talk(bench, remote, step.do, step.height)
  switch (step.do) {
    case 'end':
      return bench.do(() => bench.end(remote, 'closedByPeer'))
    case 'mute':
      remote.peer.held = true
      return
    case 'hear':
      remote.peer.held = false
  }
}

function talk(bench: SyncBench, remote: Remote, what: string, height: number): void {
  const block = remote.blocks[Math.min(height, remote.blocks.length) - 1]
  if (what === 'orphan') {
    const parent = { hash: new Uint8Array(32).fill(height), time: GENESIS_TIME }
    return bench.block(remote, fakeBlock(parent, height))
  }
  if (block === undefined) return
  if (what === 'headers') bench.headers(remote, headersOf([block]))
  else if (what === 'block') bench.block(remote, block)
  else if (what === 'inv') bench.inv(remote, block.hash)
  else bench.chain.verdicts.set(hashKey(block.hash), 'mutated')
}

describe('synchronisation', { timeout: 600_000 }, () => {
  it('asks for nothing that it should not, and gets there in the end', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.boolean(), (steps, isFresh) => {
        const bench = new SyncBench(isFresh ? GENESIS_TIME + 240 * 160 : undefined)
        for (const step of steps) perform(bench, step)
        bench.chain.pendingBytes = 0
        bench.chain.verdicts.clear()
        bench.do(() => bench.chain.release())
        for (const remote of bench.remotes) remote.peer.held = false
        const goal = TRUNK.at(-1) as FakeBlock
        bench.add({ blocks: [...TRUNK], kind: 'manual' })
        bench.runUntil(() => bench.chain.tip.key === hashKey(goal.hash), RECOVERED_WITHIN_MS)
        expect(bench.chain.tip.height).toBe(160)
      }),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 150) },
    )
  })
})
