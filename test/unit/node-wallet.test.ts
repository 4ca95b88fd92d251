/** A node's wallet: it follows the chain wherever that goes, and finds its coins again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { deferred } from '../../src/node/deferred.ts'
import { HistoryStore } from '../../src/node/wallet-history-store.ts'
import { regtest } from '../../src/params/networks.ts'
import { ADDRESS_GAP } from '../../src/params/wallet-limits.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { HISTORY_PREFIX } from '../../src/wallet/history-rows.ts'
import { phraseOf } from '../../src/wallet/mnemonic.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { type BuiltBlock, ChainBuilder, payTo } from '../../testkit/chain-builder.ts'
import {
  cheapSigner,
  openKeys,
  type RunningWallet,
  startWallet,
  type WalletNodeOptions,
} from '../../testkit/wallet.ts'

const REWARD = 5_000_000_000
const builder = new ChainBuilder(regtest.chain)
const phrase = phraseOf(new Uint8Array(32).fill(6))

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: WalletNodeOptions = {}): Promise<RunningWallet> {
  const running = await startWallet(options)
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= running.stop()
    return stopped
  }
  cleanups.push(stop)
  return { ...running, stop }
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dilithion-wallet-'))
  cleanups.push(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** A block whose coinbase pays to a key. */
function blockTo(parent: BuiltBlock, hash: Uint8Array, salt = 0): BuiltBlock {
  const coinbase = builder.coinbase(parent.height + 1, 0, salt)
  const [reward] = coinbase.outputs
  const outputs = [{ value: reward?.value ?? 0n, scriptPubKey: p2pkhScript(hash) }]
  return builder.next(parent, { coinbase: { ...coinbase, outputs } satisfies Transaction })
}

async function submit({ chain }: RunningWallet, blocks: readonly BuiltBlock[]): Promise<void> {
  for (const { block } of blocks) await chain.submitBlock(block)
}

/** HASH160 of the receiving addresses of the phrase. */
async function hashesOfPhrase(count: number): Promise<readonly Uint8Array[]> {
  const keys = await openKeys(undefined)
  await keys.create({ entropy: new Uint8Array(32).fill(6), birthHeight: 0 })
  while (keys.content.receiving.hashes.length < count) await keys.newAddress('receiving')
  return keys.content.receiving.hashes
}

async function pictureOf({ wallet }: RunningWallet): Promise<unknown> {
  const coins = await wallet.unspent()
  return {
    balance: await wallet.balance(),
    coins: coins.map(({ coin, confirmations }) => `${coin} ${confirmations}`).sort(),
    rows: (await wallet.transactions()).map(({ key, block }) => `${key} ${block?.height}`).sort(),
  }
}

describe('a wallet', () => {
  it('is not there before it is used, and costs nothing till then', async () => {
    const running = await start()
    const { wallet, chain } = running
    await chain.generate(2, payTo(1))
    expect(await wallet.balance()).toEqual({ confirmed: 0, unconfirmed: 0, immature: 0 })
    expect(await wallet.transactions()).toEqual([])
    expect(wallet.addresses()).toEqual([])
    expect(wallet.keys.exists).toBe(false)
    expect(await wallet.progress()).toBeUndefined()
    await wallet.newAddress()
    expect(wallet.keys.exists).toBe(true)
  })

  it('knows what is mined to it, and when it can be spent', async () => {
    const { wallet, chain } = await start()
    const script = await wallet.nextMiningScript()
    await chain.generate(1, script)
    expect(await wallet.balance()).toEqual({ confirmed: 0, unconfirmed: 0, immature: REWARD })
    await chain.generate(98, payTo(1))
    expect(await wallet.balance()).toMatchObject({ confirmed: 0 })
    await chain.generate(1, payTo(1))
    expect(await wallet.balance()).toEqual({ confirmed: REWARD, unconfirmed: 0, immature: 0 })
    const [coin] = await wallet.unspent()
    expect(coin).toMatchObject({ confirmations: 100, isMature: true, output: { value: REWARD, index: 0 } })
  })

  it('goes back with the chain, and forward on another way', async () => {
    const running = await start()
    const { wallet, chain } = running
    await wallet.newAddress()
    const [a, b] = wallet.keys.content.receiving.hashes
    if (a === undefined || b === undefined) throw new Error('no addresses')
    const stem = builder.chain(builder.genesis, 3)
    const fork = stem[2] ?? builder.genesis
    const left = [blockTo(fork, a)]
    left.push(blockTo(left[0] ?? fork, a))
    const right = [blockTo(fork, b, 7)]
    for (let i = 0; i < 3; i++) right.push(blockTo(right.at(-1) ?? fork, b, 7))
    await submit(running, [...stem, ...left])
    expect(await wallet.balance()).toMatchObject({ immature: 2 * REWARD })
    await submit(running, right)
    expect(chain.engine.tip.hash).toEqual(right.at(-1)?.hash)
    expect(await wallet.balance()).toMatchObject({ immature: 4 * REWARD })
    expect((await wallet.unspent()).every(({ output }) => output.hash[0] === b[0])).toBe(true)
    const branch = chain.engine.activeAt(4)
    if (branch === undefined) throw new Error('no block')
    await chain.invalidate(branch)
    await chain.waitForTip(({ height }) => height === 5, 60_000)
    expect(await wallet.balance()).toMatchObject({ immature: 2 * REWARD })
    const before = await pictureOf(running)
    await wallet.rescan()
    expect(await pictureOf(running)).toEqual(before)
  })

  it('has its past again after a restart, without reading the chain anew', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await start(options)
    await first.chain.generate(5, await first.wallet.nextMiningScript())
    const before = await pictureOf(first)
    await first.stop()
    const second = await start(options)
    expect(await second.wallet.progress()).toEqual({
      height: 5,
      isScanning: false,
      missedBelow: 0,
      obstacle: undefined,
    })
    expect(await pictureOf(second)).toEqual(before)
    await second.chain.generate(1, await second.wallet.nextMiningScript())
    expect(await second.wallet.balance()).toMatchObject({ immature: 6 * REWARD })
  })

  it('catches up with blocks that came without it', async () => {
    const dir = await folder()
    const path = join(dir, 'wallet.json')
    const first = await start({ dir: join(dir, 'chain'), walletPath: path })
    const script = await first.wallet.nextMiningScript()
    await first.chain.generate(2, script)
    await first.stop()
    const without = await start({ dir: join(dir, 'chain'), walletPath: join(dir, 'another.json') })
    await without.chain.generate(3, script)
    expect(await without.wallet.balance()).toMatchObject({ immature: 0 })
    await without.stop()
    const third = await start({ dir: join(dir, 'chain'), walletPath: path })
    expect(await third.wallet.balance()).toMatchObject({ immature: 5 * REWARD })
  })

  it('looks for what imported keys were paid before it was made, where its past has to be read anew', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const secret = new Uint8Array(32).fill(9)
    const [hash = secret] = (await cheapSigner.publicKeys([secret])).map(hash160)
    const first = await start({ ...options, walletPath: join(dir, 'another.json') })
    await first.chain.generate(2, p2pkhScript(hash))
    await first.chain.generate(4, payTo(1))
    await first.stop()
    const keys = await openKeys(options.walletPath)
    await keys.create({ birthHeight: 5 })
    await keys.importKey(secret, hash)
    const second = await start(options)
    expect(await second.wallet.balance()).toMatchObject({ immature: 2 * REWARD })
  })

  it('is read anew when the chain is', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await start(options)
    await first.chain.generate(4, await first.wallet.nextMiningScript())
    const before = await pictureOf(first)
    await first.stop()
    const second = await start({ ...options, reindex: true })
    await second.chain.waitForTip(({ height }) => height === 4, 60_000)
    expect(await pictureOf(second)).toEqual(before)
    await second.stop()
    await rm(options.dir, { recursive: true })
    const third = await start(options)
    expect(await third.wallet.balance()).toMatchObject({ immature: 0 })
  })

  it('ends when what it is at is done, whatever else waits', async () => {
    const { promise: isReady, resolve: go } = deferred<void>()
    const { promise: hasBegun, resolve: begin } = deferred<void>()
    let made = 0
    const keys = await openKeys(undefined, {
      ...cheapSigner,
      publicKeys: async (secrets) => {
        begin()
        await isReady
        made++
        return await cheapSigner.publicKeys(secrets)
      },
    })
    const first = keys.ensure(() => 0)
    const others = [
      keys.newAddress('receiving'),
      keys.unlock('a passphrase', 5),
      keys.encrypt('a passphrase'),
    ]
    const outcomes = Promise.allSettled(others)
    await hasBegun
    const closing = keys.close()
    go()
    await closing
    await first
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'the node stops' } })
    expect(made).toBe(1)
  })

  it('lets the node end in good order on a full disk, and says so', async () => {
    const { wallet, chain, notices, stop } = await start()
    await chain.generate(2, await wallet.nextMiningScript())
    const { store } = chain.backend
    const perform = store.perform.bind(store)
    store.perform = (request) =>
      request.kind === 'commit' && request.changes.some(({ key }) => key.startsWith(HISTORY_PREFIX))
        ? Promise.resolve({ ok: false, error: 'no space left' })
        : perform(request)
    await stop()
    expect(notices).toEqual(["the wallet's history can't be written: no space left"])
  })

  it('takes no damaged block for what was mined, and says what to do', async () => {
    const dir = await folder()
    const options = { dir: join(dir, 'chain'), walletPath: join(dir, 'wallet.json') }
    const first = await start(options)
    const script = await first.wallet.nextMiningScript()
    await first.chain.generate(6, script)
    expect(await first.wallet.balance()).toMatchObject({ immature: 6 * REWARD })
    await first.stop()
    const path = join(options.dir, 'blocks', 'blk00000.dat')
    const bytes = await readFile(path)
    // The value that the fourth block pays: behind it stand the length of the script, and the script.
    let at = -1
    for (let n = 0; n < 4; n++) at = bytes.indexOf(script, at + 1)
    bytes[at - 5] = (bytes[at - 5] ?? 0) ^ 1
    await writeFile(path, bytes)
    const { wallet, chain, notices } = await start(options)
    const trouble = "The wallet can't read block 4: start once with --reindex to have it fetched again"
    await expect(wallet.rescan()).rejects.toThrow(trouble)
    expect(notices).toContain(trouble)
    expect((await wallet.progress())?.obstacle).toBe(trouble)
    expect(await wallet.balance()).toMatchObject({ immature: 6 * REWARD })
    const damaged = chain.engine.activeAt(4)
    expect(damaged && (await chain.readBlock(damaged))).toBeUndefined()
  })

  it('refuses to start on a damaged file, and leaves it alone', async () => {
    const dir = await folder()
    const walletPath = join(dir, 'wallet.json')
    await writeFile(walletPath, '{"format":"dilithion-wallet","version":1}')
    await expect(start({ walletPath })).rejects.toThrow('the wallet file is damaged')
    expect(await readFile(walletPath, 'utf8')).toBe('{"format":"dilithion-wallet","version":1}')
  })
})

describe('a restored wallet', () => {
  it('finds the coins of its phrase', async () => {
    const hashes = await hashesOfPhrase(12)
    const running = await start()
    const blocks: BuiltBlock[] = []
    for (const i of [0, 3, 11]) blocks.push(blockTo(blocks.at(-1) ?? builder.genesis, hashes[i] ?? payTo(1)))
    await submit(running, blocks)
    expect(await running.wallet.restore(phrase, '')).toBe(encodeAddress(hashes[0] ?? new Uint8Array()))
    expect(await running.wallet.balance()).toMatchObject({ immature: 3 * REWARD })
    // What was used is not given out again.
    expect(await running.wallet.newAddress()).toBe(encodeAddress(hashes[12] ?? new Uint8Array()))
  })

  it('finds what was paid to addresses beyond the gap before those within it', async () => {
    const hashes = await hashesOfPhrase(3 * ADDRESS_GAP)
    const running = await start()
    const blocks: BuiltBlock[] = []
    // The first one is not watched yet when its block is read.
    for (const i of [50, 31, 15])
      blocks.push(blockTo(blocks.at(-1) ?? builder.genesis, hashes[i] ?? payTo(1)))
    await submit(running, blocks)
    await running.wallet.restore(phrase, '')
    expect(await running.wallet.balance()).toMatchObject({ immature: 3 * REWARD })
    expect(running.wallet.keys.content.receiving.told).toBe(51)
  })

  it('is to be read again, and will not forget that, before its file says that an address was used', async () => {
    const hashes = await hashesOfPhrase(12)
    const { wallet, chain } = await start()
    await wallet.restore(phrase, '')
    const { keys } = wallet
    const noteUsed = keys.noteUsed.bind(keys)
    const wishes: unknown[] = []
    keys.noteUsed = async (places) => {
      const isOwn = (hash: Uint8Array): boolean => keys.own.find(hash) !== undefined
      const saved = await new HistoryStore(chain.backend.store).load(hashes[0] ?? new Uint8Array(), isOwn)
      wishes.push(saved?.state?.isRescanWanted)
      await noteUsed(places)
    }
    const { block } = blockTo(builder.genesis, hashes[11] ?? new Uint8Array())
    await chain.submitBlock(block)
    expect(await wallet.balance()).toMatchObject({ immature: REWARD })
    expect(wishes).toEqual([true])
    expect(keys.content.receiving.told).toBe(12)
  })

  it('has other coins with another passphrase of the phrase', async () => {
    const hashes = await hashesOfPhrase(1)
    const running = await start()
    await submit(running, [blockTo(builder.genesis, hashes[0] ?? payTo(1))])
    await running.wallet.restore(phrase, 'other')
    expect(await running.wallet.balance()).toMatchObject({ immature: 0 })
  })

  it('is refused if there is one, or the phrase is none', async () => {
    const { wallet } = await start()
    await expect(wallet.restore('abandon abandon', '')).rejects.toThrow('24 words')
    await wallet.create('')
    await expect(wallet.restore(phrase, '')).rejects.toThrow('there is a wallet already')
  })
})
