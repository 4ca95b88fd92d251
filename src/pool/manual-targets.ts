/**
 * Peers that the operator named, and the plan to be connected to each of them. The plan is made anew from the
 * table each time: what is due, not connected and not being dialled. Bounded by MAX_MANUAL_TARGETS.
 */
import {
  MAX_DIALS_IN_FLIGHT,
  MAX_MANUAL_TARGETS,
  REDIAL_MAX_MS,
  REDIAL_MIN_MS,
  REDIAL_MISFIT_MS,
  REDIAL_RESET_AFTER_MS,
} from '../params/limits.ts'
import { type DialTicket, dialTicket, type MonoMs, monoMs, type PeerId } from '../primitives/brand.ts'
import { formatHostPort, type HostPort } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'

/** Waits vary by this much either way, so that nodes that failed together don't return together. */
const JITTER = 0.2

const NO_DIALS: readonly Dial[] = []

export type AddTargetVerdict = 'added' | 'alreadyAdded' | 'full'

export interface ManualTarget {
  readonly target: HostPort
  /** "host:port", the key of the table. */
  readonly address: string
  readonly keep: boolean
  readonly dialing: DialTicket | undefined
  readonly peer: PeerId | undefined
}

interface Row {
  readonly target: HostPort
  readonly address: string
  /** False for one attempt only: the row goes when that attempt or its connection has ended. */
  keep: boolean
  nextDialAt: MonoMs
  waitMs: number
  dialing: DialTicket | undefined
  peer: PeerId | undefined
}

export interface Dial {
  readonly ticket: DialTicket
  readonly target: HostPort
  readonly address: string
}

export class ManualTargets {
  readonly #random: RandomSource
  readonly #rows = new Map<string, Row>()
  readonly #nextTicket: () => DialTicket

  /** `nextTicket`: numbers for dials, each used once in the whole node. */
  constructor(random: RandomSource, nextTicket: () => DialTicket = ticketCounter()) {
    this.#random = random
    this.#nextTicket = nextTicket
  }

  get rows(): Iterable<ManualTarget> {
    return this.#rows.values()
  }

  /** A target that was to be tried once can be added to be kept, which is then what counts. */
  add(target: HostPort, keep: boolean, now: MonoMs): AddTargetVerdict {
    const address = formatHostPort(target.host, target.port)
    const known = this.#rows.get(address)
    if (known !== undefined) {
      if (known.keep || !keep) return 'alreadyAdded'
      known.keep = true
      return 'added'
    }
    if (this.#rows.size >= MAX_MANUAL_TARGETS) return 'full'
    const row = {
      target,
      address,
      keep,
      nextDialAt: now,
      waitMs: REDIAL_MIN_MS,
      dialing: undefined,
      peer: undefined,
    }
    this.#rows.set(address, row)
    return 'added'
  }

  find(target: HostPort): ManualTarget | undefined {
    return this.#rows.get(formatHostPort(target.host, target.port))
  }

  /** Forgets a target; its connection, if any, stays. Returns false if it was not there. */
  delete(target: HostPort): boolean {
    return this.#rows.delete(formatHostPort(target.host, target.port))
  }

  /** How many dials are under way. */
  get dialing(): number {
    let dialing = 0
    for (const row of this.#rows.values()) if (row.dialing !== undefined) dialing++
    return dialing
  }

  /** How many targets are not connected. */
  get missing(): number {
    let missing = 0
    for (const row of this.#rows.values()) if (row.peer === undefined) missing++
    return missing
  }

  /** Dials that are due, marked as under way. `room`: how many connections there may be besides those that are. */
  planDials(now: MonoMs, room: number): readonly Dial[] {
    if (this.#rows.size === 0) return NO_DIALS
    const due: Row[] = []
    for (const row of this.#rows.values()) {
      if (row.dialing === undefined && row.peer === undefined && row.nextDialAt <= now) due.push(row)
    }
    if (due.length === 0) return []
    // Whoever has waited longest comes first: targets that never answer must not keep others from their turn.
    due.sort((a, b) => a.nextDialAt - b.nextDialAt)
    const free = Math.max(0, Math.min(room, MAX_DIALS_IN_FLIGHT) - this.dialing)
    return due.slice(0, free).map((row) => {
      row.dialing = this.#nextTicket()
      return { ticket: row.dialing, target: row.target, address: row.address }
    })
  }

  /** When the next dial is due; undefined if none will be without another event. `room` as in `planDials`. */
  nextDeadline(room: number): MonoMs | undefined {
    if (this.#rows.size === 0) return undefined
    let next: MonoMs | undefined
    let inFlight = 0
    for (const row of this.#rows.values()) {
      if (row.dialing !== undefined) inFlight++
      else if (row.peer === undefined && (next === undefined || row.nextDialAt < next)) next = row.nextDialAt
    }
    return inFlight >= Math.min(room, MAX_DIALS_IN_FLIGHT) ? undefined : next
  }

  /** The target that a ticket was for; undefined if it was removed meanwhile. */
  byTicket(ticket: DialTicket): ManualTarget | undefined {
    return this.#find((row) => row.dialing === ticket)
  }

  connected(ticket: DialTicket, peer: PeerId): void {
    const row = this.#find((r) => r.dialing === ticket)
    if (row === undefined) return
    row.dialing = undefined
    row.peer = peer
  }

  /** Returns how long the target will be left alone, in ms; undefined if it will not be dialled again. */
  dialFailed(ticket: DialTicket, now: MonoMs): number | undefined {
    const row = this.#find((r) => r.dialing === ticket)
    if (row === undefined) return undefined
    row.dialing = undefined
    return this.#retryLater(row, now)
  }

  /**
   * The connection ended after having been complete for `readyMs`. `misfit`: one of us is on another chain or too
   * old, which trying again will not change soon.
   */
  disconnected(peer: PeerId, readyMs: number, misfit: boolean, now: MonoMs): void {
    for (const row of [...this.#rows.values()]) {
      if (row.peer !== peer) continue
      row.peer = undefined
      if (readyMs >= REDIAL_RESET_AFTER_MS) row.waitMs = REDIAL_MIN_MS
      this.#retryLater(row, now)
      if (misfit) row.nextDialAt = monoMs(now + REDIAL_MISFIT_MS)
    }
  }

  /** The target turned out to be this node itself: it is never dialled again. */
  forgetSelf(peer: PeerId): void {
    for (const row of [...this.#rows.values()]) if (row.peer === peer) this.#rows.delete(row.address)
  }

  *keyedIds(): Generator<PeerId> {
    for (const row of this.#rows.values()) if (row.peer !== undefined) yield row.peer
  }

  #find(matches: (row: Row) => boolean): Row | undefined {
    for (const row of this.#rows.values()) if (matches(row)) return row
    return undefined
  }

  #retryLater(row: Row, now: MonoMs): number | undefined {
    if (!row.keep) {
      this.#rows.delete(row.address)
      return undefined
    }
    const wait = row.waitMs * (1 + JITTER * (2 * this.#random.unit() - 1))
    row.nextDialAt = monoMs(now + wait)
    row.waitMs = Math.min(2 * row.waitMs, REDIAL_MAX_MS)
    return wait
  }
}

export function ticketCounter(): () => DialTicket {
  let last = 0
  return () => dialTicket(++last)
}
