/** Nodes with whole chains, engines and disks: how they come to the same tip, and who cannot keep them from it. */
import { describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import type { Block } from '../../src/wire/block.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { ChainActor, type ChainManners } from '../../testkit/sim/actors/chain-actor.ts'
import { demandPeace } from '../../testkit/sim/guard.ts'
import { ChainWorld } from '../../testkit/sim/scenarios/chains.ts'

const TEST_TIMEOUT_MS = 240_000

describe('nodes that start with nothing', { timeout: TEST_TIMEOUT_MS }, () => {
  it('have the chain of the one that has it, fifty of them, within a minute', () => {
    const chains = new ChainWorld({ seed: 1 })
    demandPeace(chains.world)
    const blocks = chains.recentBlocks(200)
    const tip = blocks.at(-1)
    chains.mine(chains.add(), blocks)
    chains.world.run(1_000)
    for (let i = 1; i < 50; i++) chains.add()
    if (tip === undefined) return
    expect(chains.agree(tip, 60_000)).toBeLessThan(60_000)
    chains.world.check()
  })

  it('have it over slow lines and through losses of connections', () => {
    const chains = new ChainWorld({ seed: 2, conditions: { bytesPerMs: 20, latencyMs: [20, 300] } })
    demandPeace(chains.world)
    const blocks = chains.recentBlocks(400)
    const tip = blocks.at(-1)
    chains.mine(chains.add(), blocks)
    chains.world.run(1_000)
    for (let i = 1; i < 8; i++) chains.add()
    const cut = (): void => {
      for (const { node } of chains.miners.slice(1, 4)) {
        const [peer] = node.readyPeers
        if (peer !== undefined) node.socketOf(peer.id)?.reset()
      }
      if (chains.world.time.mono < 20_000) chains.world.time.after(700, cut)
    }
    chains.world.time.after(700, cut)
    if (tip !== undefined) chains.agree(tip, 120_000)
    chains.world.check()
  })

  it('go on where they were killed, also by a power failure, as often as it happens', () => {
    const chains = new ChainWorld({ seed: 3 })
    const blocks = chains.recentBlocks(600)
    const tip = blocks.at(-1)
    const [source, victim] = [chains.add(), chains.add()]
    chains.mine(source, blocks)
    const draws = chains.world.random.fork('crashes')
    for (let i = 0; i < 12; i++) {
      chains.world.run(50 + 300 * draws.unit())
      const before = victim.node.core?.chain?.tip.height ?? 0
      victim.node.kill()
      victim.chain.crash(i % 2 === 0 ? 'kill' : 'power')
      victim.node.start()
      // At most what was not committed is lost.
      expect(victim.node.core?.chain?.tip.height).toBeGreaterThanOrEqual(Math.max(0, before - 600))
    }
    if (tip !== undefined) chains.agree(tip, 60_000)
    chains.world.check()
  })
})

describe('two halves that did not hear of each other', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each([1, 2, 3])('agree on the most work when they do, seed %i', (seed) => {
    const chains = new ChainWorld({ seed })
    const { world, builder } = chains
    demandPeace(world)
    const common = chains.recentBlocks(30)
    chains.mine(chains.add(), common)
    for (let i = 1; i < 10; i++) chains.add()
    const fork = common.at(-1)
    if (fork === undefined) return
    chains.agree(fork, 60_000)
    const odds = new Set(chains.miners.filter((_, i) => i % 2 === 1).map(({ node }) => node.options.host))
    world.net.partition((host) => (odds.has(host) ? 1 : 0), 'refuse')
    const [even, odd] = chains.miners
    if (even === undefined || odd === undefined) return
    const short = builder.chain(fork, 12, { salt: 1 })
    const long = builder.chain(fork, 20, { salt: 2 })
    for (const [i, block] of short.entries()) world.time.after(1_000 * i, () => chains.mine(even, [block]))
    for (const [i, block] of long.entries()) world.time.after(700 * i, () => chains.mine(odd, [block]))
    world.run(60_000)
    expect(chains.has(even, long[19] ?? fork)).toBe(false)
    world.net.heal()
    const tip = long.at(-1)
    if (tip !== undefined) chains.agree(tip, 240_000)
    world.check()
  })

  it('race for every block, and agree after the last', () => {
    const chains = new ChainWorld({ seed: 5 })
    const { world, builder } = chains
    demandPeace(world)
    const common = chains.recentBlocks(10)
    chains.mine(chains.add(), common)
    for (let i = 1; i < 12; i++) chains.add()
    let tip = common.at(-1)
    if (tip === undefined) return
    chains.agree(tip, 60_000)
    for (let round = 0; round < 15; round++) {
      const parent = tip
      const rivals = chains.miners.slice(0, 4).map((miner, salt) => ({
        miner,
        block: builder.next(parent, { salt: 100 * round + salt, time: parent.header.time + 1 }),
      }))
      for (const { miner, block } of rivals) chains.mine(miner, [block])
      world.run(400)
      const winner = rivals[round % rivals.length]
      if (winner === undefined) return
      tip = builder.next(winner.block, { salt: round, time: winner.block.header.time + 1 })
      chains.mine(winner.miner, [tip])
      world.run(200)
    }
    chains.agree(tip, 30_000)
    world.check()
  })
})

describe('those who keep others from the chain', { timeout: TEST_TIMEOUT_MS }, () => {
  const withBody = (block: Block): Block => ({ ...block, transactionData: new Uint8Array([1, 2, 3]) })

  const rogues: Readonly<Record<string, ChainManners>> = {
    'say nothing of headers': { claims: 100_000, givesHeaders: false },
    'give no blocks': { gives: () => false },
    'withhold some blocks': { gives: (height) => height % 50 !== 7 },
    'boast, and have nothing': { claims: 1_000_000, gives: () => false },
    'forge bodies': { forge: withBody },
  }

  it.each(Object.entries(rogues))('%s: two minutes at most', (_, manners) => {
    const chains = new ChainWorld({ seed: 7 })
    const { world } = chains
    const blocks = chains.recentBlocks(300)
    const tip = blocks.at(-1)
    const honest = chains.add()
    chains.mine(honest, blocks)
    world.run(1_000)
    const actors = [1, 2, 3].map((n) => new ChainActor(world, regtest, `77.${n}.0.1`, blocks, manners))
    const victim = chains.add(actors.map(({ endpoint }) => endpoint))
    if (tip !== undefined) chains.agree(tip, 120_000)
    // The honest one was never blamed.
    expect(
      victim.node.eventsOf('offence').every(({ peer }) => victim.node.core?.peers.get(peer) === undefined),
    ).toBe(true)
    expect(honest.node.readyPeers.length).toBeGreaterThan(0)
    world.check()
  })

  it('flood with orphans: the chain is there in time, and memory stays what it was', () => {
    const chains = new ChainWorld({ seed: 8 })
    const { world } = chains
    const blocks = chains.recentBlocks(150)
    const tip = blocks.at(-1)
    const honest = chains.add()
    chains.mine(honest, blocks)
    world.run(1_000)
    const victim = chains.add()
    for (let n = 1; n <= 5; n++) {
      let count = 0
      const actor = new ChainActor(world, regtest, `78.${n}.0.1`, [], {
        greet: (_, link) => {
          const flood = (): void => {
            for (let i = 0; i < 10 && link.isOpen; i++)
              link.send({ type: 'block', block: orphan(n, count++) })
            if (link.isOpen && count < 2_000) world.time.after(50, flood)
          }
          flood()
        },
      })
      actor.dial(victim.node.endpoint)
    }
    if (tip !== undefined) chains.agree(tip, 60_000)
    world.run(20_000)
    expect(victim.node.core?.sync?.snapshot(world.time.now).orphans ?? 0).toBeLessThanOrEqual(64)
    world.check()
  })

  function orphan(n: number, i: number): Block {
    const header = BlockHeader.of({
      version: 1,
      previousHash: new Uint8Array(32).fill(n + 1),
      merkleRoot: new Uint8Array(32).fill(i % 251),
      time: 1_762_000_000 + i,
      bits: 0x207f_ffff,
      nonce: i,
    })
    return { header, transactionData: new Uint8Array(1_000) }
  }
})
