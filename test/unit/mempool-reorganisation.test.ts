/** What waits to be mined while blocks are taken off the chain, and after that. */
import { describe, expect, it } from 'vitest'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { ReturnedTransactions } from '../../src/mempool/returned.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { MAX_RETURNED_BYTES } from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { type BuiltBlock, ChainBuilder, payTo, spend } from '../../testkit/chain-builder.ts'
import { PoolBench } from '../../testkit/pool-bench.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 1 }
const builder = new ChainBuilder(params)
const FEE = 100_000
const VALUE = 5_000_000_000
const FREE = Uint8Array.of(0x51)

const coinbaseOf = (block: BuiltBlock | undefined): Transaction => {
  const coinbase = block?.transactions[0]
  if (coinbase === undefined) throw new Error('no coinbase')
  return coinbase
}
const keyOf = (transaction: Transaction): string => knownTransaction(transaction).key

/** So many payments, each of the one before. */
function chainOf(from: Transaction, length: number): Transaction[] {
  const payments: Transaction[] = []
  for (let i = 1; i <= length; i++) payments.push(spend(payments.at(-1) ?? from, [0], [VALUE - i * FEE]))
  return payments
}

describe('a block of many transactions that is taken off', () => {
  const COINS = 1_500
  const outputs = Array.from({ length: COINS }, () => ({ value: 1_000_000n, scriptPubKey: FREE }))
  const first = builder.next(builder.genesis, { coinbase: { ...builder.coinbase(1), outputs } })
  const previousHash = txidOf(coinbaseOf(first))
  const moves = Array.from({ length: COINS }, (_, previousIndex) => ({
    version: 1,
    inputs: [{ previousHash, previousIndex, scriptSig: new Uint8Array(), sequence: 0xffff_ffff }],
    outputs: [{ value: 900_000n, scriptPubKey: payTo(1) }],
    lockTime: 0,
  }))
  const large = builder.next(first, { transactions: moves, fees: COINS * FEE })

  it('has them taken in again a few at a time, and none is put into a block before all are', () => {
    const bench = new PoolBench({ params }, [first, large])
    bench.give(builder.chain(first, 2, { salt: 1 }))
    let before = 0
    let most = 0
    let turns = 0
    while (bench.step() !== undefined) {
      const { size } = bench.pool.table
      most = Math.max(most, size - before)
      if (size > before) turns++
      before = size
      if (size > 0 && size < COINS) expect(bench.pool.isSettled).toBe(false)
    }
    bench.settle()
    expect(bench.pool.table.size).toBe(COINS)
    expect(bench.pool.isSettled).toBe(true)
    expect(turns).toBeGreaterThan(4)
    expect(most).toBeLessThan(COINS / 3)
  })

  it('has everything that waits looked at again in turns', () => {
    const bench = new PoolBench({ params }, [first])
    for (const move of moves) bench.pool.submit('local', knownTransaction(move))
    bench.settle()
    bench.mine(builder.chain(first, 1, { salt: 2 }))
    bench.give(builder.chain(first, 2, { salt: 3 }))
    let rests = 0
    for (let asked = bench.step(); asked !== undefined; asked = bench.step())
      if (asked.kind === 'rest' && !bench.pool.isSettled) rests++
    expect(rests).toBeGreaterThan(1)
    bench.settle()
    expect(bench.pool.table.size).toBe(COINS)
  })
})

describe('a reorganisation while another one is being made up for', () => {
  const trunk = builder.chain(builder.genesis, 3)
  const tip = trunk.at(-1) ?? builder.genesis
  const payments = chainOf(coinbaseOf(trunk[0]), 8)
  const low = builder.next(tip, { transactions: payments.slice(0, 4), fees: 4 * FEE })
  const high = builder.next(low, { transactions: payments.slice(4), fees: 4 * FEE })

  it('loses nothing, wherever it comes in between', () => {
    // First the higher block is taken off, then the lower one.
    const once = builder.chain(low, 2, { salt: 1 })
    const twice = builder.chain(tip, 4, { salt: 2 })
    for (let steps = 0; steps < 45; steps++) {
      const bench = new PoolBench({ params }, [...trunk, low, high])
      bench.give(once)
      for (let i = 0; i < steps; i++) bench.step()
      bench.give(twice)
      bench.settle()
      expect(bench.chain.engine.tip.hash).toEqual(twice.at(-1)?.hash)
      expect(bench.keys.sort(), `after ${steps} steps`).toEqual(payments.map(keyOf).sort())
      expect(bench.pool.isSettled).toBe(true)
    }
  })

  it('refuses nothing for the tip of a moment', () => {
    const plain = spend(coinbaseOf(trunk[1]), [0], [VALUE - FEE])
    const inputs = plain.inputs.map((input) => ({ ...input, sequence: 0 }))
    const locked = { ...plain, inputs, lockTime: low.height + 1 }
    const top = builder.next(low, { transactions: [locked], fees: FEE })
    const bench = new PoolBench({ params }, [...trunk, low, top])
    bench.give(builder.chain(low, 2, { salt: 1 }))
    // It is being judged when a second reorganisation begins, and then the chain is too short for it for a moment.
    while (bench.step('verify') !== undefined);
    expect(bench.chain.waiting.map(({ kind }) => kind)).toEqual(['verify'])
    bench.give(builder.chain(tip, 4, { salt: 2 }))
    while (bench.chain.engine.tip !== bench.chain.engine.activeAt(tip.height)) bench.step('verify')
    bench.settle()
    expect(bench.chain.engine.tip.height).toBe(tip.height + 4)
    expect(bench.keys.sort()).toEqual([...payments.slice(0, 4), locked].map(keyOf).sort())
  })

  it('that comes to nothing leaves what it joined and took off again to be taken in, though the tip is as it was', () => {
    const bench = new PoolBench({ params }, [...trunk, low, high])
    const other = spend(coinbaseOf(trunk[1]), [0], [VALUE - FEE])
    const good = builder.next(tip, { salt: 1, transactions: [other], fees: FEE })
    const bad = builder.next(good, { fees: 1 })
    bench.mine([good, bad, builder.next(bad)])
    expect(bench.chain.engine.tip.hash).toEqual(high.hash)
    expect(bench.keys).toEqual([keyOf(other)])
    expect(bench.pool.isSettled).toBe(true)
  })
})

it('a branch that turns out bad is not over before we are back where we were', () => {
  const trunk = builder.chain(builder.genesis, 3)
  const tip = trunk.at(-1) ?? builder.genesis
  const long = builder.chain(tip, 3)
  const branch = builder.chain(tip, 2, { salt: 1 })
  const plain = spend(coinbaseOf(trunk[0]), [0], [VALUE - FEE])
  // Not before the sixth block: where the branch leaves our chain it could not be mined next.
  const locked = { ...plain, lockTime: 6, inputs: plain.inputs.map((input) => ({ ...input, sequence: 0 })) }
  branch.push(builder.next(branch.at(-1) ?? tip, { salt: 1, transactions: [locked], fees: FEE }))
  branch.push(builder.next(branch.at(-1) ?? tip, { fees: 1 }))
  const bench = new PoolBench({ params }, [...trunk, ...long])
  bench.give(branch)
  const { engine } = bench.chain
  while (bench.step() !== undefined) if (engine.isSettled) expect(engine.tip.height).toBe(6)
  bench.settle()
  expect(bench.chain.of('blockFailed').length).toBe(1)
  expect(engine.tip.hash).toEqual(long.at(-1)?.hash)
  expect(bench.keys).toEqual([keyOf(locked)])
})

describe('what is kept of blocks that were taken off', () => {
  const BYTES = 1_000_000
  const made = (n: number) => {
    const scriptPubKey = new Uint8Array(BYTES).fill(n)
    return knownTransaction({
      ...coinbaseOf(builder.next(builder.genesis)),
      outputs: [{ value: BigInt(n), scriptPubKey }],
    })
  }

  it('is bounded: what nothing depends on goes first', () => {
    const kept = new ReturnedTransactions()
    const count = Math.ceil(MAX_RETURNED_BYTES / BYTES) + 2
    const all = Array.from({ length: count }, (_, i) => made(i))
    // Blocks of two, from the highest down.
    for (let height = count / 2; height > 0; height--) kept.add(height, all.slice(2 * height - 2, 2 * height))
    expect(kept.bytes).toBeLessThanOrEqual(MAX_RETURNED_BYTES)
    const size = kept.size
    expect(size).toBeGreaterThan(count - 6)
    const taken: string[] = []
    for (let item = kept.next(); item !== undefined; item = kept.next()) taken.push(item.known.key)
    expect(taken).toEqual(all.slice(0, size).map(({ key }) => key))
    expect([kept.size, kept.bytes]).toEqual([0, 0])
  })

  it('is handed out parents first, also what came back, and not what stands in a block again', () => {
    const kept = new ReturnedTransactions()
    const [a, b, c, d] = chainOf(coinbaseOf(builder.next(builder.genesis)), 4).map(knownTransaction)
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('no chain')
    kept.add(8, [c, d])
    kept.add(7, [a, b])
    const [first, second] = [kept.next(), kept.next()]
    if (first === undefined || second === undefined) throw new Error('nothing')
    kept.putBack(second)
    kept.putBack(first)
    kept.delete([b.key, 'x'])
    kept.add(8, [b])
    const order: string[] = []
    for (let item = kept.next(); item !== undefined; item = kept.next()) order.push(item.known.key)
    expect(order).toEqual([a, c, d, b].map(({ key }) => key))
  })
})

it('what would make outputs again that are there again goes', () => {
  const coinbase = builder.coinbase(1)
  const pay = spend(coinbase, [0], [VALUE - FEE])
  const spent = spend(pay, [0], [VALUE - 2 * FEE])
  const a = builder.next(builder.genesis, { coinbase })
  const b = builder.next(a, { transactions: [pay], fees: FEE })
  // The reward of the first block is paid once more, byte by byte, behind where its payment was spent.
  const c = builder.next(b, { transactions: [spent], coinbase, fees: FEE })
  const bench = new PoolBench({ params }, [a, b, c])
  expect(bench.chain.engine.tip.hash).toEqual(c.hash)
  expect(bench.offer(pay)).toBe('accepted')
  const without = builder.next(b, { coinbase, salt: 1 })
  bench.mine([without, builder.next(without)])
  expect(bench.chain.engine.tip.height).toBe(4)
  expect(bench.keys).toEqual([keyOf(spent)])
  expect(bench.pool.isSettled).toBe(true)
})
