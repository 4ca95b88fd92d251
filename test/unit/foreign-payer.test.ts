/** A wallet and a miner that share no code with the node, on both ends of payments. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addressOf,
  bytesOf,
  type ForeignOutput,
  type ForeignTemplate,
  type ForeignTransaction,
  foreignKey,
  fromShown,
  maySpend,
  mined,
  read,
  scriptTo,
  signed,
  txidOf,
} from '../../testkit/foreign-payer.ts'
import { rpcOf, type TestRpc } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet } from '../../testkit/wallet.ts'

const DIL = 100_000_000n
const FEE = 30_000n
const MATURITY = 100
const key = foreignKey(3)
const stranger = foreignKey(4)

let running: RunningWallet
let rpc: TestRpc
let ours: Buffer

/** What our wallet paid to the foreigner. */
let payment: ForeignTransaction
let place: number

beforeAll(async () => {
  running = await startWallet({ realKeys: true })
  rpc = rpcOf(running.node)
  const own = await rpc.call<string>('getnewaddress')
  ours = Buffer.from((await rpc.call<{ scriptPubKey: string }>('validateaddress', [own])).scriptPubKey, 'hex')
  await rpc.call('generatetoaddress', [2, own])
  for (let i = 1; i < MATURITY; i++) await mineForeign()
  const { txid } = await rpc.call<{ txid: string }>('sendtoaddress', [addressOf(key), 75])
  payment = read(await rpc.call('getrawtransaction', [txid]))
  expect(txidOf(payment)).toBe(txid)
  place = payment.outputs.findIndex(({ script }) => script.equals(scriptTo(key)))
})

afterAll(() => running.stop())

async function mineForeign(): Promise<void> {
  const template = await rpc.call<ForeignTemplate>('getblocktemplate')
  expect(await rpc.call('submitblock', [mined(template, scriptTo(stranger))])).toBeNull()
}

function spending(outputs: readonly ForeignOutput[], with_ = key): ForeignTransaction {
  const inputs = [{ hash: fromShown(txidOf(payment)), index: place, script: Buffer.alloc(0) }]
  return signed({ inputs, outputs }, with_)
}

const hexOf = (transaction: ForeignTransaction): string => bytesOf(transaction).toString('hex')

describe('a foreign wallet', () => {
  it('finds what ours has paid, and that it was allowed to', async () => {
    expect(payment.outputs[place]?.value).toBe(75n * DIL)
    expect(payment.inputs).toHaveLength(2)
    for (const index of payment.inputs.keys()) {
      expect(maySpend(payment, index, ours)).toBe(true)
      expect(maySpend({ ...payment, outputs: [] }, index, ours)).toBe(false)
    }
    await mineForeign()
    expect(await rpc.call('gettxout', [txidOf(payment), place])).toMatchObject({
      value: 75,
      confirmations: 1,
    })
  })

  it('is told which rule its payment breaks', async () => {
    const all = 75n * DIL
    const cases: readonly (readonly [string, ForeignTransaction])[] = [
      ['min-fee-not-met', spending([{ value: all - 20_000n, script: ours }])],
      ['max-fee-exceeded', spending([{ value: all - DIL, script: ours }])],
      ['bad-txns-in-belowout', spending([{ value: all + 1n, script: ours }])],
      ['bad-txns-vout-toosmall', spending([{ value: 49_999n, script: ours }])],
      ['bad-txns-vout-empty', spending([])],
      ['bad-txns-vout-script', spending([{ value: all - FEE, script: Buffer.of(0x51) }])],
      ['mandatory-script-verify-flag-failed', spending([{ value: all - FEE, script: ours }], stranger)],
    ]
    for (const [rule, transaction] of cases)
      expect(await rpc.error('sendrawtransaction', [hexOf(transaction)])).toMatch(new RegExp(`^${rule}: `))
  })

  it('pays ours, once', async () => {
    const before = await rpc.call<{ balance: number }>('getbalance')
    const first = spending([{ value: 75n * DIL - FEE, script: ours }])
    const second = spending([{ value: 75n * DIL - 2n * FEE, script: ours }])
    expect(await rpc.call('sendrawtransaction', [hexOf(first)])).toBe(txidOf(first))
    expect(await rpc.error('sendrawtransaction', [hexOf(second)])).toMatch(/^txn-mempool-conflict: /)
    expect(await rpc.call('getbalance')).toMatchObject({ unconfirmed_balance: 74.9997 })
    await mineForeign()
    expect(await rpc.call('getbalance')).toMatchObject({
      balance: before.balance + 74.9997,
      unconfirmed_balance: 0,
    })
    expect(await rpc.error('sendrawtransaction', [hexOf(second)])).toMatch(/^missing-inputs: .* or was spent/)
    expect(await rpc.error('sendrawtransaction', [hexOf(first)])).toMatch(/^txn-already-known: /)
  })
})
