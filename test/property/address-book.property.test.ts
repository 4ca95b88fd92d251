/** The address book under random operations: its tables agree after each of them, and its promises hold. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_ADDRESS_REFERENCES } from '../../src/params/limits.ts'
import { AddressBook } from '../../src/pool/address-book.ts'
import { endpointKey, type KnownAddress, trusts } from '../../src/pool/known-address.ts'
import { monoMs, type Now, unixSeconds } from '../../src/primitives/brand.ts'
import type { Endpoint } from '../../src/primitives/ip.ts'
import { allClasses, anybody, DAY_ZERO, EVER, endpointOf, selectAny } from '../../testkit/books.ts'
import { crowdAddress, spreadAddress } from '../../testkit/sim/addresses.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

/** Few enough that places are fought for: one crowd of one group, and some from elsewhere. */
function endpoint(number: number): Endpoint {
  return endpointOf(number % 4 === 0 ? spreadAddress(number) : crowdAddress(number % 700, 1))
}

const trust = fc.constantFrom('told' as const, 'vouched' as const)
const number = fc.nat({ max: 250 })
const seconds = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 90_000 }), fc.constant(86_400 * 40))

const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      numbers: fc.array(number, { minLength: 1, maxLength: 30 }),
      source: number,
      trust,
      age: fc.oneof(fc.nat({ max: 5_000_000 }), fc.integer({ min: -2_000, max: 0 }), fc.constant(2 ** 31)),
      penaltySeconds: fc.constantFrom(0, 7_200),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom('attempted', 'failed', 'good', 'good', 'good', 'busy', 'remove', 'postpone'),
      number,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('served' as const), number, ms: fc.nat({ max: 1e8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('select' as const), refused: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sample' as const), max: fc.nat({ max: 50 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

class World {
  book = new AddressBook(randomOfSeed(1))
  now: Now = { mono: monoMs(0), unix: DAY_ZERO }
  readonly #highest = new Map<string, number>()

  run(op: Operation): void {
    this.#do(op)
    this.book.assertConsistent()
    const { book } = this
    expect(book.newCount + book.triedCount).toBe(book.size)
    for (const row of book.all()) this.#check(row)
  }

  #do(op: Operation): void {
    const { book, now } = this
    switch (op.do) {
      case 'add': {
        const addresses = op.numbers.map((n) => ({
          ...endpoint(n),
          services: 1n,
          time: Math.max(0, now.unix - op.age),
        }))
        const before = book.size
        const source = { ip: endpoint(op.source).ip, trust: op.trust, penaltySeconds: op.penaltySeconds }
        const added = book.add(addresses, source, now.unix)
        expect(added).toBeLessThanOrEqual(addresses.length)
        expect(book.size).toBeLessThanOrEqual(before + added)
        return
      }
      case 'attempted':
        return book.attempted(endpoint(op.number), now)
      case 'failed':
        return book.failed(endpoint(op.number), now.mono)
      case 'busy':
        return book.busy(endpoint(op.number), now.mono)
      case 'good':
        return this.#good(endpoint(op.number))
      case 'postpone':
        return book.postpone(endpoint(op.number), monoMs(now.mono + 1_000))
      case 'remove': {
        const known = book.find(endpoint(op.number)) !== undefined
        expect(book.remove(endpoint(op.number))).toBe(known)
        this.#highest.delete(endpointKey(endpoint(op.number)))
        return
      }
      case 'served':
        return book.served(endpoint(op.number), op.ms)
      case 'settle':
        return book.settleCollisions(now.unix)
      case 'select':
        return this.#select(op.refused)
      case 'sample':
        return this.#sample(op.max)
      case 'wait':
        this.now = {
          mono: monoMs(now.mono + 1_000 * op.seconds),
          unix: unixSeconds(now.unix + op.seconds),
        }
        return
      case 'restart': {
        const saved = structuredClone(book.save([]))
        this.book = new AddressBook(randomOfSeed(2), saved)
        // Nobody who has answered is lost.
        expect(this.book.triedCount).toBe(saved.addresses.filter(({ tried }) => tried).length)
        return
      }
      default:
        throw new Error('an operation that is not known')
    }
  }

  #good(one: Endpoint): void {
    const before = this.book.triedCount
    this.book.good(one, this.now)
    // The holder of a place does not lose it for that.
    expect(this.book.triedCount).toBeGreaterThanOrEqual(before)
    const row = this.book.find(one)
    if (row !== undefined) expect(row).toMatchObject({ attempts: 0, lastSuccessAt: this.now.unix })
  }

  #select(refused: number): void {
    const { book } = this
    const no = endpointKey(endpoint(refused))
    const fits = (row: KnownAddress): boolean => endpointKey(row) !== no
    let there = 0
    for (const [table, trustOf] of allClasses) {
      const row = book.select(table, trustOf, this.now.mono, fits)
      if (row === undefined) continue
      there++
      expect(fits(row)).toBe(true)
      expect(row.retryAt).toBeLessThanOrEqual(this.now.mono)
      expect([row.tried ? 'tried' : 'new', row.trust]).toEqual([table, trustOf])
    }
    const dialable = [...book.all()].filter((row) => fits(row) && row.retryAt <= this.now.mono)
    expect(there > 0).toBe(dialable.length > 0)
    expect(selectAny(book, EVER) === undefined).toBe(book.size === 0)
    expect(selectAny(book, EVER, () => false)).toBeUndefined()
  }

  #sample(max: number): void {
    const sample = this.book.sample(max, 0.23, this.now.unix, anybody)
    expect(sample.length).toBeLessThanOrEqual(Math.min(max, Math.max(1, Math.floor(0.23 * this.book.size))))
    expect(new Set(sample.map(endpointKey)).size).toBe(sample.length)
    for (const one of sample) expect(this.book.find(one)).toBeDefined()
  }

  #check(row: KnownAddress): void {
    const { slots } = row as KnownAddress & { slots: readonly number[] }
    const trustOf = trusts.indexOf(row.trust)
    if (
      row.time > this.now.unix + 600 ||
      row.time < 0 ||
      new Set(slots).size !== slots.length ||
      slots.length > (row.tried ? 1 : MAX_ADDRESS_REFERENCES)
    )
      throw new Error(`an address in disorder: ${JSON.stringify({ ...row, services: 0 })}`)
    const key = endpointKey(row)
    // An address that was forgotten and told again starts anew; of one that stayed trust is not lowered.
    if (this.#highest.has(key) && trustOf < (this.#highest.get(key) ?? 0) && this.#known.has(row))
      throw new Error('trust was lowered')
    this.#known.add(row)
    this.#highest.set(key, trustOf)
  }

  readonly #known = new WeakSet<KnownAddress>()
}

describe('AddressBook', () => {
  it('keeps its tables consistent and its promises under any operations', { timeout: 120_000 }, () => {
    let tried = 0
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120, size: 'max' }), (operations) => {
        const world = new World()
        for (const op of operations) world.run(op)
        tried += world.book.triedCount
      }),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 150) },
    )
    expect(tried).toBeGreaterThan(100)
  })

  it('restores what it saved, whatever that was', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), fc.nat(), (operations, seed) => {
        const world = new World()
        for (const op of operations) world.run(op)
        const saved = world.book.save([])
        const again = new AddressBook(randomOfSeed(seed), structuredClone(saved))
        again.assertConsistent()
        const shown = ({ addresses }: typeof saved): string[] =>
          addresses
            .map((row) => `${endpointKey(row)} ${row.tried} ${row.time} ${row.trust} ${row.attempts}`)
            .sort()
        const kept = new Set(shown(again.save([])))
        const tried = shown({ ...saved, addresses: saved.addresses.filter((row) => row.tried) })
        expect(tried.filter((text) => !kept.has(text))).toEqual([])
        expect(again.size).toBeGreaterThanOrEqual(Math.floor(0.8 * world.book.size))
      }),
      { numRuns: 60 },
    )
  })
})
