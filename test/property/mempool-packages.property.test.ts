/** What is mined first and what goes first, against models that know nothing but the words of the rule. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashKey } from '../../src/chain/header-node.ts'
import { type MempoolEntry, memoryOf } from '../../src/mempool/entry.ts'
import { selectForBlock } from '../../src/mempool/selection.ts'
import { MempoolTable } from '../../src/mempool/table.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'

interface Wish {
  readonly fee: number
  readonly bytes: number
  /** Which of those before it spends, counted back. */
  readonly parents: readonly number[]
  readonly isLocked: boolean
}

const HEIGHT = 10
const TIME = 1_000
const wish = fc.record({
  fee: fc.integer({ min: 0, max: 40 }),
  bytes: fc.integer({ min: 1, max: 20 }),
  parents: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
  isLocked: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})
const pools = fc.array(wish, { minLength: 1, maxLength: 16 })

function tableOf(wishes: readonly Wish[], budgetBytes = 10_000_000): MempoolTable {
  const table = new MempoolTable(budgetBytes)
  const entries: MempoolEntry[] = []
  for (const [i, { fee, bytes, parents, isLocked }] of wishes.entries()) {
    const id = sha3_256(Uint8Array.of(i))
    const needed = parents.flatMap((back) => entries[i - back] ?? [])
    const inputs = [id, ...needed.map((each) => each.id)].map((previousHash) => ({
      previousHash,
      previousIndex: i,
      scriptSig: new Uint8Array(),
      sequence: 0,
    }))
    const transaction = { version: 1, inputs, outputs: [], lockTime: isLocked ? HEIGHT + 1 : 0 }
    const known = { transaction, bytes: new Uint8Array(bytes), id, key: hashKey(id) }
    const facts = { fee, time: 0, height: 1, validFrom: 0, isLocal: false }
    entries.push(table.add(known, facts, new Set(needed)))
  }
  table.assertConsistent()
  return table
}

function family(entry: MempoolEntry, of: 'parents' | 'children'): Set<MempoolEntry> {
  const found = new Set([entry])
  for (const each of found) for (const other of each[of]) found.add(other)
  return found
}

const sum = (entries: Iterable<MempoolEntry>, of: (entry: MempoolEntry) => number): number =>
  [...entries].reduce((total, entry) => total + of(entry), 0)
const rateOf = (entries: Iterable<MempoolEntry>): number => {
  const all = [...entries]
  return sum(all, ({ fee }) => fee) / sum(all, ({ bytes }) => bytes.length)
}

/** Always the best of what is left with all that it needs, if it fits. */
function modelBlock(table: MempoolTable, maxBytes: number, maxTransactions: number): Set<MempoolEntry> {
  const chosen = new Set<MempoolEntry>()
  const excluded = new Set<MempoolEntry>()
  for (;;) {
    const left = [...table.all()].filter((entry) => !chosen.has(entry) && !excluded.has(entry))
    const groups = left.map((entry) => {
      const group = [...family(entry, 'parents')].filter((each) => !chosen.has(each))
      return { entry, group, rate: Math.min(entry.feeRate, rateOf(group)) }
    })
    groups.sort((a, b) => b.rate - a.rate || a.entry.sequence - b.entry.sequence)
    const [best] = groups
    if (best === undefined) return chosen
    const isPossible = best.group.every((each) => !excluded.has(each) && each.transaction.lockTime <= HEIGHT)
    const all = [...chosen, ...best.group]
    const fits = sum(all, ({ bytes }) => bytes.length) <= maxBytes && all.length <= maxTransactions
    if (isPossible && fits) for (const each of best.group) chosen.add(each)
    else excluded.add(best.entry)
  }
}

/** Always the worst, by itself or with what depends on it, whichever is better; with what depends on it. */
function modelLeft(table: MempoolTable, budgetBytes: number): Set<MempoolEntry> {
  const left = new Set(table.all())
  const dependent = (entry: MempoolEntry): MempoolEntry[] =>
    [...family(entry, 'children')].filter((each) => left.has(each))
  if (sum(left, memoryOf) <= budgetBytes) return left
  while (sum(left, memoryOf) > 0.99 * budgetBytes) {
    const ranked = [...left].map((entry) => {
      return { entry, rate: Math.max(entry.feeRate, rateOf(dependent(entry))) }
    })
    ranked.sort((a, b) => a.rate - b.rate || b.entry.sequence - a.entry.sequence)
    const [worst] = ranked
    if (worst === undefined) break
    for (const each of dependent(worst.entry)) left.delete(each)
  }
  return left
}

const names = (entries: Iterable<MempoolEntry>): number[] =>
  [...entries].map(({ sequence }) => sequence).sort((a, b) => a - b)

describe('a block of our own', () => {
  it('holds what the model says, parents first, within its limits', () => {
    const sizes = fc.integer({ min: 1, max: 200 })
    fc.assert(
      fc.property(pools, sizes, fc.integer({ min: 1, max: 20 }), (wishes, maxBytes, maxTransactions) => {
        const table = tableOf(wishes)
        const limits = { maxBytes, maxTransactions, height: HEIGHT, time: TIME }
        const { entries, bytes, fees } = selectForBlock(table.sorted(), limits)
        expect(names(entries)).toEqual(names(modelBlock(table, maxBytes, maxTransactions)))
        const before = new Set<MempoolEntry>()
        for (const entry of entries) {
          for (const parent of entry.parents) expect(before.has(parent)).toBe(true)
          before.add(entry)
        }
        expect([bytes, fees]).toEqual([
          sum(entries, (each) => each.bytes.length),
          sum(entries, ({ fee }) => fee),
        ])
        expect(selectForBlock(tableOf(wishes).sorted(), limits).entries.map(({ key }) => key)).toEqual(
          entries.map(({ key }) => key),
        )
      }),
      { numRuns: 400 },
    )
  })
})

describe('too little room', () => {
  it('is made by those of whom the model says so', () => {
    fc.assert(
      fc.property(pools, fc.double({ min: 0.1, max: 1.1, noNaN: true }), (wishes, share) => {
        const budget = share * tableOf(wishes).memory
        const table = tableOf(wishes, budget)
        const expected = names(modelLeft(table, budget))
        table.shrink()
        table.assertConsistent()
        expect(names(table.all())).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  it('and what was mined leave every sum right, in whatever order', () => {
    fc.assert(
      fc.property(pools, fc.array(fc.nat(15)), (wishes, order) => {
        const table = tableOf(wishes)
        for (const n of order) {
          const entry = [...table.all()][n]
          if (entry === undefined) continue
          if (n % 2 === 0) table.remove(entry)
          else table.removeWithDescendants(entry)
          table.assertConsistent()
        }
      }),
    )
  })
})
