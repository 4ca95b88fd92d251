/** Real nodes that get the chain from each other: in a line, after a partition, and killed again and again meanwhile. */
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { encodeAddress } from '../../src/script/address.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** Many steps, each of which waits for processes. */
const LONG_MS = 240_000
const ADDRESS = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const OTHER_ADDRESS = encodeAddress(new Uint8Array(20).fill(7))
const PATIENCE_MS = 60_000

interface Started {
  readonly node: NodeProcess
  readonly address: string
}

const running: NodeProcess[] = []

async function start(peers: readonly string[] = [], dataDir = lab.newFolder()): Promise<Started> {
  const args = ['--regtest', ...peers.map((peer) => `--addnode=${peer}`)]
  const { node, port } = await lab.startListening({ args, dataDir })
  running.push(node)
  return { node, address: `127.0.0.1:${port}` }
}

afterEach(async () => {
  for (const node of running.splice(0)) {
    expect(node.errors).toEqual([])
    expect(node.count(/warning/)).toBe(0)
    if (!node.hasExited) expect(await node.stop()).toMatchObject({ code: 0 })
  }
})

async function heightOf(node: NodeProcess): Promise<number> {
  return (await node.rpc('getblockcount')) as number
}

/** Sums and digest of the coins, without what differs from node to node. */
async function coinsOf(node: NodeProcess): Promise<object> {
  return { ...((await node.rpc('gettxoutsetinfo')) as object), disk_size: undefined }
}

/** Until all are at the tip of the first. */
async function expectAgreement([first, ...others]: readonly [NodeProcess, ...NodeProcess[]]): Promise<void> {
  const tip = await first.rpc('getbestblockhash')
  for (const node of others) {
    const { hash } = (await node.rpc('waitforblock', tip, PATIENCE_MS)) as { hash: string }
    expect(hash).toBe(tip)
  }
  const coins = await coinsOf(first)
  for (const node of others) expect(await coinsOf(node)).toEqual(coins)
}

describe('three nodes in a line', () => {
  it(
    'have the same 1,000 blocks soon after one of them mined them, and a fourth that comes later gets them',
    async () => {
      const miner = await start()
      const middle = await start([miner.address])
      const last = await start([middle.address])
      await miner.node.rpc('generatetoaddress', 1_000, ADDRESS)
      await expectAgreement([miner.node, middle.node, last.node])
      expect(await heightOf(last.node)).toBe(1_000)
      const late = await start([last.address, middle.address])
      await expectAgreement([miner.node, late.node])
      for (const { node } of [miner, middle, last, late]) {
        const peers = (await node.rpc('getpeerinfo')) as { misbehavior: number }[]
        for (const { misbehavior } of peers) expect(misbehavior).toBe(0)
        expect(await node.rpc('verifychain', 4, 100)).toBe(true)
      }
    },
    LONG_MS,
  )
})

describe('a partition', () => {
  it('heals to the most work, and both sides keep what the other one did', async () => {
    const left = await start()
    const right = await start([left.address])
    const far = await start([right.address])
    await left.node.rpc('generatetoaddress', 10, ADDRESS)
    await expectAgreement([left.node, right.node, far.node])

    await right.node.rpc('addnode', left.address, 'remove')
    await left.node.rpc('setban', '127.0.0.1', 'add')
    await eventually(
      async () => ((await left.node.rpc('getconnectioncount')) === 0 ? true : undefined),
      'the end of the connection',
    )
    await left.node.rpc('generatetoaddress', 20, ADDRESS)
    await right.node.rpc('generatetoaddress', 30, OTHER_ADDRESS)
    const lost = await left.node.rpc('getbestblockhash')
    expect(await heightOf(left.node)).toBe(30)
    await expectAgreement([right.node, far.node])

    await left.node.rpc('clearbanned')
    await right.node.rpc('addnode', left.address, 'add')
    await expectAgreement([right.node, left.node, far.node])
    expect(await heightOf(left.node)).toBe(40)
    await left.node.waitForLine(/^\[Chain\] Reorganisation: 20 blocks undone, 30 connected; now at block 40 /)
    expect(await left.node.rpc('getchaintips')).toEqual([
      { height: 40, hash: await right.node.rpc('getbestblockhash'), branchlen: 0, status: 'active' },
      { height: 30, hash: lost, branchlen: 20, status: 'valid-fork' },
    ])
    expect(await left.node.rpc('verifychain', 4, 0)).toBe(true)
    // And they go on together.
    await left.node.rpc('generatetoaddress', 3, ADDRESS)
    await expectAgreement([left.node, right.node, far.node])
  })
})

describe('a node that is killed again and again while it catches up', () => {
  const KILLS = 6

  it(
    'goes on each time where it was, and ends with the same chain',
    async () => {
      const source = await start()
      await source.node.rpc('generatetoaddress', 2_000, ADDRESS)
      const dataDir = lab.newFolder()
      let before = 0
      let inTheMidst = 0
      for (let kill = 0; kill < KILLS; kill++) {
        // It has to run after a chain that grows.
        const mining = source.node.rpc('generatetoaddress', 200, ADDRESS)
        const { node } = await start([source.address], dataDir)
        const first = await heightOf(node)
        expect(first).toBeGreaterThanOrEqual(before)
        const height = await eventually(async () => {
          const now = await heightOf(node)
          return now > first + 50 ? now : undefined
        }, 'some blocks more')
        await node.stop('SIGKILL')
        await mining
        before = first
        if (height < (await heightOf(source.node))) inTheMidst++
      }
      const { node } = await start([source.address], dataDir)
      await expectAgreement([source.node, node])
      expect(inTheMidst).toBeGreaterThan(KILLS / 2)
      expect(await node.rpc('verifychain', 4, 0)).toBe(true)
      expect(await node.rpc('checkblockdb')).toMatchObject({ missing_count: 0 })
      const peers = (await source.node.rpc('getpeerinfo')) as { misbehavior: number }[]
      for (const { misbehavior } of peers) expect(misbehavior).toBe(0)
    },
    LONG_MS,
  )
})
