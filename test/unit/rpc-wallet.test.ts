/** The wallet's methods: what they answer, and what they never say. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { phraseOf } from '../../src/wallet/mnemonic.ts'
import { payTo } from '../../testkit/chain-builder.ts'
import { rpcOf } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet, type WalletNodeOptions } from '../../testkit/wallet.ts'
import { FakeControl, NO_SIGNAL } from './rpc-fixtures.ts'

const PASSPHRASE = 'five words nobody can guess'
const SOMEBODY = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Caller extends RunningWallet {
  call(method: string, ...params: unknown[]): Promise<unknown>
  readonly log: string[]
}

async function start(options: WalletNodeOptions = {}): Promise<Caller> {
  const running = await startWallet(options)
  cleanups.push(running.stop)
  const log: string[] = []
  const dispatcher = new RpcDispatcher(running.node, (_, line) => log.push(line))
  return { ...running, log, call: (method, ...params) => callOn(dispatcher, method, params) }
}

async function callOn(dispatcher: RpcDispatcher, method: string, params: unknown): Promise<unknown> {
  const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const reply = JSON.parse(await dispatcher.dispatch(request, () => undefined, NO_SIGNAL)) as {
    result?: unknown
    error?: { message: string }
  }
  if (reply.error !== undefined) throw new Error(reply.error.message)
  return reply.result
}

async function messageOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
}

describe('without a wallet', () => {
  it('everything says so', async () => {
    const dispatcher = new RpcDispatcher(new FakeControl(regtest), () => undefined)
    for (const method of ['getbalance', 'getnewaddress', 'getwalletinfo', 'exportmnemonic', 'walletlock'])
      expect(await messageOf(callOn(dispatcher, method, []))).toContain('this node keeps no wallet')
  })

  it('that was used, there is nothing, and what needs one says how to make it', async () => {
    const { call } = await start()
    expect(await call('getbalance')).toMatchObject({
      balance: 0,
      unconfirmed_balance: 0,
      immature_balance: 0,
    })
    for (const method of ['getaddresses', 'listunspent', 'listhdaddresses'])
      expect(await call(method)).toEqual([])
    expect(await call('listtransactions')).toEqual({ transactions: [] })
    expect(await call('gethdwalletinfo')).toEqual({ hdwallet: false })
    expect(await call('getwalletinfo')).toMatchObject({ exists: false, encrypted: false, locked: false })
    for (const [method, ...params] of [
      ['exportmnemonic'],
      ['encryptwallet', PASSPHRASE],
      ['walletpassphrase', PASSPHRASE],
      ['sendtoaddress', SOMEBODY, 1],
      ['consolidateutxos'],
    ] as const)
      expect(await messageOf(call(method, ...params)), method).toContain('getnewaddress or createhdwallet')
  })
})

describe('a wallet', () => {
  it('shows its phrase, addresses and their places', async () => {
    const { call } = await start()
    const made = (await call('createhdwallet')) as { mnemonic: string; address: string }
    expect(made.mnemonic.split(' ')).toHaveLength(24)
    const second = await call('getnewaddress')
    expect(await call('getaddresses')).toEqual([made.address, second])
    expect(await call('listhdaddresses')).toEqual([
      { address: made.address, path: "m/44'/573'/0'/0'/0'" },
      { address: second, path: "m/44'/573'/0'/0'/1'" },
    ])
    expect(await call('gethdwalletinfo')).toMatchObject({ external_index: 2, internal_index: 0, account: 0 })
    expect(await call('exportmnemonic')).toEqual({ mnemonic: made.mnemonic, needs_passphrase: false })
    expect(await call('validateaddress', made.address)).toMatchObject({ isvalid: true, ismine: true })
    expect(await call('validateaddress', SOMEBODY)).toMatchObject({ isvalid: true, ismine: false })
    expect(await messageOf(call('createhdwallet'))).toContain('there is a wallet already')
    const other = await start()
    expect(await other.call('restorehdwallet', made.mnemonic)).toEqual({
      success: true,
      address: made.address,
    })
    const salted = await start()
    await salted.call('createhdwallet', 'salt')
    expect(await salted.call('exportmnemonic')).toMatchObject({ needs_passphrase: true })
  })

  it('shows what was mined to it', async () => {
    const { call, chain } = await start()
    const address = (await call('getnewaddress')) as string
    await call('generatetoaddress', 2, address)
    await chain.generate(99, payTo(1))
    expect(await call('getbalance')).toEqual({
      balance: 100,
      unconfirmed_balance: 0,
      immature_balance: 0,
      chain_health: 'ok',
    })
    const coins = (await call('listunspent')) as { txid: string }[]
    expect(coins).toMatchObject([
      { vout: 0, address, amount: 50, confirmations: 101 },
      { vout: 0, address, amount: 50, confirmations: 100 },
    ])
    expect(await call('listunspent', 101)).toHaveLength(1)
    expect(await call('listunspent', 1, 100, [SOMEBODY])).toEqual([])
    // An empty list leaves no address out.
    expect(await call('listunspent', 101, 1_000, [])).toHaveLength(1)
    expect(await messageOf(call('sendtoaddress', SOMEBODY, 1, 'for the books'))).toContain(
      'from_address is not an address',
    )
    const { transactions } = (await call('listtransactions', 1)) as { transactions: { txid: string }[] }
    expect(transactions).toMatchObject([
      { address, category: 'generate', amount: 50, confirmations: 100, blockheight: 2, generated: true },
    ])
    expect(await call('listtransactions', 5, 1)).toMatchObject({ transactions: [{ blockheight: 1 }] })
    const txid = transactions[0]?.txid
    expect(await call('gettransaction', txid)).toMatchObject({
      txid,
      confirmations: 100,
      blockheight: 2,
      in_mempool: false,
      amount: 50,
      wallet: { category: 'generate', amount: 50 },
      vin: [{ coinbase: true }],
      vout: [{ value: 5_000_000_000, address }],
      details: [{ address, category: 'generate', amount: 50, vout: 0 }],
    })
    expect(await messageOf(call('gettransaction', '00'.repeat(32)))).toContain(
      'no transaction of this wallet',
    )
    expect(await call('rescanwallet')).toMatchObject({ success: true, addresses_scanned: 41, balance: 100 })
    expect(await call('getwalletinfo')).toMatchObject({
      exists: true,
      txcount: 2,
      scanned_height: 101,
      scanning: false,
      warnings: '',
    })
  })

  it('refuses amounts and addresses that are none', async () => {
    const { call } = await start()
    await call('getnewaddress')
    for (const amount of [-1, 'one', 1e-9, '1.123456789', true, null])
      expect(await messageOf(call('sendtoaddress', SOMEBODY, amount))).toMatch(
        /'amount' (must be|is missing)/,
      )
    expect(await messageOf(call('sendtoaddress', `${SOMEBODY}x`, 1))).toContain('not an address')
    expect(await messageOf(call('sendtoaddress', SOMEBODY, 0.0004))).toContain('0.00050000 DIL')
    expect(await messageOf(call('sendtoaddress', SOMEBODY, '1.5'))).toContain(
      'not enough coins: 0.00000000 DIL',
    )
    expect(await messageOf(call('consolidateutxos', 1))).toContain('from 2 to 188')
  })

  it('is locked, unlocked and copied', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dilithion-wallet-'))
    cleanups.push(() => rm(dir, { recursive: true, force: true }))
    const { call } = await start({ walletPath: join(dir, 'wallet.json') })
    await call('getnewaddress')
    expect(await call('walletlock')).toContain('not encrypted')
    await call('encryptwallet', PASSPHRASE)
    expect(await call('getwalletinfo')).toMatchObject({ encrypted: true, locked: true, unlocked_until: 0 })
    expect(await messageOf(call('exportmnemonic'))).toContain('locked')
    expect(await call('walletpassphrase', PASSPHRASE, 5)).toContain('5 seconds')
    const { unlocked_until: until } = (await call('getwalletinfo')) as { unlocked_until: number }
    expect(until).toBeGreaterThan(1_700_000_000)
    expect(await call('walletpassphrase', PASSPHRASE, 0)).toContain('until walletlock')
    expect(await call('getwalletinfo')).toMatchObject({ locked: false, unlocked_until: 0 })
    const copy = join(dir, 'copy.json')
    expect(await call('backupwallet', copy)).toEqual({ filename: copy })
    expect(await readFile(copy, 'utf8')).toBe(await readFile(join(dir, 'wallet.json'), 'utf8'))
    expect(await messageOf(call('backupwallet', copy))).toContain('is there already')
    expect(await call('walletlock')).toContain('locked')
    await call('walletpassphrasechange', PASSPHRASE, 'another one, as good')
    expect(await messageOf(call('walletpassphrase', PASSPHRASE))).toContain('the passphrase is wrong')
  })

  it('says no secret, in no error and no log', async () => {
    const { call, node, log, notices } = await start()
    // Not one by chance: messages have words of the list too.
    const mnemonic = phraseOf(new Uint8Array(32).fill(6))
    const [word = ''] = mnemonic.split(' ')
    await call('restorehdwallet', mnemonic)
    const secrets = ['hunter22', 12_345_678, mnemonic, `${mnemonic} ${word}`, 'AAAA']
    for (const secret of secrets) {
      for (const [method, ...params] of [
        ['encryptwallet', [secret]],
        ['encryptwallet', { secret }],
        ['walletpassphrase', secret, 'soon'],
        ['walletpassphrase', secret, 60],
        ['walletpassphrase', '60', String(secret)],
        ['walletpassphrasechange', secret, 'short'],
        ['walletpassphrasechange', 'short', secret],
        ['restorehdwallet', secret],
        ['restorehdwallet', secret, 99],
        ['createhdwallet', secret],
        ['importprivkey', secret],
        ['importprivkey', `${secret}!`],
        ['importprivkey', 'AAAB', `${secret}!`],
      ] as const) {
        const text = await messageOf(call(method, ...params))
        expect(text, method).not.toContain('no error')
        expect(text, method).not.toContain(String(secret))
        expect(text, method).not.toContain(word)
      }
      // As dilithion-cli -named has it of a phrase with "=" in it.
      const text = await rpcOf(node).error('walletpassphrase', { [String(secret)]: 60 })
      expect(text).toMatch(/^walletpassphrase: unknown parameter\. Usage: /)
    }
    expect([...log, ...notices]).toEqual([])
  })
})
