/** What a node can be asked to do when it starts, beside running. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'
import { cli, cliJson } from '../../testkit/cli.ts'
import { callRpc, freePort, Lab, type NodeProcess, type StartOptions } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** A node whose wallet has so many blocks' rewards. */
async function richNode(blocks: number): Promise<{ node: NodeProcess; phrase: string; again: StartOptions }> {
  const { node } = await lab.startListening({ args: ['--regtest'] })
  const { mnemonic } = (await cliJson(node, 'createhdwallet')) as { mnemonic: string }
  const address = await cli(node, 'getnewaddress')
  if (blocks > 0) await cli(node, 'generatetoaddress', String(blocks), address)
  return { node, phrase: mnemonic, again: { home: node.home, dataDir: node.dataDir } }
}

async function immatureOf(node: NodeProcess): Promise<number> {
  const { immature_balance: immature } = (await cliJson(node, 'getbalance')) as { immature_balance: number }
  return immature
}

describe('--reset-chain', () => {
  it('deletes the chain and nothing else, and only if that is meant', async () => {
    const { node, again } = await richNode(3)
    expect(await immatureOf(node)).toBe(150)
    await node.stop()
    const asked = lab.start({ ...again, args: ['--regtest', '--reset-chain'] })
    expect(await asked.waitForExit()).toMatchObject({ code: 1 })
    expect(asked.errors).toEqual([expect.stringMatching(/--reset-chain would delete all .*: add --yes/)])
    const kept = (await lab.startListening({ ...again, args: ['--regtest'] })).node
    expect(await cli(kept, 'getblockcount')).toBe('3')
    await kept.stop()
    const reset = (await lab.startListening({ ...again, args: ['--regtest', '--reset-chain', '-y'] })).node
    expect(await cli(reset, 'getblockcount')).toBe('0')
    expect(await cliJson(reset, 'getaddresses')).toHaveLength(2)
    expect(await immatureOf(reset)).toBe(0)
    // And goes on from there.
    const [address] = (await cliJson(reset, 'getaddresses')) as string[]
    await cli(reset, 'generatetoaddress', '2', address ?? '')
    expect(await immatureOf(reset)).toBe(100)
  })
})

describe('--restore-mnemonic', () => {
  it('makes the wallet once, finds its coins, and never another one', async () => {
    const { node, phrase } = await richNode(2)
    const port = await node.p2pPort()
    const args = ['--regtest', `--connect=127.0.0.1:${port}`, `--restore-mnemonic=${phrase}`]
    const { node: restored } = await lab.startListening({ args })
    await restored.rpc('waitforblockheight', 2, 60_000)
    await eventually(async () => ((await immatureOf(restored)) === 100 ? true : undefined), 'its coins')
    await restored.stop()
    const home = { home: restored.home, dataDir: restored.dataDir }
    // A service that is started with the same words again.
    const { node: second } = await lab.startListening({ ...home, args })
    expect(await immatureOf(second)).toBe(100)
    for (const line of [...restored.log, ...second.log]) expect(line).not.toContain(phrase.slice(0, 20))
    await second.stop()
    const { phrase: other } = await richNode(0)
    const wrong = lab.start({ ...home, args: ['--regtest', `--restore-mnemonic=${other}`] })
    expect(await wrong.waitForExit()).toMatchObject({ code: 1 })
    expect(wrong.errors).toEqual([
      expect.stringMatching(/there is a wallet, another one\. Leave the words out/),
    ])
  })
})

describe('--rescan', () => {
  it("looks through the chain for the wallet's payments", async () => {
    const { node, again } = await richNode(2)
    await node.stop()
    const { node: second } = await lab.startListening({ ...again, args: ['--regtest', '--rescan'] })
    await second.waitForLine('[Wallet] Looking through the chain from block 0 on for payments')
    expect(await immatureOf(second)).toBe(100)
  })
})

describe('--rotate-mining-address', () => {
  it('mines each block to another address of the wallet', async () => {
    const args = ['--regtest', '--mine', '--mining-interval=0', '--rotate-mining-address']
    const { node } = await lab.startListening({ args })
    await node.rpc('waitforblockheight', 3, 60_000)
    await node.rpc('stopmining')
    const miners = await Promise.all(
      [1, 2, 3].map(async (height) => {
        const { blockhash } = (await node.rpc('getblockhash', height)) as { blockhash: string }
        const { miner } = (await node.rpc('getblock', blockhash)) as { miner: string }
        return miner
      }),
    )
    expect(new Set(miners).size).toBe(3)
    expect(await cliJson(node, 'getaddresses')).toEqual(expect.arrayContaining(miners))
  })
})

describe('--quiet', () => {
  it('logs warnings alone', async () => {
    const rpcPort = await freePort()
    const args = ['--regtest', '--port=0', `--rpcport=${rpcPort}`, '--quiet', '--txindex']
    const node = lab.start({ ownPorts: true, args })
    // It has nothing to say; that it runs is seen by its answers.
    const call = async (method: string): Promise<unknown> => {
      const cookie = readFileSync(join(node.dataDir, '.cookie'), 'utf8')
      return callRpc(rpcPort, cookie, method, [])
    }
    expect(await eventually(() => call('getblockcount').catch(() => undefined), 'an answer')).toBe(0)
    expect((await node.stop()).code).toBe(0)
    expect(node.log).toEqual([])
    const wrong = lab.start({ args: ['--regtest', '--quiet', '--verbose'] })
    expect(await wrong.waitForExit()).toMatchObject({ code: 1 })
    expect(wrong.errors).toEqual([expect.stringMatching(/--quiet leaves out/)])
  })
})
