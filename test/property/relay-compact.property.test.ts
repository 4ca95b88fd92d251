/**
 * Whatever we have of a block's transactions, and whatever short ids happen to be equal: what comes of a compact
 * block is the block that was announced, or none.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesEqual } from '../../src/primitives/bytes.ts'
import { PartialBlock } from '../../src/relay/partial-block.ts'
import { putShortId, ShortIds } from '../../src/relay/short-ids.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { u64 } from '../../testkit/arbitraries.ts'
import { blockOf, compactOf, known, numbered, sourceOf } from '../../testkit/relay-blocks.ts'

const all = Array.from({ length: 60 }, (_, i) => numbered(i))
const at = (i: number): Transaction => all[i] ?? numbered(i)
const allKnown = all.map(known)

/** Numbers of a block's transactions, of ours, and places whose short id becomes that of another transaction. */
const scene = fc.record({
  block: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 25 }),
  ours: fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 50 }),
  collisions: fc.array(fc.record({ place: fc.nat({ max: 24 }), other: fc.integer({ min: 1, max: 59 }) }), {
    maxLength: 4,
  }),
  prefilled: fc.uniqueArray(fc.nat({ max: 24 }), { maxLength: 5 }),
  nonce: u64,
})

describe('a compact block', () => {
  it('never becomes another block than its own', () => {
    let whole = 0
    let none = 0
    fc.assert(
      fc.property(scene, ({ block: numbers, ours, collisions, prefilled, nonce }) => {
        const transactions = [0, ...numbers].map(at)
        const block = blockOf(transactions)
        const message = compactOf(block, nonce)
        const ids = new ShortIds(block.header, nonce)
        const idAt = (list: readonly { readonly id: Uint8Array }[], i: number) =>
          list[i]?.id ?? new Uint8Array(32)
        const inside = [0, ...new Set(prefilled.filter((i) => i > 0 && i < transactions.length))]
        const places = [...transactions.keys()].filter((i) => !inside.includes(i))
        const shortIds = new Uint8Array(6 * places.length)
        const real = transactions.map(known)
        for (const [i, place] of places.entries()) putShortId(shortIds, i, ids.of(idAt(real, place)))
        for (const { place, other } of collisions)
          if (place < places.length) putShortId(shortIds, place, ids.of(idAt(allKnown, other)))
        const partial = PartialBlock.begin(
          {
            ...message,
            shortIds,
            prefilled: inside.map((index) => ({ index, transaction: transactions[index] ?? at(0) })),
          },
          sourceOf(ours.map((i) => allKnown[i] ?? known(at(i)))),
        )
        partial?.fill(partial.missing.map((i) => transactions[i] ?? at(0)))
        const made = partial?.block()
        if (made === undefined) {
          none++
          // Without a collision there is always a block.
          expect(collisions.length).toBeGreaterThan(0)
          return
        }
        whole++
        expect(bytesEqual(made.transactionData, block.transactionData)).toBe(true)
        expect(bytesEqual(made.header.bytes, block.header.bytes)).toBe(true)
      }),
      { numRuns: 300 },
    )
    expect(whole).toBeGreaterThan(50)
    expect(none).toBeGreaterThan(5)
  })
})
