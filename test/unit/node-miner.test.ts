import { afterEach, describe, expect, it } from 'vitest'
import type { HeaderNode } from '../../src/chain/header-node.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { ChainBackend } from '../../src/node/chain-backend.ts'
import type { ChainControl } from '../../src/node/chain-control.ts'
import { Miner, type MinerOptions } from '../../src/node/miner.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import { decodeBlockTransactions } from '../../src/wire/block.ts'
import { decodePayload } from '../../src/wire/messages.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { ChainBuilder, GOOD_SIGNATURE, payTo, spend } from '../../testkit/chain-builder.ts'
import { Changes } from '../../testkit/changes.ts'
import { FakePow, StandingClock } from '../../testkit/fake-pow.ts'

const builder = new ChainBuilder(regtest.chain)
const QUICK = { ...regtest, chain: { ...regtest.chain, coinbaseMaturityBlocks: 2 } }
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Wishes extends MinerOptions {
  readonly network?: typeof regtest
  readonly isAlone?: boolean
}

class Bench {
  readonly pow = new FakePow()
  readonly clock = new StandingClock()
  readonly lines: string[] = []
  readonly chain: ChainControl
  readonly miner: Miner
  readonly node: DilithionNode
  readonly #changes = new Changes()
  readonly #rewards: Transaction[] = []

  constructor({ network = regtest, isAlone = true, ...options }: Wishes = {}) {
    const backend = new ChainBackend(memoryChainStore(), this.pow, { params: network.chain }, () => undefined)
    backend.signatures.verifier.verifyBatch = async (checks) =>
      checks.map(({ signature }) => signature[0] === GOOD_SIGNATURE)
    this.node = new DilithionNode({ network, chain: backend, onEvent: (event) => this.miner.note(event) })
    if (this.node.chain === undefined) throw new Error('no chain')
    this.chain = this.node.chain
    const onNotice = ({ text }: { readonly text: string }): void => {
      this.lines.push(text)
      this.#changes.notify()
    }
    const { clock } = this
    const given = { script: payTo(1), clock, onNotice, ...options }
    this.miner = new Miner(this.chain, () => isAlone, given)
    cleanups.push(async () => {
      await this.miner.stop()
      await this.node.stop()
      await backend.close()
    })
  }

  /** Blocks whose rewards are for {@link pay}. */
  async mine(count: number): Promise<void> {
    const quick = new ChainBuilder(QUICK.chain)
    for (const { block, transactions } of quick.chain(quick.genesis, count)) {
      expect(await this.chain.submitBlock(block)).toMatchObject({ result: 'accepted' })
      this.#rewards.push(...transactions)
    }
  }

  /** Has the reward of a block wait in the mempool as a payment with this fee. */
  async pay(height: number, fee: number): Promise<void> {
    const reward = this.#rewards[height - 1]
    if (reward === undefined) throw new Error('no reward')
    const known = knownTransaction(spend(reward, [0], [5_000_000_000 - fee]))
    expect(await this.chain.submitTransaction(known)).toMatchObject({ verdict: 'accepted' })
  }

  async transactionsOf(node: HeaderNode): Promise<readonly Transaction[]> {
    const stored = await this.chain.readBlock(node)
    const message = stored === undefined ? undefined : decodePayload('block', stored.payload)
    if (message?.ok !== true) throw new Error('no block')
    const transactions = decodeBlockTransactions(message.value.block.transactionData)
    if (!transactions.ok) throw new Error('no transactions')
    return transactions.value
  }

  line(text: RegExp, from = 0): Promise<string> {
    return this.#changes.until(
      () => this.lines.slice(from).find((line) => text.test(line)),
      () => `${text} in\n${this.lines.join('\n')}`,
    )
  }
}

/** A block of somebody else, as recent as the node's clock. */
async function rival(bench: Bench, time: number = bench.node.unixTime()): Promise<void> {
  const block = builder.next(builder.genesis, { salt: 77, time })
  expect(await bench.chain.submitBlock(block.block)).toMatchObject({ result: 'accepted' })
}

describe('the miner', () => {
  it('hands in what it finds, and rests before the next search', async () => {
    const bench = new Bench()
    expect(bench.miner.start()).toBeUndefined()
    const first = await bench.pow.search(0)
    expect(first.options.threads).toBe(3)
    first.find()
    await bench.line(/^Block found: 1 [0-9a-f]{64}$/)
    const { engine } = bench.chain
    expect(engine.tip.height).toBe(1)
    expect(bench.miner.report()).toMatchObject({ isOn: true, found: 1, accepted: 1, stale: 0, refused: 0 })
    expect(bench.pow.searches).toHaveLength(1)
    bench.clock.advance(999)
    expect(bench.pow.searches).toHaveLength(1)
    bench.clock.advance(1)
    const second = await bench.pow.search(1)
    expect(second.header.previousHash).toEqual(engine.tip.hash)
  })

  it('pays to the address that it was given last', async () => {
    const bench = new Bench()
    bench.miner.start()
    await bench.pow.search(0)
    bench.miner.script = payTo(9)
    const search = await bench.pow.search(1)
    expect(bench.pow.searches[0]?.isOver).toBe(true)
    search.find()
    await bench.line(/^Block found/)
    const [coinbase] = await bench.transactionsOf(bench.chain.engine.tip)
    expect(coinbase?.outputs[0]?.scriptPubKey).toEqual(payTo(9))
  })

  it('leaves a search when there is a new tip, and begins behind it', async () => {
    const bench = new Bench()
    bench.miner.start()
    const first = await bench.pow.search(0)
    await rival(bench)
    const second = await bench.pow.search(1)
    expect(first.isOver).toBe(true)
    expect(second.header.previousHash).toEqual(bench.chain.engine.tip.hash)
    expect(bench.miner.report()).toMatchObject({ found: 0 })
  })

  it('counts a block that comes too late', async () => {
    const bench = new Bench()
    bench.miner.start()
    const first = await bench.pow.search(0)
    bench.pow.isDeaf = true
    await rival(bench)
    first.find()
    await bench.line(/^Our block 1 [0-9a-f]{64} came too late$/)
    expect(bench.miner.report()).toMatchObject({ found: 1, accepted: 0, stale: 1 })
  })

  it('takes new work when the old has grown old', async () => {
    const bench = new Bench()
    bench.miner.start()
    const first = await bench.pow.search(0)
    bench.clock.advance(29_999)
    expect(first.isOver).toBe(false)
    bench.clock.advance(1)
    expect(first.isOver).toBe(true)
    const second = await bench.pow.search(1)
    expect(second.header.merkleRoot).not.toEqual(first.header.merkleRoot)
  })

  it('takes new work when it would pay more, but not all the time', async () => {
    const bench = new Bench({ network: QUICK })
    await bench.mine(5)
    bench.miner.start()
    const first = await bench.pow.search(0)
    await bench.pay(1, 4_000_000)
    bench.clock.advance(5_000)
    expect(first.isOver).toBe(false)
    await bench.pay(2, 999_999)
    expect(first.isOver).toBe(false)
    await bench.pay(3, 100_000)
    expect(first.isOver).toBe(true)
    const second = await bench.pow.search(1)
    await bench.pay(4, 6_000_000)
    expect(second.isOver).toBe(false)
    bench.clock.advance(4_999)
    expect(second.isOver).toBe(false)
    bench.clock.advance(1)
    expect(second.isOver).toBe(true)
    const third = await bench.pow.search(2)
    third.find()
    await bench.line(/^Block found: 6 /)
    const [coinbase, ...others] = await bench.transactionsOf(bench.chain.engine.tip)
    expect(others).toHaveLength(4)
    expect(coinbase?.outputs[0]?.value).toBe(5_000_000_000n + 11_099_999n)
    expect(bench.chain.mempool?.table.size).toBe(0)
  })

  it('leaves transactions out behind a tip where its own block was refused', async () => {
    const bench = new Bench({ network: QUICK })
    await bench.mine(5)
    await bench.pay(1, 100_000)
    bench.miner.start()
    const first = await bench.pow.search(0)
    const { submitBlock } = bench.chain
    bench.chain.submitBlock = async () => ({ result: 'rejected', code: 'bad-txns', text: 'broken' })
    first.find()
    await bench.line(/^Our own block 6 is refused: broken$/)
    bench.chain.submitBlock = submitBlock
    expect(bench.miner.report()).toMatchObject({ found: 1, accepted: 0, refused: 1 })
    await new Promise(setImmediate)
    bench.clock.advance(9_999)
    expect(bench.pow.searches).toHaveLength(1)
    bench.clock.advance(1)
    const second = await bench.pow.search(1)
    second.find()
    await bench.line(/^Block found: 6 /)
    expect(await bench.transactionsOf(bench.chain.engine.tip)).toHaveLength(1)
    bench.clock.advance(10_000)
    const third = await bench.pow.search(2)
    third.find()
    await bench.line(/^Block found: 7 /)
    expect(await bench.transactionsOf(bench.chain.engine.tip)).toHaveLength(2)
  })

  it('never works on the same as another one, or as before', async () => {
    const benches = [new Bench(), new Bench()]
    const roots = new Set<string>()
    for (const bench of benches) {
      bench.miner.start()
      for (let i = 0; i < 20; i++) {
        roots.add(toHex((await bench.pow.search(i)).header.merkleRoot))
        bench.clock.advance(30_000)
      }
    }
    expect(roots.size).toBe(40)
  })

  it('uses as many threads as it is told to, and there are', async () => {
    const bench = new Bench({ threads: 1 })
    bench.miner.start()
    expect((await bench.pow.search(0)).options.threads).toBe(1)
    bench.miner.threads = 256
    expect((await bench.pow.search(1)).options.threads).toBe(3)
    expect(bench.miner.report().threads).toBe(3)
  })

  it('ends a search at once when it is stopped, and can be started again', async () => {
    const bench = new Bench({ fullDatasetWhileMining: true })
    bench.miner.start()
    const first = await bench.pow.search(0)
    await bench.miner.stop()
    expect(first.isOver).toBe(true)
    expect(bench.clock.timers).toBe(0)
    expect(bench.miner.report()).toMatchObject({ isOn: false, hashesPerSecond: 0 })
    await rival(bench)
    expect(bench.pow.searches).toHaveLength(1)
    bench.miner.start()
    expect((await bench.pow.search(1)).header.previousHash).toEqual(bench.chain.engine.tip.hash)
    expect(bench.pow.datasetWishes).toEqual([true, false, true])
    expect(bench.lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^Mining to D\w+ on 3 threads$/),
      'Mining stopped: 0 blocks found, 0 accepted, 0 too late',
      expect.stringMatching(/^Mining to D/),
    ])
  })

  it('does not wait for ever for a block that it is handing in', async () => {
    const bench = new Bench()
    bench.miner.start()
    const first = await bench.pow.search(0)
    let isEntered = false
    bench.chain.submitBlock = () => {
      isEntered = true
      return new Promise(() => undefined)
    }
    first.find()
    await new Promise(setImmediate)
    expect(isEntered).toBe(true)
    const stopped = bench.miner.stop()
    bench.clock.advance(500)
    await stopped
  })

  it('counts a block that it was handing in when it was stopped', async () => {
    const bench = new Bench()
    bench.miner.start()
    const first = await bench.pow.search(0)
    first.find()
    while (bench.miner.report().found === 0) await Promise.resolve()
    await bench.miner.stop()
    expect(bench.lines.at(-1)).toBe('Mining stopped: 1 block found, 1 accepted, 0 too late')
  })
})

describe('the miner waits', () => {
  it('while the node catches up, and goes on by itself', async () => {
    const bench = new Bench({ isAlone: false, fullDatasetWhileMining: true })
    expect(bench.miner.start()).toBeUndefined()
    await bench.line(/^Mining waits: the node still catches up with the network/)
    expect(bench.pow.datasetWishes).toEqual([])
    expect(bench.miner.report()).toMatchObject({ isOn: true, wait: { code: 'initialDownload' } })
    await rival(bench, 1_761_500_000)
    expect(bench.pow.searches).toHaveLength(0)
    const last = builder.next(builder.next(builder.genesis, { salt: 77, time: 1_761_500_000 }), {
      time: bench.node.unixTime(),
    })
    await bench.chain.submitBlock(last.block)
    expect((await bench.pow.search(0)).header.previousHash).toEqual(last.hash)
    expect(bench.lines.at(-1)).toBe('Mining goes on')
    expect(bench.miner.report().wait).toBeUndefined()
  })

  it('until peers have nothing that is not here', async () => {
    const bench = new Bench({ isAlone: false })
    bench.miner.start()
    await bench.line(/^Mining waits/)
    bench.chain.engine.caughtUp()
    bench.miner.note({ type: 'caughtUp', height: 0 })
    await bench.pow.search(0)
  })

  it('where hashes can not be made, and tries again', async () => {
    const bench = new Bench()
    bench.pow.error = new UserError('RandomX is missing')
    bench.miner.start()
    await bench.line(/^Mining waits: RandomX is missing$/)
    expect(bench.miner.report().wait).toEqual({ code: 'trouble', text: 'RandomX is missing' })
    bench.clock.advance(10_000)
    await new Promise(setImmediate)
    expect(bench.lines.filter((line) => line.includes('missing'))).toHaveLength(1)
    bench.pow.error = undefined
    bench.clock.advance(10_000)
    const search = await bench.pow.search(0)
    expect(bench.miner.report().wait).toBeDefined()
    search.options.tried?.(1)
    expect(bench.miner.report().wait).toBeUndefined()
    expect(bench.lines.at(-1)).toBe('Mining goes on')
  })

  it('for an address', async () => {
    const bench = new Bench({ script: undefined })
    expect(bench.miner.start()).toContain('--mining-address')
    expect(bench.miner.report()).toMatchObject({ isOn: false, refusal: expect.stringContaining('address') })
    bench.miner.script = payTo(1)
    expect(bench.miner.start()).toBeUndefined()
    await bench.pow.search(0)
    bench.miner.script = undefined
    await bench.line(/^Mining waits: there is no address/)
    bench.miner.script = payTo(2)
    await bench.pow.search(1)
  })

  it('when its blocks would be ahead of the clock', async () => {
    const bench = new Bench()
    const now = 1_800_000_000
    bench.node.setMockTime(now)
    let parent = builder.genesis
    for (let time = now + 590; time < now + 606; time++) {
      parent = builder.next(parent, { time: Math.min(time, now + 600) })
      expect(await bench.chain.submitBlock(parent.block)).toMatchObject({ result: 'accepted' })
    }
    bench.miner.start()
    await new Promise(setImmediate)
    expect(bench.pow.searches).toHaveLength(0)
    bench.node.setMockTime(now + 1)
    bench.clock.advance(1_000)
    expect((await bench.pow.search(0)).header.time).toBe(now + 601)
  })

  it('for ever on a network whose fair-mining rules it does not know', () => {
    const bench = new Bench({ network: { ...mainnet, allowsMockTime: true } })
    expect(bench.miner.start()).toMatch(/^mining stays off: .* fair-mining rules/)
    expect(bench.miner.report()).toMatchObject({ isOn: false })
  })
})

describe('a wallet', () => {
  it('is asked where the next reward goes, once for each block', async () => {
    const bench = new Bench({ script: undefined })
    let asked = 0
    bench.miner.useWallet({ nextMiningScript: async () => payTo(100 + ++asked) })
    expect(bench.miner.start()).toBeUndefined()
    await bench.pow.search(0)
    bench.clock.advance(30_000)
    const second = await bench.pow.search(1)
    expect(asked).toBe(1)
    expect(bench.miner.report().payee).toEqual(payTo(101))
    second.find()
    await bench.line(/^Block found/)
    bench.clock.advance(1_000)
    await bench.pow.search(2)
    expect(asked).toBe(2)
  })

  it('that has none keeps the miner waiting', async () => {
    const bench = new Bench({ script: undefined })
    bench.miner.useWallet({ nextMiningScript: () => undefined })
    bench.miner.start()
    await bench.line(/^Mining waits: the wallet has no address to mine to$/)
  })
})

it('the log is told how fast it goes, after a minute and then every ten', async () => {
  const bench = new Bench()
  bench.miner.start()
  const rates = (): number => bench.lines.filter((line) => line.startsWith('Mining with')).length
  let next = 0
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 30_000) {
      const search = await bench.pow.search(next++)
      search.options.tried?.(60_000)
      bench.clock.advance(30_000)
    }
    await bench.pow.search(next)
  }
  await pass(30_000)
  expect(rates()).toBe(0)
  await pass(30_000)
  expect(bench.lines.at(-1)).toMatch(
    /^Mining with \d+\.\d (k?H\/s) \(fake\): 0 blocks found, 0 accepted, 0 too late$/,
  )
  await pass(570_000)
  expect(rates()).toBe(1)
  await pass(30_000)
  expect(rates()).toBe(2)
})
