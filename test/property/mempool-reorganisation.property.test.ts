/**
 * The mempool through random courses of payments, rivals and reorganisations: after each step it holds exactly what a
 * model allows that knows no caches, no turns and no order of events.
 */
import { describe, expect, it } from 'vitest'
import type { HeaderNode } from '../../src/chain/header-node.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { RandomSource } from '../../src/primitives/random.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import type { BuiltBlock } from '../../testkit/chain-builder.ts'
import { inputsOf } from '../../testkit/ledger-model.ts'
import { hasRivals, keyOf, PaymentWorld } from '../../testkit/payment-world.ts'
import { PoolBench } from '../../testkit/pool-bench.ts'
import { QUICK } from '../../testkit/transaction-probe.ts'

const WORLDS = 12
const STEPS = 30
const MAX_DEPTH = 8
const MAX_WAITING = 20

class Audit {
  readonly world: PaymentWorld
  readonly bench: PoolBench
  readonly random: RandomSource
  readonly blocks = new Map<string, BuiltBlock>()
  pool = new Map<string, Transaction>()
  /** What may come back later, or came at a moment when anything could be said of it. */
  readonly doubtful = new Set<string>()
  /** `tip` outcomes that were looked at. */
  #tips = 0
  readonly counts = { accepted: 0, rivals: 0, undone: 0, back: 0, dropped: 0 }

  constructor(seed: number) {
    this.random = new RandomSource(sha3_256(Uint8Array.of(seed & 0xff, seed >> 8)))
    this.world = new PaymentWorld(QUICK, this.random, 12)
    this.bench = new PoolBench({ params: QUICK }, this.world.chain.slice(1))
    for (const block of this.world.chain) this.note(block)
  }

  note(block: BuiltBlock): BuiltBlock {
    this.blocks.set(toHex(block.hash), block)
    return block
  }

  step(): void {
    const kind = this.world.below(12)
    if (kind < 5) this.#pay()
    else if (kind === 5) this.#payTwice()
    else if (kind < 8) this.#mine()
    else if (kind < 11) this.#reorganise(1 + this.world.below(MAX_DEPTH), this.world.below(4) === 0)
    else this.#callBad(1 + this.world.below(MAX_DEPTH))
  }

  #pay(): void {
    const { world, bench } = this
    const spent = new Set([...this.pool.values()].flatMap(inputsOf))
    if (this.pool.size >= MAX_WAITING) return
    const payment = world.payment(world.tip, this.pool, (key) => !spent.has(key))
    if (payment === undefined || this.pool.has(keyOf(payment))) return
    const [fits] = world.allowed(world.tip, new Map([...this.pool, [keyOf(payment), payment]])).keys()
    const isAllowed = world
      .allowed(world.tip, new Map([...this.pool, [keyOf(payment), payment]]))
      .has(keyOf(payment))
    expect(bench.offer(payment) === 'accepted', String(fits)).toBe(isAllowed)
    if (isAllowed) this.pool.set(keyOf(payment), payment)
    this.counts.accepted++
    this.check([])
  }

  #payTwice(): void {
    const { world, bench } = this
    const first = world.pick(this.pool.values())
    const rival = first === undefined ? undefined : world.rivalOf(first)
    if (rival === undefined || this.pool.has(keyOf(rival))) return
    expect(['txn-mempool-conflict', 'missing-inputs', 'txn-already-known']).toContain(bench.offer(rival))
    this.counts.rivals++
    this.check([])
  }

  /** What goes into a block: some of what waits, something new, and now and then a rival of what waits. */
  #wanted(at: BuiltBlock, others: Iterable<Transaction>, mayRival: boolean): Transaction[] {
    const { world } = this
    const wanted: Transaction[] = []
    const rival = world.pick(this.pool.values())
    const made = mayRival && world.below(3) === 0 && rival !== undefined ? world.rivalOf(rival) : undefined
    if (made !== undefined) wanted.push(made)
    for (const each of [...others, ...this.pool.values()]) if (world.below(2) === 0) wanted.push(each)
    const fresh = world.payment(at, new Map())
    if (fresh !== undefined && (mayRival || !hasRivals([...this.pool.values(), fresh]))) wanted.push(fresh)
    return wanted
  }

  #mine(): void {
    const { world, bench } = this
    const isOurs = world.below(2) === 0
    const limits = {
      maxBytes: 30_000,
      maxTransactions: 1_000,
      height: world.tip.height + 1,
      time: bench.chain.now.unix,
    }
    const chosen = bench.pool.selectForBlock(limits).entries.map(({ transaction }) => transaction)
    const block = this.note(world.block(world.tip, isOurs ? chosen : this.#wanted(world.tip, [], true)))
    if (isOurs) expect(block.transactions.length - 1).toBe(chosen.length)
    bench.mine([block])
    this.check([])
  }

  #reorganise(depth: number, isBad: boolean): void {
    const { world, bench } = this
    const before = world.chain
    const from = before.at(-1 - depth)
    if (from === undefined || from.height < 3) return
    const undone = before.slice(-depth).flatMap(({ transactions }) => transactions.slice(1))
    const branch: BuiltBlock[] = []
    for (let i = 0; i <= depth; i++) {
      const parent = branch.at(-1) ?? from
      branch.push(this.note(world.block(parent, this.#wanted(parent, undone, !isBad))))
    }
    if (isBad) branch.splice(-1, 1, world.builder.next(branch.at(-2) ?? from, { fees: 1 }))
    const joined = branch.flatMap(({ transactions }) => transactions.slice(1))
    bench.give(branch)
    const spent = new Set([...undone, ...joined, ...this.pool.values()].flatMap(inputsOf))
    // Payments come while blocks are taken off and joined.
    for (let left = world.below(60); left > 0; left--) {
      bench.step()
      if (world.below(12) > 0) continue
      const payment = world.payment(from, new Map(), (key) => !spent.has(key))
      if (payment === undefined) continue
      for (const key of inputsOf(payment)) spent.add(key)
      this.doubtful.add(keyOf(payment))
      bench.pool.submit('local', knownTransaction(payment))
    }
    bench.settle()
    this.check(isBad ? joined : [])
  }

  #callBad(depth: number): void {
    const { world, bench } = this
    const before = world.chain
    const block = before.at(-depth)
    const { engine } = bench.chain
    const node = block === undefined ? undefined : engine.tree.get(block.hash)
    if (node === undefined || node.height < 4) return
    engine.maintenance.invalidate(node, () => undefined)
    for (let left = world.below(20); left > 0; left--) bench.step()
    const isTakenBack = world.below(2) === 0
    if (isTakenBack) engine.maintenance.reconsider(node, () => undefined)
    bench.settle()
    this.check([])
  }

  /** `tried`: what blocks held that were joined and taken off again on the way to where we were. */
  check(tried: readonly Transaction[]): void {
    const { world, bench } = this
    const candidates = new Map(this.pool)
    for (const each of tried) candidates.set(keyOf(each), each)
    let due = world.allowed(world.tip, candidates)
    // Wherever the chain has ended for a moment, what could not be mined there may have gone.
    const tips = bench.chain.of('tip')
    for (const { tip, disconnected } of tips.slice(this.#tips)) {
      const undone = disconnected.flatMap((node) => this.#blockOf(node).transactions.slice(1))
      for (const each of undone) {
        due.set(keyOf(each), each)
        candidates.set(keyOf(each), each)
      }
      expect(hasRivals(due.values())).toBe(false)
      due = world.allowed(this.#blockOf(tip), due)
      this.counts.undone += undone.length
      this.counts.back += undone.filter((each) => due.has(keyOf(each))).length
    }
    this.#tips = tips.length
    this.#follow()
    const allowed = world.allowed(world.tip, candidates)
    const real = new Map(
      [...bench.pool.table.all()].map(({ key, transaction }) => [key, world.made.get(key) ?? transaction]),
    )
    for (const key of due.keys()) expect(real.has(key), 'something is lost').toBe(true)
    for (const key of real.keys())
      expect(allowed.has(key) || this.doubtful.has(key), 'something came from nowhere').toBe(true)
    expect(world.allowed(world.tip, real).size, 'something can not be mined').toBe(real.size)
    expect(hasRivals(real.values())).toBe(false)
    expect(bench.pool.isSettled).toBe(true)
    for (const key of candidates.keys()) if (!real.has(key)) this.doubtful.add(key)
    this.counts.dropped += candidates.size - allowed.size
    this.pool = real
    this.#checkBlock(real.size)
  }

  /** All that waits can be mined at once, in the order in which we would. */
  #checkBlock(size: number): void {
    const { world, bench } = this
    const limits = {
      maxBytes: 10_000_000,
      maxTransactions: 1_000,
      height: world.tip.height + 1,
      time: bench.chain.now.unix,
    }
    const chosen = bench.pool.selectForBlock(limits).entries
    expect(chosen.length).toBe(size)
    const places = new Map(chosen.map((entry, i) => [entry, i]))
    for (const [i, { parents }] of chosen.entries())
      for (const parent of parents) expect(places.get(parent) ?? i).toBeLessThan(i)
  }

  #blockOf({ hash }: Pick<HeaderNode, 'hash'>): BuiltBlock {
    const block = this.blocks.get(toHex(hash))
    if (block === undefined) throw new Error('a block that nobody made')
    return block
  }

  /** The chain as the engine has it. */
  #follow(): void {
    const chain: BuiltBlock[] = []
    for (
      let node: HeaderNode | undefined = this.bench.chain.engine.tip;
      node !== undefined;
      node = node.parent
    )
      chain.push(this.#blockOf(node))
    this.world.chain = chain.reverse()
  }
}

describe('the mempool', () => {
  it(`holds what the model allows after each of ${STEPS} steps, in ${WORLDS} worlds`, () => {
    const counts = { accepted: 0, rivals: 0, undone: 0, back: 0, dropped: 0 }
    for (let seed = 1; seed <= WORLDS; seed++) {
      const audit = new Audit(seed)
      for (let i = 1; i <= STEPS; i++) {
        try {
          audit.step()
        } catch (error) {
          throw new Error(`world ${seed}, step ${i}: ${String(error)}`, { cause: error })
        }
      }
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += audit.counts[key]
    }
    // Else it was no test.
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(WORLDS)
  })
})
