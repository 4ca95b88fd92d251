/** Real blocks of another implementation, mined with RandomX on a network that a chain file defines. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openChain } from '../../src/node/chain-backend.ts'
import { parseChainFile } from '../../src/node/chain-file.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { fromHex, hashToHex } from '../../src/primitives/bytes.ts'
import { decodePayload } from '../../src/wire/messages.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

it('follows a chain that was made by others', async () => {
  const network = parseChainFile(read('../../examples/eased-mainnet.chain.json'))
  if (!network.ok) throw new Error(network.error)
  const { blocks } = JSON.parse(read('../vectors/eased-blocks.json')) as {
    blocks: { height: number; hash: string; payloadHex: string }[]
  }
  const chain = await openChain({ network: network.value })
  const node = new DilithionNode({ network: network.value, chain })
  await node.start()
  try {
    const results: string[] = []
    for (const { height, payloadHex } of blocks) {
      if (height === 0 || height > 8) continue
      const message = decodePayload('block', fromHex(payloadHex) ?? new Uint8Array())
      if (!message.ok || message.value.type !== 'block') throw new Error(`block ${height} can not be read`)
      const result = await node.chain?.submitBlock(message.value.block)
      results.push(result?.result === 'rejected' ? result.text : (result?.result ?? 'none'))
    }
    expect(results).toEqual(Array.from({ length: 8 }, () => 'accepted'))
    const tip = node.chain?.engine.tip
    expect(tip?.height).toBe(8)
    expect(hashToHex(tip?.hash ?? new Uint8Array())).toBe(blocks.find(({ height }) => height === 8)?.hash)
    expect(await node.chain?.verify(4, 8)).toBeUndefined()
  } finally {
    await node.stop()
    await chain.close()
  }
})
