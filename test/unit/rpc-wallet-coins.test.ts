/** Coins kept out of payments, payments given up, and a history read anew, by RPC and with real keys. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromHex } from '../../src/primitives/bytes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { rpcOf, type TestRpc } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet } from '../../testkit/wallet.ts'

const elsewhere = encodeAddress(new Uint8Array(20).fill(9))
const NOBODY = '11'.repeat(32)
const MATURITY = 100

let running: RunningWallet
let rpc: TestRpc
let own: string

interface Coin {
  readonly txid: string
  readonly vout: number
}

beforeEach(async () => {
  running = await startWallet({ realKeys: true })
  rpc = rpcOf(running.node)
  own = await rpc.call('getnewaddress')
  await rpc.call('generatetoaddress', [2, own])
  await rpc.call('generatetoaddress', [MATURITY - 1, elsewhere])
})

afterEach(() => running.stop())

const balance = (): Promise<Record<string, number>> => rpc.call('getbalance')
const coins = async (): Promise<Coin[]> =>
  (await rpc.call<Coin[]>('listunspent')).map(({ txid, vout }) => ({ txid, vout }))

/** Takes a transaction out of the mempool, as if better ones had taken its room. */
function evict(txid: string): void {
  const table = running.chain.mempool?.table
  const key = Buffer.from(fromHex(txid) ?? [])
    .reverse()
    .toString('latin1')
  const entry = table?.get(key)
  if (entry === undefined) throw new Error('not in the mempool')
  table?.remove(entry)
  running.wallet.note({ type: 'mempool', outcome: { type: 'removed', entry, reason: 'evicted' } })
}

describe('locked coins', () => {
  it('are not spent until they are unlocked', async () => {
    const [one, two] = await coins()
    if (one === undefined || two === undefined) throw new Error('no coins')
    expect(await rpc.call('lockunspent', [false, [one]])).toBe(true)
    expect(await rpc.call('listlockunspent')).toEqual([one])
    expect(await coins()).toEqual([two])
    expect(await balance()).toMatchObject({ balance: 100 })
    const refused = await rpc.error('sendtoaddress', [elsewhere, 60])
    expect(refused).toContain('50.00000000 DIL can be spent now')
    expect(refused).toContain('50.00000000 DIL more are kept out by lockunspent')
    expect(await rpc.error('consolidateutxos')).toContain('nothing to consolidate')
    await rpc.call('lockunspent', { unlock: true, transactions: [one] })
    expect(await rpc.call('listlockunspent')).toEqual([])
    await rpc.call('lockunspent', [false, [one, two]])
    expect(await rpc.call('lockunspent', [true])).toBe(true)
    await rpc.call('sendtoaddress', [elsewhere, 60])
  })

  it('are named rightly, all or none', async () => {
    const [one, two] = await coins()
    const wrong: readonly (readonly [unknown[], string])[] = [
      [[], "'unlock' is missing"],
      [['yes'], 'must be true or false'],
      [[false], 'which outputs?'],
      [[false, 'all'], 'a list of outputs'],
      [[false, [{ txid: 'xy', vout: 0 }]], 'a hash of 64 hex digits'],
      [[false, [{ txid: NOBODY, vout: -1 }]], 'a list of outputs'],
      [[false, [one, { txid: NOBODY, vout: 0 }]], `${NOBODY}:0: it is no unspent output of this wallet`],
      [[false, [{ ...one, vout: 2 ** 32 }]], 'it is no unspent output'],
      [[false, [two, two]], 'it is named twice'],
      [[true, [one]], 'it is not locked'],
    ]
    for (const [params, why] of wrong) expect(await rpc.error('lockunspent', params)).toContain(why)
    expect(await rpc.call('listlockunspent')).toEqual([])
    await rpc.call('lockunspent', [false, [one]])
    expect(await rpc.error('lockunspent', [false, [one]])).toContain('it is already locked')
  })

  it('are forgotten when they are spent', async () => {
    const [one] = await coins()
    await rpc.call('lockunspent', [false, [one]])
    const raw = await rpc.call<string>('createrawtransaction', [[one], { [elsewhere]: 49.99 }])
    const { hex } = await rpc.call<{ hex: string }>('signrawtransaction', [raw])
    await rpc.call('sendrawtransaction', [hex])
    expect(await rpc.call('listlockunspent')).toEqual([])
    expect(await rpc.error('lockunspent', [true, [one]])).toContain('no unspent output')
  })
})

describe('a payment', () => {
  it('is given up when it waits nowhere, and its coins are free', async () => {
    const before = await balance()
    const { txid } = await rpc.call<{ txid: string }>('sendtoaddress', [elsewhere, 70])
    expect(await rpc.error('abandontransaction', [txid])).toContain('it waits in the mempool')
    evict(txid)
    expect(await balance()).not.toEqual(before)
    expect(await rpc.call('abandontransaction', { txid })).toBeNull()
    expect(await balance()).toEqual(before)
    const { transactions } = await rpc.call<{ transactions: unknown[] }>('listtransactions', [1])
    expect(transactions).toMatchObject([{ txid, abandoned: true }])
    // Once more is no harm, and it is not handed in again.
    await rpc.call('abandontransaction', [txid])
    await running.wallet.resubmitted()
    expect(await rpc.call('getrawmempool')).toEqual([])
  })

  it('is given up with those that spend what it pays', async () => {
    const before = await balance()
    const { txid } = await rpc.call<{ txid: string }>('sendtoaddress', [own, 70])
    const { details } = await rpc.call<{ details: { vout: number }[] }>('gettransaction', [txid])
    const vout = details[0]?.vout
    const raw = await rpc.call<string>('createrawtransaction', [[{ txid, vout }], { [elsewhere]: 69.99 }])
    const { hex, complete } = await rpc.call<{ hex: string; complete: boolean }>('signrawtransaction', [raw])
    expect(complete).toBe(true)
    const child = await rpc.call<string>('sendrawtransaction', [hex])
    evict(child)
    evict(txid)
    await rpc.call('abandontransaction', [txid])
    expect(await balance()).toEqual(before)
  })

  it('that is mined, or of nobody, is not given up', async () => {
    const { txid } = await rpc.call<{ txid: string }>('sendtoaddress', [elsewhere, 7])
    await rpc.call('generatetoaddress', [1, elsewhere])
    expect(await rpc.error('abandontransaction', [txid])).toContain('it was mined in block 102')
    expect(await rpc.error('abandontransaction', [NOBODY])).toBe('no transaction of this wallet')
    expect(await rpc.error('abandontransaction', ['xy'])).toContain('a hash of 64 hex digits')
  })
})

describe('a history', () => {
  it('is found in the chain again when it is cleared, without what waits nowhere', async () => {
    const lost = await rpc.call<{ txid: string }>('sendtoaddress', [elsewhere, 7])
    evict(lost.txid)
    const before = await balance()
    expect(before).toMatchObject({ balance: 50 })
    const kept = await rpc.call<{ txid: string }>('sendtoaddress', [elsewhere, 8])
    expect(await rpc.call('clearwallettxs')).toEqual({
      success: true,
      transactions_cleared: 3,
      message: '3 transactions forgotten; with the chain read again there are 3',
    })
    const { transactions } = await rpc.call<{ transactions: { txid: string }[] }>('listtransactions')
    expect(transactions.map(({ txid }) => txid)).toContain(kept.txid)
    expect(transactions.map(({ txid }) => txid)).not.toContain(lost.txid)
    expect(await balance()).toMatchObject({ balance: 50, immature_balance: 0 })
    await rpc.call('generatetoaddress', [1, elsewhere])
    expect((await balance())['balance']).toBeGreaterThan(91.9)
  })

  it('is not cleared without a wallet', async () => {
    const empty = await startWallet()
    const other = rpcOf(empty.node)
    for (const method of ['clearwallettxs', 'abandontransaction'])
      expect(await other.error(method, method === 'clearwallettxs' ? [] : [NOBODY])).toContain('no wallet')
    expect(await other.call('listlockunspent')).toEqual([])
    await empty.stop()
  })
})

it('a payment that waits is known once the key that it pays to is imported', async () => {
  const { privkey } = await rpc.call<{ privkey: string }>('dumpprivkey', [own])
  const { txid } = await rpc.call<{ txid: string }>('sendtoaddress', [own, 70])
  const hex = await rpc.call('getrawtransaction', [txid])
  const second = await startWallet({ realKeys: true })
  const other = rpcOf(second.node)
  const { tip } = running.chain.engine
  for (let height = 1; height <= tip.height; height++) {
    const { blockhash } = await rpc.call<{ blockhash: string }>('getblockhash', [height])
    await other.call('submitblock', [await rpc.call('getblock', [blockhash, 0])])
  }
  await other.call('sendrawtransaction', [hex])
  await other.call('importprivkey', [privkey])
  expect(await other.call('getbalance')).toMatchObject({ balance: 0, unconfirmed_balance: 70 })
  await second.stop()
})
