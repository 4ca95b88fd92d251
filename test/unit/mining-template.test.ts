/** What miners work on must be what the rules want. */
import { describe, expect, it } from 'vitest'
import { parseBody } from '../../src/chain/block-body.ts'
import { checkCoinbase } from '../../src/chain/coinbase-rules.ts'
import { HeaderTree } from '../../src/chain/header-tree.ts'
import { checkTransaction } from '../../src/chain/transaction-rules.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { ExtraNonce } from '../../src/mining/extra-nonce.ts'
import { blockTemplate } from '../../src/mining/template.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { encodeBlockTransactions } from '../../src/wire/block.ts'
import { ChainBuilder, payTo, spend } from '../../testkit/chain-builder.ts'

const builder = new ChainBuilder(regtest.chain)
const script = payTo(1)
const time = 1_800_000_000

function genesisOf({ genesis }: typeof regtest.chain) {
  return new HeaderTree(genesis.hash, genesis.header, 2n).genesis
}

describe('a template', () => {
  it('has the transactions that it was given, behind a coinbase that takes what they pay', () => {
    const rewards = Array.from({ length: 300 }, (_, i) => builder.coinbase(i + 1))
    const others = rewards.map((reward) => knownTransaction(spend(reward, [0], [1_000_000])))
    const parent = genesisOf(regtest.chain)
    const { block, coinbase } = blockTemplate({
      params: regtest.chain,
      parent,
      time,
      script,
      transactions: others,
      fees: 30_000_000,
    })
    const body = parseBody(regtest.chain, block.header, block.transactionData, 1)
    if (!body.ok) throw new Error(body.error.code)
    expect(body.value.transactions).toHaveLength(301)
    const encoded = encodeBlockTransactions([coinbase, ...others.map(({ transaction }) => transaction)])
    expect(bytesEqual(block.transactionData, encoded)).toBe(true)
    expect(checkCoinbase(regtest.chain, 1, coinbase, 30_000_000)).toBeUndefined()
    expect(checkCoinbase(regtest.chain, 1, coinbase, 29_999_999)?.code).toBe('bad-cb-amount')
  })

  it('pays the tax where there is one', () => {
    const params = { ...mainnet.chain, trustedHeight: 0 }
    const { coinbase, height } = blockTemplate({ params, parent: genesisOf(params), time, script })
    expect(coinbase.outputs.map(({ value }) => value)).toEqual([4_900_000_000n, 50_000_000n, 50_000_000n])
    expect(checkCoinbase(params, height, coinbase, 0)).toBeUndefined()
  })

  it('has the version and the number of outputs that its network asks for', () => {
    const { coinbaseTax } = mainnet.chain
    if (coinbaseTax === undefined) throw new Error('no tax')
    const params = {
      ...mainnet.chain,
      trustedHeight: 0,
      minHeaderVersion: 3,
      coinbaseTax: { ...coinbaseTax, minOutputs: 6 },
    }
    const { block, coinbase, height } = blockTemplate({ params, parent: genesisOf(params), time, script })
    expect(block.header.version).toBe(3)
    expect(coinbase.outputs).toHaveLength(6)
    expect(checkTransaction(coinbase, 400, true)).toBeUndefined()
    expect(checkCoinbase(params, height, coinbase, 0)).toBeUndefined()
  })

  it('is no earlier than the median of the blocks before it', () => {
    const parent = genesisOf(regtest.chain)
    const { block, minTime } = blockTemplate({ params: regtest.chain, parent, time: 5, script })
    expect([block.header.time, minTime]).toEqual([parent.time + 1, parent.time + 1])
  })
})

describe('an extra nonce', () => {
  it('is never the same, and printable', () => {
    const ids = [1, 2].map((n) => new ExtraNonce(new Uint8Array(8).fill(n)))
    const texts = ids.flatMap((extra) =>
      Array.from({ length: 300 }, () => Buffer.from(extra.next()).toString('latin1')),
    )
    expect(new Set(texts).size).toBe(600)
    expect(texts[0]).toBe(' 0101010101010101-0')
    for (const text of texts) expect(text).toMatch(/^ [0-9a-f]{16}-[0-9a-f]+$/)
  })

  it('fits a coinbase of any height', () => {
    const extra = new Uint8Array(32).fill(0x61)
    for (const height of [1, 16, 127, 32_767, 16_777_214]) {
      const parent = Object.assign(Object.create(genesisOf(regtest.chain)), { height })
      const { coinbase } = blockTemplate({ params: regtest.chain, parent, time, script, extra })
      expect(coinbase.inputs[0]?.scriptSig.length).toBeLessThanOrEqual(100)
      expect(checkTransaction(coinbase, 200, true)).toBeUndefined()
    }
  })
})
