/** Nodes of the first release are led through our chain by `inv`, in order and no faster than they can follow. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  V1_ANNOUNCE_INTERVAL_MS,
  V1_ANNOUNCED_BLOCKS,
  V1_ANSWER_TIMEOUT_MS,
} from '../../src/params/limits.ts'
import { testnet } from '../../src/params/networks.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { type FakeBlock, fakeBlocks } from '../../testkit/fake-chain.ts'
import { RelayProbe } from '../../testkit/relay-chain.ts'
import { v1Version } from '../../testkit/sim/scripted.ts'

let probe: RelayProbe
const answered = new Set<bigint>()

beforeEach(() => {
  probe = new RelayProbe({ network: testnet })
  answered.clear()
})

function old(ip: string, nonce = 0n): PeerId {
  const id = probe.accept(ip)
  if (id === undefined) throw new Error('refused')
  probe.receive(id, v1Version({ nonce }), { type: 'verack' })
  return id
}

/** The blocks that the peer has been told of, message by message. */
function told(id: PeerId): string[][] {
  return probe
    .sentTo(id)
    .flatMap((message) =>
      message.type === 'inv' ? [[...message.inventory].map(({ hash }) => toHex(hash))] : [],
    )
}

const hashes = (blocks: readonly FakeBlock[]): string[] => blocks.map(({ hash }) => toHex(hash))
const getdata = (blocks: readonly FakeBlock[]): Message => ({
  type: 'getdata',
  inventory: Inventory.of(blocks.map(({ hash }) => ({ type: InvType.block, hash }))),
})

function answerPings(id: PeerId): void {
  for (const message of probe.sentTo(id)) {
    if (message.type !== 'ping' || answered.has(message.nonce)) continue
    answered.add(message.nonce)
    probe.receive(id, { type: 'pong', nonce: message.nonce })
  }
}

/** Lets time pass as the peer does that reads all, and answers pings. */
function wait(id: PeerId, ms: number): void {
  for (let end = probe.now.mono + ms; probe.now.mono < end; ) {
    probe.wait(Math.min(500, end - probe.now.mono))
    probe.flush(id)
    answerPings(id)
  }
}

describe('a peer of the first release', () => {
  const blocks = fakeBlocks(20)
  const portions = [
    blocks.slice(0, V1_ANNOUNCED_BLOCKS),
    blocks.slice(V1_ANNOUNCED_BLOCKS, 2 * V1_ANNOUNCED_BLOCKS),
    blocks.slice(2 * V1_ANNOUNCED_BLOCKS),
  ] as const

  it('is told of the whole chain in order, as fast as it follows', () => {
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    expect(told(id)).toEqual([hashes(portions[0])])
    wait(id, V1_ANSWER_TIMEOUT_MS / 2)
    expect(told(id)).toHaveLength(1)
    // It asks for some, and sends back those that it has.
    probe.receive(id, getdata(portions[0].slice(0, 5)))
    for (const block of portions[0].slice(5)) probe.receive(id, { type: 'block', block })
    probe.take(id)
    expect(told(id)).toEqual([hashes(portions[0]), hashes(portions[1])])
    probe.receive(id, getdata(portions[1]))
    expect(told(id)).toHaveLength(2)
    wait(id, V1_ANNOUNCE_INTERVAL_MS)
    expect(told(id)).toEqual(portions.map(hashes))
    probe.receive(id, getdata(portions[2]))
    wait(id, 10 * V1_ANSWER_TIMEOUT_MS)
    expect(told(id)).toHaveLength(3)
  })

  it('is told again of what it did not react to, and of nothing behind that', () => {
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    probe.receive(id, getdata(portions[0].slice(0, 6)))
    wait(id, 3 * V1_ANSWER_TIMEOUT_MS + 1_000)
    const rest = hashes(portions[0].slice(6))
    expect(told(id)).toEqual([hashes(portions[0]), rest, rest, rest])
  })

  it('is told nothing again before it has read that', () => {
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    for (let i = 0; i < 20; i++) {
      probe.wait(10_000)
      probe.flush(id)
    }
    expect(told(id)).toHaveLength(1)
    expect(probe.commandsTo(id).filter((command) => command === 'ping').length).toBeLessThanOrEqual(4)
    answerPings(id)
    probe.take(id)
    expect(told(id)).toEqual([hashes(portions[0]), hashes(portions[0])])
  })

  it('is told of new blocks behind the others', () => {
    const [next] = fakeBlocks(1, blocks.at(-1))
    if (next === undefined) throw new Error('no block')
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    probe.mine(next)
    expect(told(id)).toHaveLength(1)
    for (const portion of portions) {
      probe.receive(id, getdata(portion))
      wait(id, 2 * V1_ANNOUNCE_INTERVAL_MS)
    }
    expect(told(id).at(-1)).toEqual(hashes([...portions[2], next]))
    const [last] = fakeBlocks(1, next)
    probe.receive(id, getdata([next]))
    if (last !== undefined) probe.mine(last)
    wait(id, V1_ANNOUNCE_INTERVAL_MS)
    expect(told(id).at(-1)).toEqual(hashes(last === undefined ? [] : [last]))
  })

  it('is led from the fork after a reorganisation', () => {
    const branch = fakeBlocks(19, blocks[1], 5)
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    probe.receive(id, getdata(portions[0]))
    probe.mine(...branch)
    wait(id, 2 * V1_ANNOUNCE_INTERVAL_MS)
    expect(told(id)).toEqual([hashes(portions[0]), hashes(branch.slice(0, V1_ANNOUNCED_BLOCKS))])
  })

  it('is told nothing while the node is catching up', () => {
    probe.chain.grow(blocks)
    probe.chain.isInitialDownload = true
    const id = old('9.9.1.1')
    wait(id, V1_ANSWER_TIMEOUT_MS)
    expect(told(id)).toEqual([])
    probe.chain.isInitialDownload = false
    wait(id, 1_000)
    expect(told(id)).toHaveLength(1)
  })

  it('gets neither headers nor compact blocks unasked', () => {
    probe.chain.grow(blocks)
    const id = old('9.9.1.1')
    probe.receive(id, { type: 'sendheaders' }, { type: 'sendcmpct', announce: true, version: 1n })
    probe.mine(...fakeBlocks(1, blocks.at(-1)))
    wait(id, 2_000)
    expect(probe.commandsTo(id).filter((command) => /headers|cmpct/.test(command))).not.toContain(
      'cmpctblock',
    )
    expect(probe.commandsTo(id)).not.toContain('headers')
  })
})

describe('a younger node that speaks like one', () => {
  it('is told of tips only', () => {
    const blocks = fakeBlocks(20)
    probe.chain.grow(blocks)
    const id = old('9.9.1.1', 77n)
    wait(id, 2 * V1_ANSWER_TIMEOUT_MS)
    expect(told(id)).toEqual([hashes(blocks.slice(-1))])
    const next = fakeBlocks(3, blocks.at(-1))
    probe.mine(...next)
    expect(told(id).at(-1)).toEqual(hashes(next.slice(-1)))
  })
})
