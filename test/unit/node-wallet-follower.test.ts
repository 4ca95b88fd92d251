/** What a wallet keeps of its own payments while the chain goes back. */
import { describe, expect, it } from 'vitest'
import type { StoredBlock } from '../../src/chain/io.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { type FollowerHooks, WalletFollower } from '../../src/node/wallet-follower.ts'
import { HistoryStore } from '../../src/node/wallet-history-store.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { regtest } from '../../src/params/networks.ts'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import { WalletHistory } from '../../src/wallet/history.ts'
import { ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, payTo, spend } from '../../testkit/chain-builder.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 2 }
const builder = new ChainBuilder(params)
/** HASH160 in a script that pays to it. */
const own = payTo(1).subarray(3, 23)
const isOwn = (hash: Uint8Array): boolean => bytesEqual(hash, own)
const WALLET = { wallet: new Uint8Array(20), imported: 0 }

/** Blocks are read from the bench; nobody else is told of anything. */
function around(bench: ChainBench): FollowerHooks {
  return {
    engine: bench.engine,
    readBlock: (node) => {
      let found: StoredBlock | undefined
      bench.engine.read([node], ([block]) => (found = block))
      bench.settle()
      return Promise.resolve(found)
    },
    found: () => Promise.resolve(),
    isFilled: () => true,
    isPending: () => false,
    rescanned: () => undefined,
    settled: () => undefined,
    notice: () => undefined,
  }
}

describe('a payment of our own whose block is undone', () => {
  it('is not lost if the node ends before its bytes were read', async () => {
    const bench = new ChainBench({ params })
    const submit = (blocks: readonly BuiltBlock[]): void => {
      for (const { block, stored } of blocks) bench.engine.submitBlock('local', block, stored)
      bench.settle()
    }
    const trunk = builder.chain(builder.genesis, 3)
    const [reward] = trunk[0]?.transactions ?? []
    if (reward === undefined) throw new Error('no coinbase')
    const payment = spend(reward, [0], [4_999_000_000])
    const paid = builder.next(trunk[2] ?? builder.genesis, { transactions: [payment], fees: 1_000_000 })
    submit([...trunk, paid])

    const history = new WalletHistory(isOwn)
    const store = new HistoryStore(memoryChainStore())
    let give: (() => void) | undefined
    let isSlow = false
    const surroundings = around(bench)
    const follower = new WalletFollower(history, store, WALLET, {
      ...surroundings,
      readBlock: async (node) => {
        if (isSlow) await new Promise<void>((done) => (give = done))
        return surroundings.readBlock(node)
      },
    })
    follower.begin(undefined, 0)
    await follower.until(4)
    const mined = [...history.entries()].filter(({ spent }) => spent.length > 0)
    expect(mined).toMatchObject([{ block: { height: 4 } }])

    isSlow = true
    submit(builder.chain(trunk[2] ?? builder.genesis, 2, { salt: 7 }))
    follower.poke()
    await expect.poll(() => give).toBeDefined()
    await follower.close()
    const saved = await store.load(WALLET.wallet, isOwn)
    const key = mined[0]?.key
    expect(saved?.entries.find((entry) => entry.key === key)).toBeDefined()

    const after = new WalletHistory(isOwn)
    for (const entry of saved?.entries ?? []) after.restore(entry)
    isSlow = false
    give?.()
    const again = new WalletFollower(after, store, WALLET, around(bench))
    again.begin(saved?.state, 0)
    await again.until(5)
    expect(key === undefined ? undefined : after.get(key)).toMatchObject({ block: undefined })
    expect(key === undefined ? undefined : after.get(key)?.raw).toBeDefined()
    await again.close()
  })

  it('is not lost with its block, of which a process that was killed has left nothing', async () => {
    const trunk = builder.chain(builder.genesis, 3)
    const [reward] = trunk[0]?.transactions ?? []
    if (reward === undefined) throw new Error('no coinbase')
    const payment = spend(reward, [0], [4_999_000_000])
    const paid = builder.next(trunk[2] ?? builder.genesis, { transactions: [payment], fees: 1_000_000 })
    const history = new WalletHistory(isOwn)
    const store = new HistoryStore(memoryChainStore())
    const follow = (blocks: readonly BuiltBlock[], own: WalletHistory): WalletFollower => {
      const bench = new ChainBench({ params })
      for (const { block, stored } of blocks) bench.engine.submitBlock('local', block, stored)
      bench.settle()
      return new WalletFollower(own, store, WALLET, around(bench))
    }
    const before = follow(trunk, history)
    before.begin(undefined, 0)
    await before.until(3)
    const known = knownTransaction(payment)
    history.seen(payment, known.id, 1, known.bytes)
    await before.close()
    const follower = follow([...trunk, paid], history)
    follower.begin((await store.load(WALLET.wallet, isOwn))?.state, 0)
    await follower.until(4)
    expect(history.get(known.key)).toMatchObject({ block: { height: 4 } })
    await follower.close()

    const saved = await store.load(WALLET.wallet, isOwn)
    const after = new WalletHistory(isOwn)
    for (const entry of saved?.entries ?? []) after.restore(entry)
    const again = follow([...trunk, ...builder.chain(trunk[2] ?? builder.genesis, 2, { salt: 7 })], after)
    again.begin(saved?.state, 0)
    await again.until(5)
    expect(after.get(known.key)).toMatchObject({ block: undefined, raw: known.bytes })
    await again.close()
  })
})
