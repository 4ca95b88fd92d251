/** What this node mines must be taken by its own chain, and by nodes whose clocks are not quite like ours. */
import { afterEach, describe, expect, it } from 'vitest'
import { Sha3Hasher } from '../../src/crypto/sha3-hasher.ts'
import { type KnownTransaction, knownTransaction } from '../../src/mempool/entry.ts'
import { ChainBackend } from '../../src/node/chain-backend.ts'
import type { ChainControl } from '../../src/node/chain-control.ts'
import { DilithionNode } from '../../src/node/node.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { LOCK_TIME_MARGIN_SECONDS } from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { ChainBuilder, GOOD_SIGNATURE, payTo, spend } from '../../testkit/chain-builder.ts'

const NOW = 1_800_000_000
const REWARD = 5_000_000_000
const FEE = 1_000_000
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

class Bench {
  readonly builder: ChainBuilder
  readonly node: DilithionNode
  readonly chain: ChainControl

  constructor(rules: Partial<ChainParams> = {}) {
    const params = { ...regtest.chain, coinbaseMaturityBlocks: 1, ...rules }
    this.builder = new ChainBuilder(params)
    const backend = new ChainBackend(memoryChainStore(), new Sha3Hasher(), { params }, () => undefined)
    backend.signatures.verifier.verifyBatch = async (checks) =>
      checks.map(({ signature }) => signature[0] === GOOD_SIGNATURE)
    this.node = new DilithionNode({ network: { ...regtest, chain: params }, chain: backend })
    if (this.node.chain === undefined) throw new Error('no chain')
    this.chain = this.node.chain
    this.node.setMockTime(NOW)
    cleanups.push(async () => {
      await this.node.stop()
      await backend.close()
    })
  }

  /** Coinbases of so many blocks, of which the first has this time and each next one a second more. */
  async rewards(count: number, time = NOW - count): Promise<Transaction[]> {
    const rewards: Transaction[] = []
    let parent = this.builder.genesis
    for (let i = 0; i < count; i++) {
      parent = this.builder.next(parent, { time: time + i })
      expect(await this.chain.submitBlock(parent.block)).toMatchObject({ result: 'accepted' })
      rewards.push(...parent.transactions)
    }
    return rewards
  }

  async wait(transaction: Transaction): Promise<KnownTransaction> {
    const known = knownTransaction(transaction)
    expect(await this.chain.submitTransaction(known)).toMatchObject({ verdict: 'accepted' })
    return known
  }
}

describe('blocks of our own', () => {
  it('hold what was locked until a time only when slower clocks have reached it', async () => {
    const bench = new Bench()
    const [reward] = await bench.rewards(2)
    if (reward === undefined) throw new Error('no reward')
    const pay = spend(reward, [0], [REWARD - FEE])
    const inputs = pay.inputs.map((input) => ({ ...input, sequence: 0 }))
    await bench.wait({ ...pay, inputs, lockTime: NOW })
    const others = () => bench.chain.template({ script: payTo(1) }).others.length
    expect(others()).toBe(0)
    bench.node.setMockTime(NOW + LOCK_TIME_MARGIN_SECONDS - 1)
    expect(others()).toBe(0)
    bench.node.setMockTime(NOW + LOCK_TIME_MARGIN_SECONDS)
    expect(others()).toBe(1)
  })

  it('have room for every output that their network asks for', async () => {
    const shares = Array.from({ length: 50 }, (_, i) => ({
      hash160: new Uint8Array(20).fill(i + 1),
      percentOfTax: 2,
    }))
    const coinbaseTax = { percentOfSubsidy: 50, minOutputs: 51, shares }
    const bench = new Bench({ maxTransactionDataBytes: 7_000, coinbaseTax })
    const [reward] = await bench.rewards(2)
    if (reward === undefined) throw new Error('no reward')
    const value = Number(reward.outputs[0]?.value)
    const { bytes } = await bench.wait(spend(reward, [0], [value - FEE]))
    const { block, others } = bench.chain.template({ script: payTo(1) })
    expect([bytes.length > 5_300, others.length]).toEqual([true, 0])
    expect(block.transactionData.length).toBeLessThan(7_000)
    expect(await bench.chain.generate(1, payTo(1))).toHaveLength(1)
  })

  it('are not further ahead of the clock than their network allows', async () => {
    const bench = new Bench({ futureLimits: [{ fromHeight: 0, seconds: 30 }] })
    await bench.rewards(11, NOW + 19)
    await expect(bench.chain.generate(100, payTo(1))).rejects.toThrow(/too far ahead of the clock/)
    expect(bench.chain.engine.tip.time).toBe(NOW + 30)
  })

  it('are not made where they would break rules that are not known here', async () => {
    const bench = new Bench({ fairMiningFromHeight: 1 })
    await expect(bench.chain.generate(1, payTo(1))).rejects.toThrow(/fair-mining rules/)
  })
})
