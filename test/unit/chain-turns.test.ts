/** Blocks with very many parts: whoever waits is let in while they are read, checked, and told to those who follow. */
import { describe, expect, it } from 'vitest'
import { type BlockBody, parseBody, parseBodyInTurns } from '../../src/chain/block-body.ts'
import type { Job } from '../../src/chain/io.ts'
import { merkleRoot } from '../../src/chain/merkle.ts'
import { checkScripts } from '../../src/chain/script-checks.ts'
import { Mempool } from '../../src/mempool/mempool.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { CHAIN_WORK_PER_TURN } from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, payTo } from '../../testkit/chain-builder.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 1 }
const builder = new ChainBuilder(params)
const FREE = Uint8Array.of(0x51)
const COINS = 9_000
const first = withFreeCoins()
const moves = Array.from({ length: COINS }, (_, i) => moveOf([i]))
const large = builder.next(first, { transactions: moves })

/** Its coinbase makes coins that need no signature. */
function withFreeCoins(): BuiltBlock {
  const coinbase = builder.coinbase(1)
  const outputs = Array.from({ length: COINS }, () => ({ value: 50_000n, scriptPubKey: FREE }))
  return builder.next(builder.genesis, { coinbase: { ...coinbase, outputs } })
}

function moveOf(indexes: readonly number[]): Transaction {
  const previousHash = first.transactions[0] && txidOf(first.transactions[0])
  if (previousHash === undefined) throw new Error('no coinbase')
  const inputs = indexes.map((previousIndex) => ({
    previousHash,
    previousIndex,
    scriptSig: new Uint8Array(),
    sequence: 0xffff_ffff,
  }))
  return { version: 1, inputs, outputs: [{ value: 50_000n, scriptPubKey: payTo(1) }], lockTime: 0 }
}

/** How often a job rests, and what comes of it. It may ask for nothing else. */
function restsOf<T>(job: Job<T>): { rests: number; value: T } {
  for (let rests = 0; ; rests++) {
    const step = job.next(undefined)
    if (step.done === true) return { rests, value: step.value }
    expect(step.value).toEqual({ kind: 'rest' })
  }
}

const bodyOf = ({ block: { header, transactionData } }: BuiltBlock): BlockBody => {
  const parsed = parseBody(params, header, transactionData, 2)
  if (!parsed.ok) throw new Error(parsed.error.code)
  return parsed.value
}

describe('a block of many transactions', () => {
  it('is read in turns, with the same outcome', () => {
    const { header, transactionData } = large.block
    const { rests, value } = restsOf(parseBodyInTurns(params, header, transactionData, 2))
    expect(rests).toBeGreaterThan((4 * COINS) / CHAIN_WORK_PER_TURN)
    const whole = parseBody(params, header, transactionData, 2)
    const idsOf = (body: typeof whole) =>
      body.ok ? body.value.transactions.map(({ txid }) => toHex(txid)) : []
    expect(idsOf(value)).toEqual(idsOf(whole))
    expect(idsOf(value)).toEqual(large.transactions.map((each) => toHex(txidOf(each))))
    const wrong = { ...params, maxTransactionDataBytes: 1_000 }
    expect(restsOf(parseBodyInTurns(wrong, header, transactionData, 2)).value).toMatchObject({ ok: false })
    expect(merkleRoot(large.transactions.map(txidOf)).root).toEqual(header.merkleRoot)
    expect(restsOf(parseBodyInTurns(params, first.block.header, transactionData, 2)).value).toMatchObject({
      error: { code: 'bad-txnmrklroot' },
    })
  })

  it('is not read in the turn in which it was hashed, or put together, if it is large', () => {
    const { header } = large.block
    const begin = (bytes: number) =>
      parseBodyInTurns(params, header, new Uint8Array(bytes), 2).next(undefined)
    // Of no transaction at all, so that reading it would be its end.
    expect(begin(4_000_000)).toMatchObject({ done: false, value: { kind: 'rest' } })
    expect(begin(10_000)).toMatchObject({ done: true, value: { ok: false } })
  })

  it('is gone through by the mempool in turns, which gives nothing for a block meanwhile', () => {
    const bench = new ChainBench({ params })
    const pool = new Mempool(bench.engine, { now: () => bench.now, outcome: () => undefined })
    expect(pool.isSettled).toBe(true)
    const job = pool.blockConnected({ height: 2 }, bodyOf(large))
    job.next()
    expect(pool.isSettled).toBe(false)
    expect(restsOf(job).rests).toBeGreaterThan(1)
    expect(pool.isSettled).toBe(true)
    expect(pool.knows(txidOf(moveOf([COINS - 1])))).toBe(true)
    expect(restsOf(pool.blockDisconnected({ height: 2 }, bodyOf(large))).rests).toBeGreaterThan(1)
    expect(pool.knows(txidOf(moveOf([COINS - 1])))).toBe(false)
  })

  it('has its scripts run in turns', () => {
    const coin = { value: 50_000, script: FREE, height: 1, isCoinbase: true }
    const spending = moves.map((transaction) => ({ transaction, coins: [coin] }))
    const { rests, value } = restsOf(checkScripts(spending, params.chainId))
    expect(rests).toBeGreaterThan(0)
    expect(value).toBeUndefined()
  })

  it('that comes twice at once is stored once', () => {
    const bench = new ChainBench({ params, txIndex: true })
    bench.engine.submitBlock('local', first.block, first.stored)
    bench.settle()
    bench.forgetOutcomes()
    for (const peer of [1, 2, 3]) bench.engine.submitBlock(peerId(peer), large.block, large.stored)
    expect(bench.engine.pendingBytes).toBeGreaterThan(3 * large.block.transactionData.length - 1)
    bench.settle()
    expect(bench.of('block').map(({ verdict }) => verdict)).toEqual(['duplicate', 'duplicate', 'stored'])
    expect(bench.disk.blocks.size).toBe(2)
    expect(bench.engine.tip.height).toBe(2)
    expect(bench.engine.pendingBytes).toBe(0)
    expect([...bench.disk.values.keys()].filter((key) => key.startsWith('x')).length).toBe(COINS + 2)
  })
})
