/** Real processes that mine, and others that follow. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatChainFile } from '../../src/node/chain-file-format.ts'
import { type NetworkParams, testnet } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const address = encodeAddress(new Uint8Array(20).fill(7))
const lab = new Lab()
afterAll(() => lab.close())

const hashAt = async (node: NodeProcess, height: number): Promise<string> => {
  const { blockhash } = (await node.rpc('getblockhash', height)) as { blockhash: string }
  return blockhash
}

/** Mines on one node until another one, which connects to it, has so many blocks too. */
async function mineAndFollow(network: readonly string[], count: number): Promise<NodeProcess[]> {
  const mining = [`--mining-address=${address}`, '--mine', '--mining-interval=0']
  const { node: miner, port } = await lab.startListening({ args: [...network, ...mining] })
  await miner.waitForLine(`[Mining] Mining to ${address} on 1 thread`)
  await miner.waitForLine(/^\[Mining\] Block found: 1 [0-9a-f]{64}$/)
  const { node: follower } = await lab.startListening({
    args: [...network, `--connect=127.0.0.1:${port}`],
  })
  await follower.rpc('waitforblockheight', count, 60_000)
  expect(await hashAt(follower, count)).toBe(await hashAt(miner, count))
  return [miner, follower]
}

/** The v1.0 testnet with work that costs next to nothing. */
function easyTestnet(): NetworkParams {
  const { chain } = testnet
  const genesis = new BlockHeader(chain.genesis.header)
  const { version, previousHash, merkleRoot, time } = genesis
  const header = BlockHeader.of({ version, previousHash, merkleRoot, time, bits: 0x207f_ffff, nonce: 0 })
  const hash = sha3_256(header.bytes)
  return {
    ...testnet,
    name: 'easy-testnet',
    dataDirName: '.dilithion-easy',
    choosesPeers: false,
    dnsSeeds: [],
    fixedSeeds: [],
    genesisHash: hash,
    chain: {
      ...chain,
      proofOfWork: { kind: 'sha3' },
      genesis: { ...chain.genesis, header: header.bytes, hash },
      difficulty: { kind: 'range', minBits: 0x1d00_ffff, maxBits: 0x207f_ffff },
    },
  }
}

describe('a node that mines', () => {
  it('is followed by others, and ends in good order', async () => {
    const [miner, follower] = await mineAndFollow(['--regtest'], 12)
    expect(await miner?.rpc('getmininginfo')).toMatchObject({ mining: true, chain: 'regtest' })
    miner?.signal('SIGTERM')
    expect(await miner?.waitForExit()).toMatchObject({ code: 0 })
    // It was not ended by force.
    expect(miner?.log.at(-1)).toBe('[Node] Stopped')
    expect(miner?.count(/^\[Mining\] Mining stopped: \d+ blocks found, \d+ accepted, 0 too late$/)).toBe(1)
    expect(follower?.hasExited).toBe(false)
  })

  it('races with another one, and both end on one chain', async () => {
    const mining = [`--mining-address=${address}`, '--mine', '--mining-interval=0', '--regtest']
    const { node: a, port } = await lab.startListening({ args: mining })
    const { node: b } = await lab.startListening({ args: [...mining, `--connect=127.0.0.1:${port}`] })
    for (const node of [a, b]) await node.rpc('waitforblockheight', 100, 60_000)
    for (const node of [a, b]) await node.rpc('stopmining')
    await a.rpc('waitforblockheight', await b.rpc('getblockcount'), 60_000)
    // Of two chains with the same work each stays with its own: one block more decides.
    await a.rpc('generatetoaddress', 1, address)
    const tip = await a.rpc('getbestblockhash')
    await b.rpc('waitforblock', tip, 60_000)
    const infos = await Promise.all([a, b].map((node) => node.rpc('getmininginfo')))
    for (const info of infos) expect(info).toMatchObject({ mining: false, blocks_refused: 0 })
  })

  it('makes blocks of the v1.0 testnet, whose body is the coinbase alone', async () => {
    const file = join(lab.newFolder(), 'easy.json')
    writeFileSync(file, formatChainFile(easyTestnet()))
    const [miner] = await mineAndFollow([`--chain-file=${file}`], 3)
    if (miner === undefined) throw new Error('no miner')
    const raw = (await miner.rpc('getblock', await hashAt(miner, 3), 0)) as string
    const coinbase = Buffer.from(raw.slice(160), 'hex')
    // The header commits to it without a tree.
    expect(toHex(sha3_256(coinbase))).toBe(raw.slice(72, 136))
    expect(coinbase.toString('latin1')).toContain('Block 3 mined by Dilithion')
    expect(raw.slice(160)).toMatch(/^0100000001(00){32}ffffffff/)
  })

  it('says on mainnet that it does not, and is a node all the same', async () => {
    const { node } = await lab.startListening({ args: ['--mine', `--mining-address=${address}`] })
    await node.waitForLine(
      /^\[Node\] warning: mining stays off: .*fair-mining rules, which this node does not/,
    )
    expect(await node.rpc('getmininginfo')).toMatchObject({ mining: false, chain: 'mainnet' })
    expect(await node.rpc('getdiagnosis')).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ code: 'miningRefused' })]),
    })
  })
})
