import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Coin, decodeCoin, encodeCoin } from '../../src/chain/coin.ts'
import { CoinCache, type CoinChanges } from '../../src/chain/coin-cache.ts'
import type { Job, StoreChange } from '../../src/chain/io.ts'
import { CHAIN_COINS_PER_TURN } from '../../src/params/limits.ts'

const script = new Uint8Array(25)
const coinOf = (value: number): Coin => ({ value, script, height: 1, isCoinbase: false })

/** A cache over a store, beside what should be seen through it. */
class World {
  readonly store = new Map<string, Uint8Array>()
  readonly expected = new Map<string, number>()
  readonly cache: CoinCache
  #merge: Job<void> | undefined
  #commit: Job<void> | undefined
  #trim: Job<void> | undefined

  constructor(budgetBytes: number) {
    this.cache = new CoinCache(budgetBytes)
  }

  get isBusy(): boolean {
    return this.#merge !== undefined || this.#commit !== undefined || this.#trim !== undefined
  }

  /** A block that spends and makes these outputs, as far as that is possible. */
  block(keys: readonly number[], isUndone: boolean): void {
    if (this.#merge !== undefined) return
    const changes: CoinChanges = new Map()
    for (const n of keys) {
      const key = `k${n}`
      // Who joins a block asks for what it spends; who takes one off does not, nor for what it gives back.
      if (!isUndone) this.load(n)
      const isThere = this.expected.has(key)
      const value = this.expected.size * 1_000 + n
      if (isThere) this.expected.delete(key)
      else this.expected.set(key, value)
      changes.set(key, isThere ? undefined : coinOf(value))
    }
    this.cache.apply(changes)
    this.#merge = this.cache.merge()
    this.step()
  }

  load(n: number): void {
    const key = `k${n}`
    if (!this.cache.knows(key)) expect(this.cache.loaded(key, this.store.get(key))).toBe(true)
  }

  forget(): void {
    if (this.#trim !== undefined) return
    this.#trim = this.cache.trim()
    this.step()
  }

  commit(): void {
    if (this.#commit !== undefined || this.cache.isMerging) return
    this.cache.takeOff()
    this.#commit = this.#write()
    this.step()
  }

  /** Goes on for a turn with what is under way. */
  step(): void {
    if (this.#merge?.next().done === true) this.#merge = undefined
    if (this.#commit?.next().done === true) this.#commit = undefined
    if (this.#trim?.next().done === true) this.#trim = undefined
  }

  check(n: number): void {
    this.load(n)
    expect(this.cache.get(`k${n}`)?.value).toBe(this.expected.get(`k${n}`))
  }

  *#write(): Job<void> {
    const changes: readonly StoreChange[] = yield* this.cache.encodeFlying()
    yield { kind: 'rest' }
    for (const { key, value } of changes) {
      if (value === undefined) this.store.delete(key)
      else this.store.set(key, value)
    }
    yield { kind: 'rest' }
    yield* this.cache.landed()
  }
}

const KEYS = 40
const key = fc.integer({ min: 0, max: KEYS - 1 })
const step = fc.oneof(
  fc.record({
    op: fc.constant('block' as const),
    keys: fc.uniqueArray(key, { maxLength: 12 }),
    isUndone: fc.boolean(),
  }),
  fc.record({ op: fc.constant('commit' as const) }),
  fc.record({ op: fc.constant('step' as const) }),
  fc.record({ op: fc.constant('forget' as const) }),
  fc.record({ op: fc.constant('load' as const), key }),
)

describe('the coins', () => {
  it('are seen as the blocks left them, whatever is under way and forgotten, and so the store holds them', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 5_000 }),
        (steps, budgetBytes) => {
          const world = new World(budgetBytes)
          for (const each of steps) {
            if (each.op === 'block') world.block(each.keys, each.isUndone)
            else if (each.op === 'load') world.load(each.key)
            else world[each.op]()
            for (let n = 0; n < KEYS; n += 7) world.check(n)
          }
          while (world.isBusy) world.step()
          world.commit()
          while (world.isBusy) world.step()
          for (let n = 0; n < KEYS; n++) world.check(n)
          expect(world.cache.dirtyBytes).toBe(0)
          const stored = [...world.store].map(([name, bytes]) => [name, decodeCoin(bytes)?.value] as const)
          expect(new Map(stored)).toEqual(world.expected)
        },
      ),
    )
  })

  it('of a big block are there at once, and are merged, committed and forgotten in turns', () => {
    const cache = new CoinCache(0)
    const count = 3 * CHAIN_COINS_PER_TURN + 1
    const keys = Array.from({ length: count }, (_, n) => `k${n}`)
    cache.apply(new Map(keys.map((name, n) => [name, coinOf(n)])))
    expect(cache.get(`k${count - 1}`)?.value).toBe(count - 1)
    expect(cache.isMerging).toBe(true)
    expect(turnsOf(cache.merge())).toBe(3)
    expect(cache.isMerging).toBe(false)
    cache.takeOff()
    expect(turnsOf(cache.encodeFlying())).toBe(3)
    // Moved, then forgotten.
    expect(turnsOf(cache.landed())).toBe(6)
    expect(cache.bytes).toBe(0)
  })

  it('that somebody relies on are not forgotten', () => {
    const cache = new CoinCache(0)
    cache.hold()
    expect(cache.loaded('k', encodeCoin(coinOf(7)))).toBe(true)
    cache.takeOff()
    turnsOf(cache.landed())
    expect(cache.get('k')?.value).toBe(7)
    cache.release()
    cache.takeOff()
    turnsOf(cache.landed())
    expect(cache.knows('k')).toBe(false)
  })
})

function turnsOf(job: Job<unknown>): number {
  let turns = 0
  while (job.next().done !== true) turns++
  return turns
}
