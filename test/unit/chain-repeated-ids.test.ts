/** A coinbase may be repeated byte by byte, and with it whatever was paid from it: the ids are the same. */
import { describe, expect, it } from 'vitest'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { regtest } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { txidOf } from '../../src/wire/transaction.ts'
import { ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 1 }
const builder = new ChainBuilder(params)
const coinbase = builder.coinbase(1)
const pay = spend(coinbase, [0], [2_000_000_000, 3_000_000_000])
/** Of both outputs, and of the first alone. */
const spendAll = spend(pay, [0, 1], [5_000_000_000])
const spendOne = spend(pay, [0], [2_000_000_000])

function submit(bench: ChainBench, blocks: readonly BuiltBlock[]): ChainBench {
  for (const { block, stored } of blocks) bench.engine.submitBlock(peerId(7), block, stored)
  return bench.settle()
}

function chainOf(...wishes: Parameters<ChainBuilder['next']>[1][]): BuiltBlock[] {
  const blocks: BuiltBlock[] = []
  for (const wish of wishes) blocks.push(builder.next(blocks.at(-1) ?? builder.genesis, wish))
  return blocks
}

/** Submits them one by one, so that each finds in the store what those before have left. */
function submitEach(blocks: readonly BuiltBlock[], rules = params): ChainBench {
  let bench = new ChainBench({ params: rules })
  for (const block of blocks) {
    submit(bench, [block])
    bench = new ChainBench({ params: rules }, bench.disk)
    bench.settle()
  }
  return bench
}

/** Where the last block fails, how. */
function failureOf(blocks: readonly BuiltBlock[]): string | undefined {
  const bench = submit(submitEach(blocks.slice(0, -1)), blocks.slice(-1))
  return bench.of('blockFailed')[0]?.fault.code
}

describe('outputs that are there already', () => {
  it('are not made again by a coinbase', () => {
    expect(failureOf(chainOf({ coinbase }, { coinbase }))).toBe('bad-txns-BIP30')
  })

  it('are not made again by a payment, though everything that it spends is there again', () => {
    const blocks = chainOf({ coinbase }, { transactions: [pay] }, { coinbase }, { transactions: [pay] })
    expect(failureOf(blocks)).toBe('bad-txns-BIP30')
  })

  it('are not made again if but one of them is left', () => {
    const before = chainOf({ coinbase }, { transactions: [pay, spendOne] }, { coinbase })
    const last = before.at(-1) ?? builder.genesis
    expect(failureOf([...before, builder.next(last, { transactions: [pay] })])).toBe('bad-txns-BIP30')
  })
})

describe('outputs that were spent', () => {
  const blocks = chainOf(
    { coinbase },
    { transactions: [pay, spendAll] },
    { coinbase },
    { transactions: [pay] },
  )

  it('may be made again, and can be spent once', () => {
    const bench = submitEach(blocks)
    expect(bench.engine.tip.height).toBe(4)
    const last = blocks.at(-1) ?? builder.genesis
    const spent = builder.next(last, { transactions: [spendOne] })
    submit(bench, [spent, builder.next(spent, { transactions: [spendOne] })])
    expect(bench.of('blockFailed')[0]?.fault.code).toBe('bad-txns-inputs-missingorspent')
    expect(bench.engine.tip.height).toBe(5)
  })
})

it('outputs that were made twice where a checkpoint vouches for it are gone when they are spent', () => {
  const blocks = chainOf(
    { coinbase },
    { transactions: [pay] },
    { coinbase },
    { transactions: [pay] },
    { transactions: [spendAll] },
  )
  const rules = { ...params, trustedHeight: 5 }
  const before = submitEach(blocks.slice(0, 3), rules)
  // Together, so that what the last one spends was never written.
  submit(before, blocks.slice(3))
  expect(before.engine.tip.height).toBe(5)
  const last = blocks.at(-1) ?? builder.genesis
  const again = builder.next(last, { transactions: [spendOne] })
  const after = submit(new ChainBench({ params: rules }, before.disk), [again])
  expect(after.of('blockFailed')[0]?.fault.code).toBe('bad-txns-inputs-missingorspent')
})

it('an output that was made twice and spent by the block that made it again is gone', () => {
  const blocks = chainOf({ coinbase }, {}, { coinbase, transactions: [pay] })
  const rules = { ...params, trustedHeight: 3 }
  const before = submitEach(blocks, rules)
  expect(before.engine.tip.height).toBe(3)
  const last = blocks.at(-1) ?? builder.genesis
  const again = builder.next(last, { transactions: [spend(coinbase, [0], [4_000_000_000])] })
  const after = submit(new ChainBench({ params: rules }, before.disk), [again])
  expect(after.of('blockFailed')[0]?.fault.code).toBe('bad-txns-inputs-missingorspent')
})

describe('the index of transactions', () => {
  const blocks = chainOf(
    { coinbase },
    { transactions: [pay, spendAll] },
    { coinbase },
    { transactions: [pay] },
  )
  const last = blocks[2] ?? builder.genesis
  const other = builder.chain(last, 2, { salt: 1 })

  /** Heights at which the reward and its payment are found. */
  function heights(bench: ChainBench): (number | undefined)[] {
    const found: (number | undefined)[] = []
    for (const id of [txidOf(coinbase), txidOf(pay)])
      if (bench.engine.txIndex !== undefined)
        bench.engine.run(bench.engine.txIndex.find(id), (place) => found.push(place?.node.height))
    bench.settle()
    return found
  }

  it('names the first of two places, which is left when the other one is taken off', () => {
    const bench = submit(new ChainBench({ params, txIndex: true }), blocks)
    expect(heights(bench)).toEqual([1, 2])
    submit(bench, other)
    expect(bench.engine.tip.height).toBe(5)
    expect(heights(bench)).toEqual([1, 2])
    expect(heights(new ChainBench({ params, txIndex: true }, bench.disk).settle())).toEqual([1, 2])
  })

  it('does so too where the first one is read later, and both are', () => {
    for (const before of [1, 3, 4]) {
      const early = submit(new ChainBench({ params }), blocks.slice(0, before))
      const bench = new ChainBench({ params, txIndex: true }, early.disk)
      // What is joined now comes before what is read.
      submit(bench, blocks.slice(before))
      expect(bench.engine.txIndex?.isSynced).toBe(true)
      submit(bench, other)
      expect(heights(bench)).toEqual([1, 2])
    }
  })
})
