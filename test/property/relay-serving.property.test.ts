/**
 * Peers ask, read, fall silent and leave in any order, the disk answers when it likes, and the chain goes on: whoever
 * stays gets every block that he asked for, in order, and nobody makes the node hold more than a run for him.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_RUN_BYTES, SEND_QUEUE_LOW_BYTES } from '../../src/params/limits.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import { FAKE_GENESIS, type FakeBlock, fakeBlock, fakeBlocks } from '../../testkit/fake-chain.ts'
import { RelayProbe } from '../../testkit/relay-chain.ts'
import { filled } from '../../testkit/wire-samples.ts'

const PEERS = 3
const SMALL = 40
const LARGE_BYTES = 300_000
/** What else may be said to a peer meanwhile: pings, announcements, headers. */
const OTHER_BYTES = 100_000

const peer = fc.nat({ max: PEERS - 1 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      peer,
      // Beyond the last one: hashes that nobody has.
      blocks: fc.array(fc.nat({ max: SMALL + 12 }), { minLength: 1, maxLength: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('parts' as const),
      peer,
      block: fc.nat({ max: SMALL }),
      indexes: fc.uniqueArray(fc.nat({ max: 3 }), { maxLength: 3 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), last: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('flush' as const),
      peer,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mine' as const), back: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 3_000 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class Scene {
  readonly probe = new RelayProbe()
  readonly blocks: FakeBlock[]
  readonly #ids: (PeerId | undefined)[] = []
  /** Hashes of headers that a peer is to be sent as whole blocks. */
  readonly #owed = new Map<PeerId, string[]>()
  #salt = 100

  constructor() {
    const small = fakeBlocks(SMALL)
    this.blocks = [...small, ...fakeBlocks(6, small.at(-1), 1, LARGE_BYTES)]
    this.probe.chain.grow(this.blocks)
  }

  id(i: number): PeerId {
    const known = this.#ids[i]
    if (known !== undefined) return known
    const id = this.probe.ready(`9.${i + 1}.1.1`)
    this.#ids[i] = id
    this.#owed.set(id, [])
    return id
  }

  run(what: Step): void {
    switch (what.do) {
      case 'ask': {
        const asked = what.blocks.map((i) => this.blocks[i])
        const inventory = Inventory.of(
          asked.map((block, i) => ({ type: InvType.block, hash: block?.hash ?? filled(i + 1) })),
        )
        const id = this.id(what.peer)
        this.#owed.get(id)?.push(...asked.flatMap((block) => (block === undefined ? [] : [nameOf(block)])))
        return void this.probe.receive(id, { type: 'getdata', inventory })
      }
      case 'parts': {
        // None of these blocks has transactions: they come whole.
        const block = this.blocks[what.block] ?? FAKE_GENESIS
        const id = this.id(what.peer)
        const indexes = what.indexes.sort((a, b) => a - b)
        this.#owed.get(id)?.push(nameOf(block))
        return void this.probe.receive(id, { type: 'getblocktxn', blockHash: block.hash, indexes })
      }
      case 'read':
        return void this.probe.readNext(what.last)
      case 'flush': {
        const id = this.id(what.peer)
        return void this.probe.flush(id, Math.floor(what.share * this.probe.peer(id).sendQueue.bytes))
      }
      case 'leave': {
        const id = this.id(what.peer)
        this.#ids[what.peer] = undefined
        this.#owed.delete(id)
        return void this.probe.handle({ type: 'closed', peer: id })
      }
      case 'mine': {
        const parent = this.probe.chain.tip.ancestor(Math.max(0, this.probe.chain.tip.height - what.back))
        if (parent !== undefined) this.probe.mine(fakeBlock(parent, ++this.#salt))
        return
      }
      case 'wait':
        return this.probe.wait(what.ms)
    }
  }

  /** Nobody makes us hold more than what waits and one run. */
  check(): void {
    for (const id of this.#owed.keys()) {
      const { bytes } = this.probe.peer(id).sendQueue
      expect(bytes).toBeLessThanOrEqual(SEND_QUEUE_LOW_BYTES + MAX_RUN_BYTES + OTHER_BYTES)
    }
    const reading = this.probe.openReads.reduce(
      (sum, { request }) => sum + (request.kind === 'read' ? request.positions.length : 0),
      0,
    )
    expect(reading).toBeLessThanOrEqual((this.#owed.size + 20) * 64)
  }

  end(): void {
    for (const [id, owed] of this.#owed) {
      this.probe.take(id)
      this.probe.drain()
      const sent = this.probe
        .take(id)
        .flatMap((message) => (message.type === 'block' ? [toHex(sha3_256(message.block.header.bytes))] : []))
      expect(sent).toEqual(owed)
    }
    expect(this.probe.ends.filter((reason) => reason !== 'closedByPeer')).toEqual([])
  }
}

function nameOf({ hash }: FakeBlock): string {
  return toHex(hash)
}

describe('serving', () => {
  it('gives everybody what he asked for, whatever happens meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const scene = new Scene()
        for (const what of steps) {
          scene.run(what)
          scene.check()
        }
        scene.end()
      }),
      { numRuns: 60 },
    )
  })
})
