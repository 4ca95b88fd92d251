/** The chain of a real node, as an operator sees it: by dilithion-cli, over restarts, rebuilt, pruned, refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, cliJson } from '../../testkit/cli.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** Many steps, each of which waits for processes. */
const LONG_MS = 240_000
const ADDRESS = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const BLOCKS = 110
const HASH = /^[0-9a-f]{64}$/

async function start(dataDir: string, ...args: string[]): Promise<NodeProcess> {
  const { node } = await lab.startListening({ args: ['--regtest', ...args], dataDir })
  return node
}

const coinsOf = (node: NodeProcess): Promise<unknown> => cliJson(node, 'gettxoutsetinfo')

describe('a chain of 110 blocks', () => {
  const dataDir = lab.newFolder()
  let node: NodeProcess
  let hashes: string[]

  beforeAll(async () => {
    node = await start(dataDir)
    hashes = (await cliJson(node, 'generatetoaddress', String(BLOCKS), ADDRESS)) as string[]
  })

  it('is there', async () => {
    expect(hashes).toHaveLength(BLOCKS)
    expect(await cli(node, 'getblockcount')).toBe('110')
    expect(await cli(node, 'getbestblockhash')).toBe(hashes[BLOCKS - 1])
  })

  it(
    'is shown by every method that reads',
    async () => {
      const [at50 = '', at51] = hashes.slice(49)
      const tip = { hash: hashes[BLOCKS - 1], height: BLOCKS }
      const block = await cliJson(node, 'getblock', at50)
      const { tx } = block as { tx: [string] }
      const answers: readonly (readonly [string[], unknown])[] = [
        [
          ['getblockchaininfo'],
          expect.objectContaining({ chain: 'regtest', blocks: BLOCKS, headers: BLOCKS, warnings: '' }),
        ],
        [['getblockhash', '50'], { blockhash: at50 }],
        [['getblockheader', at50], expect.objectContaining({ height: 50, nextblockhash: at51 })],
        [['getblock', at50, '1'], block],
        [
          ['getblock', at50, '2'],
          expect.objectContaining({ tx: [expect.objectContaining({ txid: tx[0] })] }),
        ],
        [['getchaintips'], [{ ...tip, branchlen: 0, status: 'active' }]],
        [['getdifficulty'], expect.any(Number)],
        [['gettxout', tx[0], '0'], expect.objectContaining({ value: 50, confirmations: 61, coinbase: true })],
        [
          ['gettxoutsetinfo'],
          expect.objectContaining({ height: BLOCKS, txouts: BLOCKS, total_amount: 5_500 }),
        ],
        [['getindexinfo'], {}],
        [['getmininginfo'], expect.objectContaining({ blocks: BLOCKS, chain: 'regtest' })],
        [['getnetworkhashps'], expect.any(Number)],
        [['getblocktemplate'], expect.objectContaining({ height: BLOCKS + 1, previousblockhash: tip.hash })],
        [['checkblockdb'], expect.objectContaining({ chain_height: BLOCKS, missing_count: 0 })],
        [['verifychain', '4', '0'], true],
        [['waitforblockheight', '110'], tip],
        [['waitforblock', tip.hash ?? ''], tip],
        [['waitfornewblock', '1'], tip],
      ]
      for (const [words, expected] of answers) expect(await cliJson(node, ...words)).toEqual(expected)
      const header = await cli(node, 'getblockheader', at50, 'false')
      expect(header).toMatch(/^[0-9a-f]{160}$/)
      expect(await cli(node, 'getblock', at50, '0')).toMatch(new RegExp(`^${header}01[0-9a-f]+$`))
      expect(await cli(node, 'gettxout', tx[0], '7')).toBe('')
      expect(await cli(node, '-getinfo')).toMatch(
        /^Chain: regtest\nBlocks: 110\nHeaders: 110\nVerification progress: 100.0000%\n/,
      )
    },
    LONG_MS,
  )

  it('is refused to a second node, and goes on meanwhile', async () => {
    const second = lab.start({ args: ['--regtest'], dataDir })
    expect((await second.waitForExit()).code).toBe(1)
    expect(second.errors).toHaveLength(1)
    expect(await cli(node, 'getblockcount')).toBe('110')
  })

  it('is the same after a restart, and made anew from its blocks', async () => {
    const coins = (await coinsOf(node)) as { hash_serialized: string }
    expect(coins.hash_serialized).toMatch(HASH)
    expect((await node.stop()).code).toBe(0)
    node = await start(dataDir)
    expect(await cli(node, 'getblockcount')).toBe('110')
    expect(await coinsOf(node)).toMatchObject({ hash_serialized: coins.hash_serialized })
    expect(await cli(node, 'verifychain', '4', '0')).toBe('true')
    expect((await node.stop()).code).toBe(0)

    node = await start(dataDir, '--reindex')
    await cli(node, 'waitforblockheight', '110')
    expect(node.count(/^\[Chain\] Reindexed 110 blocks of 110 found/)).toBe(1)
    expect(await coinsOf(node)).toMatchObject({ bestblock: hashes[BLOCKS - 1], ...withoutSize(coins) })
    expect((await node.stop()).code).toBe(0)
  })

  it('is not taken by a node of another network', async () => {
    const other = lab.start({ args: ['--testnet'], dataDir })
    expect((await other.waitForExit()).code).toBe(1)
    expect(other.errors).toEqual([expect.stringMatching(/^dilithion-node: .*regtest.*--datadir=DIR$/)])
  })

  it('is kept in part if that is asked for', async () => {
    node = await start(dataDir, '--prune=128')
    expect(await cliJson(node, 'getblockchaininfo')).toMatchObject({
      blocks: BLOCKS,
      pruned: true,
      pruneheight: 0,
      prune_target_size: 128_000_000,
    })
    expect((await node.stop()).code).toBe(0)
  })
})

/** What tables on the disk take differs from time to time. */
function withoutSize(coins: object): object {
  return { ...coins, disk_size: expect.any(Number) }
}
