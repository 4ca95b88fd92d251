/**
 * The simulator's clock and its one list of things to come. Time stands still while something happens and
 * jumps to the next event. What is due at the same moment happens in the order in which it was scheduled, so
 * that a run repeats exactly.
 */
import { monoMs, type Now, unixSeconds } from '../../src/primitives/brand.ts'

/** Unix seconds at which every simulation begins. */
export const START_UNIX = 1_762_000_000

interface Scheduled {
  readonly at: number
  readonly seq: number
  readonly run: () => void
}

export class VirtualTime {
  #now: Now = { mono: monoMs(0), unix: unixSeconds(START_UNIX) }
  /** Binary heap, the earliest first. */
  readonly #heap: Scheduled[] = []
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
    const at = Math.max(mono, this.#now.mono)
    this.#push({ at, seq: this.#seq++, run })
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
    if (this.#nextAt() > limit) return false
    const event = this.#pop()
    if (event === undefined) return false
    this.#advance(event.at)
    this.#happened++
    event.run()
    return true
  }

  #nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  #advance(mono: number): void {
    if (mono <= this.#now.mono) return
    this.#now = { mono: monoMs(mono), unix: unixSeconds(START_UNIX + Math.floor(mono / 1_000)) }
  }

  #push(event: Scheduled): void {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || isBefore(parent, event)) break
      heap[i] = parent
      i = up
    }
    heap[i] = event
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) this.#sink(last)
    return first
  }

  /** Finds the place for an event, from the top downwards. */
  #sink(event: Scheduled): void {
    const heap = this.#heap
    let i = 0
    while (true) {
      const left = 2 * i + 1
      let child = heap[left]
      if (child === undefined) break
      let at = left
      const right = heap[left + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        at = left + 1
      }
      if (isBefore(event, child)) break
      heap[i] = child
      i = at
    }
    heap[i] = event
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}
