/** The index of transactions knows exactly what the active chain holds, whatever happened before. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latin1Decode, toHex } from '../../src/primitives/bytes.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { BenchDisk, ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import { QUICK } from '../../testkit/transaction-probe.ts'

const builder = new ChainBuilder(QUICK)
const FEE = 100_000

/** Blocks of a chain, each but the first few with a payment of an older reward. */
function branch(from: BuiltBlock, past: readonly BuiltBlock[], count: number, salt: number): BuiltBlock[] {
  const blocks: BuiltBlock[] = []
  for (let i = 0; i < count; i++) {
    const parent = blocks.at(-1) ?? from
    const paid = [...past, ...blocks][parent.height - 3]?.transactions[0]
    const payment = paid === undefined ? undefined : spend(paid, [0], [worthOf(paid) - FEE])
    const wishes = payment === undefined ? {} : { transactions: [payment], fees: FEE }
    blocks.push(builder.next(parent, { salt, ...wishes }))
  }
  return blocks
}

function worthOf(transaction: Transaction): number {
  return Number(transaction.outputs[0]?.value ?? 0n)
}

class IndexBench {
  readonly disk = new BenchDisk()
  chain: BuiltBlock[] = []
  readonly seen = new Map<string, Transaction>()
  bench: ChainBench | undefined
  isIndexed = false

  start(isIndexed: boolean): void {
    this.isIndexed = isIndexed
    this.bench = new ChainBench({ params: QUICK, txIndex: isIndexed }, this.disk)
  }

  give(blocks: readonly BuiltBlock[]): void {
    for (const { block, stored, transactions } of blocks) {
      this.bench?.engine.submitBlock('local', block, stored)
      for (const transaction of transactions) this.seen.set(toHex(txidOf(transaction)), transaction)
    }
  }

  grow(count: number, salt: number): void {
    const blocks = branch(this.chain.at(-1) ?? builder.genesis, this.chain, count, salt)
    this.give(blocks)
    this.chain.push(...blocks)
  }

  /** Another branch wins that leaves the chain so many blocks below its end. */
  reorganise(depth: number, salt: number): void {
    const kept = this.chain.slice(0, Math.max(0, this.chain.length - depth))
    const count = this.chain.length - kept.length + 1
    const blocks = branch(kept.at(-1) ?? builder.genesis, kept, count, salt)
    this.give(blocks)
    this.chain = [...kept, ...blocks]
  }

  check(): void {
    this.bench?.settle()
    const engine = this.bench?.engine
    const index = engine?.txIndex
    if (engine === undefined || index === undefined) return
    expect(engine.tip.height).toBe(this.chain.length)
    expect(index.isSynced).toBe(true)
    const places = new Map<string, BuiltBlock>()
    for (const block of this.chain)
      for (const transaction of block.transactions) places.set(toHex(txidOf(transaction)), block)
    for (const [id, transaction] of this.seen) {
      let found: string | undefined
      engine.run(index.find(txidOf(transaction)), (place) => {
        if (place === undefined) return
        const block = places.get(id)
        const bytes = block?.block.transactionData.subarray(place.start, place.end)
        found = `${toHex(place.node.hash)} ${toHex(bytes ?? new Uint8Array())}`
      })
      this.bench?.settle()
      const block = places.get(id)
      const data = block === undefined ? '' : latin1Decode(block.block.transactionData)
      const expected = block === undefined ? undefined : toHex(block.hash)
      expect(found?.split(' ')[0], id).toBe(expected)
      if (found !== undefined)
        expect(toHex(Uint8Array.from(data, (c) => c.charCodeAt(0)))).toContain(found.split(' ')[1])
    }
  }
}

type Step =
  | { readonly kind: 'grow'; readonly count: number }
  | { readonly kind: 'reorganise'; readonly count: number }
  | { readonly kind: 'restart'; readonly isIndexed: boolean; readonly isClean: boolean }

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('grow' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('reorganise' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('restart' as const), isIndexed: fc.boolean(), isClean: fc.boolean() }),
  ),
  { minLength: 1, maxLength: 12 },
)

describe('the index of transactions', () => {
  it('is right after blocks, reorganisations, and starts with and without it', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (list: readonly Step[], isIndexed) => {
        const bench = new IndexBench()
        bench.start(isIndexed)
        bench.grow(6, 0)
        for (const [i, step] of list.entries()) {
          if (step.kind === 'grow') bench.grow(step.count, i)
          else if (step.kind === 'reorganise') bench.reorganise(step.count, i)
          else {
            // Unless it is clean, what was not answered has not happened; blocks are given again.
            if (step.isClean) bench.bench?.settle()
            bench.start(step.isIndexed)
            bench.give(bench.chain)
          }
        }
        bench.bench?.settle()
        bench.start(true)
        bench.give(bench.chain)
        bench.check()
      }),
      { numRuns: 60 },
    )
  })
})
