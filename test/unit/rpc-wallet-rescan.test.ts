/** A wallet that reads the chain again says what it could not read, and leaves nothing out. */
import { afterEach, describe, expect, it } from 'vitest'
import { NodeFlag } from '../../src/chain/header-node.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { rpcOf, type TestRpc } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet, type WalletNodeOptions } from '../../testkit/wallet.ts'

const elsewhere = encodeAddress(new Uint8Array(20).fill(9))
const MATURITY = 100

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(options: WalletNodeOptions = {}): Promise<{ running: RunningWallet; rpc: TestRpc }> {
  const running = await startWallet(options)
  cleanups.push(running.stop)
  return { running, rpc: rpcOf(running.node) }
}

/** The words of a wallet, and a node without one that has mined six blocks for it. */
async function startMined(others: number) {
  const first = await start()
  const { mnemonic, address } = await first.rpc.call<{ mnemonic: string; address: string }>('createhdwallet')
  const second = await start()
  await second.rpc.call('generatetoaddress', [6, address])
  await second.rpc.call('generatetoaddress', [others, elsewhere])
  return { ...second, mnemonic }
}

/** As if old blocks had been deleted to save space. */
function prune({ chain }: RunningWallet, below: number): void {
  for (let height = 1; height < below; height++) {
    const node = chain.engine.activeAt(height)
    if (node === undefined) throw new Error('no block')
    node.position = undefined
    node.set(NodeFlag.pruned)
  }
}

describe('on a node that has deleted blocks', () => {
  it('a wallet that is restored says that payments may be missing, whatever is read again', async () => {
    const { running, rpc, mnemonic } = await startMined(MATURITY)
    prune(running, 4)
    expect(await rpc.call('restorehdwallet', [mnemonic])).toMatchObject({
      success: true,
      warning: expect.stringContaining('payments below block 4 can not be found'),
    })
    const partial = {
      chain_health: 'incomplete',
      chain_warning: 'payments below block 4 are not known: those blocks have been deleted',
    }
    expect(await rpc.call('getbalance')).toMatchObject({ balance: 150, ...partial })
    expect(await rpc.call('rescanwallet', [5])).toMatchObject({ balance: 150, ...partial })
    expect(await rpc.call('rescanwallet', [4])).toMatchObject({ balance: 150, ...partial })
    expect(await rpc.call('getbalance')).toMatchObject({ balance: 150, ...partial })
    expect(await rpc.call('getwalletinfo')).toMatchObject({ warnings: partial.chain_warning })
    expect(running.notices.filter((line) => /^Old blocks have been deleted/.test(line))).toHaveLength(1)
  })

  it('what was deleted is not looked for', async () => {
    const { running, rpc, mnemonic } = await startMined(MATURITY)
    await rpc.call('restorehdwallet', [mnemonic])
    expect(await rpc.call('getbalance')).toMatchObject({ balance: 300, chain_health: 'ok' })
    prune(running, 4)
    expect(await rpc.error('rescanwallet')).toContain('blocks below 4 have been deleted (--prune)')
    expect(await rpc.error('rescanwallet', [3])).toContain('rescanwallet 4 reads those that are here')
    expect(await rpc.error('clearwallettxs')).toContain('payments below block 4 could not be found again')
    // It was known before they were deleted.
    expect(await rpc.call('rescanwallet', [4])).toMatchObject({ balance: 300, chain_health: 'ok' })
  })

  it('a key that is imported comes with the same warning', async () => {
    const { running, rpc } = await start({ realKeys: true })
    await rpc.call('generatetoaddress', [6, elsewhere])
    prune(running, 4)
    const key = Buffer.alloc(32, 7).toString('base64')
    expect(await rpc.call('importprivkey', [key])).toMatchObject({
      success: true,
      warning: expect.stringContaining('below block 4'),
    })
  })
})

describe('a wallet that reads again', () => {
  it('begins within the chain', async () => {
    const { rpc, mnemonic } = await startMined(MATURITY)
    await rpc.call('restorehdwallet', [mnemonic])
    for (const height of [-1, 107, 999_999])
      expect(await rpc.error('rescanwallet', [height])).toContain('Block height out of range')
    expect(await rpc.call('rescanwallet', [106])).toMatchObject({ success: true, balance: 300 })
  })

  it('does not say that it has read all when the node ends before', async () => {
    for (const method of ['rescanwallet', 'clearwallettxs']) {
      const { running, rpc, mnemonic } = await startMined(MATURITY)
      await rpc.call('restorehdwallet', [mnemonic])
      await rpc.call('getbalance')
      const answer = rpc.error(method)
      await running.stop()
      expect(await answer).toMatch(/^the node stops/)
    }
  })

  it('says so when a block can not be read', async () => {
    const { running, rpc, mnemonic } = await startMined(MATURITY)
    await rpc.call('restorehdwallet', [mnemonic])
    await rpc.call('getbalance')
    const node = running.chain.engine.activeAt(4)
    if (node === undefined) throw new Error('no block')
    node.position = undefined
    expect(await rpc.error('rescanwallet')).toBe(
      "The wallet can't read block 4: start once with --reindex to have it fetched again",
    )
  })

  it('leaves out nothing that it has not read yet', async () => {
    const { rpc, mnemonic } = await startMined(300)
    await rpc.call('restorehdwallet', [mnemonic])
    const rescanned = await rpc.call('rescanwallet', [290])
    expect(rescanned).toMatchObject({ balance: 300, chain_health: 'ok' })
  })
})
