import { describe, expect, it } from 'vitest'
import { parseBody } from '../../src/chain/block-body.ts'
import { hashMeetsBits, workOfBits } from '../../src/chain/compact-bits.ts'
import { mainnet, type NetworkParams, networks, regtest, testnet } from '../../src/params/networks.ts'
import { hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { BlockHeader } from '../../src/wire/header.ts'
import { loadChainRules } from '../../testkit/vectors.ts'

const all = Object.values(networks)
const headerOf = ({ chain }: NetworkParams): BlockHeader => new BlockHeader(chain.genesis.header)

describe.each(all)('$name', (network) => {
  const { chain } = network

  it('has a genesis block whose header belongs to its body', () => {
    const header = headerOf(network)
    expect(header.previousHash).toEqual(new Uint8Array(32))
    if (chain.body === 'opaque') expect(sha3_256(chain.genesis.transactionData)).toEqual(header.merkleRoot)
    else {
      const body = parseBody(chain, header, chain.genesis.transactionData, 0)
      expect(body.ok && body.value.transactions.length).toBe(1)
    }
    expect(chain.genesis.hash).toBe(network.genesisHash)
  })

  it('has rules in the order of their heights', () => {
    const { difficulty: d } = chain
    const lists = d.kind === 'schedule' ? [d.periods, d.asert, chain.futureLimits] : [chain.futureLimits]
    const heights = [
      ...lists.map((rules) => rules.map((r) => r.fromHeight)),
      chain.checkpoints.map((c) => c.height),
    ]
    for (const list of heights) expect(list).toEqual([...new Set(list)].sort((a, b) => a - b))
    expect(chain.trustedHeight).toBe(chain.checkpoints.at(-1)?.height ?? 0)
  })
})

describe('genesis blocks', () => {
  const { genesis } = loadChainRules()

  it('are those of other nodes', () => {
    expect(toHex(mainnet.chain.genesis.header)).toBe(genesis.mainnet.header)
    expect(toHex(mainnet.chain.genesis.transactionData)).toBe(genesis.mainnet.vtx)
    expect(hashToHex(mainnet.genesisHash)).toBe(genesis.mainnet.hash)
    expect(workOfBits(headerOf(mainnet).bits)).toBe(BigInt(`0x${genesis.mainnet.chainwork}`))
    expect(toHex(testnet.chain.genesis.header)).toBe(genesis.v1_testnet.header)
    expect(toHex(testnet.chain.genesis.transactionData)).toBe(genesis.v1_testnet.vtx)
    expect(hashToHex(testnet.genesisHash)).toBe(genesis.v1_testnet.hash)
  })

  it('meet their targets, but for that of the v1.0 testnet, which nobody looked at', () => {
    const meets = all.map((network) => hashMeetsBits(network.genesisHash, headerOf(network).bits))
    expect(meets).toEqual([true, false, true])
  })

  it('of regtest hashes to its name', () => {
    expect(sha3_256(regtest.chain.genesis.header)).toEqual(regtest.genesisHash)
  })
})
