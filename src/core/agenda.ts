/**
 * When each peer has to be looked at next: a heap of peers, the earliest first, so that a tick costs those who are
 * due and not all who are there. Each peer stands in it at most once, with its place noted in the peer.
 */
import type { Peer } from '../peer/peer.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class Agenda {
  readonly #heap: Peer[] = []

  /** When somebody is due; infinite if nobody ever is. */
  get nextAt(): MonoMs {
    return this.#heap[0]?.agenda.at ?? NEVER
  }

  get size(): number {
    return this.#heap.length
  }

  /** The peer is to be looked at then, and not at the time noted before. */
  set(peer: Peer, at: MonoMs): void {
    const { agenda } = peer
    const before = agenda.at
    agenda.at = at
    if (agenda.place < 0) {
      this.#rise(peer, this.#heap.length)
    } else if (at < before) {
      this.#rise(peer, agenda.place)
    } else if (at > before) {
      this.#sink(peer, agenda.place)
    }
  }

  delete(peer: Peer): void {
    const { place } = peer.agenda
    if (this.#heap[place] !== peer) return
    peer.agenda.place = -1
    const last = this.#heap.pop()
    if (last === undefined || last === peer) return
    // It may belong further up than the one whose place it takes, or further down.
    this.#rise(last, place)
    this.#sink(last, last.agenda.place)
  }

  /** Takes out all who are due, in the order in which they came. */
  takeDue(now: MonoMs): Peer[] {
    const due: Peer[] = []
    for (let first = this.#heap[0]; first !== undefined && first.agenda.at <= now; first = this.#heap[0]) {
      this.delete(first)
      due.push(first)
    }
    return due.sort((a, b) => a.id - b.id)
  }

  /** Throws if the heap is none. For tests. */
  assertConsistent(): void {
    for (const [place, peer] of this.#heap.entries()) {
      const above = this.#heap[(place - 1) >> 1]
      if (peer.agenda.place !== place) throw new Error('a peer stands elsewhere in the agenda than it says')
      if (above !== undefined && place > 0 && above.agenda.at > peer.agenda.at)
        throw new Error('the agenda is out of order')
    }
  }

  #rise(peer: Peer, from: number): void {
    let place = from
    while (place > 0) {
      const above = this.#heap[(place - 1) >> 1]
      if (above === undefined || above.agenda.at <= peer.agenda.at) break
      this.#put(above, place)
      place = (place - 1) >> 1
    }
    this.#put(peer, place)
  }

  #sink(peer: Peer, from: number): void {
    let place = from
    while (true) {
      const left = this.#heap[2 * place + 1]
      const right = this.#heap[2 * place + 2]
      const sooner =
        right !== undefined && left !== undefined && right.agenda.at < left.agenda.at ? right : left
      if (sooner === undefined || sooner.agenda.at >= peer.agenda.at) break
      const next = sooner.agenda.place
      this.#put(sooner, place)
      place = next
    }
    this.#put(peer, place)
  }

  #put(peer: Peer, place: number): void {
    this.#heap[place] = peer
    peer.agenda.place = place
  }
}
