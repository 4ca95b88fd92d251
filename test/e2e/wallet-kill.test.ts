/** A node is killed again and again while its wallet gives out addresses and pays: nothing that was told is lost. */
import { afterAll, describe, expect, it } from 'vitest'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

const SOMEBODY = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const COINS = 60

interface Told {
  readonly addresses: string[]
  readonly payments: string[]
}

/** Asks for addresses and payments at the same time, until the node is killed behind so many answers. */
async function askUntilKilled(node: NodeProcess, told: Told, answers: number): Promise<void> {
  let left = answers
  const count = (): void => {
    if (--left === 0) node.signal('SIGKILL')
  }
  const ask = async (take: () => Promise<void>): Promise<void> => {
    try {
      for (;;) {
        await take()
        count()
      }
    } catch (error) {
      // The connection ends with the process; nothing else may go wrong before.
      if (left > 0) throw error
    }
  }
  const address = async (): Promise<void> => {
    told.addresses.push(String(await node.rpc('getnewaddress')))
  }
  const payment = async (): Promise<void> => {
    const { txid } = (await node.rpc('sendtoaddress', SOMEBODY, '1.5')) as { txid: string }
    told.payments.push(txid)
  }
  await Promise.all([ask(address), ask(address), ask(payment)])
  await node.waitForExit()
}

async function expectNothingLost(node: NodeProcess, told: Told): Promise<void> {
  const addresses = (await node.rpc('getaddresses')) as string[]
  expect(new Set(told.addresses).size).toBe(told.addresses.length)
  for (const address of told.addresses) expect(addresses).toContain(address)
  for (const txid of told.payments) {
    const payment = (await node.rpc('gettransaction', txid)) as { amount: number; details: unknown[] }
    expect(payment.details).toMatchObject([{ category: 'send', amount: -1.5, address: SOMEBODY }])
  }
}

describe('kill -9', () => {
  it('costs no address that was told, no key, and no payment', async () => {
    const home = lab.newFolder()
    const told: Told = { addresses: [], payments: [] }
    let { node } = await lab.startListening({ home, args: ['--regtest'] })
    const first = String(await node.rpc('getnewaddress'))
    const phrase = await node.rpc('exportmnemonic')
    await node.rpc('generatetoaddress', COINS, first)
    await node.rpc('generatetoaddress', 100, SOMEBODY)
    // Blocks of the last moment may be lost with the process; what is tested here stands on these.
    await node.stop()
    node = (await lab.startListening({ home, args: ['--regtest'] })).node
    for (const answers of [1, 4, 9, 15, 22]) {
      await askUntilKilled(node, told, answers)
      node = (await lab.startListening({ home, args: ['--regtest'] })).node
      await expectNothingLost(node, told)
      expect(await node.rpc('exportmnemonic')).toEqual(phrase)
    }
    // What was told is what is in the file: each address has its key.
    for (const address of [first, ...told.addresses]) {
      const { pubkey } = (await node.rpc('dumpprivkey', address)) as { pubkey: string }
      expect(encodeAddress(hash160(new Uint8Array(Buffer.from(pubkey, 'base64'))))).toBe(address)
    }
    // And all payments are mined in the end.
    await node.rpc('generatetoaddress', 1, SOMEBODY)
    for (const txid of told.payments)
      expect(await node.rpc('gettransaction', txid)).toMatchObject({ confirmations: 1 })
    const { transactions } = (await node.rpc('listtransactions', 1_000)) as {
      transactions: { fee?: number; category: string }[]
    }
    const sent = transactions.filter(({ category }) => category === 'send')
    expect(sent.length).toBeGreaterThanOrEqual(told.payments.length)
    // Not one ion is unaccounted for, also of payments that were made and never told.
    const fees = sent.reduce((sum, { fee = 0 }) => sum - fee, 0)
    const balance = (await node.rpc('getbalance')) as { balance: number; unconfirmed_balance: number }
    expect(balance.unconfirmed_balance).toBe(0)
    expect(balance.balance).toBeCloseTo(50 * COINS - 1.5 * sent.length - fees, 8)
  })
})
