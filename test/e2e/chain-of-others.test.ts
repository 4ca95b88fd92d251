/** Real blocks of another node, on the network of a chain file, from RandomX to coins. */
import { resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type ChainBackend, openChain } from '../../src/node/chain-backend.ts'
import { readChainFile } from '../../src/node/network-choice.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { hashFromHex, hashToHex } from '../../src/primitives/bytes.ts'
import { decodePayload } from '../../src/wire/messages.ts'
import { hex, loadEasedBlocks } from '../../testkit/vectors.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../examples/eased-mainnet.chain.json')
const blocks = loadEasedBlocks().blocks.filter(({ height }) => height > 0 && height <= 8)

const closings: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closings.reverse()) await close()
})

describe('a chain of another node', () => {
  it('is followed, block by block', async () => {
    const network = await readChainFile(EXAMPLE)
    const backend: ChainBackend = await openChain({ network })
    closings.push(() => backend.close())
    const node = new DilithionNode({ network, chain: backend })
    closings.push(() => node.stop())
    await node.start()
    const { chain } = node
    if (chain === undefined) throw new TypeError('no chain')
    for (const { height, hash, payloadHex, txids } of blocks) {
      const message = decodePayload('block', hex(payloadHex))
      if (!message.ok || message.value.type !== 'block') throw new TypeError('not a block')
      expect(await chain.submitBlock(message.value.block)).toMatchObject({ result: 'accepted' })
      expect(chain.engine.tip.height).toBe(height)
      expect(hashToHex(chain.engine.tip.hash)).toBe(hash)
      const coinbase = hashFromHex(txids[0] ?? '') ?? new Uint8Array(0)
      const values = await Promise.all(
        [0, 1, 2].map(async (i) => (await chain.coin(coinbase, i)).coin?.value),
      )
      expect(values).toEqual([4_900_000_000, 50_000_000, 50_000_000])
    }
    expect(chain.engine.tip.height).toBe(8)
  })
})
