/** One peer tells a history below the last checkpoint that is false; few others tell the truth. */
import { describe, expect, it } from 'vitest'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { EXHAUSTED_MS } from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { formatIp, UNSPECIFIED_V4 } from '../../src/primitives/ip.ts'
import type { BuiltBlock } from '../../testkit/chain-builder.ts'
import { ChainActor } from '../../testkit/sim/actors/chain-actor.ts'
import { ChainWorld } from '../../testkit/sim/scenarios/chains.ts'
import { SimChain } from '../../testkit/sim/sim-chain.ts'

const TEST_TIMEOUT_MS = 240_000
const BLOCKS = 700
const LIE_AT = 300
const HASH_MS = 26
/** The rest of the history is hashed; besides, whoever was asked for all of it already has to come again first. */
const HEALED_WITHIN_MS = BLOCKS * HASH_MS + EXHAUSTED_MS + 10_000

function paramsFor(blocks: readonly BuiltBlock[]): ChainParams {
  const at = (height: number) => ({ height, hash: blocks[height - 1]?.hash ?? new Uint8Array(32) })
  return {
    ...regtest.chain,
    proofOfWork: { kind: 'randomx', key: 'test' },
    checkpoints: [at(100), at(600)],
    trustedHeight: 600,
  }
}

describe('after a false history was taken out', { timeout: TEST_TIMEOUT_MS }, () => {
  // The oracle of the node sees to it that nobody is asked twice for a block that did not fit when it came.
  it.each([
    ['one honest peer', 1, () => true],
    ['two honest peers', 2, () => true],
    ['three, and the false block withheld', 3, (height: number) => height !== LIE_AT],
  ])('the true one is there soon: %s', (_, honestCount, gives) => {
    const chains = new ChainWorld({ seed: 40 + honestCount })
    const { world, builder } = chains
    const blocks = chains.recentBlocks(BLOCKS)
    const parent = blocks[LIE_AT - 2] ?? builder.genesis
    const tip = blocks.at(-1) ?? builder.genesis
    // Its header is another one than that which the next one names.
    const lie = blocks.map((block) =>
      block.height === LIE_AT ? { ...builder.next(parent, { salt: 9 }), hash: block.hash } : block,
    )
    const liar = new ChainActor(world, regtest, '66.1.0.1', lie, { gives })
    const honest = Array.from(
      { length: honestCount },
      (_, i) => new ChainActor(world, regtest, `77.${i}.0.1`, blocks),
    )
    const chain = new SimChain(world, paramsFor(blocks), 'victim')
    chain.hashMs = HASH_MS
    const victim = world.add({ chain: chain.create, io: chain.io, targets: [liar.endpoint] })
    const isAt = (block: BuiltBlock): boolean =>
      bytesEqual(victim.core?.chain?.tip.hash ?? new Uint8Array(), block.hash)
    let wasFound = false
    const blamed = new Set<string>()
    world.observers.push((node, event) => {
      wasFound ||= event.type === 'chain' && event.outcome.type === 'falseHeaders'
      if (event.type === 'offence')
        blamed.add(formatIp(node.socketOf(event.peer)?.remote.ip ?? UNSPECIFIED_V4))
    })
    const believes = (): boolean => victim.core?.chain?.bestHeader.height === BLOCKS
    expect(world.runUntil(believes, 10_000)).toBe(true)
    for (const { endpoint } of honest) victim.command({ type: 'addTarget', target: endpoint, keep: true })
    expect(world.runUntil(() => wasFound, 20_000)).toBe(true)
    expect(world.runUntil(() => isAt(tip), HEALED_WITHIN_MS)).toBe(true)
    // At most one had to go to be asked again.
    expect(honest.reduce((ended, actor) => ended + actor.ended, 0)).toBeLessThanOrEqual(1)
    expect([...blamed]).toEqual([liar.host.address])
    world.check()
  })
})
