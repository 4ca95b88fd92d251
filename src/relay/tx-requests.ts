/**
 * Which transactions are asked for, and of whom (wire-protocol 5.6, 14): each of one peer at a time, the next one who
 * has it when that one does not bring it in time or leaves; peers of our own choice first. Bounded per peer and in
 * all; what a peer told goes with it.
 */
import { hashKey } from '../chain/header-node.ts'
import {
  MAX_TX_ANNOUNCEMENTS,
  MAX_TX_ANNOUNCEMENTS_PER_PEER,
  MAX_TX_IN_FLIGHT,
  MAX_TX_SOURCES,
  TX_GETDATA_INTERVAL_MS,
  TX_INBOUND_DELAY_MS,
  TX_REQUEST_TIMEOUT_MS,
} from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerId } from '../primitives/brand.ts'

export interface TxRequestHooks {
  /** Is there a reason not to ask for it (any more)? */
  knows(id: Uint8Array): boolean
  /** Is there so much to be judged that nothing should be asked for? */
  isBusy(): boolean
  /** Asks a peer for transactions by their ids. */
  getdata(peer: Peer, ids: readonly Uint8Array[]): void
}

/** A transaction that we want. */
interface Wanted {
  readonly id: Uint8Array
  readonly key: string
  /** Whoever has told it. */
  readonly sources: Set<Source>
  /** Who was asked. */
  asked: Source | undefined
}

/** One peer with what it has told: each id is in one of the maps, with the time at which something is due. */
interface Source {
  readonly peer: Peer
  /** Not to be asked for yet. In order of time. */
  readonly early: Map<Wanted, number>
  /** To be asked for. */
  readonly ripe: Set<Wanted>
  /** Asked for, until when. In order of time. */
  readonly asked: Map<Wanted, number>
  /** Somebody else was asked for these. */
  readonly others: Set<Wanted>
  nextAskAt: number
}

const NEVER = Number.POSITIVE_INFINITY

export class TxRequests {
  readonly #hooks: TxRequestHooks
  readonly #sources = new Map<PeerId, Source>()
  readonly #wanted = new Map<string, Wanted>()
  #nextAt = NEVER

  constructor(hooks: TxRequestHooks) {
    this.#hooks = hooks
  }

  get nextDeadline(): number {
    return this.#nextAt
  }

  /** Ids that are wanted, whether asked for or not. */
  get size(): number {
    return this.#wanted.size
  }

  keyedIds(): Iterable<PeerId> {
    return this.#sources.keys()
  }

  /** Was the peer asked for it? */
  isAskedOf(peer: PeerId, key: string): boolean {
    const wanted = this.#wanted.get(key)
    return wanted?.asked !== undefined && wanted.asked.peer.id === peer
  }

  /** The peer has a transaction that is not known. `id`: 32 bytes in wire order. */
  announced(peer: Peer, id: Uint8Array, now: number): void {
    const source = this.#sourceOf(peer)
    if (countOf(source) >= MAX_TX_ANNOUNCEMENTS_PER_PEER) return
    const key = hashKey(id)
    const wanted = this.#wanted.get(key) ?? this.#newWanted(id, key, peer)
    if (wanted === undefined || wanted.sources.has(source)) return
    // Strangers, who may only say so, do not take the places of those whom we chose.
    if (peer.inbound && wanted.sources.size >= MAX_TX_SOURCES) return
    wanted.sources.add(source)
    if (wanted.asked !== undefined) source.others.add(wanted)
    else if (peer.inbound) source.early.set(wanted, now + TX_INBOUND_DELAY_MS)
    else source.ripe.add(wanted)
    this.#look(this.#dueAt(source, now))
  }

  /** It has come, from whomever. */
  received(key: string): void {
    const wanted = this.#wanted.get(key)
    if (wanted === undefined) return
    this.#drop(wanted)
    this.wake()
  }

  forget(id: PeerId): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    this.#sources.delete(id)
    const all = [...source.asked.keys(), ...source.early.keys(), ...source.ripe, ...source.others]
    for (const wanted of all) this.#leave(source, wanted)
    this.#look(Number.NEGATIVE_INFINITY)
  }

  /** There may be room for more. */
  wake(): void {
    if (this.#wanted.size > 0) this.#look(Number.NEGATIVE_INFINITY)
  }

  due(now: number): void {
    const sources = [...this.#sources.values()]
    for (const source of sources) this.#expire(source, now)
    // Who is of our own choice is asked before others are.
    sources.sort((a, b) => Number(a.peer.inbound) - Number(b.peer.inbound))
    for (const source of sources) this.#ask(source, now)
    this.#nextAt = NEVER
    for (const source of this.#sources.values()) this.#look(this.#dueAt(source, now))
  }

  #sourceOf(peer: Peer): Source {
    const known = this.#sources.get(peer.id)
    if (known !== undefined) return known
    const source: Source = {
      peer,
      early: new Map(),
      ripe: new Set(),
      asked: new Map(),
      others: new Set(),
      nextAskAt: Number.NEGATIVE_INFINITY,
    }
    this.#sources.set(peer.id, source)
    return source
  }

  #newWanted(id: Uint8Array, key: string, peer: Peer): Wanted | undefined {
    if (peer.inbound && this.#wanted.size >= MAX_TX_ANNOUNCEMENTS) return undefined
    const wanted: Wanted = { id: id.slice(), key, sources: new Set(), asked: undefined }
    this.#wanted.set(key, wanted)
    return wanted
  }

  #drop(wanted: Wanted): void {
    this.#wanted.delete(wanted.key)
    for (const source of wanted.sources) remove(source, wanted)
  }

  /** The peer does not bring it, or is gone: the next one who has it is asked. */
  #leave(source: Source, wanted: Wanted): void {
    remove(source, wanted)
    wanted.sources.delete(source)
    if (wanted.sources.size === 0) this.#wanted.delete(wanted.key)
    if (wanted.asked !== source) return
    wanted.asked = undefined
    // The others have been waiting for this: no need to wait any longer.
    for (const other of wanted.sources) if (other.others.delete(wanted)) other.ripe.add(wanted)
  }

  #expire(source: Source, now: number): void {
    for (const [wanted, until] of source.asked) {
      if (until > now) break
      this.#leave(source, wanted)
    }
    for (const [wanted, at] of source.early) {
      if (at > now) break
      source.early.delete(wanted)
      if (wanted.asked === undefined) source.ripe.add(wanted)
      else source.others.add(wanted)
    }
  }

  #ask(source: Source, now: number): void {
    if (source.ripe.size === 0 || now < source.nextAskAt || this.#hooks.isBusy()) return
    const ids: Uint8Array[] = []
    for (const wanted of source.ripe) {
      if (source.asked.size >= MAX_TX_IN_FLIGHT) break
      if (this.#hooks.knows(wanted.id)) {
        this.#drop(wanted)
        continue
      }
      source.ripe.delete(wanted)
      if (wanted.asked !== undefined) {
        source.others.add(wanted)
        continue
      }
      wanted.asked = source
      source.asked.set(wanted, now + TX_REQUEST_TIMEOUT_MS)
      ids.push(wanted.id)
    }
    if (ids.length === 0) return
    source.nextAskAt = now + TX_GETDATA_INTERVAL_MS
    this.#hooks.getdata(source.peer, ids)
  }

  /** When something is to be done about this peer. What waits for others to be judged is woken by {@link wake}. */
  #dueAt(source: Source, now: number): number {
    let at = Math.min(firstOf(source.asked), firstOf(source.early))
    const mayAsk = source.asked.size < MAX_TX_IN_FLIGHT && !this.#hooks.isBusy()
    if (source.ripe.size > 0 && mayAsk) at = Math.min(at, Math.max(now, source.nextAskAt))
    return at
  }

  #look(at: number): void {
    this.#nextAt = Math.min(this.#nextAt, at)
  }
}

function countOf({ early, ripe, asked, others }: Source): number {
  return early.size + ripe.size + asked.size + others.size
}

function firstOf(times: Map<Wanted, number>): number {
  for (const at of times.values()) return at
  return NEVER
}

function remove(source: Source, wanted: Wanted): void {
  source.early.delete(wanted)
  source.ripe.delete(wanted)
  source.asked.delete(wanted)
  source.others.delete(wanted)
}
