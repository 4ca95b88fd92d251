/**
 * The simulator's clock and its one list of things to come. Time stands still while something happens and
 * jumps to the next event. What is due at the same moment happens in the order in which it was scheduled, so
 * that a run repeats exactly.
 */
import { monoMs, type Now, unixSeconds } from '../../src/primitives/brand.ts'

/** Unix seconds at which every simulation begins. */
export const START_UNIX = 1_762_000_000

const ARITY = 4
const FIRST_CAPACITY = 1_024

export class VirtualTime {
  #now: Now = { mono: monoMs(0), unix: unixSeconds(START_UNIX) }
  /** A heap of ARITY children each, the earliest first, column by column: when, in which order, what. */
  #at = new Float64Array(FIRST_CAPACITY)
  #order = new Float64Array(FIRST_CAPACITY)
  readonly #run: (() => void)[] = []
  #seq = 0
  #happened = 0

  get now(): Now {
    return this.#now
  }

  get mono(): number {
    return this.#now.mono
  }

  /** How many events have happened. */
  get happened(): number {
    return this.#happened
  }

  /** Runs `run` at a time in milliseconds; at once, but behind what is due already, if that is past. */
  at(mono: number, run: () => void): void {
    const i = this.#run.length
    this.#run.push(run)
    if (i === this.#at.length) this.#grow()
    this.#rise(i, Math.max(mono, this.#now.mono), this.#seq++, run)
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#now.mono + delayMs, run)
  }

  /** Lets everything happen that is due up to and including `mono`, which is the time afterwards. */
  runUntil(mono: number): void {
    while (this.#nextAt() <= mono) this.step()
    this.#advance(mono)
  }

  /** Lets the next thing happen. False if there is none up to `limit`. */
  step(limit = Number.POSITIVE_INFINITY): boolean {
    const run = this.#run[0]
    const at = this.#nextAt()
    if (run === undefined || at > limit) return false
    this.#removeFirst()
    this.#advance(at)
    this.#happened++
    run()
    return true
  }

  #nextAt(): number {
    return this.#run.length === 0 ? Number.POSITIVE_INFINITY : (this.#at[0] ?? 0)
  }

  #advance(mono: number): void {
    if (mono <= this.#now.mono) return
    this.#now = { mono: monoMs(mono), unix: unixSeconds(START_UNIX + Math.floor(mono / 1_000)) }
  }

  #grow(): void {
    const at = new Float64Array(2 * this.#at.length)
    const order = new Float64Array(at.length)
    at.set(this.#at)
    order.set(this.#order)
    this.#at = at
    this.#order = order
  }

  #put(i: number, at: number, order: number, run: () => void): void {
    this.#at[i] = at
    this.#order[i] = order
    this.#run[i] = run
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from] ?? 0
    this.#order[to] = this.#order[from] ?? 0
    const run = this.#run[from]
    if (run !== undefined) this.#run[to] = run
  }

  /** Finds the place for an event, from `i` upwards. */
  #rise(from: number, at: number, order: number, run: () => void): void {
    let i = from
    while (i > 0) {
      const parent = Math.floor((i - 1) / ARITY)
      if (!this.#isBefore(at, order, parent)) break
      this.#move(parent, i)
      i = parent
    }
    this.#put(i, at, order, run)
  }

  #removeFirst(): void {
    const last = this.#run.length - 1
    const run = this.#run.pop()
    if (run === undefined || last === 0) return
    const at = this.#at[last] ?? 0
    const order = this.#order[last] ?? 0
    let i = 0
    while (true) {
      const child = this.#firstChild(i, last)
      if (child < 0 || this.#isBefore(at, order, child)) break
      this.#move(child, i)
      i = child
    }
    this.#put(i, at, order, run)
  }

  /** The earliest child of an entry; -1 if it has none. */
  #firstChild(i: number, size: number): number {
    const first = ARITY * i + 1
    if (first >= size) return -1
    let best = first
    for (let child = first + 1; child < Math.min(first + ARITY, size); child++) {
      if (this.#isBefore(this.#at[child] ?? 0, this.#order[child] ?? 0, best)) best = child
    }
    return best
  }

  #isBefore(at: number, order: number, other: number): boolean {
    const otherAt = this.#at[other] ?? 0
    return at < otherAt || (at === otherAt && order < (this.#order[other] ?? 0))
  }
}
