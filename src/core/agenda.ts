/**
 * When each peer has to be looked at next: a heap of peers, the earliest first, so that a tick costs those who are
 * due and not all who are there. Each peer stands in it at most once, with its place noted in the peer; the times
 * stand side by side, so that comparing them touches no peer. Bounded by the peers.
 */
import type { Peer } from '../peer/peer.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

const NEVER = Number.POSITIVE_INFINITY
const FIRST_CAPACITY = 16

export class Agenda {
  readonly #peers: Peer[] = []
  /** Infinite behind the last peer. */
  #times = new Float64Array(FIRST_CAPACITY).fill(NEVER)

  /** When somebody is due; infinite if nobody ever is. */
  get nextAt(): MonoMs {
    return monoMs(this.#timeAt(0))
  }

  get size(): number {
    return this.#peers.length
  }

  /** When the peer is to be looked at; infinite if never. */
  timeOf({ agendaPlace }: Peer): MonoMs {
    return monoMs(agendaPlace < 0 ? NEVER : this.#timeAt(agendaPlace))
  }

  /** The peer is to be looked at then, and not at the time noted before. */
  set(peer: Peer, at: MonoMs): void {
    const place = peer.agendaPlace
    if (place < 0) return this.#add(peer, at)
    const before = this.#timeAt(place)
    if (at < before) this.#rise(peer, at, place)
    else if (at > before) this.#sink(peer, at, place)
  }

  delete(peer: Peer): void {
    const place = peer.agendaPlace
    if (this.#peers[place] !== peer) return
    peer.agendaPlace = -1
    const at = this.#timeAt(this.#peers.length - 1)
    const last = this.#peers.pop()
    this.#times[this.#peers.length] = NEVER
    if (last === undefined || last === peer) return
    // It belongs further up or further down than the one whose place it takes.
    if (place > 0 && at < this.#timeAt((place - 1) >> 1)) this.#rise(last, at, place)
    else this.#sink(last, at, place)
  }

  /** Takes out all who are due, in the order in which they came. */
  takeDue(now: MonoMs): Peer[] {
    const first = this.#peers[0]
    if (first === undefined || this.#timeAt(0) > now) return []
    // Mostly it is one.
    const due = [first]
    this.delete(first)
    for (let next = this.#peers[0]; next !== undefined && this.#timeAt(0) <= now; next = this.#peers[0]) {
      this.delete(next)
      due.push(next)
    }
    return due.length < 2 ? due : due.sort((a, b) => a.id - b.id)
  }

  /** Throws if the heap is none. For tests. */
  assertConsistent(): void {
    for (const [place, peer] of this.#peers.entries()) {
      if (peer.agendaPlace !== place) throw new Error('a peer stands elsewhere in the agenda than it says')
      if (place > 0 && this.#timeAt((place - 1) >> 1) > this.#timeAt(place))
        throw new Error('the agenda is out of order')
    }
  }

  #timeAt(place: number): number {
    return this.#times[place] ?? NEVER
  }

  #add(peer: Peer, at: number): void {
    const place = this.#peers.length
    if (place === this.#times.length) {
      const times = new Float64Array(2 * place).fill(NEVER)
      times.set(this.#times)
      this.#times = times
    }
    this.#peers.push(peer)
    this.#rise(peer, at, place)
  }

  #rise(peer: Peer, at: number, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      if (this.#timeAt(above) <= at) break
      this.#move(above, place)
      place = above
    }
    this.#put(peer, at, place)
  }

  #sink(peer: Peer, at: number, from: number): void {
    let place = from
    while (true) {
      const left = 2 * place + 1
      const sooner = this.#timeAt(left + 1) < this.#timeAt(left) ? left + 1 : left
      if (this.#timeAt(sooner) >= at) break
      this.#move(sooner, place)
      place = sooner
    }
    this.#put(peer, at, place)
  }

  #move(from: number, to: number): void {
    const peer = this.#peers[from]
    if (peer === undefined) return
    this.#peers[to] = peer
    this.#times[to] = this.#times[from] ?? NEVER
    peer.agendaPlace = to
  }

  #put(peer: Peer, at: number, place: number): void {
    this.#peers[place] = peer
    this.#times[place] = at
    peer.agendaPlace = place
  }
}
