/** Who is told of a new tip, in which form, and who is not. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  MAX_ANNOUNCED_HEADERS,
  SEND_QUEUE_HIGH_BYTES,
  SEND_QUEUE_LOW_BYTES,
} from '../../src/params/limits.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { FAKE_GENESIS, type FakeBlock, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { compactOf, numbered } from '../../testkit/relay-blocks.ts'
import { RelayProbe, realBlock } from '../../testkit/relay-chain.ts'
import { messageOfBytes, versionOf } from '../../testkit/sim/scripted.ts'
import { filled } from '../../testkit/wire-samples.ts'

const SENDHEADERS: Message = { type: 'sendheaders' }
const compact = (announce: boolean, version = 1n): Message => ({ type: 'sendcmpct', announce, version })

let probe: RelayProbe

beforeEach(() => {
  probe = new RelayProbe()
})

/** Blocks with transactions in them, each behind the one before. */
function chainOf(count: number, from: { hash: Uint8Array } = FAKE_GENESIS, nonce = 0): FakeBlock[] {
  const blocks: FakeBlock[] = []
  for (let i = 0; i < count; i++)
    blocks.push(realBlock(blocks.at(-1) ?? from, [numbered(0), numbered(i + 1), numbered(i + 2)], nonce))
  return blocks
}

/** The peer tells that it has this block. */
function shows(id: PeerId, { hash }: { hash: Uint8Array }): void {
  probe.receive(id, { type: 'inv', inventory: Inventory.of([{ type: InvType.block, hash }]) })
  forgetSent(id)
}

/** The peer asks for what comes behind this block, whose header it knows. */
function asksBehind(id: PeerId, { hash }: { hash: Uint8Array }): void {
  probe.receive(id, { type: 'getheaders', locator: [hash], stop: filled(0) })
  forgetSent(id)
}

function forgetSent(id: PeerId): void {
  probe.flush(id)
  probe.effects = probe.effects.filter(({ type }) => type === 'io')
}

/** What a peer was told of blocks: the hashes of an `inv`, the headers of a `headers`, or a compact block. */
function told(id: PeerId): string[] {
  return probe.sentTo(id).flatMap((message) => {
    if (message.type === 'inv') return [`inv ${[...message.inventory].map(({ hash }) => toHex(hash)).join()}`]
    if (message.type === 'headers')
      return [`headers ${[...message.headers].map(({ bytes }) => toHex(bytes)).join()}`]
    return message.type === 'cmpctblock' ? [`cmpctblock ${toHex(message.header.bytes)}`] : []
  })
}

const inv = (...blocks: readonly FakeBlock[]): string => `inv ${blocks.map(({ hash }) => toHex(hash)).join()}`
const headers = (...blocks: readonly FakeBlock[]): string =>
  `headers ${blocks.map(({ header }) => toHex(header.bytes)).join()}`
const cmpctblock = (block: FakeBlock): string => `cmpctblock ${toHex(block.header.bytes)}`

describe('a new tip', () => {
  const blocks = chainOf(3)
  const [first, second, third] = blocks
  if (!first || !second || !third) throw new Error('no blocks')

  it('goes to each peer in the form that it asked for and can connect, within the same input', () => {
    probe.chain.grow([first])
    const plain = probe.modern('9.1.1.1')
    const wantsHeaders = probe.modern('9.2.1.1', SENDHEADERS)
    const wantsCompact = probe.modern('9.3.1.1', SENDHEADERS, compact(true))
    const asksForCompact = probe.modern('9.4.1.1', compact(false))
    const other = probe.modern('9.5.1.1', compact(true, 2n))
    for (const id of [wantsHeaders, wantsCompact, asksForCompact]) shows(id, first)
    probe.mine(second)
    probe.readAll()
    expect(told(plain)).toEqual([inv(second)])
    expect(told(wantsHeaders)).toEqual([headers(second)])
    expect(told(wantsCompact)).toEqual([cmpctblock(second)])
    expect(told(asksForCompact)).toEqual([headers(second)])
    expect(told(other)).toEqual([inv(second)])
  })

  it('is announced at once if its body came from a peer, without a question to the disk', () => {
    probe.chain.grow([first])
    const source = probe.modern('9.1.1.1', SENDHEADERS, compact(true))
    const wantsCompact = probe.modern('9.3.1.1', SENDHEADERS, compact(true))
    shows(wantsCompact, first)
    probe.receive(source, { type: 'block', block: second })
    expect(told(wantsCompact)).toEqual([cmpctblock(second)])
    expect(told(source)).toEqual([])
    expect(probe.openReads).toEqual([])
  })

  it('is one and the same frame for all who want it compact', () => {
    probe.chain.grow([first])
    const ids = [1, 2, 3].map((i) => probe.modern(`9.${i}.1.1`, compact(true)))
    for (const id of ids) shows(id, first)
    probe.mine(second)
    probe.readAll()
    const chunks = probe.effects.flatMap((effect) => (effect.type === 'write' ? effect.chunks : []))
    expect(chunks).toHaveLength(3)
    expect(chunks[1] === chunks[0] && chunks[2] === chunks[0]).toBe(true)
    const [message] = ids[0] === undefined ? [] : probe.sentTo(ids[0])
    if (message?.type !== 'cmpctblock') throw new Error('not compact')
    expect(message).toEqual(compactOf(second, message.nonce))
  })

  it('is not told to who has it: who sent it, its header, its hash, or was given it', () => {
    probe.chain.grow([first])
    const sentInv = probe.modern('9.1.1.1', SENDHEADERS)
    const sentHeaders = probe.modern('9.2.1.1', SENDHEADERS)
    const sentBlock = probe.modern('9.3.1.1', SENDHEADERS)
    const other = probe.modern('9.4.1.1', SENDHEADERS)
    probe.receive(sentHeaders, { type: 'headers', headers: headersOf([second]) })
    const inventory = Inventory.of([{ type: InvType.block, hash: second.hash }])
    probe.receive(sentInv, { type: 'inv', inventory })
    probe.receive(sentBlock, { type: 'block', block: second })
    probe.readAll()
    for (const id of [sentInv, sentHeaders, sentBlock]) expect(told(id)).toEqual([])
    expect(told(other)).toEqual([inv(second)])
  })

  it('is told once', () => {
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', SENDHEADERS)
    shows(id, first)
    probe.mine(second)
    probe.mine(second)
    probe.mine(third)
    expect(told(id)).toEqual([headers(second), headers(third)])
  })

  it('is compact only for who has its parent, not for who has yet to ask for that', () => {
    probe.chain.grow([first])
    const has = probe.modern('9.1.1.1', SENDHEADERS, compact(true))
    const catchesUp = probe.modern('9.2.1.1', SENDHEADERS, compact(true))
    const stranger = probe.modern('9.3.1.1', SENDHEADERS, compact(true))
    shows(has, first)
    // The answer to its question is the header of the first.
    asksBehind(catchesUp, FAKE_GENESIS)
    probe.mine(second)
    probe.readAll()
    expect([told(has), told(catchesUp), told(stranger)]).toEqual([
      [cmpctblock(second)],
      [headers(second)],
      [inv(second)],
    ])
    // It asks for the block, and is given it.
    const inventory = Inventory.of([{ type: InvType.block, hash: second.hash }])
    probe.receive(catchesUp, { type: 'getdata', inventory })
    for (const id of [has, catchesUp]) forgetSent(id)
    probe.mine(third)
    probe.readAll()
    expect([told(has), told(catchesUp)]).toEqual([[cmpctblock(third)], [cmpctblock(third)]])
  })

  it('is compact for who names its parent in a question, unless it has that from us as a header', () => {
    probe.chain.grow([first])
    const has = probe.modern('9.1.1.1', SENDHEADERS, compact(true))
    const catchesUp = probe.modern('9.2.1.1', SENDHEADERS, compact(true))
    asksBehind(has, first)
    asksBehind(catchesUp, FAKE_GENESIS)
    asksBehind(catchesUp, first)
    probe.mine(second)
    probe.readAll()
    expect([told(has), told(catchesUp)]).toEqual([[cmpctblock(second)], [headers(second)]])
  })

  it('whose body can not be had is announced by its header', () => {
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', compact(true))
    shows(id, first)
    probe.mine(second)
    expect(told(id)).toEqual([])
    const [read] = probe.openReads
    probe.handle({ type: 'ioDone', id: read?.id ?? 0, result: { ok: true, value: [undefined] } })
    expect(told(id)).toEqual([headers(second)])
  })

  it('of a chain of any bytes is announced by its header', () => {
    const [block, next] = fakeBlocks(2)
    if (!block || !next) throw new Error('no blocks')
    probe.chain.grow([block])
    const id = probe.modern('9.1.1.1', compact(true))
    shows(id, block)
    probe.mine(next)
    probe.readAll()
    expect(told(id)).toEqual([headers(next)])
  })

  it('is not announced any more when another has taken its place meanwhile', () => {
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', compact(true), SENDHEADERS)
    shows(id, first)
    probe.mine(second)
    probe.mine(third)
    probe.readAll()
    expect(told(id)).toEqual([headers(second, third)])
  })

  it('is told to who came while it came', () => {
    probe.chain.grow([first])
    const id = probe.accept('9.9.1.1')
    if (id === undefined) throw new Error('refused')
    probe.receive(id, versionOf(probe.network))
    probe.mine(second)
    expect(told(id)).toEqual([])
    probe.receive(id, { type: 'verack' })
    expect(told(id)).toEqual([inv(second)])
    probe.wait(10)
    const later = probe.ready('9.8.1.1')
    expect(told(later)).toEqual([])
  })

  it('is told later to who does not read, if it is still the tip', () => {
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', SENDHEADERS)
    shows(id, first)
    probe.handle({ type: 'send', peer: id, message: messageOfBytes(SEND_QUEUE_HIGH_BYTES + 1) })
    probe.effects = []
    probe.mine(second)
    probe.mine(third)
    expect(told(id)).toEqual([])
    probe.flush(id, probe.peer(id).sendQueue.bytes - SEND_QUEUE_LOW_BYTES)
    expect(told(id)).toEqual([headers(second, third)])
    probe.flush(id)
    expect(told(id)).toHaveLength(1)
  })

  it('is told to nobody while the node is catching up', () => {
    probe.chain.grow([first])
    probe.chain.isInitialDownload = true
    const id = probe.modern('9.1.1.1')
    probe.mine(second)
    expect(told(id)).toEqual([])
    probe.chain.isInitialDownload = false
    probe.mine(third)
    expect(told(id)).toEqual([inv(third)])
  })
})

describe('several blocks at once', () => {
  it('are announced by the tip and the run that leads to it', () => {
    const blocks = chainOf(1 + MAX_ANNOUNCED_HEADERS)
    const [first] = blocks
    if (first === undefined) throw new Error('no block')
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', SENDHEADERS)
    const wantsCompact = probe.modern('9.2.1.1', compact(true))
    for (const other of [id, wantsCompact]) shows(other, first)
    probe.mine(...blocks.slice(1))
    probe.readAll()
    expect(told(id)).toEqual([headers(...blocks.slice(1))])
    expect(told(wantsCompact)).toEqual([headers(...blocks.slice(1))])
  })

  it('are too many for headers beyond eight', () => {
    const blocks = chainOf(2 + MAX_ANNOUNCED_HEADERS)
    const [first] = blocks
    const tip = blocks.at(-1)
    if (!first || !tip) throw new Error('no blocks')
    probe.chain.grow([first])
    const id = probe.modern('9.1.1.1', SENDHEADERS)
    shows(id, first)
    probe.mine(...blocks.slice(1))
    expect(told(id)).toEqual([inv(tip)])
  })

  it('of a reorganisation are announced from the fork', () => {
    const old = chainOf(4)
    const [first] = old
    if (first === undefined) throw new Error('no block')
    const branch = chainOf(5, first, 9)
    probe.chain.grow(old)
    const id = probe.modern('9.1.1.1', SENDHEADERS)
    const wantsCompact = probe.modern('9.2.1.1', SENDHEADERS, compact(true))
    for (const other of [id, wantsCompact]) shows(other, old.at(-1) ?? first)
    probe.mine(...branch)
    probe.readAll()
    expect(told(id)).toEqual([headers(...branch)])
    expect(told(wantsCompact)).toEqual([headers(...branch)])
  })
})
