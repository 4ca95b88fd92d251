/** Compact blocks of peers: what is spent on them when, whom we ask, and what becomes of those that don't fit. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { HeaderNode } from '../../src/chain/header-node.ts'
import {
  MAX_COMPACT_BLOCK_BYTES,
  MAX_PARTIAL_BLOCKS,
  MAX_PARTIAL_BLOCKS_PER_PEER,
  PARTIAL_BLOCK_TIMEOUT_MS,
} from '../../src/params/limits.ts'
import { Peer } from '../../src/peer/peer.ts'
import { type MonoMs, monoMs, peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { CompactReceiver } from '../../src/relay/compact-receiver.ts'
import type { RelayHooks } from '../../src/relay/hooks.ts'
import { RelayPeer } from '../../src/relay/relay-peer.ts'
import type { KnownTransaction } from '../../src/relay/transaction-source.ts'
import { CURRENT_FORM } from '../../src/wire/codec.ts'
import type { CmpctBlockMessage } from '../../src/wire/compact.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { encodePayload } from '../../src/wire/messages.ts'
import { FAKE_GENESIS, type FakeBlock, FakeChain } from '../../testkit/fake-chain.ts'
import { compactOf, known, numbered, sourceOf } from '../../testkit/relay-blocks.ts'
import { realBlock } from '../../testkit/relay-chain.ts'
import { ipOf } from '../../testkit/sim/probe.ts'

/** The receiver alone, with a chain without rules and somebody who writes down what is asked for. */
class Bench {
  readonly chain = new FakeChain({
    ask: () => undefined,
    outcome: (outcome) => {
      if (outcome.type === 'headers') this.receiver.onHeaders()
      if (outcome.type === 'block' && outcome.node !== undefined) this.receiver.onBlock(outcome.node)
    },
    now: () => ({ mono: this.mono, unix: unixSeconds(0) }),
  })
  mono: MonoMs = monoMs(0)
  readonly pool: KnownTransaction[] = []
  /** What was done, in words. */
  readonly deeds: string[] = []
  readonly requested = new Set<HeaderNode>()
  readonly #names = new Map<string, string>()
  readonly receiver: CompactReceiver

  constructor() {
    this.chain.isInitialDownload = false
    this.receiver = new CompactReceiver(this.chain, sourceOf(this.pool), this.#hooks())
  }

  name(block: FakeBlock, name: string): void {
    this.#names.set(hashToHex(block.hash), name)
  }

  peer(id: number): RelayPeer {
    const remote = { ip: ipOf('9.9.9.9'), port: id }
    const init = { id: peerId(id), kind: 'inbound', remote, address: '', magic: 1, localNonce: 1n } as const
    return new RelayPeer(
      new Peer({ ...init, group: '', groupOrder: 0, node: '' }, { mono: this.mono, unix: unixSeconds(0) }),
    )
  }

  receive(peer: RelayPeer, message: CmpctBlockMessage, bytes = 1_000): void {
    this.receiver.onCompactBlock(peer, message, bytes)
  }

  #hooks(): RelayHooks {
    const say = (what: string, peer: Peer, node: HeaderNode): void => {
      this.deeds.push(`${what} ${this.#names.get(hashToHex(node.hash))} of ${peer.id}`)
    }
    return {
      form: CURRENT_FORM,
      sayer: {
        send: (peer, message) => {
          const text = message.type === 'getblocktxn' ? `ask ${message.indexes.join()}` : message.type
          this.deeds.push(`${text} of ${peer.id}`)
          return true
        },
        frame: () => new Uint8Array(0),
        frameHeader: () => new Uint8Array(0),
        sendFrame: () => true,
      },
      requests: {
        isRequested: (node) => this.requested.has(node),
        claim: (peer, node) => say('claim', peer, node),
        fetch: (peer, node) => say('fetch', peer, node),
        release: (peer, node) => say('release', peer, node),
        onHeaders: (peer, headers) => this.chain.submitHeaders(peer.id, headers),
        onBlock: (peer, block, received) => {
          expect(toHex(received?.payload ?? new Uint8Array(0))).toBe(
            toHex(encodePayload({ type: 'block', block })),
          )
          this.deeds.push(`block of ${peer.id}`)
          this.chain.submitBlock(peer.id, block, received)
        },
      },
      now: () => ({ mono: this.mono, unix: unixSeconds(0) }),
      offend: () => undefined,
      touched: () => undefined,
      sendingBytes: () => 0,
    }
  }
}

const transactions = [0, 1, 2, 3].map((i) => numbered(i))
const NONCE = 5n
let bench: Bench
let block: FakeBlock
let message: CmpctBlockMessage
let peer: RelayPeer

beforeEach(() => {
  bench = new Bench()
  block = realBlock(FAKE_GENESIS, transactions)
  bench.name(block, 'it')
  message = compactOf(block, NONCE)
  peer = bench.peer(1)
})

const have = (...numbers: number[]): void => void bench.pool.push(...numbers.map((i) => known(numbered(i))))
const blocktxn = (...numbers: number[]) => ({
  type: 'blocktxn' as const,
  blockHash: block.hash,
  transactions: numbers.map((i) => numbered(i)),
})
const answer = (from: RelayPeer, ...numbers: number[]): void =>
  bench.receiver.onBlockTransactions(from, blocktxn(...numbers))

describe('a compact block', () => {
  it('that comes again and again is put together once for each peer', () => {
    let looks = 0
    const none: KnownTransaction[] = []
    bench.pool[Symbol.iterator] = () => {
      looks++
      return none.values()
    }
    bench.chain.submitHeaders('local', HeaderList.of([block.header]))
    const node = bench.chain.tree.get(block.hash)
    if (node !== undefined) bench.requested.add(node)
    for (let i = 0; i < 5; i++) bench.receive(peer, message)
    bench.receive(bench.peer(2), message)
    expect(looks).toBe(2)
  })

  it('whose transactions are all here is a block at once', () => {
    have(3, 1, 2)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual(['block of 1'])
    expect(bench.chain.tip.hash).toEqual(block.hash)
  })

  it('is one when the missing transactions have come', () => {
    have(2)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual(['claim it of 1', 'ask 1,3 of 1'])
    answer(peer, 1, 3)
    expect(bench.deeds.slice(2)).toEqual(['block of 1'])
    expect(bench.chain.tip.hash).toEqual(block.hash)
    answer(peer, 1, 3)
    expect(bench.deeds).toHaveLength(3)
  })

  it('costs nothing but its header before the chain has taken that', () => {
    bench.chain.judgeHeaders = () => ({ verdict: 'invalid' })
    have(1, 2, 3)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual([])
    bench.chain.judgeHeaders = undefined
    bench.chain.submitHeaders('local', headersOf([block]))
    expect(bench.deeds).toEqual(['block of 1'])
  })

  it('whose parent comes later is put together then', () => {
    const parent = realBlock(FAKE_GENESIS, [numbered(0)], 7)
    block = realBlock(parent, transactions)
    have(1, 2, 3)
    bench.receive(peer, compactOf(block, NONCE))
    expect(bench.deeds).toEqual([])
    bench.chain.submitHeaders('local', headersOf([parent, block]))
    expect(bench.deeds).toEqual(['block of 1'])
  })

  it('of a block that is here, or is known to be bad, is passed over', () => {
    bench.chain.submitBlock('local', block)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual([])
    expect(peer.known.has(bench.chain.tip)).toBe(true)
    const bad = realBlock(block, transactions)
    bench.chain.submitHeaders('local', headersOf([bad]))
    bench.chain.tree.get(bad.hash)?.set(4)
    bench.receive(peer, compactOf(bad, NONCE))
    expect(bench.deeds).toEqual([])
  })

  it('with no more work than our tip has is only a header', () => {
    const tip = realBlock(FAKE_GENESIS, [numbered(0)], 7)
    bench.chain.submitBlock('local', tip)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual([])
    expect(bench.chain.tree.get(block.hash)).toBeDefined()
  })

  it('is only a header while the node is catching up, and if it is very large', () => {
    bench.chain.isInitialDownload = true
    bench.receive(peer, message)
    bench.chain.isInitialDownload = false
    const next = realBlock(block, transactions)
    bench.receive(peer, compactOf(next, NONCE), MAX_COMPACT_BLOCK_BYTES + 1)
    expect(bench.deeds).toEqual([])
    expect(bench.chain.tree.get(next.hash)).toBeDefined()
  })

  it('is not asked for in parts while somebody brings it, but taken if all is here', () => {
    bench.chain.submitHeaders('local', headersOf([block]))
    const node = bench.chain.tree.get(block.hash)
    if (node !== undefined) bench.requested.add(node)
    bench.receive(peer, message)
    expect(bench.deeds).toEqual([])
    have(1, 2, 3)
    bench.receive(bench.peer(2), message)
    expect(bench.deeds).toEqual(['block of 2'])
  })

  it('is asked for once, however often it comes', () => {
    bench.receive(peer, message)
    bench.receive(peer, compactOf(block, 6n))
    expect(bench.deeds).toEqual(['claim it of 1', 'ask 1,2,3 of 1'])
  })
})

describe('the whole block is fetched', () => {
  it('if the message contradicts itself', () => {
    bench.receive(peer, { ...message, shortIds: message.shortIds.slice(0, 0), prefilled: [] })
    expect(bench.deeds).toEqual(['fetch it of 1'])
  })

  it('if two short ids are equal', () => {
    const shortIds = message.shortIds.slice()
    shortIds.copyWithin(6, 0, 6)
    bench.receive(peer, { ...message, shortIds })
    expect(bench.deeds).toEqual(['fetch it of 1'])
  })

  it('if what we had was not what was meant', () => {
    have(1, 2, 3)
    const shortIds = message.shortIds.slice()
    shortIds.set(message.shortIds.subarray(0, 6), 6)
    shortIds.set(message.shortIds.subarray(6, 12), 0)
    bench.receive(peer, { ...message, shortIds })
    expect(bench.deeds).toEqual(['fetch it of 1'])
  })

  it.each([
    ['too few', [1]],
    ['too many', [1, 2, 3, 4]],
    ['others', [1, 2, 4]],
    ['them in another order', [1, 3, 2]],
  ])('if it answers with %s', (_, numbers) => {
    bench.receive(peer, message)
    answer(peer, ...numbers)
    expect(bench.deeds.slice(2)).toEqual(['fetch it of 1'])
  })

  it('if a place can not be asked for', () => {
    const prefilled = [{ index: 0, transaction: numbered(0) }]
    const shortIds = Uint8Array.from({ length: 6 * 65_536 }, (_, i) =>
      i % 6 < 3 ? (i / 6) >> (8 * (i % 6)) : 0,
    )
    bench.receive(peer, { ...message, prefilled, shortIds })
    expect(bench.deeds).toEqual(['fetch it of 1'])
  })
})

describe('an answer', () => {
  it('is taken only of whom we asked', () => {
    bench.receive(peer, message)
    answer(bench.peer(2), 1, 2, 3)
    expect(bench.deeds).toHaveLength(2)
    answer(peer, 1, 2, 3)
    expect(bench.deeds.at(-1)).toBe('block of 1')
  })

  it('that nobody asked for is nothing', () => {
    answer(peer, 1, 2, 3)
    bench.receiver.onBlockTransactions(peer, { ...blocktxn(1), blockHash: new Uint8Array(32) })
    expect(bench.deeds).toEqual([])
  })

  it('is no longer waited for when the block is here', () => {
    bench.receive(peer, message)
    bench.chain.submitBlock('local', block)
    answer(peer, 1, 2, 3)
    expect(bench.deeds).toHaveLength(2)
    expect(bench.receiver.nextDeadline).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('blocks in parts', () => {
  const several = (count: number): FakeBlock[] => {
    const blocks: FakeBlock[] = []
    for (let i = 0; i < count; i++) blocks.push(realBlock(blocks.at(-1) ?? FAKE_GENESIS, transactions, i))
    return blocks
  }

  it('are given up after half a minute', () => {
    bench.receive(peer, message)
    expect(bench.receiver.nextDeadline).toBe(PARTIAL_BLOCK_TIMEOUT_MS)
    bench.mono = monoMs(PARTIAL_BLOCK_TIMEOUT_MS - 1)
    bench.receiver.due()
    expect(bench.deeds).toHaveLength(2)
    bench.mono = monoMs(PARTIAL_BLOCK_TIMEOUT_MS)
    bench.receiver.due()
    expect(bench.deeds.slice(2)).toEqual(['release it of 1'])
    answer(peer, 1, 2, 3)
    expect(bench.deeds).toHaveLength(3)
  })

  it('are given up when their header does not come', () => {
    const lonely = realBlock(block, transactions)
    bench.receive(peer, compactOf(lonely, NONCE))
    bench.mono = bench.receiver.nextDeadline as MonoMs
    bench.receiver.due()
    expect(bench.receiver.nextDeadline).toBe(Number.POSITIVE_INFINITY)
    expect(bench.deeds).toEqual([])
  })

  it('are two of one peer: the oldest makes room', () => {
    const blocks = several(MAX_PARTIAL_BLOCKS_PER_PEER + 1)
    for (const [i, other] of blocks.entries()) {
      bench.name(other, `${i}`)
      bench.receive(peer, compactOf(other, NONCE))
    }
    expect(bench.deeds).toContain('release 0 of 1')
    expect(bench.receiver.keyedIds).toHaveLength(MAX_PARTIAL_BLOCKS_PER_PEER)
  })

  it('are sixteen in all: of others only the header is taken', () => {
    const blocks = several(MAX_PARTIAL_BLOCKS + 3)
    for (const [i, other] of blocks.entries()) bench.receive(bench.peer(i + 1), compactOf(other, NONCE))
    expect(bench.receiver.keyedIds).toHaveLength(MAX_PARTIAL_BLOCKS)
    expect(bench.chain.bestHeader.height).toBe(blocks.length)
  })

  it('are forgotten with their peer', () => {
    bench.receive(peer, message)
    bench.receive(bench.peer(2), compactOf(realBlock(block, transactions), NONCE))
    bench.receiver.forget(peerId(1))
    expect(bench.receiver.keyedIds).toEqual([2])
  })
})

function headersOf(blocks: readonly FakeBlock[]): HeaderList {
  return HeaderList.of(blocks.map(({ header }) => header))
}
