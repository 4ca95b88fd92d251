/** Two wallets that pay each other, as two owners see it: real processes, asked by dilithion-cli. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'
import { cli, cliJson } from '../../testkit/cli.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

interface Balance {
  readonly balance: number
  readonly unconfirmed_balance: number
  readonly immature_balance: number
}

async function balanceOf(node: NodeProcess): Promise<Balance> {
  return (await cliJson(node, 'getbalance')) as Balance
}

function balanceBecomes(node: NodeProcess, wanted: Partial<Balance>): Promise<Balance> {
  return eventually(
    async () => {
      const balance = await balanceOf(node)
      const isThere = Object.entries(wanted).every(
        ([name, value]) => balance[name as keyof Balance] === value,
      )
      return isThere ? balance : undefined
    },
    `a balance of ${JSON.stringify(wanted)}`,
  )
}

/** Lets so many seconds pass on a node at once. */
async function pass(node: NodeProcess, seconds: number): Promise<void> {
  await node.rpc('setmocktime', Math.floor(Date.now() / 1_000) + seconds)
  await node.rpc('setmocktime', 0)
}

/**
 * What pays with young coins is told some time after their blocks, when everybody has these, and each peer at a moment of
 * chance.
 */
async function arrives(from: NodeProcess, to: NodeProcess, wanted: Partial<Balance>): Promise<void> {
  await pass(from, 35)
  await eventually(
    async () => {
      await pass(from, 3)
      await pass(to, 3)
      const balance = await balanceOf(to)
      const isThere = Object.entries(wanted).every(
        ([name, value]) => balance[name as keyof Balance] === value,
      )
      return isThere || undefined
    },
    `a balance of ${JSON.stringify(wanted)}`,
  )
}

async function mine(node: NodeProcess, blocks: number, address: string, others: readonly NodeProcess[]) {
  await cli(node, 'generatetoaddress', String(blocks), address)
  const height = await cli(node, 'getblockcount')
  for (const other of others) await cli(other, 'waitforblockheight', height, '60000')
}

describe('two wallets', () => {
  let first: NodeProcess
  let second: NodeProcess
  let port = 0
  let miner = ''
  let phrase = ''

  beforeAll(async () => {
    const started = await lab.startListening({ args: ['--regtest'] })
    first = started.node
    port = started.port
    second = lab.start({ args: ['--regtest', `--connect=127.0.0.1:${port}`] })
    await second.waitForLine('[P2P] Handshake complete with peer 1')
  })

  it('mine, pay, confirm, and pay back', async () => {
    miner = await cli(first, 'getnewaddress')
    await mine(first, 101, miner, [second])
    expect(await balanceOf(first)).toMatchObject({ balance: 100, immature_balance: 4_950 })

    const made = (await cliJson(second, 'createhdwallet')) as { mnemonic: string; address: string }
    phrase = made.mnemonic
    const { fee } = (await cliJson(first, 'estimatesendfee', made.address, '12.5')) as { fee: number }
    expect(fee).toBe(0.0002693)
    const { txid } = (await cliJson(first, 'sendtoaddress', made.address, '12.5')) as { txid: string }
    expect(await balanceOf(first)).toMatchObject({ balance: 50, unconfirmed_balance: 37.4997307 })
    // It goes over the network, and is seen there before it is mined.
    await arrives(first, second, { balance: 0, unconfirmed_balance: 12.5 })
    expect(await cliJson(second, 'gettransaction', txid)).toMatchObject({
      confirmations: 0,
      in_mempool: true,
      amount: 12.5,
      details: [{ category: 'receive', address: made.address, amount: 12.5 }],
    })

    await mine(first, 1, miner, [second])
    expect(await balanceOf(second)).toMatchObject({ balance: 12.5, unconfirmed_balance: 0 })
    const { transactions } = (await cliJson(second, 'listtransactions')) as { transactions: unknown[] }
    expect(transactions).toMatchObject([
      { txid, category: 'receive', amount: 12.5, confirmations: 1, address: made.address },
    ])
    expect(await cliJson(first, 'gettransaction', txid)).toMatchObject({
      confirmations: 1,
      in_mempool: false,
      fee: -0.0002693,
      details: [{ category: 'send', amount: -12.5, fee: -0.0002693, address: made.address }],
    })

    // And back, with all that there is.
    const back = await cli(first, 'getnewaddress')
    await cli(second, 'sendtoaddress', back, '12.5', '', 'true')
    const all = 12.5 - 0.0002676
    await arrives(second, first, { unconfirmed_balance: all })
    await mine(first, 1, miner, [second])
    expect(await balanceOf(second)).toMatchObject({ balance: 0, unconfirmed_balance: 0 })
    expect(await cliJson(first, 'listunspent', '1', '1', JSON.stringify([back]))).toMatchObject([
      { amount: all },
    ])
  })

  it('know their coins again on another machine, by the phrase alone', async () => {
    const addresses = [
      await cli(second, 'getnewaddress'),
      await cli(second, 'getnewaddress'),
      await cli(second, 'getnewaddress'),
    ]
    for (const [i, address] of addresses.entries()) {
      await cli(first, 'sendtoaddress', address, String(i + 1))
      await mine(first, 1, miner, [second])
    }
    expect(await balanceOf(second)).toMatchObject({ balance: 6 })
    const third = lab.start({ args: ['--regtest', `--connect=127.0.0.1:${port}`] })
    await third.waitForLine('[P2P] Handshake complete with peer 1')
    await cli(third, 'waitforblockheight', await cli(first, 'getblockcount'), '60000')
    await cli(third, 'restorehdwallet', phrase)
    await balanceBecomes(third, { balance: 6 })
    // It can spend them, too; the second one sees it.
    const before = await balanceOf(first)
    await cli(third, 'sendtoaddress', miner, '2.5')
    await arrives(third, first, { unconfirmed_balance: before.unconfirmed_balance + 2.5 })
    await mine(first, 1, miner, [second, third])
    expect(await balanceOf(second)).toEqual(await balanceOf(third))
    expect(await balanceOf(third)).toMatchObject({ balance: 3.4997307 })
  })

  it('are kept under a passphrase, which no log and no error shows', async () => {
    const passphrase = 'a horse and 3 batteries'
    expect(await cli(second, 'encryptwallet', passphrase)).toContain('locked')
    const { balance } = await balanceOf(second)
    expect(balance).toBeGreaterThan(0)
    await expect(cli(second, 'sendtoaddress', miner, '1')).rejects.toThrow('walletpassphrase')
    await expect(cli(second, 'walletpassphrase', 'a horse', '60')).rejects.toThrow('the passphrase is wrong')
    await cli(second, 'walletpassphrase', passphrase, '600')
    await cli(second, 'sendtoaddress', miner, '1')
    await cli(second, 'walletlock')
    await expect(cli(second, 'exportmnemonic')).rejects.toThrow('locked')
    const said = [...second.log, ...second.errors].join('\n')
    for (const secret of [passphrase, 'a horse', phrase]) expect(said).not.toContain(secret)
    for (const name of ['wallet.json', 'wallet.json.bak'])
      expect(readFileSync(join(second.dataDir, name), 'utf8')).not.toContain(
        phrase.split(' ').slice(0, 3).join(' '),
      )
  })
})

describe('a wallet file that is damaged', () => {
  it('ends the start with one line, and is left as it is', async () => {
    const home = lab.newFolder()
    const node = lab.start({ home, args: ['--regtest'] })
    const address = await cli(node, 'getnewaddress')
    await cli(node, 'getnewaddress')
    await node.stop()
    const path = join(node.dataDir, 'wallet.json')
    const damaged = readFileSync(path, 'utf8').replace('"told": 2', '"told": 1')
    writeFileSync(path, damaged)
    const again = lab.start({ home, args: ['--regtest'] })
    expect((await again.waitForExit()).code).toBe(1)
    expect(again.errors).toHaveLength(1)
    expect(again.errors[0]).toMatch(
      /the wallet file is damaged: its checksum is wrong.*wallet\.json\.bak.*--wallet=0/,
    )
    expect(readFileSync(path, 'utf8')).toBe(damaged)
    const without = await lab.startListening({ home, args: ['--regtest', '--wallet=0'] })
    await expect(cli(without.node, 'getbalance')).rejects.toThrow('keeps no wallet')
    await without.node.stop()
    writeFileSync(path, readFileSync(`${path}.bak`))
    const repaired = lab.start({ home, args: ['--regtest'] })
    expect(await cliJson(repaired, 'getaddresses')).toEqual([address])
  })
})

describe('a node that mines', () => {
  it('has its wallet give it an address', async () => {
    const { node } = await lab.startListening({ args: ['--regtest', '--mine', '--mining-interval=0'] })
    await eventually(async () => {
      const { immature_balance: immature } = await balanceOf(node)
      return immature >= 150 ? immature : undefined
    }, 'three blocks')
    expect(await cliJson(node, 'gethdwalletinfo')).toMatchObject({ external_index: 1 })
  })
})
