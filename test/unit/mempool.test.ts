import { describe, expect, it } from 'vitest'
import {
  decodePart,
  encodeDump,
  PART_HEAD_BYTES,
  readDumpHead,
  readPartHead,
} from '../../src/mempool/dump.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { estimateFeeRate } from '../../src/mempool/fee-estimate.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import {
  MAX_ORPHAN_TRANSACTIONS_PER_PEER,
  MEMPOOL_EXPIRY_SECONDS,
  ORPHAN_TRANSACTION_MS,
} from '../../src/params/limits.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { monoMs, peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { latin1Encode } from '../../src/primitives/bytes.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import { PoolBench as Bench } from '../../testkit/pool-bench.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 2 }
const builder = new ChainBuilder(params)
const peer = peerId(3)
const trunk = builder.chain(builder.genesis, 12)
const VALUE = 5_000_000_000
const FEE = 100_000
const tip = trunk.at(-1) ?? builder.genesis

class PoolBench extends Bench {
  constructor(budgetBytes = 50_000_000, blocks: readonly BuiltBlock[] = trunk) {
    super({ params, budgetBytes }, blocks)
  }
}

function coinbaseOf(height: number): Transaction {
  const transaction = trunk[height - 1]?.transactions[0]
  if (transaction === undefined) throw new Error('no coinbase')
  return transaction
}

function pay(height: number, fee = FEE): Transaction {
  return spend(coinbaseOf(height), [0], [VALUE - fee])
}

describe('admission', () => {
  it('takes what the next block may hold', () => {
    const bench = new PoolBench()
    const transaction = pay(1)
    expect(bench.offer(transaction)).toBe('accepted')
    const known = knownTransaction(transaction)
    expect(bench.pool.table.get(known.key)).toMatchObject({ fee: FEE, height: 12 })
    expect(bench.pool.knows(known.id)).toBe(true)
    expect(bench.offer(transaction)).toBe('txn-already-in-mempool')
  })

  it('names the rule that is broken', () => {
    const bench = new PoolBench()
    const good = pay(1)
    const [input] = good.inputs
    if (input === undefined) throw new Error('no input')
    expect(bench.offer(coinbaseOf(1))).toBe('coinbase')
    expect(bench.offer(pay(1, 100))).toBe('min-fee-not-met')
    expect(bench.offer(pay(1, 20_000_000))).toBe('max-fee-exceeded')
    expect(bench.offer(spend(coinbaseOf(1), [0], [VALUE + 1]))).toBe('bad-txns-in-belowout')
    expect(bench.offer(spend(coinbaseOf(1), [0], [VALUE - FEE], false))).toBe(
      'mandatory-script-verify-flag-failed',
    )
    expect(bench.offer(pay(12))).toBe('bad-txns-premature-spend-of-coinbase')
    expect(bench.offer({ ...good, version: 0 })).toBe('bad-txns-version')
    expect(bench.offer({ ...good, inputs: [input, input] })).toBe('bad-txns-inputs-duplicate')
    const late = { ...good, lockTime: 14, inputs: [{ ...input, sequence: 0 }] }
    expect(bench.offer(late)).toBe('bad-txns-nonfinal')
    expect(bench.pool.table.size).toBe(0)
  })

  it('keeps the first of two that spend the same', () => {
    const bench = new PoolBench()
    expect(bench.offer(pay(1))).toBe('accepted')
    expect(bench.offer(pay(1, 2 * FEE))).toBe('txn-mempool-conflict')
  })

  it('takes both of two that come at once only if they do not spend the same', () => {
    const bench = new PoolBench()
    bench.pool.submit(peer, knownTransaction(pay(1)))
    bench.pool.submit(peer, knownTransaction(pay(1, 2 * FEE)))
    bench.pool.submit(peer, knownTransaction(pay(2)))
    bench.chain.settle()
    expect(bench.outcomes.map(({ verdict }) => verdict)).toEqual(['accepted', 'rejected', 'accepted'])
  })

  it('bounds how many depend on each other', () => {
    const bench = new PoolBench()
    let last = pay(1)
    let value = VALUE - FEE
    const codes = [bench.offer(last)]
    for (let i = 0; i < 26; i++) {
      value -= FEE
      last = spend(last, [0], [value])
      codes.push(bench.offer(last))
    }
    expect(codes.filter((code) => code === 'accepted')).toHaveLength(25)
    expect(codes[25]).toBe('too-long-mempool-chain')
  })

  it('makes room for what pays more', () => {
    const bench = new PoolBench(16_000)
    expect(bench.offer(pay(1, FEE))).toBe('accepted')
    expect(bench.offer(pay(2, 3 * FEE))).toBe('accepted')
    expect(bench.offer(pay(3, 2 * FEE))).toBe('accepted')
    expect(bench.removed).toEqual(['evicted'])
    expect(bench.offer(pay(4, FEE / 2))).toBe('mempool-full')
    expect([...bench.pool.table.all()].map(({ fee }) => fee)).toEqual([3 * FEE, 2 * FEE])
  })

  it('does not let a parent go whose child pays for both', () => {
    const bench = new PoolBench(24_000)
    const parent = pay(1, FEE / 2)
    expect(bench.offer(parent)).toBe('accepted')
    expect(bench.offer(spend(parent, [0], [VALUE - 4 * FEE]))).toBe('accepted')
    expect(bench.offer(pay(2))).toBe('accepted')
    expect(bench.offer(pay(3, 2 * FEE))).toBe('accepted')
    expect(bench.pool.get(knownTransaction(parent).id)).toBeDefined()
    expect(bench.pool.get(knownTransaction(pay(2)).id)).toBeUndefined()
    expect(bench.removed).toEqual(['evicted'])
  })

  it('asks more than what had to go paid, until there is room again', () => {
    const bench = new PoolBench(16_000)
    bench.offer(pay(1, FEE))
    bench.offer(pay(2, 3 * FEE))
    bench.offer(pay(3, 2 * FEE))
    const { disk } = bench.chain
    const verified = disk.count.get('verify') ?? 0
    expect(bench.pool.table.floorRate).toBeGreaterThan(0)
    expect(bench.offer(pay(4, FEE))).toBe('mempool-full')
    // Found out before its signature was looked at.
    expect(disk.count.get('verify')).toBe(verified)
    expect(bench.offer(pay(5, 4 * FEE))).toBe('accepted')
    bench.mine([builder.next(tip, { transactions: [pay(5, 4 * FEE), pay(2, 3 * FEE)], fees: 7 * FEE })])
    expect(bench.pool.table.floorRate).toBe(0)
    expect(bench.offer(pay(6, FEE))).toBe('accepted')
  })

  it('says what would come of one without taking it', () => {
    const bench = new PoolBench()
    const results: boolean[] = []
    bench.pool.test(knownTransaction(pay(1)), ({ ok }) => results.push(ok))
    bench.pool.test(knownTransaction(pay(1, 1)), ({ ok }) => results.push(ok))
    bench.chain.settle()
    // The one that is refused needs no signature to be verified.
    expect(results).toEqual([false, true])
    expect(bench.pool.table.size).toBe(0)
  })
})

describe('orphans', () => {
  it('wait for their parents and follow them', () => {
    const bench = new PoolBench()
    const parent = pay(1)
    const child = spend(parent, [0], [VALUE - 2 * FEE])
    expect(bench.offer(child)).toBe('missing-inputs')
    expect(bench.outcomes.at(-1)).toMatchObject({
      verdict: 'orphan',
      missing: [knownTransaction(parent).key],
    })
    expect(bench.pool.orphans.size).toBe(1)
    bench.offer(parent)
    expect(bench.pool.table.size).toBe(2)
    expect(bench.pool.orphans.size).toBe(0)
  })

  it('of our own file wait as well, but not what is handed in', () => {
    const bench = new PoolBench()
    const child = knownTransaction(spend(pay(1), [0], [VALUE - 2 * FEE]))
    bench.pool.submit('local', child)
    bench.chain.settle()
    expect(bench.pool.orphans.size).toBe(0)
    bench.pool.restore({ known: child, time: 5, isLocal: true })
    bench.chain.settle()
    expect(bench.pool.orphans.size).toBe(1)
    bench.offer(pay(1))
    expect(bench.pool.table.get(child.key)).toMatchObject({ isLocal: true })
  })

  it('are bounded per peer, and go with their peer and with time', () => {
    const bench = new PoolBench()
    for (let i = 0; i < MAX_ORPHAN_TRANSACTIONS_PER_PEER + 5; i++)
      bench.offer(spend(spend(coinbaseOf(1), [0], [VALUE - FEE - i]), [0], [1_000_000]))
    expect(bench.pool.orphans.size).toBe(MAX_ORPHAN_TRANSACTIONS_PER_PEER)
    bench.pool.forget(peer)
    expect(bench.pool.orphans.size).toBe(0)
    bench.offer(spend(pay(1), [0], [1_000_000]))
    bench.chain.now = { ...bench.chain.now, mono: monoMs(bench.chain.now.mono + ORPHAN_TRANSACTION_MS) }
    bench.pool.due({ ...bench.chain.now, mono: bench.pool.nextDeadline })
    bench.pool.due({ ...bench.chain.now, mono: monoMs(bench.pool.nextDeadline + ORPHAN_TRANSACTION_MS) })
    expect(bench.pool.orphans.size).toBe(0)
  })
})

describe('blocks', () => {
  it('take what they hold, and what they make impossible', () => {
    const bench = new PoolBench()
    bench.offer(pay(1))
    bench.offer(pay(2))
    bench.offer(spend(pay(2), [0], [VALUE - 2 * FEE]))
    const rival = pay(2, 2 * FEE)
    bench.mine([builder.next(tip, { transactions: [pay(1), rival], fees: 3 * FEE })])
    expect(bench.pool.table.size).toBe(0)
    expect(bench.removed.sort()).toEqual(['conflict', 'conflict', 'mined'])
    expect(bench.offer(pay(1))).toBe('txn-already-known')
  })

  it('that are taken off give back what they held', () => {
    const bench = new PoolBench()
    const parent = pay(1, 0)
    const child = spend(parent, [0], [VALUE - FEE])
    bench.mine([builder.next(tip, { transactions: [parent, child], fees: FEE })])
    bench.mine(builder.chain(tip, 2, { salt: 1 }))
    expect(bench.chain.engine.tip.height).toBe(14)
    expect(bench.pool.table.size).toBe(2)
  })

  it('that are taken off leave what spends what they gave back (simulation, seed 11)', () => {
    const bench = new PoolBench()
    const parent = pay(1)
    bench.mine([builder.next(tip, { transactions: [parent], fees: FEE })])
    expect(bench.offer(spend(parent, [0], [VALUE - 2 * FEE]))).toBe('accepted')
    bench.mine(builder.chain(tip, 2, { salt: 1 }))
    expect([...bench.pool.table.all()].map(({ parents }) => parents.size).sort()).toEqual([0, 1])
    expect(bench.removed).toEqual([])
    expect(bench.pool.isSettled).toBe(true)
  })

  it('that are taken off and put on again leave everything as it was', () => {
    const bench = new PoolBench()
    const [good] = [builder.next(tip, { transactions: [pay(1)], fees: FEE })]
    bench.mine([good])
    bench.offer(pay(2))
    const first = builder.next(tip, { salt: 1 })
    bench.mine([first, builder.next(first, { fees: 1 })])
    expect(bench.chain.engine.tip.hash).toEqual(good.hash)
    expect([...bench.pool.table.all()].map(({ key }) => key)).toEqual([knownTransaction(pay(2)).key])
    expect(bench.pool.isSettled).toBe(true)
  })

  it('that are taken off take with them what spent of theirs', () => {
    const short = builder.chain(tip, 3)
    const own = short[0]?.transactions[0]
    if (own === undefined) throw new Error('no coinbase')
    const bench = new PoolBench(50_000_000, [...trunk, ...short])
    expect(bench.offer(spend(own, [0], [VALUE - FEE]))).toBe('accepted')
    bench.mine(builder.chain(tip, 4, { salt: 1 }))
    expect(bench.pool.table.size).toBe(0)
    expect(bench.removed).toEqual(['invalid'])
  })

  it('hold those that pay most together with what they need, parents first', () => {
    const bench = new PoolBench()
    const parent = pay(1, FEE)
    const child = spend(parent, [0], [VALUE - 10 * FEE])
    for (const transaction of [parent, child, pay(2, 4 * FEE), pay(3, 2 * FEE)]) bench.offer(transaction)
    const limits = { maxBytes: 4_000_000, maxTransactions: 1_000, height: 13, time: bench.chain.now.unix }
    const { entries, fees } = bench.pool.selectForBlock(limits)
    expect(entries.map(({ fee }) => fee / FEE)).toEqual([1, 9, 4, 2])
    expect(fees).toBe(16 * FEE)
    const small = bench.pool.selectForBlock({ ...limits, maxBytes: 11_000 })
    expect(small.entries.map(({ fee }) => fee / FEE)).toEqual([1, 9])
    const tiny = bench.pool.selectForBlock({ ...limits, maxBytes: 6_000 })
    expect(tiny.entries.map(({ fee }) => fee / FEE)).toEqual([4])
    const chosen = entries.map(({ transaction }) => transaction)
    bench.mine([builder.next(tip, { transactions: chosen, fees })])
    expect(bench.chain.engine.tip.height).toBe(13)
  })
})

describe('time', () => {
  it('ends the wait of those that nobody mines', () => {
    const bench = new PoolBench()
    bench.offer(pay(1))
    bench.chain.now = { ...bench.chain.now, unix: unixSeconds(bench.chain.now.unix + MEMPOOL_EXPIRY_SECONDS) }
    bench.pool.due({ ...bench.chain.now, mono: bench.pool.nextDeadline })
    expect(bench.removed).toEqual(['expired'])
  })
})

describe('a chain that comes at once', () => {
  it.each([
    ['first', 0],
    ['last', -1],
  ])('waits link by link, whichever signature is verified %s', (_, which) => {
    const bench = new PoolBench()
    const chain = [pay(1)]
    for (let i = 2; i <= 24; i++) chain.push(spend(chain.at(-1) ?? pay(1), [0], [VALUE - i * FEE]))
    for (const transaction of chain) bench.pool.submit(peer, knownTransaction(transaction))
    while (bench.chain.waiting.length > 0)
      bench.chain.answer(which === 0 ? 0 : bench.chain.waiting.length - 1)
    expect(bench.outcomes.map(({ verdict }) => verdict)).toEqual(chain.map(() => 'accepted'))
    expect(bench.pool.orphans.size).toBe(0)
  })

  it('waits for nobody when its first link is wrong', () => {
    const bench = new PoolBench()
    const wrong = spend(coinbaseOf(1), [0], [VALUE - FEE], false)
    const child = spend(wrong, [0], [VALUE - 2 * FEE])
    const grandchild = spend(child, [0], [VALUE - 3 * FEE])
    for (const transaction of [wrong, child, grandchild])
      bench.pool.submit(peer, knownTransaction(transaction))
    bench.chain.settle()
    expect(bench.outcomes.map(({ verdict }) => verdict)).toEqual(['rejected', 'orphan', 'orphan'])
  })
})

describe('the file', () => {
  const PLACE = { genesis: regtest.genesisHash, height: 12 }
  const originOf = (head: Uint8Array, genesis: Uint8Array) => readDumpHead(head, genesis).origin

  it('brings everything back, parents first', () => {
    const bench = new PoolBench()
    bench.offer(pay(1))
    bench.offer(spend(pay(1), [0], [VALUE - 2 * FEE]), 'local')
    const pieces = [...encodeDump(PLACE, [...bench.pool.table.all()].reverse())]
    expect(originOf(pieces[0] ?? new Uint8Array(), regtest.genesisHash)).toBe('ours')
    const [part = new Uint8Array(), end = new Uint8Array()] = pieces.slice(1)
    expect(readPartHead(end)).toMatchObject({ length: 0 })
    const head = readPartHead(part.subarray(0, PART_HEAD_BYTES))
    expect(head?.length).toBe(part.length - PART_HEAD_BYTES)
    const dumped = decodePart(part.subarray(PART_HEAD_BYTES), head?.checksum ?? 0) ?? []
    const again = new PoolBench()
    for (const one of dumped) again.pool.restore(one)
    again.chain.settle()
    expect([...again.pool.table.all()].map(({ isLocal }) => isLocal)).toEqual([false, true])
    expect(again.outcomes.map(({ arrival }) => arrival)).toEqual(['restored', 'restored'])
  })

  it('is not believed when damaged', () => {
    const bench = new PoolBench()
    bench.offer(pay(1))
    const [, part = new Uint8Array()] = encodeDump(PLACE, bench.pool.table.all())
    const { checksum = 0 } = readPartHead(part.subarray(0, PART_HEAD_BYTES)) ?? {}
    const content = part.subarray(PART_HEAD_BYTES)
    expect(decodePart(content, checksum)).toHaveLength(1)
    for (let i = 0; i < content.length; i += 97) {
      const damaged = content.slice()
      damaged[i] = (damaged[i] ?? 0) ^ 1
      expect(decodePart(damaged, checksum)).toBeUndefined()
    }
    expect(readPartHead(new Uint8Array([0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]))).toBeUndefined()
    expect(readPartHead(new Uint8Array(3))).toBeUndefined()
  })

  it('says of which network and version it is', () => {
    const [head = new Uint8Array()] = encodeDump(PLACE, [])
    const changed = (at: number, byte: number): string =>
      originOf(
        head.map((old, i) => (i === at ? byte : old)),
        regtest.genesisHash,
      )
    expect(readDumpHead(head, regtest.genesisHash)).toEqual({ origin: 'ours', height: 12 })
    expect(originOf(head, testnet.genesisHash)).toBe('otherNetwork')
    expect(changed(7, 0x34)).toBe('otherVersion')
    expect(originOf(latin1Encode('DILTXP04'), regtest.genesisHash)).toBe('otherVersion')
    expect(changed(0, 0)).toBe('damaged')
    expect(changed(7, 0)).toBe('damaged')
    expect(changed(20, 0)).toBe('damaged')
    for (let length = 0; length < head.length; length++)
      expect(originOf(head.subarray(0, length), regtest.genesisHash)).toBe('damaged')
  })

  it('comes in parts of bounded size', () => {
    const bench = new PoolBench(50_000_000, builder.chain(builder.genesis, 70))
    const chain = builder.chain(builder.genesis, 70)
    for (const { transactions } of chain.slice(0, 60))
      for (const coinbase of transactions) bench.offer(spend(coinbase, [0], [VALUE - FEE]))
    const sizes = [...encodeDump(PLACE, bench.pool.table.all())].map(({ length }) => length)
    expect(bench.pool.table.size).toBe(60)
    expect(sizes).toHaveLength(4)
    expect(Math.max(...sizes)).toBeLessThan(300_000)
  })
})

it('fees are as low as they may be while there is room', () => {
  const bench = new PoolBench()
  bench.offer(pay(1, 4 * FEE))
  bench.offer(pay(2, 2 * FEE))
  const sorted = bench.pool.table.sorted()
  expect(estimateFeeRate(sorted, 4_000_000, 1)).toBe(5)
  const tight = estimateFeeRate(sorted, 8_000, 1)
  expect(tight).toBeGreaterThan(sorted[1]?.feeRate ?? Number.POSITIVE_INFINITY)
})
