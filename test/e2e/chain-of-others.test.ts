/** Real blocks of another node, on the network of a chain file, from RandomX to coins. */
import { resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type ChainBackend, openChain } from '../../src/node/chain-backend.ts'
import { readChainFile } from '../../src/node/network-choice.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { hashFromHex, hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import { decodePayload, encodePayload } from '../../src/wire/messages.ts'
import { Lab } from '../../testkit/process.ts'
import { PeerListener, TcpPeer } from '../../testkit/tcp-peer.ts'
import { hex, loadEasedBlocks } from '../../testkit/vectors.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../examples/eased-mainnet.chain.json')
const blocks = loadEasedBlocks().blocks.filter(({ height }) => height > 0 && height <= 8)

/** Longer than the test. */
const PATIENCE_MS = 120_000
const lab = new Lab()
const closings: (() => Promise<unknown>)[] = []
afterAll(async () => {
  await lab.close()
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
      if (!message.ok) throw new TypeError('not a block')
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

  it('is fetched from a node like the one that made it, and served to the next, byte for byte', async () => {
    const network = await readChainFile(EXAMPLE)
    const maker = await PeerListener.open({ network })
    closings.push(async () => maker.close())
    const args = [`--chain-file=${EXAMPLE}`, `--connect=127.0.0.1:${maker.port}`]
    const { node, port } = await lab.startListening({ args })
    const source = await maker.accept()
    await source.answerHandshake({ startHeight: blocks.length, userAgent: '/Dilithion:v4.0.18/' })
    void serve(source)
    expect(await node.rpc('waitforblockheight', blocks.length, PATIENCE_MS)).toMatchObject({
      height: blocks.length,
    })
    const asked = source.messages.flatMap((message) =>
      message.type === 'getdata' ? [...message.inventory].map(({ hash }) => hashToHex(hash)) : [],
    )
    // The reference punishes who asks twice.
    expect([...asked].sort()).toEqual(blocks.map(({ hash }) => hash).sort())

    const next = await TcpPeer.connect({ port, network, localAddress: '127.0.0.2' })
    await next.shakeHands()
    next.send({ type: 'getheaders', locator: [network.genesisHash], stop: new Uint8Array(32) })
    const { headers } = await next.next('headers')
    expect([...headers].map(({ bytes }) => toHex(bytes))).toEqual(
      blocks.map(({ payloadHex }) => payloadHex.slice(0, 160)),
    )
    next.send({ type: 'getdata', inventory: Inventory.of(blocks.map(({ hash }) => wanted(hash))) })
    for (const { payloadHex } of blocks) {
      const served = await next.next('block')
      expect(toHex(encodePayload(served))).toBe(payloadHex)
    }
    next.close()
  })
})

function wanted(hash: string): { type: number; hash: Uint8Array } {
  return { type: InvType.block, hash: hashFromHex(hash) ?? new Uint8Array(32) }
}

/** Answers as the reference does: headers behind genesis, each block when it is asked for. */
async function serve(peer: TcpPeer): Promise<void> {
  const byHash = new Map(
    blocks.map(({ hash, payloadHex }) => [hash, decodePayload('block', hex(payloadHex))]),
  )
  const headers = HeaderList.of(
    [...byHash.values()].flatMap((message) => (message.ok ? [message.value.block.header] : [])),
  )
  const answerHeaders = async (): Promise<never> => {
    for (;;) {
      await peer.next('getheaders', PATIENCE_MS)
      peer.send({ type: 'headers', headers })
    }
  }
  const answerData = async (): Promise<never> => {
    for (;;) {
      const { inventory } = await peer.next('getdata', PATIENCE_MS)
      for (const { hash } of inventory) {
        const block = byHash.get(hashToHex(hash))
        if (block?.ok === true) peer.send(block.value)
      }
    }
  }
  // Ends with the connection.
  await Promise.allSettled([answerHeaders(), answerData()])
}
