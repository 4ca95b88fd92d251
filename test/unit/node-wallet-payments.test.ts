/** Payments by a node's wallet, with real keys: what they spend, and what becomes of them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { fault } from '../../src/chain/faults.ts'
import { MIN_OUTPUT_VALUE } from '../../src/chain/transaction-rules.ts'
import type { KnownTransaction } from '../../src/mempool/entry.ts'
import type { TransactionOutcome } from '../../src/mempool/mempool.ts'
import { pairOfAddress } from '../../src/node/wallet-key-exchange.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhHash, p2pkhScript } from '../../src/script/templates.ts'
import { HISTORY_PREFIX } from '../../src/wallet/history-rows.ts'
import { movementsOf } from '../../src/wallet/movements.ts'
import { INPUT_BYTES, paymentBytes } from '../../src/wallet/transaction-size.ts'
import { payTo } from '../../testkit/chain-builder.ts'
import { type RunningWallet, startWallet, type WalletNodeOptions } from '../../testkit/wallet.ts'

const REWARD = 5_000_000_000
const DIL = 100_000_000
const MATURITY = 100
const PASSPHRASE = 'five words nobody can guess'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: WalletNodeOptions = {}): Promise<RunningWallet> {
  const running = await startWallet({ realKeys: true, ...options })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= running.stop()
    return stopped
  }
  cleanups.push(stop)
  return { ...running, stop }
}

/** With so many coins that can be spent. */
async function startRich(coins: number, options: WalletNodeOptions = {}): Promise<RunningWallet> {
  const running = await start(options)
  await running.chain.generate(coins, await running.wallet.nextMiningScript())
  await running.chain.generate(MATURITY - 1, payTo(1))
  return running
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dilithion-wallet-'))
  cleanups.push(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const somebody = p2pkhHash(payTo(7)) ?? new Uint8Array(20)
const FEE = 5 * paymentBytes(1, 2)

/** What the mempool says when it is full. */
function refused(known: KnownTransaction): TransactionOutcome {
  return {
    type: 'transaction',
    source: 'local',
    arrival: 'new',
    known,
    verdict: 'rejected',
    fault: fault('mempool-full'),
    entry: undefined,
    missing: [],
  }
}

describe('a payment', () => {
  it('waits in the mempool, is mined, and what is left over comes back', async () => {
    const { wallet, chain } = await startRich(1)
    const payments = await wallet.payments()
    const request = { to: somebody, amount: 12.5 * DIL }
    expect(await payments.plan(request)).toEqual({
      paid: request.amount,
      fee: FEE,
      change: REWARD - request.amount - FEE,
    })
    const { id, key } = await payments.send(request)
    expect(chain.mempool?.get(id)).toMatchObject({ fee: FEE, isLocal: true })
    expect(await wallet.balance()).toEqual({
      confirmed: 0,
      unconfirmed: REWARD - request.amount - FEE,
      immature: 0,
    })
    // Only what is mined is spent: others take no payments that stand on waiting ones.
    await expect(payments.send({ to: somebody, amount: DIL })).rejects.toThrow(
      /^not enough coins: 0\.00000000 DIL can be spent now, .*\. 37\.\d{8} DIL more are not mined yet, or too young$/,
    )
    await chain.generate(1, payTo(1))
    expect(await wallet.balance()).toEqual({
      confirmed: REWARD - request.amount - FEE,
      unconfirmed: 0,
      immature: 0,
    })
    const entry = await wallet.transaction(key)
    expect(entry).toMatchObject({ fee: FEE, block: { height: MATURITY + 1, position: 1 } })
    if (entry === undefined) throw new Error('no entry')
    const rows = movementsOf(entry, 1, wallet.surroundings(), (hash) => wallet.isChange(hash))
    expect(rows).toMatchObject([
      { category: 'send', amount: -request.amount, address: encodeAddress(somebody), fee: -FEE },
    ])
    expect((await wallet.contentOf(entry))?.outputs).toHaveLength(2)
  })

  it('may take its fee out of the amount, and everything there is', async () => {
    const { wallet, chain } = await startRich(2)
    const payments = await wallet.payments()
    const fee = 5 * paymentBytes(2, 1)
    await expect(payments.send({ to: somebody, amount: 2 * REWARD })).rejects.toThrow('subtractfeefromamount')
    await expect(payments.send({ to: somebody, amount: 3 * REWARD })).rejects.toThrow(/with the fee$/)
    await payments.send({ to: somebody, amount: 2 * REWARD, subtractFee: true })
    const [entry] = chain.mempool?.table.sorted() ?? []
    expect(entry?.transaction.outputs).toMatchObject([{ value: BigInt(2 * REWARD - fee) }])
    expect(await wallet.balance()).toEqual({ confirmed: 0, unconfirmed: 0, immature: 0 })
  })

  it('may come from one address alone', async () => {
    const { wallet, chain } = await startRich(1)
    const payments = await wallet.payments()
    await wallet.newAddress()
    const [mined, other] = wallet.keys.content.receiving.hashes
    await expect(payments.plan({ to: somebody, amount: DIL, from: other })).rejects.toThrow(
      'not enough coins',
    )
    await expect(payments.plan({ to: somebody, amount: DIL, from: somebody })).rejects.toThrow(
      'not of this wallet',
    )
    expect(await payments.plan({ to: somebody, amount: DIL, from: mined })).toMatchObject({ paid: DIL })
    expect(chain.mempool?.table.size).toBe(0)
  })

  it('never spends a coin twice, however many are asked for at once', async () => {
    const { wallet, chain } = await startRich(3)
    const payments = await wallet.payments()
    const asked = [1, 2, 3, 4].map((n) => payments.send({ to: somebody, amount: n * DIL }))
    const results = await Promise.allSettled(asked)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect(chain.mempool?.table.size).toBe(3)
  })

  it('is forgotten if it is not accepted', async () => {
    const { wallet, chain } = await startRich(1)
    const payments = await wallet.payments()
    const before = await wallet.balance()
    const submit = chain.submitTransaction.bind(chain)
    chain.submitTransaction = (known) => Promise.resolve(refused(known))
    await expect(payments.send({ to: somebody, amount: DIL })).rejects.toThrow('others that wait pay more')
    expect(await wallet.balance()).toEqual(before)
    chain.submitTransaction = submit
    await payments.send({ to: somebody, amount: DIL })
    expect(chain.mempool?.table.size).toBe(1)
  })

  it('uses up no addresses while none is accepted: the phrase must find those that are', async () => {
    const { wallet, chain } = await startRich(1)
    const payments = await wallet.payments()
    const submit = chain.submitTransaction.bind(chain)
    chain.submitTransaction = (known) => Promise.resolve(refused(known))
    for (let i = 0; i < 3; i++)
      await expect(payments.send({ to: somebody, amount: DIL })).rejects.toThrow('not accepted')
    chain.submitTransaction = submit
    await payments.send({ to: somebody, amount: DIL })
    expect(wallet.keys.content.change.told).toBe(1)
    await chain.generate(1, payTo(1))
    await payments.send({ to: somebody, amount: DIL })
    expect(wallet.keys.content.change.told).toBe(2)
  })

  it('does not leave later if it could not be written down', async () => {
    const { wallet, chain } = await startRich(1)
    const before = await wallet.balance()
    const { store } = chain.backend
    const perform = store.perform.bind(store)
    store.perform = (request) =>
      request.kind === 'commit' && request.changes.some(({ key }) => key.startsWith(HISTORY_PREFIX))
        ? Promise.resolve({ ok: false, error: 'no space left' })
        : perform(request)
    const payments = await wallet.payments()
    await expect(payments.send({ to: somebody, amount: DIL })).rejects.toThrow(/not sent: .*no space left/)
    store.perform = perform
    await wallet.resubmitted()
    expect(chain.mempool?.table.size).toBe(0)
    expect(await wallet.balance()).toEqual(before)
    expect(await wallet.transactions()).toHaveLength(1)
  })

  it('leaves after the next start if the node stops meanwhile, and whoever made it is told so', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await startRich(1, options)
    const submit = first.chain.submitTransaction.bind(first.chain)
    first.chain.submitTransaction = (known) => {
      first.chain.end('the node stops')
      return submit(known)
    }
    await expect((await first.wallet.payments()).send({ to: somebody, amount: DIL })).rejects.toThrow(
      /^the node stops: the payment [0-9a-f]{64} is written down and will be sent after the next start/,
    )
    await first.stop()
    const second = await start(options)
    await second.wallet.resubmitted()
    expect(second.chain.mempool?.table.size).toBe(1)
  })

  it('is handed in again after a restart, until it is mined', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await startRich(1, options)
    const { id, key } = await (await first.wallet.payments()).send({ to: somebody, amount: DIL })
    const before = await first.wallet.balance()
    await first.stop()
    const second = await start(options)
    expect(await second.wallet.balance()).toEqual(before)
    await second.wallet.resubmitted()
    expect(second.chain.mempool?.get(id)?.isLocal).toBe(true)
    await second.chain.generate(1, payTo(1))
    expect(await second.wallet.balance()).toMatchObject({ unconfirmed: 0 })
    expect(await second.wallet.transaction(key)).toMatchObject({ block: { position: 1 } })
    // Its bytes are kept until its block will not be undone any more.
    expect(second.chain.mempool?.get(id)).toBeUndefined()
    await second.chain.generate(MATURITY, payTo(1))
    await second.wallet.rescan()
    expect((await second.wallet.transaction(key))?.raw).toBeUndefined()
  })

  it.each([0, 3])('is not lost when the index is made anew, with %i blocks on top', async (blocks) => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await startRich(1, options)
    const { id, key } = await (await first.wallet.payments()).send({ to: somebody, amount: DIL })
    await first.chain.generate(blocks, payTo(1))
    const before = await first.wallet.balance()
    const { height } = first.chain.engine.tip
    await first.stop()
    for (const reindex of [true, false]) {
      const { chain, wallet, stop } = await start({ ...options, reindex })
      await chain.waitForTip((tip) => tip.height === height, 60_000)
      await wallet.rescan()
      await wallet.resubmitted()
      expect(await wallet.balance()).toEqual(before)
      expect(chain.mempool?.get(id) !== undefined).toBe(blocks === 0)
      expect(await wallet.transaction(key)).toMatchObject({ isFailed: false, paid: [{ value: DIL }] })
      await stop()
    }
  })

  it('is not lost when an older copy of the wallet file is put back', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await startRich(1, options)
    const copy = await readFile(options.walletPath)
    const imported = await first.wallet.importKey(new Uint8Array(32).fill(1), undefined)
    await first.chain.generate(1, p2pkhScript(imported))
    const { id, key } = await (await first.wallet.payments()).send({ to: somebody, amount: DIL })
    expect((await first.wallet.transactions()).length).toBe(3)
    await first.stop()
    await writeFile(options.walletPath, copy)
    const { chain, wallet } = await start(options)
    expect(await wallet.balance()).toEqual({ confirmed: 0, unconfirmed: REWARD - DIL - FEE, immature: 0 })
    await wallet.resubmitted()
    expect(chain.mempool?.get(id)).toBeDefined()
    expect(await wallet.transaction(key)).toMatchObject({ isFailed: false, paid: [{ value: DIL }] })
  })

  it('waits again when its block is undone', async () => {
    const { wallet, chain } = await startRich(1)
    const { id, key } = await (await wallet.payments()).send({ to: somebody, amount: DIL })
    const waiting = await wallet.balance()
    await chain.generate(1, payTo(1))
    await chain.invalidate(chain.engine.tip)
    expect(await wallet.balance()).toEqual(waiting)
    await wallet.resubmitted()
    expect(chain.mempool?.get(id)?.isLocal).toBe(true)
    expect((await wallet.transaction(key))?.raw).toBeDefined()
    await chain.generate(2, payTo(2))
    expect(await wallet.balance()).toMatchObject({ unconfirmed: 0 })
  })

  it('asks for the passphrase first, and costs no address then', async () => {
    const { wallet } = await startRich(1)
    await wallet.keys.encrypt(PASSPHRASE)
    const payments = await wallet.payments()
    expect(await wallet.balance()).toMatchObject({ confirmed: REWARD })
    await expect(payments.send({ to: somebody, amount: DIL })).rejects.toThrow('walletpassphrase')
    expect(wallet.keys.content.change.told).toBe(0)
    expect(await payments.plan({ to: somebody, amount: DIL })).toMatchObject({ paid: DIL })
    await wallet.unlock(PASSPHRASE, 60)
    await payments.send({ to: somebody, amount: DIL })
    expect(wallet.keys.content.change.told).toBe(1)
  })
})

describe('many coins', () => {
  it('become one', async () => {
    const { wallet, chain } = await startRich(5)
    const payments = await wallet.payments()
    const done = await payments.consolidate(4)
    expect(done).toMatchObject({ inputs: 4, before: 5, after: 2, fee: 5 * done.bytes })
    expect(done.bytes).toBe(paymentBytes(4, 1))
    expect(done.amount).toBe(4 * REWARD - done.fee)
    expect(wallet.isChange(done.destination)).toBe(true)
    await chain.generate(1, payTo(1))
    expect(await wallet.balance()).toMatchObject({ confirmed: 5 * REWARD - done.fee })
    await expect(payments.consolidate(2, somebody)).rejects.toThrow('its own addresses')
    const [own] = wallet.keys.content.receiving.hashes
    expect(await payments.consolidate(undefined, own)).toMatchObject({ inputs: 2, destination: own })
    await expect(payments.consolidate()).rejects.toThrow('nothing to consolidate')
  })
})

describe('coins that cost more than they bring', () => {
  it('do not become one with others, and the answer says so', async () => {
    const { wallet, chain } = await startRich(1)
    const payments = await wallet.payments()
    const [own = somebody] = wallet.keys.content.receiving.hashes
    const cost = 5 * INPUT_BYTES
    for (const amount of [MIN_OUTPUT_VALUE, 2 * cost - 1]) {
      await payments.send({ to: own, amount })
      await chain.generate(1, payTo(1))
    }
    await expect(payments.consolidate()).rejects.toThrow(
      /of 3 coins that can be spent now 1 would bring more than the 0\.000265\d+ DIL that each costs$/,
    )
    await payments.send({ to: own, amount: 2 * cost })
    await chain.generate(1, payTo(1))
    const done = await payments.consolidate()
    expect(done).toMatchObject({ inputs: 2, leftOut: 2, before: 4, after: 3 })
  })
})

describe('a key', () => {
  it('goes to another wallet, with its coins', async () => {
    const first = await startRich(1)
    const [hash = somebody] = first.wallet.keys.content.receiving.hashes
    const { secretKey, publicKey } = pairOfAddress(first.wallet.keys, hash)
    expect(hash160(publicKey)).toEqual(hash)
    expect(() => pairOfAddress(first.wallet.keys, somebody)).toThrow('not of this wallet')
    const second = await start()
    for (let height = 1; height <= first.chain.engine.tip.height; height++) {
      const node = first.chain.engine.activeAt(height)
      const block = node === undefined ? undefined : await first.blockAt(node)
      if (block !== undefined) await second.chain.submitBlock(block)
    }
    await second.wallet.newAddress()
    expect(await second.wallet.balance()).toMatchObject({ confirmed: 0 })
    expect(await second.wallet.importKey(secretKey, publicKey)).toEqual(hash)
    expect(await second.wallet.balance()).toMatchObject({ confirmed: REWARD })
    await (await second.wallet.payments()).send({ to: somebody, amount: DIL })
    await expect(second.wallet.importKey(secretKey, publicKey)).rejects.toThrow('already')
    expect(pairOfAddress(second.wallet.keys, hash).secretKey).toEqual(secretKey)
  })

  it('is refused if it is none, or not that of the public key', async () => {
    const { wallet } = await start()
    const seed = new Uint8Array(32).fill(1)
    await expect(wallet.importKey(new Uint8Array(33), undefined)).rejects.toThrow('4032 bytes')
    await expect(wallet.importKey(seed, new Uint8Array(1_952))).rejects.toThrow('does not belong')
    await expect(wallet.importKey(new Uint8Array(4_032).fill(7), undefined)).rejects.toThrow('damaged')
    await wallet.importKey(seed, undefined)
    expect(wallet.addresses().at(-1)?.place).toEqual({ kind: 'imported', index: 0 })
  })
})

describe('a raw transaction', () => {
  it('is signed where it spends coins of this wallet', async () => {
    const { wallet } = await startRich(2)
    const [one, two] = await wallet.unspent()
    if (one === undefined || two === undefined) throw new Error('no coins')
    const input = (txid: Uint8Array) => ({
      previousHash: txid,
      previousIndex: 0,
      scriptSig: new Uint8Array(0),
      sequence: 0xffff_ffff,
    })
    const transaction = (txids: Uint8Array[]) => ({
      version: 1,
      inputs: txids.map(input),
      outputs: [{ value: BigInt(DIL), scriptPubKey: p2pkhScript(somebody) }],
      lockTime: 0,
    })
    const payments = await wallet.payments()
    const whole = await payments.sign(transaction([one.entry.txid, two.entry.txid]))
    expect(whole.isComplete).toBe(true)
    expect(whole.transaction.inputs.every(({ scriptSig }) => scriptSig.length > INPUT_BYTES - 100)).toBe(true)
    const part = await payments.sign(transaction([one.entry.txid, new Uint8Array(32).fill(9)]))
    expect(part.isComplete).toBe(false)
    expect(part.transaction.inputs[0]?.scriptSig.length).toBeGreaterThan(0)
    expect(part.transaction.inputs[1]?.scriptSig).toHaveLength(0)
  })
})
