/** Mining by RPC: this node's own, and that of programs outside of it. */
import { afterEach, describe, expect, it } from 'vitest'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { openChain } from '../../src/node/chain-backend.ts'
import { DilithionNode } from '../../src/node/node.ts'
import type { NodeOptions } from '../../src/node/node-options.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { txidOf } from '../../src/wire/transaction.ts'
import { type BuiltBlock, ChainBuilder, GOOD_SIGNATURE, spend } from '../../testkit/chain-builder.ts'
import { NO_SIGNAL } from './rpc-fixtures.ts'

const builder = new ChainBuilder(regtest.chain)
const address = encodeAddress(new Uint8Array(20).fill(7))
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Bench {
  readonly node: DilithionNode
  call(method: string, params?: unknown, signal?: AbortSignal): Promise<unknown>
  error(method: string, params?: unknown): Promise<string>
}

/** A node whose miner makes one block and then rests. */
async function start(options: Partial<NodeOptions> = {}): Promise<Bench> {
  const network = options.network ?? regtest
  const chain = await openChain({ network })
  const node = new DilithionNode({ network, chain, mining: { intervalMs: 3_600_000 }, ...options })
  cleanups.push(async () => {
    await node.stop()
    await chain.close()
  })
  const dispatcher = new RpcDispatcher(node, () => {})
  const reply = async (method: string, params: unknown, signal = NO_SIGNAL) =>
    JSON.parse(await dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, signal))
  return {
    node,
    call: async (method, params, signal) => {
      const answer = await reply(method, params, signal)
      expect(answer.error).toBeUndefined()
      return answer.result
    },
    error: async (method, params) => (await reply(method, params)).error?.message ?? 'no error',
  }
}

const hex = ({ header, block }: BuiltBlock): string => toHex(header.bytes) + toHex(block.transactionData)

describe('mining by RPC', () => {
  it('needs an address, and then mines until it is stopped', async () => {
    const { node, call, error } = await start()
    expect(await call('getmininginfo')).toMatchObject({ mining: false, hashrate: 0, blocks_found: 0 })
    expect(await call('getminingaddress')).toEqual({ address: '', is_set: false })
    expect(await error('startmining')).toContain('setminingaddress')
    expect(await error('setminingaddress', ['nobody'])).toContain('not an address')
    expect(await call('setminingaddress', [address])).toEqual({ address, success: true })
    expect(await call('getminingaddress')).toEqual({ address, is_set: true })
    expect(await call('startmining')).toBe(true)
    expect(await call('waitforblockheight', [1, 60_000])).toMatchObject({ height: 1 })
    expect(await call('startmining')).toBe(true)
    const block = (await call('getblock', [await call('getbestblockhash')])) as { miner: string }
    expect(block.miner).toBe(address)
    expect(await call('getmininginfo')).toMatchObject({
      mining: true,
      blocks: 1,
      chain: 'regtest',
      bits: '0x207fffff',
      next: { height: 2, bits: '0x207fffff' },
      proof_of_work: 'sha3',
    })
    expect(await call('stopmining')).toBe(true)
    expect(await call('getmininginfo')).toMatchObject({ mining: false, blocks_found: 1, blocks_accepted: 1 })
    expect(node.miner?.report()).toMatchObject({ stale: 0, refused: 0 })
  })

  it('says how many hashes are made at once', async () => {
    const { call, error } = await start()
    expect(await call('setminingthreads', { threads: 9 })).toEqual({ threads: 1 })
    for (const threads of [0, 257, 1.5])
      expect(await error('setminingthreads', [threads])).toContain('a whole number from 1 to 256')
  })

  it('says why it is not done on mainnet', async () => {
    const { call, error } = await start({ network: mainnet })
    await call('setminingaddress', [address])
    expect(await error('startmining')).toContain('fair-mining rules')
    expect(await call('getmininginfo')).toMatchObject({
      mining: false,
      waits_for: expect.stringContaining('from 44001 on'),
    })
  })

  it('knows how fast the network is', async () => {
    const { node, call } = await start()
    expect(await call('getnetworkhashps')).toBe(0)
    let parent = builder.genesis
    for (let i = 0; i < 4; i++) {
      parent = builder.next(parent, { time: parent.header.time + 10 })
      await node.chain?.submitBlock(parent.block)
    }
    // Two hashes a block, ten seconds from each to the next.
    expect(await call('getnetworkhashps', [3])).toBeCloseTo(0.2, 6)
    expect(await call('getnetworkhashps', [2, 3])).toBeCloseTo(0.2, 6)
    expect(await call('getnetworkhashps', { nblocks: -1 })).toBeCloseTo(0.2, 6)
  })
})

describe('getblocktemplate', () => {
  it('waits for another tip when it is given the one that is known', async () => {
    const { call } = await start()
    const first = (await call('getblocktemplate')) as { longpollid: string }
    const { longpollid } = first
    const next = call('getblocktemplate', [{ longpollid, rules: ['segwit'] }])
    const [hash] = (await call('generatetoaddress', [1, address])) as string[]
    expect(await next).toMatchObject({ previousblockhash: hash, height: 2 })
    expect(await call('getblocktemplate', [{ longpollid }])).toMatchObject({ height: 2 })
    const stop = new AbortController()
    const ended = call('getblocktemplate', [{ longpollid: hash }], stop.signal)
    stop.abort()
    expect(await ended).toMatchObject({ height: 2 })
  })

  it('says what would come of a block, without its work', async () => {
    const { node, call, error } = await start()
    const tip = builder.next(builder.genesis)
    await node.chain?.submitBlock(tip.block)
    const propose = (data: string): Promise<unknown> => call('getblocktemplate', [{ mode: 'proposal', data }])
    const withoutWork = true
    expect(await propose(hex(builder.next(tip, { withoutWork })))).toBeNull()
    expect(await propose(hex(builder.next(tip, { withoutWork, fees: 1 })))).toBe('bad-cb-amount')
    expect(await propose(hex(builder.next(tip, { withoutWork, time: 1 })))).toBe('time-too-old')
    expect(await propose(hex(builder.next(tip, { withoutWork, time: 2_000_000_000 })))).toBe('time-too-new')
    const other = new Uint8Array(32)
    expect(await propose(hex(builder.next(tip, { withoutWork, merkleRoot: other })))).toBe('bad-txnmrklroot')
    expect(await propose(hex(builder.next(builder.genesis, { withoutWork })))).toBe(
      'inconclusive-not-best-prevblk',
    )
    expect(node.chain?.engine.tip.hash).toEqual(tip.hash)
    expect(await error('getblocktemplate', [{ mode: 'proposal' }])).toContain("'data'")
    expect(await error('getblocktemplate', [{ mode: 'other' }])).toContain('template or proposal')
  })

  it('has the transactions that wait, and what they pay', async () => {
    const network = { ...regtest, chain: { ...regtest.chain, coinbaseMaturityBlocks: 2 } }
    const { node, call } = await start({ network })
    const { chain } = node
    if (chain === undefined) throw new Error('no chain')
    chain.backend.signatures.verifier.verifyBatch = async (checks) =>
      checks.map(({ signature }) => signature[0] === GOOD_SIGNATURE)
    const blocks = builder.chain(builder.genesis, 3)
    for (const { block } of blocks) await chain.submitBlock(block)
    const [first, , tip] = blocks
    const reward = first?.transactions[0]
    if (reward === undefined || tip === undefined) throw new Error('no reward')
    const parent = spend(reward, [0], [4_999_900_000])
    const child = spend(parent, [0], [4_999_700_000])
    for (const transaction of [parent, child]) await chain.submitTransaction(knownTransaction(transaction))
    const template = await call('getblocktemplate')
    const idOf = (transaction: typeof parent): string => hashToHex(txidOf(transaction))
    expect(template).toMatchObject({
      coinbasevalue: 5_000_300_000,
      transactions: [
        { txid: idOf(parent), depends: [], fee: 100_000 },
        { txid: idOf(child), depends: [1], fee: 200_000, data: toHex(knownTransaction(child).bytes) },
      ],
    })
    const block = builder.next(tip, { transactions: [parent, child], fees: 300_000 })
    expect(await call('getblocktemplate', [{ mode: 'proposal', data: hex(block) }])).toBeNull()
    const greedy = builder.next(tip, { transactions: [parent, child], fees: 300_001 })
    expect(await call('getblocktemplate', [{ mode: 'proposal', data: hex(greedy) }])).toBe('bad-cb-amount')
    expect(await call('getmininginfo')).toMatchObject({ pooledtx: 2 })
    expect(await call('submitblock', [hex(block)])).toBeNull()
    expect(await call('getblocktemplate')).toMatchObject({ height: 5, transactions: [] })
  })

  it('lets miners change the time, but where the target follows it', async () => {
    const period = { fromHeight: 0, intervalBlocks: 360, factor: 4, emergencyBlocks: 6, fixesSignBit: true }
    const bounds = { spacingSeconds: 240, minBits: 0x1d00_ffff, maxBits: 0x207f_ffff }
    const rest = { asert: [], halfLifeSeconds: 34_560 }
    const difficulty = { kind: 'schedule', ...bounds, periods: [period], ...rest } as const
    const network = { ...regtest, chain: { ...regtest.chain, difficulty } }
    const [eased, fixed] = [await start({ network }), await start()]
    expect(await eased.call('getblocktemplate')).toMatchObject({ mutable: ['transactions', 'prevblock'] })
    expect(await fixed.call('getblocktemplate')).toMatchObject({
      mutable: ['time', 'transactions', 'prevblock'],
    })
  })

  it('is of no use while the node catches up', async () => {
    const { call, error } = await start({ targets: [{ host: '127.0.0.1', port: 1 }] })
    expect(await error('getblocktemplate')).toContain('still catches up')
    await call('setminingaddress', [address])
    const waiting = { mining: true, waits_for: expect.stringContaining('still catches up') }
    expect(await call('startmining')).toEqual(waiting)
    expect(await call('getmininginfo')).toMatchObject({ ...waiting, blocks_found: 0 })
  })
})

it('a block of a chain with opaque bodies is its coinbase, and nothing else', async () => {
  const network = { ...regtest, chain: { ...regtest.chain, body: 'opaque' as const } }
  const script = p2pkhScript(new Uint8Array(20).fill(7))
  const { node, call } = await start({ network, mining: { script } })
  await call('startmining')
  const { hash } = (await call('waitforblockheight', [1, 60_000])) as { hash: string }
  await call('stopmining')
  const raw = (await call('getblock', [hash, 0])) as string
  const coinbase = raw.slice(160)
  const text = toHex(Buffer.from('Block 1 mined by Dilithion '))
  expect(coinbase).toMatch(new RegExp(`^0100000001(00){32}ffffffff[0-9a-f]{2}${text}`))
  expect(coinbase).toMatch(new RegExp(`ffffffff0100f2052a0100000019${toHex(script)}00000000$`))
  expect(hashToHex(node.chain?.engine.tip.hash ?? new Uint8Array())).toBe(hash)
  // Nothing of it is taken apart, nor of the first block.
  expect(await call('getchaintxstats')).toMatchObject({ txcount: 0 })
})
