/** Nodes of the first release beside ours: they get our chain whole and in order, and we theirs. */
import { describe, expect, it } from 'vitest'
import { type NetworkParams, testnet } from '../../src/params/networks.ts'
import { monoMs } from '../../src/primitives/brand.ts'
import { latin1Encode, toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import type { Block } from '../../src/wire/block.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { FirstRelease } from '../../testkit/sim/actors/first-release.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { SimChain } from '../../testkit/sim/sim-chain.ts'
import { START_UNIX } from '../../testkit/sim/virtual-time.ts'
import { World } from '../../testkit/sim/world.ts'

/** The v1.0 testnet with work that costs nothing. */
const network: NetworkParams = {
  ...testnet,
  chain: {
    ...testnet.chain,
    proofOfWork: { kind: 'sha3' },
    difficulty: { kind: 'fixed', bits: 0x207f_ffff },
  },
}

/** Messages that may wait for a node that takes twenty in a second. */
const QUEUE_LIMIT = 40
/** The same, where they are of its kind as well. */
const LONG_QUEUE_LIMIT = 100

/** Found by turns in a world of both kinds: four hours. */
const BLOCKS = 60

interface Hashed {
  readonly hash: Uint8Array
}
type HashedBlock = Block & Hashed

const GENESIS: Hashed = { hash: network.genesisHash }

function next(
  parent: Hashed,
  salt: number,
  version = 1,
  transactionData = latin1Encode(`any bytes ${salt}`),
): HashedBlock {
  const fields = {
    version,
    previousHash: parent.hash,
    merkleRoot: sha3_256(transactionData),
    time: START_UNIX - 1_000,
    bits: 0x207f_ffff,
  }
  for (let nonce = 0; ; nonce++) {
    const header = BlockHeader.of({ ...fields, nonce })
    const hash = sha3_256(header.bytes)
    if ((hash[31] ?? 0xff) < 0x7f) return { header, transactionData, hash }
  }
}

function chainOf(count: number, salt = 0, from: Hashed | undefined = undefined): HashedBlock[] {
  const blocks: HashedBlock[] = []
  for (let i = 0; i < count; i++) blocks.push(next(blocks.at(-1) ?? from ?? GENESIS, salt))
  return blocks
}

class Scene {
  readonly world = new World({ seed: 1 })
  readonly old: FirstRelease
  readonly node: SimNode

  constructor() {
    this.old = this.join('50.1.1.1')
    this.node = this.add([this.old])
  }

  join(ip: string): FirstRelease {
    return new FirstRelease(this.world, network, ip)
  }

  add(targets: readonly FirstRelease[], others: readonly SimNode[] = []): SimNode {
    const chain = new SimChain(this.world, network.chain, `n${this.world.nodes.length + 1}`)
    const endpoints = [...targets, ...others].map(({ endpoint }) => endpoint)
    return this.world.add({ network, chain: chain.create, io: chain.io, targets: endpoints })
  }

  mine(blocks: readonly Block[], node = this.node): void {
    node.command({
      type: 'withChain',
      use: (chain) => {
        for (const block of blocks) chain.submitBlock('local', block)
      },
    })
  }

  heightOf(node: SimNode): number {
    return node.core?.chain?.tip.height ?? -1
  }
}

describe('a node of the first release', () => {
  it('gets a chain of ours whole and in order, and what comes after', () => {
    const scene = new Scene()
    const blocks = chainOf(150)
    scene.mine(blocks.slice(0, 149))
    scene.world.run(60_000)
    expect(scene.old.height).toBe(149)
    scene.mine(blocks.slice(149))
    expect(scene.world.runUntil(() => scene.old.height === 150, 5_000)).toBe(true)
    expect(scene.old.lost).toBe(0)
    expect(scene.old.longestQueue).toBeLessThan(QUEUE_LIMIT)
    expect(scene.node.readyPeers).toHaveLength(1)
    scene.world.check()
  })

  it('that has it already is not told more than once, and finds nothing lost', () => {
    const scene = new Scene()
    const blocks = chainOf(40)
    for (const block of blocks) scene.old.mine(block)
    scene.mine(blocks)
    scene.world.run(120_000)
    expect(scene.old.lost).toBe(0)
    expect(scene.old.height).toBe(40)
    const [peer] = scene.node.readyPeers
    // Each block came back once, and few of them twice.
    expect(peer?.received.byCommand.get('block')?.messages).toBeLessThanOrEqual(50)
    expect(peer?.sent.byCommand.get('inv')?.messages).toBeLessThanOrEqual(8)
  })

  it('is told of the other branch after a reorganisation, from the fork', () => {
    const scene = new Scene()
    const common = chainOf(30)
    const branch = chainOf(12, 5, common[24])
    scene.mine(common)
    scene.world.run(20_000)
    scene.mine(branch)
    scene.world.run(20_000)
    expect(scene.old.lost).toBe(0)
    expect(scene.old.heights.get(toHex(branch.at(-1)?.hash ?? new Uint8Array(0)))).toBe(37)
  })

  it('gives us what it finds, and others of its kind get it from us', () => {
    const scene = new Scene()
    const other = scene.join('50.2.1.1')
    const second = scene.add([other], [scene.node])
    const blocks = chainOf(12)
    scene.world.run(2_000)
    for (const block of blocks) {
      scene.old.mine(block)
      scene.world.run(3_000)
    }
    expect(scene.world.runUntil(() => other.height === 12, 30_000)).toBe(true)
    expect([scene.heightOf(scene.node), scene.heightOf(second)]).toEqual([12, 12])
    expect(other.lost).toBe(0)
    scene.world.check()
  })

  it('gives us blocks of any version, and of any size that fits into a frame', () => {
    const scene = new Scene()
    const second = scene.add([], [scene.node])
    scene.world.run(2_000)
    const blocks = [next(GENESIS, 0, 4)]
    for (const [version, bytes] of [
      [0x7fff_ffff, 0],
      [-1, 5_000_000],
      [5, 9_000_000],
      [1, 10],
    ] as const)
      blocks.push(next(blocks.at(-1) ?? GENESIS, 0, version, new Uint8Array(bytes)))
    for (const block of blocks) {
      scene.old.mine(block)
      scene.world.run(60_000)
    }
    expect([scene.heightOf(scene.node), scene.heightOf(second)]).toEqual([5, 5])
    expect(scene.node.readyPeers.map((peer) => peer.score(monoMs(scene.world.time.mono)))).toEqual([0, 0])
    second.kill()
    second.start()
    scene.world.run(10_000)
    expect(second.core?.chain?.tip.header.version).toBe(1)
    expect(scene.heightOf(second)).toBe(5)
    scene.world.check()
  })

  it('that another one keeps deaf for minutes is met all the same, and stays a peer for hours', () => {
    const scene = new Scene()
    const other = scene.join('50.2.1.1')
    other.dial(scene.old.endpoint)
    const blocks = chainOf(30)
    for (const block of blocks.slice(0, 15)) scene.old.mine(block)
    scene.world.run(600_000)
    expect(scene.node.readyPeers).toHaveLength(1)
    for (const block of blocks.slice(15, 29)) {
      scene.old.mine(block)
      scene.world.run(480_000)
    }
    expect(scene.world.runUntil(() => scene.heightOf(scene.node) === 29, 1_200_000)).toBe(true)
    scene.mine(blocks.slice(29))
    scene.world.run(1_200_000)
    expect([scene.heightOf(scene.node), scene.old.height]).toEqual([30, 30])
    expect(scene.old.lost).toBe(0)
    expect(scene.old.longestQueue).toBeLessThan(QUEUE_LIMIT)
    // The one it met first.
    expect(scene.node.readyPeers.map(({ id }) => id)).toEqual([1])
    scene.world.check()
  })

  it('keeps to one chain with others of its kind and with ours, whoever finds blocks, though one is deaf for most of the time', () => {
    const scene = new Scene()
    const olds = [scene.old, ...[1, 2, 3, 4, 5].map((i) => scene.join(`50.${i + 10}.1.1`))]
    // Those who dial all at once may wait for each other for ever.
    for (const one of olds.slice(1, 4)) {
      one.dial(scene.old.endpoint)
      scene.world.run(300_000)
    }
    const nodes = [scene.node]
    for (let i = 0; i < 4; i++) nodes.push(scene.add(olds.slice(i, i + 3), nodes.slice(-2)))
    for (const one of olds.slice(4)) one.dial(scene.node.endpoint)
    scene.world.run(60_000)
    const finders = scene.world.random.fork('finders')
    for (let i = 0; i < BLOCKS; i++) {
      const at = finders.below(olds.length + nodes.length)
      const [old, node] = [olds[at], nodes[at - olds.length]]
      old?.mine(next(old.tip, i))
      const tip = node?.core?.chain?.tip
      if (node !== undefined && tip !== undefined) scene.mine([next(tip, i)], node)
      scene.world.run(240_000)
    }
    scene.world.run(1_200_000)
    const heights = [...nodes.map((node) => scene.heightOf(node)), ...olds.map(({ height }) => height)]
    expect(Math.min(...heights)).toBeGreaterThan(BLOCKS - 5)
    expect(Math.min(...heights)).toBe(Math.max(...heights))
    expect(olds.map(({ lost }) => lost)).toEqual(olds.map(() => 0))
    expect(Math.max(...olds.map(({ longestQueue }) => longestQueue))).toBeLessThan(LONG_QUEUE_LIMIT)
    // Nobody was lost and met again.
    for (const { readyPeers } of nodes)
      expect(readyPeers.map(({ id }) => id)).toEqual(readyPeers.map((_, i) => i + 1))
    scene.world.check()
  })
})
