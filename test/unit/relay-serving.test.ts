/** What this node gives to those who ask for headers and blocks, in which order, and how much it holds meanwhile. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  ASKED_BLOCKS_HIGH,
  BLOCK_TXN_DEPTH,
  INACTIVITY_TIMEOUT_MS,
  MAX_ASKED_BLOCKS,
  MAX_MISSED_BLOCKS,
  MAX_RUN_BLOCKS,
  MAX_RUN_BYTES,
  MISSED_BLOCK_MS,
  SEND_QUEUE_LOW_BYTES,
  SERVING_BYTES_TOTAL,
  WORK_ALLOWANCE,
} from '../../src/params/limits.ts'
import { testnet } from '../../src/params/networks.ts'
import { type PeerId, peerId } from '../../src/primitives/brand.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import { encodePayload, type Message } from '../../src/wire/messages.ts'
import { type FakeBlock, fakeBlocks } from '../../testkit/fake-chain.ts'
import { numbered } from '../../testkit/relay-blocks.ts'
import { RelayProbe, realBlock } from '../../testkit/relay-chain.ts'
import { v1Version } from '../../testkit/sim/scripted.ts'
import { filled } from '../../testkit/wire-samples.ts'

const NONE = filled(0)

let probe: RelayProbe
let peer: PeerId

beforeEach(() => {
  probe = new RelayProbe()
})

/** Gives the node a chain, and it a peer that nothing has been said to. */
function serve(blocks: readonly FakeBlock[]): void {
  probe.chain.grow(blocks)
  peer = probe.modern('9.9.9.9')
}

const getdata = (hashes: readonly Uint8Array[], type: number = InvType.block): Message => ({
  type: 'getdata',
  inventory: Inventory.of(hashes.map((hash) => ({ type, hash }))),
})
const asked = (blocks: readonly FakeBlock[]): Message => getdata(blocks.map(({ hash }) => hash))
const print = (message: Message): number => messageChecksum(encodePayload(message))
/** Whole blocks, by the checksum of their payload. */
const payloads = (blocks: readonly FakeBlock[]): number[] =>
  blocks.map((block) => print({ type: 'block', block }))
const received = (messages: readonly Message[]): number[] =>
  messages.filter(({ type }) => type === 'block').map(print)

describe('headers', () => {
  it('are always answered, also with none', () => {
    serve([])
    probe.receive(peer, { type: 'getheaders', locator: [], stop: NONE })
    const [answer] = probe.sentTo(peer)
    expect(answer?.type === 'headers' && answer.headers.length).toBe(0)
  })

  it('are those behind the first hash of the locator that we have, 2,000 at a time', () => {
    const blocks = fakeBlocks(2_100)
    serve(blocks)
    const ask = (locator: Uint8Array[], stop = NONE): string[] => {
      probe.effects = []
      probe.receive(peer, { type: 'getheaders', locator, stop })
      probe.flush(peer)
      const [answer] = probe.sentTo(peer)
      return answer?.type === 'headers' ? [...answer.headers].map(({ bytes }) => toHex(bytes)) : []
    }
    const bytes = blocks.map(({ header }) => toHex(header.bytes))
    // Twice: the second time without being made again.
    expect(ask([])).toEqual(bytes.slice(0, 2_000))
    expect(ask([])).toEqual(bytes.slice(0, 2_000))
    expect(ask([filled(3), blocks[49]?.hash ?? NONE])).toEqual(bytes.slice(50, 2_050))
    expect(ask([blocks[2_098]?.hash ?? NONE])).toEqual(bytes.slice(2_099))
    expect(ask([blocks[9]?.hash ?? NONE], blocks[12]?.hash)).toEqual(bytes.slice(10, 13))
  })

  it('cost the asker work where they have to be made, or his hashes are unknown', () => {
    serve(fakeBlocks(2_500))
    // So often that with one piece of work each nothing would be left.
    const askOften = (locator: Uint8Array[]): boolean => {
      probe.peer(peer).allowance.useWork(WORK_ALLOWANCE - 10)
      for (let i = 0; i < 12; i++) {
        probe.receive(peer, { type: 'getheaders', locator, stop: NONE })
        probe.flush(peer)
      }
      return probe.peer(peer).throttledUntil !== undefined
    }
    expect(askOften([])).toBe(false)
    peer = probe.modern('9.6.1.1')
    expect(askOften([probe.chain.tip.hash])).toBe(false)
    peer = probe.modern('9.8.1.1')
    expect(askOften(Array.from({ length: 32 }, (_, i) => filled(i + 1)))).toBe(true)
    peer = probe.modern('9.7.1.1')
    expect(askOften([probe.chain.activeAt(300)?.hash ?? NONE])).toBe(true)
  })
})

describe('blocks', () => {
  it('are sent as they are stored, in the order in which they were asked for', () => {
    const blocks = fakeBlocks(20, undefined, 3, 300)
    serve(blocks)
    const order = [7, 3, 19, 0].map((i) => blocks[i]).filter((block) => block !== undefined)
    probe.receive(peer, asked(order.slice(0, 3)), asked(order.slice(3)))
    expect(received(probe.take(peer))).toEqual(payloads(order))
  })

  it('of branches are sent too, and served again when asked again', () => {
    const active = fakeBlocks(3)
    const branch = fakeBlocks(2, undefined, 9)
    serve([...active, ...branch])
    for (let i = 0; i < 3; i++) {
      probe.effects = []
      probe.receive(peer, asked(branch))
      expect(received(probe.take(peer))).toEqual(payloads(branch))
    }
  })

  it('that we lack, are known to be bad, or are asked for in another form, are passed over in silence', () => {
    const blocks = fakeBlocks(4)
    const [first, second, third, fourth] = blocks
    if (!first || !second || !third || !fourth) throw new Error('no blocks')
    serve([first, second])
    probe.chain.submitHeaders('local', headers([third]))
    probe.chain.tree.get(second.hash)?.set(4)
    probe.effects = []
    probe.receive(peer, getdata([filled(7), second.hash, third.hash, fourth.hash]))
    probe.receive(
      peer,
      getdata([first.hash], InvType.filteredBlock),
      getdata([first.hash], InvType.compactBlock),
    )
    probe.receive(peer, getdata([first.hash], InvType.transaction), getdata([first.hash], 77))
    expect(received(probe.take(peer))).toEqual([])
    probe.receive(peer, asked([first]))
    expect(received(probe.take(peer))).toEqual(payloads([first]))
  })

  it('that come a moment after they were asked for are sent then, and not announced as well', () => {
    const blocks = fakeBlocks(4)
    const [first, second, third, fourth] = blocks
    if (!first || !second || !third || !fourth) throw new Error('no blocks')
    serve([first])
    probe.receive(peer, getdata([second.hash]))
    expect(received(probe.take(peer))).toEqual([])
    probe.mine(second)
    const news = probe.take(peer)
    expect(received(news)).toEqual(payloads([second]))
    expect(news.filter(({ type }) => type !== 'block')).toEqual([])
    // Once only, and not after a while, or if it has come from elsewhere.
    probe.receive(peer, getdata([third.hash]))
    probe.wait(MISSED_BLOCK_MS + 1_000)
    probe.effects = []
    probe.mine(third)
    expect(received(probe.take(peer))).toEqual([])
    probe.receive(peer, getdata([fourth.hash]))
    probe.receive(peer, { type: 'block', block: fourth })
    expect(probe.chain.tip.hash).toEqual(fourth.hash)
    expect(received(probe.take(peer))).toEqual([])
  })

  it('that we lack are kept in mind up to a few', () => {
    const blocks = fakeBlocks(MAX_MISSED_BLOCKS + 2)
    serve(blocks.slice(0, 1))
    probe.receive(peer, asked(blocks.slice(1)))
    probe.mine(...blocks.slice(1))
    expect(received(probe.take(peer))).toEqual(payloads(blocks.slice(2)))
  })

  it('that can no longer be read are left out', () => {
    const blocks = fakeBlocks(5)
    serve(blocks)
    const offset = probe.chain.tree.get(blocks[2]?.hash ?? NONE)?.position?.offset
    probe.chain.damaged.add(offset ?? -1)
    probe.receive(peer, asked(blocks))
    expect(received(probe.take(peer))).toEqual(payloads(blocks.filter((_, i) => i !== 2)))
  })

  it('are read in runs, of many small ones or of a megabyte', () => {
    const small = fakeBlocks(100)
    const large = fakeBlocks(5, small.at(-1), 1, 400_000)
    serve([...small, ...large])
    probe.receive(peer, asked([...small, ...large]))
    probe.take(peer)
    const counts = probe.reads.map(({ request }) => (request.kind === 'read' ? request.positions.length : 0))
    expect(counts).toEqual([MAX_RUN_BLOCKS, 100 - MAX_RUN_BLOCKS + 2, 2, 1])
  })

  it('cost work where we do not have them', () => {
    serve([])
    const unknown = getdata(Array.from({ length: 1_000 }, (_, i) => filled(i & 0xff)))
    for (let i = 0; i < 20; i++) probe.receive(peer, unknown)
    expect(probe.peer(peer).throttledUntil).toBeDefined()
  })

  it('are not served beyond a thousand of one question', () => {
    const blocks = fakeBlocks(3)
    serve(blocks)
    const many = Array.from({ length: MAX_ASKED_BLOCKS + 500 }, (_, i) => blocks[i % 3]?.hash ?? NONE)
    probe.receive(peer, getdata(many))
    expect(received(probe.take(peer))).toHaveLength(MAX_ASKED_BLOCKS)
  })

  it('near the tip are kept, and not read again', () => {
    const blocks = fakeBlocks(30)
    serve(blocks)
    for (let i = 0; i < 3; i++) {
      probe.receive(peer, asked(blocks.slice(-2)))
      probe.take(peer)
    }
    expect(probe.reads).toHaveLength(1)
    probe.receive(peer, asked(blocks.slice(0, 2)))
    probe.take(peer)
    probe.receive(peer, asked(blocks.slice(0, 2)))
    probe.take(peer)
    expect(probe.reads).toHaveLength(3)
  })
})

describe('a peer that asks for much', () => {
  it('has its further messages wait until most of it is on its way', () => {
    const blocks = fakeBlocks(ASKED_BLOCKS_HIGH + 10)
    serve(blocks)
    probe.receive(peer, asked(blocks), { type: 'ping', nonce: 5n })
    expect(probe.peer(peer).mustWait).toBe(true)
    expect(probe.commandsTo(peer)).toEqual([])
    expect(probe.peer(peer).readingPaused).toBe(true)
    probe.readNext()
    expect(probe.peer(peer).mustWait).toBe(false)
    probe.drain()
    expect(probe.commandsTo(peer).filter((command) => command !== 'block')).toEqual(['pong'])
    expect(received(probe.take(peer))).toEqual(payloads(blocks))
    expect(probe.peer(peer).readingPaused).toBe(false)
  })

  it('is not closed for silence while the disk is slow', () => {
    const blocks = fakeBlocks(ASKED_BLOCKS_HIGH)
    serve(blocks)
    probe.receive(peer, asked(blocks))
    for (let waited = 0; waited <= INACTIVITY_TIMEOUT_MS; waited += 20_000) {
      probe.wait(20_000)
      probe.flush(peer)
    }
    probe.readNext()
    probe.wait(INACTIVITY_TIMEOUT_MS / 4)
    expect(probe.ends).toEqual([])
  })

  it('and reads nothing costs one run, however much it asks for', () => {
    const blocks = fakeBlocks(40, undefined, 1, 700_000)
    serve(blocks)
    for (let i = 0; i < 50; i++) {
      probe.receive(peer, asked(blocks))
      probe.readAll()
    }
    const { bytes } = probe.peer(peer).sendQueue
    expect(bytes).toBeLessThanOrEqual(SEND_QUEUE_LOW_BYTES + MAX_RUN_BYTES + 24)
    expect(probe.openReads).toEqual([])
    // The questions that were taken are as many as may be; the others are not even read.
    expect(probe.peer(peer).readingPaused).toBe(true)
  })

  it('gets the rest when it reads again', () => {
    const blocks = fakeBlocks(12, undefined, 1, 700_000)
    serve(blocks)
    probe.receive(peer, asked(blocks))
    probe.readAll()
    expect(probe.commandsTo(peer)).toEqual(['block'])
    expect(received(probe.take(peer))).toEqual(payloads(blocks))
  })

  it('leaves no trace when it goes', () => {
    const blocks = fakeBlocks(20, undefined, 1, 700_000)
    serve(blocks)
    probe.receive(peer, asked(blocks))
    const other = probe.modern('9.9.9.8')
    probe.receive(other, asked(blocks))
    probe.handle({ type: 'closed', peer })
    probe.effects = probe.effects.filter(({ type }) => type === 'io')
    probe.readNext()
    expect(probe.effects.some((effect) => effect.type === 'write')).toBe(false)
    expect(received(probe.take(other))).toHaveLength(20)
  })

  it('gets one block at a time when memory is short', () => {
    const blocks = fakeBlocks(10, undefined, 1, 400_000)
    serve(blocks)
    const others = Array.from({ length: 44 }, (_, i) => probe.modern(`9.${i}.1.1`))
    for (const id of others) {
      probe.receive(id, asked(blocks))
      probe.readAll()
    }
    expect(probe.core.heldBytes.toSend).toBeGreaterThan(SERVING_BYTES_TOTAL - 2 * MAX_RUN_BYTES)
    const before = probe.reads.length
    probe.receive(peer, asked(blocks))
    for (const id of others) probe.receive(id, asked(blocks))
    probe.readAll()
    const counts = probe.reads
      .slice(before)
      .map(({ request }) => (request.kind === 'read' ? request.positions.length : 0))
    expect(counts.every((count) => count === 1)).toBe(true)
    expect(probe.ends).toEqual([])
    expect(received(probe.take(peer))).toEqual(payloads(blocks))
  })
})

describe('a block as large as only an opaque one can be', () => {
  it('goes to one peer at a time, and nobody is closed for it', () => {
    probe = new RelayProbe({ network: testnet })
    const [block] = fakeBlocks(1, undefined, 1, 33_554_347)
    if (block === undefined) throw new Error('no block')
    probe.chain.grow([block])
    const others = ['9.1.1.1', '9.2.1.1', '9.3.1.1'].map((ip) => {
      const id = probe.accept(ip) ?? peerId(0)
      probe.receive(id, v1Version({ nonce: BigInt(ip.length) }), { type: 'verack' })
      probe.take(id)
      probe.flush(id)
      return id
    })
    probe.effects = []
    for (const id of others) probe.receive(id, asked([block]))
    for (const id of others) {
      probe.readAll()
      expect(probe.ends).toEqual([])
      expect(probe.core.heldBytes.toSend).toBeLessThan(34_000_000)
      expect(probe.commandsTo(id)).toEqual(['block'])
      probe.effects = []
      probe.flush(id)
    }
    expect(probe.ends).toEqual([])
  })
})

describe('parts of blocks', () => {
  const transactions = Array.from({ length: 6 }, (_, i) => numbered(i))
  const parts = (block: FakeBlock, indexes: number[]): Message => ({
    type: 'getblocktxn',
    blockHash: block.hash,
    indexes,
  })

  function chainWith(depth: number): FakeBlock {
    const block = realBlock(probe.chain.tip, transactions)
    serve([block, ...fakeBlocks(depth, block)])
    return block
  }

  it('are the transactions at these places', () => {
    const block = chainWith(BLOCK_TXN_DEPTH)
    probe.receive(peer, parts(block, [0, 2, 5]))
    expect(probe.take(peer)).toEqual([
      { type: 'blocktxn', blockHash: block.hash, transactions: [numbered(0), numbered(2), numbered(5)] },
    ])
  })

  it('of deeper blocks are the whole block', () => {
    const block = chainWith(BLOCK_TXN_DEPTH + 1)
    probe.receive(peer, parts(block, [0, 2, 99]))
    expect(received(probe.take(peer))).toEqual(payloads([block]))
  })

  it('of blocks without transactions are the whole block', () => {
    const [block] = fakeBlocks(1)
    if (block === undefined) throw new Error('no block')
    serve([block])
    probe.receive(peer, parts(block, [0]))
    expect(received(probe.take(peer))).toEqual(payloads([block]))
  })

  it('of unknown blocks are silence', () => {
    serve([])
    probe.receive(peer, { type: 'getblocktxn', blockHash: filled(9), indexes: [0] })
    expect(probe.take(peer)).toEqual([])
    expect(probe.peer(peer).score(probe.now.mono)).toBe(0)
  })

  it.each([
    ['behind the last one', [6]],
    ['twice', [1, 1]],
    ['out of order', [2, 1]],
  ])('%s are an offence, and not answered', (_, indexes) => {
    const block = chainWith(0)
    probe.receive(peer, parts(block, indexes))
    expect(probe.take(peer)).toEqual([])
    expect(probe.peer(peer).score(probe.now.mono)).toBe(10)
  })

  it('are answered one question at a time', () => {
    const block = chainWith(2)
    probe.receive(peer, parts(block, [0]), parts(block, [1]), { type: 'ping', nonce: 1n })
    expect(probe.peer(peer).mustWait).toBe(true)
    probe.readNext()
    probe.drain()
    expect(probe.commandsTo(peer)).toEqual(['blocktxn', 'blocktxn', 'pong'])
  })
})

function headers(blocks: readonly FakeBlock[]) {
  return HeaderList.of(blocks.map(({ header }) => header))
}
