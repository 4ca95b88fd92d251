/** What an operator asks of a node's chain: proofs, statistics, holders, and whether what is stored is sound. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { COIN_PREFIX, type Coin, encodeCoin } from '../../src/chain/coin.ts'
import type { HeaderNode } from '../../src/chain/header-node.ts'
import { coinHolders, type WalkCoins } from '../../src/node/coin-holders.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import type { StoredPair } from '../../src/storage/chain-store.ts'
import { ChainBuilder } from '../../testkit/chain-builder.ts'
import { rpcOf, type TestRpc } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet } from '../../testkit/wallet.ts'
import { FakeControl } from './rpc-fixtures.ts'

const elsewhere = encodeAddress(new Uint8Array(20).fill(9))
const builder = new ChainBuilder(regtest.chain)

interface ShownBlock {
  readonly hash: string
  readonly tx: readonly {
    readonly txid: string
    readonly vin: readonly unknown[]
    readonly vout: readonly { readonly value: number; readonly scriptPubKey: string }[]
  }[]
}

let running: RunningWallet
let rpc: TestRpc
let own: string
let payment: string
/** With the payment. */
let block: ShownBlock

const hashAt = async (height: number): Promise<string> =>
  (await rpc.call<{ blockhash: string }>('getblockhash', [height])).blockhash

beforeAll(async () => {
  running = await startWallet({ realKeys: true })
  rpc = rpcOf(running.node)
  own = await rpc.call('getnewaddress')
  await rpc.call('generatetoaddress', [101, own])
  payment = (await rpc.call<{ txid: string }>('sendtoaddress', [elsewhere, 12.5])).txid
  const [hash] = await rpc.call<string[]>('generatetoaddress', [1, own])
  block = await rpc.call('getblock', [hash, 2])
})

afterAll(() => running.stop())

describe('proofs that transactions were mined', () => {
  it('lead from transactions to a block', async () => {
    const txids = block.tx.map(({ txid }) => txid)
    expect(txids).toContain(payment)
    const proof = await rpc.call<string>('gettxoutproof', [[payment], block.hash])
    const { merkleroot } = await rpc.call<{ merkleroot: string }>('getblockheader', [block.hash])
    expect(await rpc.call('verifytxoutproof', [proof])).toEqual({
      merkleroot,
      blockhash: block.hash,
      txids: [payment],
    })
    // The payment has outputs that are not spent, which say where it stands.
    expect(await rpc.call('gettxoutproof', { txids: [payment] })).toBe(proof)
    const both = await rpc.call<string>('gettxoutproof', [txids])
    expect(await rpc.call('verifytxoutproof', { proof: both })).toMatchObject({ txids })
    const first = await rpc.call<{ tx: string[] }>('getblock', [await hashAt(3)])
    const alone = await rpc.call<string>('gettxoutproof', [first.tx])
    // Hash of the block, one transaction, one hash, one byte of flags with one of them set.
    expect(alone).toMatch(/^[0-9a-f]{64}0100000001[0-9a-f]{64}0101$/)
  })

  it('are not looked for without end', async () => {
    const looks = vi.spyOn(running.chain, 'blockOfCoins')
    const many = Array.from({ length: 5_000 }, (_, n) => n.toString(16).padStart(64, '0'))
    expect(await rpc.error('gettxoutproof', [many])).toContain('name the block that holds them')
    expect(looks).toHaveBeenCalledTimes(100)
    looks.mockRestore()
  })

  it('are refused where there is nothing to prove', async () => {
    const nobody = '11'.repeat(32)
    expect(await rpc.error('gettxoutproof', [[nobody]])).toContain('name the block that holds them')
    expect(await rpc.error('gettxoutproof', [[nobody], block.hash])).toContain(`does not hold ${nobody}`)
    expect(await rpc.error('gettxoutproof', [[payment], nobody])).toContain('Block not found')
    expect(await rpc.error('gettxoutproof', [[payment, payment]])).toContain('named twice')
    for (const params of [[[]], ['11'], [[1]], [['xy']], []])
      expect(await rpc.error('gettxoutproof', params)).toMatch(/must be|is missing/)
    expect(await rpc.error('verifytxoutproof', ['xy'])).toContain('not a proof in hex')
    expect(await rpc.error('verifytxoutproof', [1])).toContain('must be a proof in hex')
    const proof = await rpc.call<string>('gettxoutproof', [[payment], block.hash])
    const [a] = builder.chain(builder.genesis, 1)
    const other = toHex(a?.hash ?? new Uint8Array(32)) + proof.slice(64)
    expect(await rpc.error('verifytxoutproof', [other])).toContain('is not on the active chain')
    const elseblock = proof.replace(
      proof.slice(0, 64),
      Buffer.from(await hashAt(5), 'hex')
        .reverse()
        .toString('hex'),
    )
    expect(await rpc.error('verifytxoutproof', [elseblock])).toContain('it proves nothing')
  })
})

describe('statistics', () => {
  it('of a block', async () => {
    const { fee } = await rpc.call<{ fee: number }>('gettransaction', [payment])
    const { size } = await rpc.call<{ size: number }>('getrawtransaction', [payment, true, block.hash])
    const [coinbase, paying] = block.tx
    if (coinbase === undefined || paying === undefined) throw new Error('no payment')
    const ions = Math.round(-fee * 1e8)
    const paid = paying.vout.reduce((sum, { value }) => sum + value, 0)
    const stats = await rpc.call('getblockstats', [block.hash])
    const rate = Math.floor(ions / size)
    expect(stats).toEqual({
      ...{ avgfee: ions, maxfee: ions, minfee: ions, medianfee: ions, totalfee: ions },
      ...{ avgfeerate: rate, maxfeerate: rate, minfeerate: rate, feerate_percentiles: Array(5).fill(rate) },
      ...{ avgtxsize: size, maxtxsize: size, mintxsize: size, mediantxsize: size, total_size: size },
      ...{ ins: 1, outs: coinbase.vout.length + 2, txs: 2, total_out: paid },
      ...{ utxo_increase: coinbase.vout.length + 1, utxo_size_inc: 75 * (coinbase.vout.length + 1) },
      blockhash: block.hash,
      height: 102,
      subsidy: 5_000_000_000,
      time: expect.any(Number),
      mediantime: expect.any(Number),
    })
    expect(await rpc.call('getblockstats', { height: 102 })).toEqual(stats)
    expect(await rpc.call('getblockstats', [102, []])).toEqual(stats)
    expect(await rpc.call('getblockstats', [102, ['txs', 'height']])).toEqual({ txs: 2, height: 102 })
    expect(await rpc.call('getblockstats', [5])).toMatchObject({ txs: 1, totalfee: 0, avgfee: 0, minfee: 0 })
    expect(await rpc.call('getblockstats', [0])).toMatchObject({ height: 0, ins: 0, totalfee: 0 })
    expect(await rpc.error('getblockstats', [999])).toContain('Block height out of range')
    expect(await rpc.error('getblockstats', ['all'])).toContain('a hash of 64 hex digits, or a block height')
    expect(await rpc.error('getblockstats', [1, ['fees']])).toContain("no statistic 'fees', only avgfee")
    expect(await rpc.error('getblockstats', [1, ['__proto__']])).toContain('no statistic')
    expect(await rpc.error('getblockstats', [1, 'txs'])).toContain('a list of names of statistics')
  })

  it('of a block that was never on the active chain can not be made', async () => {
    const parent = running.chain.engine.activeAt(101)
    if (parent === undefined) throw new Error('no block')
    const { height, hash: parentHash, header } = parent
    const stale = builder.next({ ...builder.genesis, height, hash: parentHash, header }, { salt: 5 })
    await running.chain.submitBlock(stale.block)
    const hash = toHex(stale.hash.slice().reverse())
    expect(await rpc.error('getblockstats', [hash])).toContain('it is not on the active chain')
    expect(await rpc.error('getchaintxstats', [1, hash])).toContain('not on the active chain')
    expect(await rpc.call('scanblockdb', [1])).toMatchObject({ total_in_db: 103, orphans: 1 })
  })

  it('of the transactions of the chain', async () => {
    const all = await rpc.call<Record<string, number>>('getchaintxstats')
    expect(all).toMatchObject({
      txcount: 104,
      window_final_block_hash: block.hash,
      window_final_block_height: 102,
      window_block_count: 102,
      window_tx_count: 103,
    })
    const ten = await rpc.call<Record<string, number>>('getchaintxstats', [10])
    expect(ten).toMatchObject({ window_block_count: 10, window_tx_count: 11, txcount: 104 })
    expect(ten['txrate']).toBeCloseTo(11 / (ten['window_interval'] ?? 0), 9)
    expect(await rpc.call('getchaintxstats', [10, await hashAt(50)])).toMatchObject({
      txcount: 51,
      window_tx_count: 10,
      window_final_block_height: 50,
    })
    expect(await rpc.call('getchaintxstats', { blockhash: await hashAt(0) })).toMatchObject({
      txcount: 1,
      window_block_count: 0,
    })
    expect(await rpc.error('getchaintxstats', [103])).toContain('must be a number from 1 to 102')
    expect(await rpc.error('getchaintxstats', [0])).toContain('a number of blocks from 1 on')
    expect(await rpc.error('getchaintxstats', [1, '11'.repeat(32)])).toContain('Block not found')
  })
})

describe('holders of coins', () => {
  it('are counted, and the richest of them shown', async () => {
    const { txouts, total_amount } = await rpc.call<Record<string, number>>('gettxoutsetinfo')
    const change = 50 - 12.5 + (await rpc.call<{ fee: number }>('gettransaction', [payment])).fee
    expect(await rpc.call('getholdercount')).toEqual({
      holders: 3,
      utxos: txouts,
      total_amount,
      height: 102,
      bestblock: block.hash,
    })
    const shown = await rpc.call<{ top: { address: string; balance: number }[] }>('gettopholders')
    expect(shown).toMatchObject({ holders: 3, utxos: txouts })
    expect(shown.top).toEqual([
      { rank: 1, address: own, balance: (total_amount ?? 0) - 12.5 - change, utxos: 101 },
      { rank: 2, address: expect.any(String), balance: change, utxos: 1 },
      { rank: 3, address: elsewhere, balance: 12.5, utxos: 1 },
    ])
    expect(await rpc.call('gettopholders', [1, elsewhere.slice(0, 5)])).toMatchObject({
      holders: 1,
      utxos: 1,
      top: [{ rank: 1, address: elsewhere }],
    })
    expect(await rpc.call('gettopholders', { prefix: 'X' })).toMatchObject({ holders: 0, utxos: 0, top: [] })
    for (const count of [0, 1_001, -1, 1.5, 'all'])
      expect(await rpc.error('gettopholders', [count])).toContain('a number from 1 to 1000')
    expect(await rpc.error('gettopholders', [1, 'O0'])).toContain('the first characters of an address')
  })

  /** So many owners of one to three coins each; the higher the number, the richer. */
  function coinsOf(owners: number): StoredPair[] {
    const pairs: StoredPair[] = []
    for (let i = 0; i < owners; i++)
      for (let n = 0; n <= i % 3; n++) {
        const hash = new Uint8Array(20)
        new DataView(hash.buffer).setUint32(8, i)
        const coin: Coin = { value: 1_000 * (i + 1), script: p2pkhScript(hash), height: 1, isCoinbase: false }
        pairs.push([`${COIN_PREFIX}${i}/${n}`, encodeCoin(coin)])
      }
    pairs.push([
      `${COIN_PREFIX}x`,
      encodeCoin({ value: 7, script: Uint8Array.of(0x51), height: 1, isCoinbase: false }),
    ])
    return pairs
  }

  const tip = { height: 1 } as HeaderNode
  async function* inBatches(pairs: readonly StoredPair[]) {
    for (let at = 0; at < pairs.length; at += 100) yield pairs.slice(at, at + 100)
  }

  it('are the same when not all fit into memory at once', async () => {
    const pairs = coinsOf(600)
    let walks = 0
    const walk: WalkCoins = async (read) => {
      walks++
      return { tip, result: await read(inBatches(pairs)) }
    }
    const wishes = { top: 30, prefix: '' }
    const whole = await coinHolders(walk, wishes, { holdersAtOnce: 5_000, parts: 1 })
    expect([walks, whole.holders, whole.outputs]).toEqual([1, 600, pairs.length])
    expect(whole.top.map(({ balance }) => balance)).toEqual(
      whole.top.map(({ balance }) => balance).sort((a, b) => b - a),
    )
    walks = 0
    expect(await coinHolders(walk, wishes, { holdersAtOnce: 90, parts: 64 })).toEqual(whole)
    expect(walks).toBeGreaterThan(16)
    await expect(coinHolders(walk, wishes, { holdersAtOnce: 90, parts: 4 })).rejects.toThrow(
      'more addresses than',
    )
  })

  it('are not made up of two tips', async () => {
    const pairs = coinsOf(600)
    let walks = 0
    const walk: WalkCoins = async (read) => ({
      tip: walks++ < 4 ? ({ height: walks } as HeaderNode) : tip,
      result: await read(inBatches(pairs)),
    })
    const found = await coinHolders(walk, { top: 1, prefix: '' }, { holdersAtOnce: 250, parts: 4 })
    expect([found.tip, found.holders]).toEqual([tip, 600])
    const restless: WalkCoins = async (read) => ({
      tip: { height: walks++ } as HeaderNode,
      result: await read(inBatches(pairs)),
    })
    await expect(
      coinHolders(restless, { top: 1, prefix: '' }, { holdersAtOnce: 250, parts: 4 }),
    ).rejects.toThrow('the chain goes on')
  })
})

describe('stored blocks', () => {
  it('are read and compared with their headers', async () => {
    const found = await rpc.call<{ blocks: unknown[] }>('scanblockdb', [3])
    expect(found).toMatchObject({ scanned: 3, hash_mismatches: 0 })
    expect(found.blocks[0]).toEqual({
      height: 102,
      hash: block.hash,
      size: expect.any(Number),
      active: true,
      sound: true,
    })
    expect(await rpc.call('scanblockdb')).toMatchObject({ scanned: 100, hash_mismatches: 0 })
    for (const limit of [0, 10_001, 'all'])
      expect(await rpc.error('scanblockdb', [limit])).toContain('from 1 to 10000')
  })

  it('that are not what they should be are found', async () => {
    const { engine } = running.chain
    const [wrong, right] = [engine.activeAt(100), engine.activeAt(99)]
    if (wrong === undefined || right === undefined) throw new Error('no blocks')
    const { position } = wrong
    wrong.position = right.position
    expect(await rpc.call('scanblockdb', [5])).toMatchObject({ scanned: 5, hash_mismatches: 1 })
    wrong.position = position
    expect(await rpc.call('scanblockdb', [5])).toMatchObject({ hash_mismatches: 0 })
  })

  it('are asked for by name', async () => {
    expect(await rpc.call('getblocktrackerinfo')).toEqual({
      total_in_flight: 0,
      status: 'idle',
      tracked_heights: [],
      per_peer: {},
      height: 102,
      headers: 102,
      orphans: 0,
    })
    const nothing = { blocks_requested: 0, peers_contacted: 0, blocks_in_flight: 0, blocks_unavailable: 0 }
    expect(await rpc.call('requestblocks', { heights: [1, 2, 2], hashes: [block.hash] })).toEqual({
      ...nothing,
      blocks_stored: 3,
    })
    expect(await rpc.error('requestblocks')).toContain('which blocks?')
    expect(await rpc.error('requestblocks', [[999]])).toContain('headers 0 to 102')
    expect(await rpc.error('requestblocks', [[], ['11'.repeat(32)]])).toContain('Block not found')
    expect(await rpc.error('requestblocks', [5])).toContain('a list of block heights, at most 1000 at once')
    expect(await rpc.error('requestblocks', [Array(1_001).fill(1)])).toContain('at most 1000')
  })

  it('are nothing to a node without a chain', async () => {
    const none = rpcOf(new FakeControl())
    for (const method of ['getblocktrackerinfo', 'scanblockdb', 'getholdercount', 'getchaintxstats'])
      expect(await none.error(method)).toBe('this node keeps no chain')
  })
})

describe('methods that others have', () => {
  it('are refused with the reason', async () => {
    const cases = [
      ['getdfmpinfo', 'this node does not implement fair mining'],
      ['banmik', 'this node does not implement fair mining'],
      ['getmydigitaldna', 'this node does not implement digital DNA'],
      ['createhtlc', 'this node does not implement hash time locked contracts'],
      ['forcerebuild', '--reindex'],
      ['signrawtransactionwithwallet', 'signrawtransaction does it'],
    ]
    for (const [method = '', why = ''] of cases) {
      const message = await rpc.error(method, { mik: 'x' })
      expect(message).toContain(`Method not found: ${method} (`)
      expect(message).toContain(why)
      expect(await rpc.error('help', [method])).toContain(why)
    }
    expect(await rpc.error('getblok')).toBe('Method not found: getblok')
    const elsewhere = rpcOf(new FakeControl(mainnet))
    expect(await elsewhere.error('generatetoaddress', [1, own])).toContain('it is for regtest alone')
  })

  it('are not among those that are there', async () => {
    const { commands } = await rpc.call<{ commands: string[] }>('help')
    const regtestOnly = ['generatetoaddress', 'setmocktime', 'addpeeraddress']
    const { whyAbsent } = await import('../../src/rpc/absent-methods.ts')
    for (const command of commands) {
      const [name = ''] = command.split(' ')
      if (!regtestOnly.includes(name)) expect(whyAbsent(name)).toBeUndefined()
    }
  })
})
