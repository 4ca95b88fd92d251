import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type ChainBackendOptions, openChain } from '../../src/node/chain-backend.ts'
import type { ChainControl } from '../../src/node/chain-control.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { txidOf } from '../../src/wire/transaction.ts'
import { ChainBuilder, payTo } from '../../testkit/chain-builder.ts'

const builder = new ChainBuilder(regtest.chain)
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Running {
  readonly chain: ChainControl
  stop(): Promise<void>
}

async function start(options: Partial<ChainBackendOptions> = {}): Promise<Running> {
  const backend = await openChain({ network: regtest, ...options })
  const node = new DilithionNode({ network: regtest, chain: backend })
  await node.start()
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= node.stop().then(() => backend.close())
    return stopped
  }
  cleanups.push(stop)
  const { chain } = node
  if (chain === undefined) throw new Error('no chain')
  return { chain, stop }
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dilithion-chain-'))
  cleanups.push(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'chain')
}

describe('a node with a chain', () => {
  it('mines, and tells what it has', async () => {
    const { chain } = await start()
    const hashes = await chain.generate(5, payTo(1))
    expect(hashes).toHaveLength(5)
    expect(chain.engine.tip.height).toBe(5)
    expect(chain.engine.tip.hash).toEqual(hashes[4])
    const block = await chain.readBlock(chain.engine.tip)
    expect(block?.payload.subarray(0, 80)).toEqual(chain.engine.tip.bytes)
  })

  it('knows the outputs that are not spent', async () => {
    const { chain } = await start()
    const block = builder.next(builder.genesis)
    expect(await chain.submitBlock(block.block)).toMatchObject({ result: 'accepted' })
    const [coinbase] = block.transactions
    if (coinbase === undefined) throw new Error('no coinbase')
    expect(await chain.coin(txidOf(coinbase), 0)).toMatchObject({
      coin: { value: 5_000_000_000, height: 1, isCoinbase: true },
      tip: chain.engine.tip,
    })
    expect(await chain.coin(txidOf(coinbase), 1)).toMatchObject({ coin: undefined })
  })

  it('says what came of a block', async () => {
    const { chain } = await start()
    const [a, b] = builder.chain(builder.genesis, 2)
    const side = builder.next(builder.genesis, { salt: 1 })
    const greedy = builder.next(builder.genesis, { salt: 2, fees: 1 })
    if (a === undefined || b === undefined) throw new Error('no blocks')
    expect(await chain.submitBlock(b.block)).toMatchObject({ result: 'rejected', code: 'orphan' })
    expect(await chain.submitBlock(a.block)).toMatchObject({ result: 'accepted' })
    expect(await chain.submitBlock(a.block)).toMatchObject({ result: 'duplicate' })
    expect(await chain.submitBlock(side.block)).toMatchObject({ result: 'inconclusive' })
    expect(await chain.submitBlock(b.block)).toMatchObject({ result: 'accepted' })
    const onGreedy = builder.chain(greedy, 2)
    expect(await chain.submitBlock(greedy.block)).toMatchObject({ result: 'inconclusive' })
    for (const { block } of onGreedy.slice(0, 1)) await chain.submitBlock(block)
    const last = onGreedy[1]
    if (last === undefined) throw new Error('no block')
    expect(await chain.submitBlock(last.block)).toMatchObject({ result: 'rejected', code: 'bad-cb-amount' })
    expect(chain.engine.tip.hash).toEqual(b.hash)
  })

  it('waits for blocks', async () => {
    const { chain } = await start()
    const waiting = chain.waitForTip((tip) => tip.height >= 3, 60_000)
    await chain.generate(3, payTo(1))
    expect((await waiting).height).toBe(3)
    const stop = new AbortController()
    const never = chain.waitForTip((tip) => tip.height > 99, 60_000, stop.signal)
    stop.abort()
    expect((await never).height).toBe(3)
  })

  it('keeps its chain over a restart', async () => {
    const dir = await folder()
    const first = await start({ dir })
    await first.chain.generate(20, payTo(1))
    const { hash } = first.chain.engine.tip
    await first.stop()
    const second = await start({ dir })
    expect(second.chain.engine.tip.hash).toEqual(hash)
    expect(await second.chain.verify(4, 20)).toBeUndefined()
  })

  it('makes its index anew from its blocks', async () => {
    const dir = await folder()
    const first = await start({ dir })
    await first.chain.generate(20, payTo(1))
    const { hash } = first.chain.engine.tip
    await first.stop()
    const lines: string[] = []
    const second = await start({ dir, reindex: true, notice: (line) => lines.push(line) })
    const tip = await second.chain.waitForTip(({ height }) => height === 20, 60_000)
    expect(tip.hash).toEqual(hash)
    expect(await second.chain.verify(4, 20)).toBeUndefined()
    expect(lines.join('\n')).toContain('Reindexed 20 blocks')
  })

  it('does what the operator says of blocks', async () => {
    const { chain } = await start()
    await chain.generate(4, payTo(1))
    const bad = chain.engine.activeAt(3)
    if (bad === undefined) throw new Error('no block')
    expect(await chain.invalidate(bad)).toBeUndefined()
    expect(chain.engine.tip.height).toBe(2)
    expect(await chain.reconsider(bad)).toBeUndefined()
    expect((await chain.waitForTip(({ height }) => height === 4, 60_000)).height).toBe(4)
    expect(await chain.invalidate(chain.engine.tree.genesis)).toContain('first block')
  })

  it('makes others than those that were called bad a moment ago', async () => {
    const { chain } = await start()
    for (let i = 0; i < 5; i++) {
      await chain.generate(1, payTo(1))
      expect(await chain.invalidate(chain.engine.tip)).toBeUndefined()
    }
    await chain.generate(2, payTo(1))
    expect(chain.engine.tip.height).toBe(2)
  })

  it('says when the chain has come to a height, or will not', async () => {
    const { chain, stop } = await start()
    const [a, b] = builder.chain(builder.genesis, 2)
    if (a === undefined || b === undefined) throw new Error('no blocks')
    const ending = new AbortController()
    await chain.whenAt(0, ending.signal)
    let isThere = false
    const waiting = chain.whenAt(2, ending.signal).then(() => {
      isThere = true
    })
    await chain.submitBlock(a.block)
    await chain.whenConnected()
    expect([chain.engine.isInitialDownload, isThere]).toEqual([true, false])
    await chain.submitBlock(b.block)
    await waiting
    const ended = chain.whenAt(3, ending.signal)
    ending.abort()
    await ended
    const never = expect(chain.whenAt(3, new AbortController().signal)).rejects.toThrow('the node stops')
    await stop()
    await never
  })

  it('says when there is nothing to catch up with', async () => {
    const { chain } = await start()
    const waiting = chain.whenAt(1_000, new AbortController().signal)
    await chain.generate(1, payTo(1))
    await waiting
  })

  it('says why proof of work can not be hashed, once for the same reason', async () => {
    const lines: string[] = []
    const notice = (line: string): unknown => lines.push(line)
    const chain = await openChain({ network: mainnet, randomxLibrary: '/no/such/library', notice })
    cleanups.push(() => chain.close())
    expect(chain.hashTrouble).toBeUndefined()
    for (let i = 0; i < 2; i++) {
      const headers = [new Uint8Array(80).fill(i)]
      const answer = await new Promise((done) => chain.io({ kind: 'hash', headers, urgent: false }, done))
      expect(answer).toEqual({ ok: true, value: undefined })
    }
    expect(chain.hashTrouble).toMatch(/^the library RandomX can't be loaded from \/no\/such\/library: /)
    expect(lines).toEqual([`The chain stands still: ${chain.hashTrouble}`])
  })

  it('says whether it has all blocks or the latest only', async () => {
    for (const [pruneBytes, services] of [
      [undefined, 1n],
      [200_000_000, 1_024n],
    ] as const) {
      const chain = await openChain({ network: regtest, pruneBytes })
      expect(new DilithionNode({ network: regtest, chain }).services).toBe(services)
      await chain.close()
    }
  })
})
