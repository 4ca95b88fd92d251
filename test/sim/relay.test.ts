/** New tips travel along a line of nodes, each with a whole chain of its own, a disk that takes time, and no mempool. */
import { describe, expect, it } from 'vitest'
import { ChainEngine } from '../../src/chain/engine.ts'
import type { AskIo } from '../../src/chain/io.ts'
import { regtest } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import type { MessageType } from '../../src/wire/messages.ts'
import { BenchDisk } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { START_UNIX } from '../../testkit/sim/virtual-time.ts'
import { World } from '../../testkit/sim/world.ts'

/** Of each question to the disk. */
const DISK_MS = 1
/** One way, from node to node. */
const LATENCY_MS = 20
const NODES = 4

class Line {
  readonly world: World
  readonly nodes: SimNode[] = []
  readonly #disks: BenchDisk[] = []
  readonly builder = new ChainBuilder(regtest.chain)
  tip: BuiltBlock

  constructor(seed: number) {
    this.world = new World({ seed, conditions: { latencyMs: [LATENCY_MS, LATENCY_MS], jitterMs: 0 } })
    this.tip = this.builder.genesis
    for (let i = 0; i < NODES; i++) {
      const before = this.nodes.at(-1)
      const disk = new BenchDisk()
      this.#disks.push(disk)
      const io: AskIo = (request, done) => {
        this.world.time.after(DISK_MS, () => done(disk.perform(request)))
      }
      const chain = (hooks: ConstructorParameters<typeof ChainEngine>[1]) =>
        new ChainEngine({ params: regtest.chain }, hooks)
      const targets = before === undefined ? [] : [before.endpoint]
      this.nodes.push(this.world.add({ chain, io, targets, traceMessages: true }))
    }
  }

  get first(): SimNode {
    const [first] = this.nodes
    if (first === undefined) throw new Error('no nodes')
    return first
  }

  /** The first node finds a block. */
  mine(block: BuiltBlock): void {
    this.tip = block
    this.first.command({ type: 'withChain', use: (chain) => chain.submitBlock('local', block.block) })
  }

  tipOf(node: SimNode): string {
    return toHex(node.core?.chain?.tip.hash ?? new Uint8Array(0))
  }

  /** Milliseconds until all have the tip; undefined if they do not get it in time. */
  untilAll(limitMs: number): number | undefined {
    const startedAt = this.world.time.mono
    const goal = toHex(this.tip.hash)
    const reached = this.world.runUntil(() => this.nodes.every((node) => this.tipOf(node) === goal), limitMs)
    return reached ? this.world.time.mono - startedAt : undefined
  }

  /** How often blocks were read. */
  get reads(): number {
    return this.#disks.reduce((sum, { count }) => sum + (count.get('read') ?? 0), 0)
  }

  /** Messages of a type that nodes have sent since the events were last looked at. */
  sent(type: MessageType): number {
    return this.nodes.reduce(
      (sum, { events }) =>
        sum + events.filter((event) => event.type === 'sent' && event.command === type).length,
      0,
    )
  }

  forgetEvents(): void {
    for (const node of this.nodes) node.events.length = 0
  }
}

/** A line of nodes with a chain of recent blocks. */
function lineWith(count: number, seed = 1): Line {
  const line = new Line(seed)
  const blocks = line.builder.chain(line.builder.genesis, count - 1)
  const last = line.builder.next(blocks.at(-1) ?? line.builder.genesis, { time: START_UNIX })
  for (const block of [...blocks, last]) line.mine(block)
  if (line.untilAll(60_000) === undefined) throw new Error('the nodes do not agree at the start')
  line.world.run(1_000)
  line.forgetEvents()
  return line
}

describe('a new tip', () => {
  it('reaches the end of the line with one message per hop, once each knows its neighbour', () => {
    const line = lineWith(120)
    line.mine(line.builder.next(line.tip))
    expect(line.untilAll(10_000)).toBeDefined()
    line.world.run(1_000)
    const readsBefore = line.reads
    for (let i = 0; i < 5; i++) {
      line.forgetEvents()
      line.mine(line.builder.next(line.tip))
      const tookMs = line.untilAll(10_000)
      // Per hop the way, and what the disk takes to store a block and connect it.
      expect(tookMs).toBeLessThan((NODES - 1) * (LATENCY_MS + 10 * DISK_MS))
      line.world.run(1_000)
      expect(line.sent('cmpctblock')).toBe(NODES - 1)
      expect(line.sent('getblocktxn')).toBe(0)
      expect(line.sent('block')).toBe(0)
    }
    expect(line.reads).toBe(readsBefore)
    line.world.check()
  })

  it('with transactions that nobody has is asked for in parts, once per hop', () => {
    const line = lineWith(120)
    line.mine(line.builder.next(line.tip))
    line.untilAll(10_000)
    line.world.run(1_000)
    line.forgetEvents()
    const [first] = line.builder.chain(line.builder.genesis, 1)
    const coinbase = first?.transactions[0]
    if (coinbase === undefined) throw new Error('no coinbase')
    const transactions = [spend(coinbase, [0], [2_000_000_000, 2_999_990_000])]
    line.mine(line.builder.next(line.tip, { transactions, fees: 10_000 }))
    expect(line.untilAll(10_000)).toBeLessThan((NODES - 1) * (3 * LATENCY_MS + 15 * DISK_MS))
    line.world.run(1_000)
    expect(line.sent('getblocktxn')).toBe(NODES - 1)
    expect(line.sent('blocktxn')).toBe(NODES - 1)
    expect(line.sent('getdata')).toBe(0)
    expect(line.sent('block')).toBe(0)
  })

  it('of another branch reaches everybody, from the fork', () => {
    const line = lineWith(20)
    line.mine(line.builder.next(line.tip))
    line.untilAll(10_000)
    line.world.run(1_000)
    const fork = line.tip
    const old = line.builder.chain(fork, 3)
    for (const block of old) line.mine(block)
    line.untilAll(10_000)
    line.forgetEvents()
    for (const block of line.builder.chain(fork, 5, { salt: 9 })) line.mine(block)
    expect(line.untilAll(30_000)).toBeDefined()
    line.world.check()
  })
})

it.each([1, 2, 3, 4, 5])('a race of blocks ends with everybody on one chain, with seed %i', (seed) => {
  const line = lineWith(10, seed)
  for (let round = 0; round < 6; round++) {
    const parent = line.tip
    const last = line.nodes.at(-1)
    const rival = line.builder.next(parent, { salt: 100 + round })
    last?.command({ type: 'withChain', use: (chain) => chain.submitBlock('local', rival.block) })
    line.mine(line.builder.next(parent, { salt: round }))
    line.world.run(200)
    line.mine(line.builder.next(line.tip, { salt: round }))
    expect(line.untilAll(60_000)).toBeDefined()
  }
  line.world.check()
})
