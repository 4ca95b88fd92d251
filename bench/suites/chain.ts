/**
 * The chain in this process, on a disk in memory, beside nothing but the hashes that it must make: headers and blocks
 * taken in and connected, a reorganisation, and whether cost grows with the chain.
 */
import type { ChainParams } from '../../src/params/chain-params.ts'
import { regtest } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { HeaderList, MAX_HEADERS } from '../../src/wire/header.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import type { BenchContext, Suite } from '../context.ts'
import { makeRow, type Row } from '../report.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 1 }
const builder = new ChainBuilder(params)
const source = peerId(1)
const REORGANISATION_BLOCKS = 100
/** As many payments as fit in a block: 5.3 kB each. */
const PAYMENTS = 700
const ION = 1

export const chainSuite: Suite = {
  name: 'chain',
  about: 'headers and blocks taken in and connected, in this process',
  async run({ rounds, scale }: BenchContext) {
    const count = Math.max(1_000, Math.round(10_000 * scale))
    const small = builder.chain(builder.genesis, count)
    const large = largeBlocks(Math.max(2, Math.round(8 * scale)))
    const rows = [
      row(
        'headers, 2,000 per message',
        'headers/s',
        rounds,
        count,
        () => takeHeaders(small),
        () => hashAll(small.map(({ header }) => header.bytes)),
      ),
      row(
        'small blocks',
        'blocks/s',
        rounds,
        count,
        () => takeBlocks(small),
        () => hashAll(small.map(({ block }) => block.transactionData)),
      ),
      row(
        'blocks of 4 MB',
        'MB/s',
        rounds,
        megabytes(large),
        () => takeBlocks(large),
        () => hashAll(large.map(({ block }) => block.transactionData)),
      ),
      reorganisation(rounds),
      growth(small, rounds),
    ]
    return await Promise.resolve(rows)
  },
}

function row(
  metric: string,
  unit: string,
  rounds: number,
  amount: number,
  work: () => void,
  bare: () => void,
): Row {
  const values: number[] = []
  const bareValues: number[] = []
  for (let round = 0; round < rounds; round++) {
    values.push(amount / secondsOf(work))
    bareValues.push(amount / secondsOf(bare))
  }
  return makeRow({
    suite: 'chain',
    metric,
    unit,
    subject: '',
    values,
    bare: { name: 'SHA3', values: bareValues },
  })
}

function takeHeaders(blocks: readonly BuiltBlock[]): void {
  const bench = new ChainBench({ params })
  for (let i = 0; i < blocks.length; i += MAX_HEADERS) {
    const headers = blocks.slice(i, i + MAX_HEADERS).map(({ header }) => header)
    bench.engine.submitHeaders(source, HeaderList.of(headers))
    bench.settle()
  }
  if (bench.engine.bestHeader.height !== blocks.at(-1)?.height) throw new Error('headers were refused')
}

function takeBlocks(blocks: readonly BuiltBlock[], bench = new ChainBench({ params })): ChainBench {
  for (const { block, stored } of blocks) {
    bench.engine.submitBlock(source, block, stored)
    bench.settle()
  }
  if (bench.engine.tip.height !== blocks.at(-1)?.height) throw new Error('blocks were refused')
  return bench
}

/** Blocks full of payments, each of which spends one output of the block before. */
function largeBlocks(count: number): BuiltBlock[] {
  const first = builder.next(builder.genesis)
  const [coinbase] = first.transactions
  if (coinbase === undefined) throw new Error('no coinbase')
  const value = Math.floor(Number(coinbase.outputs[0]?.value ?? 0n) / PAYMENTS)
  const split = spend(
    coinbase,
    [0],
    Array.from({ length: PAYMENTS }, () => value),
  )
  const blocks = [first, builder.next(first, { transactions: [split] })]
  let spendable: readonly [transaction: Transaction, index: number][] = split.outputs.map((_, i) => [
    split,
    i,
  ])
  for (let i = 0; i < count; i++) {
    const paid = spendable.map(([transaction, index]) =>
      spend(transaction, [index], [Number(transaction.outputs[index]?.value ?? 0n) - ION]),
    )
    blocks.push(builder.next(blocks.at(-1) ?? first, { transactions: paid }))
    spendable = paid.map((transaction) => [transaction, 0])
  }
  return blocks
}

function reorganisation(rounds: number): Row {
  const trunk = builder.chain(builder.genesis, 200)
  const fork = trunk.at(-1) ?? builder.genesis
  const left = builder.chain(fork, REORGANISATION_BLOCKS)
  const right = builder.chain(fork, REORGANISATION_BLOCKS + 1, { salt: 1 })
  const values: number[] = []
  for (let round = 0; round < rounds; round++) {
    const bench = takeBlocks(left, takeBlocks(trunk))
    for (const { block, stored } of right.slice(0, -1)) bench.engine.submitBlock(source, block, stored)
    bench.settle()
    values.push(1_000 * secondsOf(() => takeBlocks(right.slice(-1), bench)))
  }
  return makeRow({
    suite: 'chain',
    metric: `reorganisation of ${REORGANISATION_BLOCKS} small blocks`,
    unit: 'ms',
    subject: '',
    values,
  })
}

/** The last tenth of a chain beside its first tenth: 1 if cost does not depend on length. */
function growth(blocks: readonly BuiltBlock[], rounds: number): Row {
  const tenth = Math.floor(blocks.length / 10)
  const first: number[] = []
  const last: number[] = []
  for (let round = 0; round < rounds; round++) {
    const bench = new ChainBench({ params })
    first.push(1e6 * (secondsOf(() => takeBlocks(blocks.slice(0, tenth), bench)) / tenth))
    takeBlocks(blocks.slice(tenth, -tenth), bench)
    last.push(1e6 * (secondsOf(() => takeBlocks(blocks.slice(-tenth), bench)) / tenth))
  }
  return makeRow({
    suite: 'chain',
    metric: `one of the last blocks of ${blocks.length}`,
    unit: 'us',
    subject: '',
    values: last,
    bare: { name: 'one of the first', values: first },
    goal: { text: '<= 1.5 x', met: (_, ratio) => ratio <= 1.5 },
  })
}

function megabytes(blocks: readonly BuiltBlock[]): number {
  return blocks.reduce((sum, { stored }) => sum + stored.payload.length, 0) / 1e6
}

function hashAll(pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) sha3_256(piece)
}

function secondsOf(work: () => void): number {
  const startedAt = performance.now()
  work()
  return (performance.now() - startedAt) / 1_000
}
