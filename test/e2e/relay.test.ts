/** What real peers get from a real node: headers, blocks, and news of blocks, each in the form that it asked for. */
import { afterAll, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { bytesEqual, hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { PartialBlock } from '../../src/relay/partial-block.ts'
import { noTransactions } from '../../src/relay/transaction-source.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { type BuiltBlock, ChainBuilder } from '../../testkit/chain-builder.ts'
import type { NodeProcess } from '../../testkit/process.ts'
import { Lab } from '../../testkit/process.ts'
import { compactOf } from '../../testkit/relay-blocks.ts'
import { TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const ADDRESS = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const SENDHEADERS: Message = { type: 'sendheaders' }
const COMPACT: Message = { type: 'sendcmpct', announce: true, version: 1n }

async function mine(node: NodeProcess, count = 1): Promise<string[]> {
  return (await node.rpc('generatetoaddress', count, ADDRESS)) as string[]
}

/** A peer that has told what it wants, and that it has the block of this hash. */
async function join(port: number, tip: Uint8Array, ...wants: Message[]): Promise<TcpPeer> {
  const peer = lab.atEnd(await TcpPeer.join({ port }))
  peer.send(...wants, { type: 'getheaders', locator: [tip], stop: new Uint8Array(32) })
  await peer.next('headers')
  return peer
}

const getdata = (...hashes: Uint8Array[]): Message => ({
  type: 'getdata',
  inventory: Inventory.of(hashes.map((hash) => ({ type: InvType.block, hash }))),
})

describe('a node with a chain', () => {
  it('gives headers and blocks to who asks', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const hashes = await mine(node, 50)
    const peer = lab.atEnd(await TcpPeer.join({ port }))
    peer.send({ type: 'getheaders', locator: [regtest.genesisHash], stop: new Uint8Array(32) })
    const { headers } = await peer.next('headers')
    const found = [...headers].map(({ bytes }) => sha3_256(bytes))
    expect(found.map(hashToHex)).toEqual(hashes)
    peer.send(getdata(...found, regtest.genesisHash))
    for (const hash of [...found, regtest.genesisHash]) {
      const { block } = await peer.next('block')
      expect(bytesEqual(sha3_256(block.header.bytes), hash)).toBe(true)
    }
  })

  it('announces a new tip to each peer in its form', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const [before] = await mine(node)
    const tip = Uint8Array.from(Buffer.from(before ?? '', 'hex')).reverse()
    const plain = await join(port, tip)
    const wantsHeaders = await join(port, tip, SENDHEADERS)
    const wantsCompact = await join(port, tip, SENDHEADERS, COMPACT)
    const [hash = ''] = await mine(node)
    const { inventory } = await plain.next('inv')
    expect([...inventory].map((entry) => hashToHex(entry.hash))).toEqual([hash])
    const { headers } = await wantsHeaders.next('headers')
    expect([...headers].map(({ bytes }) => hashToHex(sha3_256(bytes)))).toEqual([hash])
    const compact = await wantsCompact.next('cmpctblock')
    expect(hashToHex(sha3_256(compact.header.bytes))).toBe(hash)
    const block = PartialBlock.begin(compact, noTransactions)?.block()
    wantsCompact.send(getdata(sha3_256(compact.header.bytes)))
    const whole = await wantsCompact.next('block')
    expect(toHex(block?.transactionData ?? new Uint8Array(0))).toBe(toHex(whole.block.transactionData))
  })

  it('takes a compact block, asking for what it lacks, and passes it on', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const [before] = await mine(node)
    const tip = Uint8Array.from(Buffer.from(before ?? '', 'hex')).reverse()
    const giver = await join(port, tip, SENDHEADERS, COMPACT)
    const other = await join(port, tip, SENDHEADERS, COMPACT)
    giver.send(getdata(tip))
    const { block: parent } = await giver.next('block')
    const builder = new ChainBuilder(regtest.chain)
    const behind = { height: 1, hash: tip, header: parent.header } as BuiltBlock
    const { block, hash, transactions } = builder.next(behind)
    // Nothing is prefilled, so that even the coinbase has to be asked for.
    const { header, nonce } = compactOf(block, 3n)
    const shortIds = Uint8Array.of(1, 2, 3, 4, 5, 6)
    giver.send({ type: 'cmpctblock', header, nonce, prefilled: [], shortIds })
    const question = await giver.next('getblocktxn')
    expect(question.indexes).toEqual([0])
    giver.send({ type: 'blocktxn', blockHash: hash, transactions })
    const news = await other.next('cmpctblock')
    expect(bytesEqual(news.header.bytes, header.bytes)).toBe(true)
    expect(await node.rpc('getblockcount')).toBe(2)
    expect(giver.types).not.toContain('cmpctblock')
  })
})
