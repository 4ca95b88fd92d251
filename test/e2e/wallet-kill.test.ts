/** A node is killed again and again while its wallet gives out addresses, pays, and is changed: nothing that was told is lost. */
import { watch } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { eventually } from '../../testkit/changes.ts'
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

/**
 * Kills the node when so many things have happened to files of the wallet since a question was asked (0: at once), at the
 * latest when it is answered. Returns the answer, if it came before.
 */
async function killDuring(
  node: NodeProcess,
  fileEvents: number,
  method: string,
  ...params: unknown[]
): Promise<unknown> {
  let seen = 0
  const watcher = watch(node.dataDir, (_, name) => {
    if (name?.startsWith('wallet.json') === true && ++seen === fileEvents) node.signal('SIGKILL')
  })
  const answer = node.rpc(method, ...params).catch(() => undefined)
  if (fileEvents > 0) await answer
  await node.stop('SIGKILL')
  watcher.close()
  return await answer
}

describe('kill -9 while the wallet is changed', () => {
  /** From before anything is written to after all is: the backup, the file beside, its content, its name. */
  const MOMENTS = [0, 1, 3, 5, 99]
  const PASSPHRASES = ['a horse and 3 batteries', 'two cows and 5 staples'] as const

  async function start(home: string): Promise<NodeProcess> {
    const { node } = await lab.startListening({ home, args: ['--regtest'] })
    expect(node.errors).toEqual([])
    return node
  }

  it('leaves an imported key in it, or not at all, and finds all that was paid to it', async () => {
    const home = lab.newFolder()
    let node = await start(home)
    await node.rpc('generatetoaddress', 100, String(await node.rpc('getnewaddress')))
    const phrase = await node.rpc('exportmnemonic')
    for (const [i, moment] of MOMENTS.entries()) {
      const secret = new Uint8Array(32).fill(i + 1)
      const hash = hash160(generateKeyPair(secret).publicKey)
      const address = encodeAddress(hash)
      await node.rpc('generatetoaddress', 3, address)
      // The blocks are not what is tested here.
      await node.rpc('gettxoutsetinfo')
      const privkey = Buffer.from(secret).toString('base64')
      const told = await killDuring(node, moment, 'importprivkey', privkey)
      node = await start(home)
      const isThere = ((await node.rpc('getaddresses')) as string[]).includes(address)
      if (told !== undefined) expect(isThere).toBe(true)
      if (!isThere) await node.rpc('importprivkey', privkey)
      // Killed again while it reads the chain for that.
      await killDuring(node, 0, 'rescanwallet')
      node = await start(home)
      const wanted = 50 * 100 + 150 * (i + 1)
      await eventually(async () => {
        const { balance, immature_balance: young } = (await node.rpc('getbalance')) as Record<string, number>
        return (balance ?? 0) + (young ?? 0) === wanted || undefined
      }, `a balance of ${wanted}`)
      expect(await node.rpc('dumpprivkey', address)).toMatchObject({ pubkey: expect.any(String) })
    }
    expect(await node.rpc('exportmnemonic')).toEqual(phrase)
  })

  it('leaves it encrypted, or not, and no passphrase but the old one or the new one opens it', async () => {
    const home = lab.newFolder()
    let node = await start(home)
    const address = String(await node.rpc('getnewaddress'))
    const phrase = await node.rpc('exportmnemonic')
    const isEncrypted = async (): Promise<boolean> =>
      await node.rpc('exportmnemonic').then(
        () => false,
        (error: Error) => error.message.includes('locked'),
      )
    for (const moment of MOMENTS) {
      if (await isEncrypted()) break
      const told = await killDuring(node, moment, 'encryptwallet', PASSPHRASES[0])
      node = await start(home)
      if (told !== undefined) expect(await isEncrypted()).toBe(true)
    }
    await expect(node.rpc('exportmnemonic')).rejects.toThrow('locked')
    let [now, next]: readonly string[] = PASSPHRASES
    for (const moment of MOMENTS) {
      const told = await killDuring(node, moment, 'walletpassphrasechange', now, next)
      node = await start(home)
      const opens = async (word: string | undefined): Promise<boolean> =>
        await node.rpc('walletpassphrase', word, 600).then(
          () => true,
          () => false,
        )
      const isOld = await opens(now)
      if (told !== undefined) expect(isOld).toBe(false)
      if (!isOld) {
        expect(await opens(next)).toBe(true)
        ;[now, next] = [next, now]
      }
      expect(await node.rpc('exportmnemonic')).toEqual(phrase)
      expect(await node.rpc('getaddresses')).toContain(address)
    }
  })
})
