/**
 * The address book: who might be a peer. Two tables of buckets: `new` for what was told, `tried` for what has answered us.
 * Buckets follow from a secret key, the network group of the address and that of its source, so one source reaches few
 * buckets, and nobody can tell which. Choices are made among network groups, so ten thousand addresses of eight networks
 * weigh as much as eight. An entry of `tried` gives way only after it has been tested. Bounded by the tables' slots.
 */
import {
  ADDRESS_COLLISION_TEST_SECONDS,
  ADDRESS_REPLACEMENT_SECONDS,
  MAX_ADDRESS_COLLISIONS,
  MAX_ADDRESS_REFERENCES,
  PROVEN_AFTER_MS,
  TOLD_PROVEN_AFTER_MS,
} from '../params/limits.ts'
import { type MonoMs, monoMs, type Now, type UnixSeconds, unixSeconds } from '../primitives/brand.ts'
import type { Endpoint } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { TimedAddress } from '../wire/address.ts'
import {
  type AddressSource,
  type Collision,
  newRow,
  plausibleTime,
  type Row,
  refreshTime,
  type SavedAddress,
  type SavedAddresses,
} from './address-row.ts'
import { AddressSlots, newKey } from './address-slots.ts'
import { GroupIndex } from './group-index.ts'
import {
  BUSY_WITHIN_MS,
  busyTime,
  chanceOf,
  endpointKey,
  isTerrible,
  type KnownAddress,
  retryTime,
  type Trust,
  trusts,
} from './known-address.ts'
import { netGroup } from './net-group.ts'

export type Table = 'new' | 'tried'

/** Somebody who never takes anybody is of no use. */
const REFUSALS_PER_FAILURE = 8
/** Draws before the whole class is looked through. */
const MAX_DRAWS = 24

export class AddressBook {
  readonly #random: RandomSource
  readonly #slots: AddressSlots<Row>
  readonly #rows = new Map<string, Row>()
  readonly #index: Readonly<Record<Table, Readonly<Record<Trust, GroupIndex<Row>>>>> = {
    new: { told: new GroupIndex(), vouched: new GroupIndex(), proven: new GroupIndex() },
    tried: { told: new GroupIndex(), vouched: new GroupIndex(), proven: new GroupIndex() },
  }
  /** Who waits for a place in `tried` until its holder has been tested. */
  readonly #collisions = new Map<Row, Collision>()
  #tried = 0
  /** Counts changes that are worth saving. */
  revision = 0

  constructor(random: RandomSource, saved?: Pick<SavedAddresses, 'key' | 'addresses'>) {
    this.#random = random
    this.#slots = new AddressSlots(saved?.key ?? newKey(random))
    for (const address of saved?.addresses ?? []) this.#restore(address)
  }

  get size(): number {
    return this.#rows.size
  }

  get triedCount(): number {
    return this.#tried
  }

  get hasProven(): boolean {
    return this.#index.tried.proven.size + this.#index.new.proven.size > 0
  }

  get newCount(): number {
    return this.#rows.size - this.#tried
  }

  find(endpoint: Endpoint): KnownAddress | undefined {
    return this.#rows.get(endpointKey(endpoint))
  }

  all(): Iterable<KnownAddress> {
    return this.#rows.values()
  }

  /** Takes addresses in. Returns how many of them were unknown and have found a place. */
  add(addresses: readonly TimedAddress[], source: AddressSource, now: UnixSeconds): number {
    const sourceGroup = netGroup(source.ip)
    // All can have the same bytes, which are not those of a connection or a message.
    const own = { ...source, ip: source.ip.slice() }
    return addresses.filter((address) => this.#addOne(address, own, sourceGroup, now)).length
  }

  /** A dial begins. */
  attempted(endpoint: Endpoint, now: Now): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    row.lastTryAt = now.unix
    row.retryAt = retryTime(row.attempts, now.mono, this.#random.unit())
    this.revision++
  }

  /** A dial, or the handshake after it, failed, and not because we have no network. */
  failed(endpoint: Endpoint, now: MonoMs): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    row.attempts++
    row.retryAt = retryTime(row.attempts, now, this.#random.unit())
    this.revision++
  }

  /** It is there, but takes nobody now, or had to be sent away. Asked again soon, but ever more seldom. */
  busy(endpoint: Endpoint, now: MonoMs): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    row.retryAt = busyTime(row.refusals, now, this.#random.unit())
    row.refusals++
    if (row.refusals % REFUSALS_PER_FAILURE === 0) row.attempts++
    this.revision++
  }

  /** Not to be dialled before then. */
  postpone(endpoint: Endpoint, until: MonoMs): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row !== undefined) row.retryAt = until
  }

  /**
   * A handshake with it was completed: it belongs into `tried`, if the holder of its place there lets it. The time
   * that others are told stays as it is, or it would show with whom we are connected.
   */
  good(endpoint: Endpoint, now: Now): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    row.lastSuccessAt = now.unix
    row.lastTryAt = now.unix
    row.attempts = 0
    row.retryAt = monoMs(0)
    this.revision++
    if (row.tried) return
    const holder = this.#slots.tried.get(this.#slots.triedSlot(row))
    if (holder === undefined) this.#moveToTried(row)
    else if (this.#collisions.size < MAX_ADDRESS_COLLISIONS && !this.#collisions.has(row))
      this.#collisions.set(row, { since: now.unix, failures: holder.attempts })
  }

  /** It has been a useful peer for `readyMs`, and may go on being one. */
  served(endpoint: Endpoint, readyMs: number): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    // Not sooner: others shake hands, and are gone at once each time.
    if (readyMs >= BUSY_WITHIN_MS) row.refusals = 0
    const provenAfter = row.trust === 'told' ? TOLD_PROVEN_AFTER_MS : PROVEN_AFTER_MS
    if (readyMs >= provenAfter) this.#raiseTrust(row, 'proven')
  }

  /** It was a useful peer until now. */
  left(endpoint: Endpoint, now: UnixSeconds): void {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row === undefined) return
    row.time = now
    this.revision++
  }

  /** Whoever is there is not what we look for. */
  remove(endpoint: Endpoint): boolean {
    const row = this.#rows.get(endpointKey(endpoint))
    if (row !== undefined) this.#delete(row)
    return row !== undefined
  }

  /** An address of a class that may be dialled now; undefined if there is none. Always ends. */
  select(
    table: Table,
    trust: Trust,
    mono: MonoMs,
    fits: (row: KnownAddress) => boolean,
  ): KnownAddress | undefined {
    const index = this.#index[table][trust]
    if (index.size === 0) return undefined
    const may = (row: Row): boolean => row.retryAt <= mono && fits(row)
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const row = index.draw(this.#random)
      if (row !== undefined && may(row) && this.#random.unit() < chanceOf(row)) return row
    }
    return index.find(this.#random, may)
  }

  /** Holders of places in `tried` that others wait for: to be tested, before {@link settleCollisions}. */
  *collisionHolders(): Generator<KnownAddress> {
    for (const row of this.#collisions.keys()) {
      const holder = this.#slots.tried.get(this.#slots.triedSlot(row))
      if (holder !== undefined) yield holder
    }
  }

  /** The one whose test is due first. */
  nextCollision(): KnownAddress | undefined {
    return this.collisionHolders().next().value ?? undefined
  }

  /** Decides the collisions that can be: a holder that answered lately stays, one that failed gives way. */
  settleCollisions(now: UnixSeconds): void {
    for (const [row, { since, failures }] of [...this.#collisions]) {
      const holder = this.#slots.tried.get(this.#slots.triedSlot(row))
      if (holder === undefined || holder === row || this.#rows.get(row.key) !== row) {
        this.#collisions.delete(row)
        if (holder === undefined && this.#rows.get(row.key) === row && !row.tried) this.#moveToTried(row)
      } else if (Math.abs(now - holder.lastSuccessAt) < ADDRESS_REPLACEMENT_SECONDS) {
        this.#collisions.delete(row)
      } else if (holder.attempts > failures || now - since > ADDRESS_COLLISION_TEST_SECONDS) {
        this.#collisions.delete(row)
        this.#moveToTried(row)
      }
    }
  }

  /** A random part of the book, to be told to others: at most `max`, and at most `share` of all, but one. */
  sample(
    max: number,
    share: number,
    now: UnixSeconds,
    mayTell: (row: KnownAddress) => boolean,
  ): TimedAddress[] {
    const rows = [...this.#rows.values()]
    const count = Math.min(max, Math.max(1, Math.floor(share * rows.length)))
    const chosen: TimedAddress[] = []
    for (let left = rows.length; left > 0 && chosen.length < count; left--) {
      const at = this.#random.below(left)
      const row = rows[at]
      const last = rows[left - 1]
      if (row === undefined || last === undefined) break
      rows[at] = last
      if (isTerrible(row, now) || !mayTell(row)) continue
      chosen.push({ time: row.time, services: row.services, ip: row.ip, port: row.port })
    }
    return chosen
  }

  save(anchors: readonly Endpoint[]): SavedAddresses {
    return { key: this.#slots.key, addresses: [...this.#rows.values()], anchors }
  }

  /** Throws if the tables contradict each other. For tests. */
  assertConsistent(): void {
    let tried = 0
    for (const row of this.#rows.values()) {
      if (row.tried) tried++
      if (row.slots.length === 0) throw new Error('an address without a slot')
      const table = row.tried ? this.#slots.tried : this.#slots.fresh
      for (const slot of row.slots)
        if (table.get(slot) !== row) throw new Error('a slot with another address')
    }
    const indexed = trusts.map((trust) => this.#index.new[trust].size + this.#index.tried[trust].size)
    if (indexed.reduce((a, b) => a + b) !== this.#rows.size) throw new Error('index and rows differ')
    if (tried !== this.#tried || tried !== this.#slots.tried.size) throw new Error('tried is miscounted')
    for (const row of this.#collisions.keys())
      if (this.#rows.get(row.key) !== row) throw new Error('a collision of an address that is gone')
  }

  #addOne(address: TimedAddress, source: AddressSource, sourceGroup: string, now: UnixSeconds): boolean {
    const time = plausibleTime(address.time, now)
    const known = this.#rows.get(endpointKey(address))
    if (known !== undefined) {
      this.#refresh(known, address, time, source, now)
      if (known.tried || known.slots.length >= MAX_ADDRESS_REFERENCES) return false
      // Each further place is half as likely as the one before.
      if (this.#random.below(2 ** known.slots.length) === 0) this.#placeNew(known, sourceGroup, now)
      return false
    }
    const seenAt = unixSeconds(Math.max(0, time - source.penaltySeconds))
    const row = newRow(address, { time: seenAt, source: source.ip, trust: source.trust }, sourceGroup)
    if (!this.#placeNew(row, sourceGroup, now)) return false
    this.#insert(row)
    return true
  }

  #refresh(
    row: Row,
    address: TimedAddress,
    time: UnixSeconds,
    source: AddressSource,
    now: UnixSeconds,
  ): void {
    if (refreshTime(row, time, source.penaltySeconds, now)) this.revision++
    row.services |= address.services
    this.#raiseTrust(row, source.trust)
  }

  #raiseTrust(row: Row, trust: Trust): void {
    if (trusts.indexOf(trust) <= trusts.indexOf(row.trust)) return
    this.#indexOf(row).delete(row)
    row.trust = trust
    this.#indexOf(row).add(row)
    this.revision++
  }

  /** Gives a row one (more) place in `new`, if the holder of that place is worse. */
  #placeNew(row: Row, sourceGroup: string, now: UnixSeconds): boolean {
    const slot = this.#slots.newSlot(row, sourceGroup)
    const holder = this.#slots.fresh.get(slot)
    if (holder === row) return false
    if (holder !== undefined) {
      const isBetter = trusts.indexOf(row.trust) > trusts.indexOf(holder.trust)
      const hasMore = holder.slots.length > 1 && row.slots.length === 0
      if (!isTerrible(holder, now) && !isBetter && !hasMore) return false
      this.#vacate(holder, slot)
    }
    this.#slots.fresh.set(slot, row)
    row.slots.push(slot)
    return true
  }

  /** Takes one place of `new` away; an address without a place is forgotten. */
  #vacate(row: Row, slot: number): void {
    this.#slots.fresh.delete(slot)
    row.slots.splice(row.slots.indexOf(slot), 1)
    if (row.slots.length === 0) this.#delete(row)
  }

  #moveToTried(row: Row): void {
    // First out of `new` altogether, where the one it displaces may want its very place.
    for (const place of row.slots) this.#slots.fresh.delete(place)
    this.#indexOf(row).delete(row)
    const slot = this.#slots.triedSlot(row)
    const holder = this.#slots.tried.get(slot)
    if (holder !== undefined) this.#backToNew(holder)
    row.slots.splice(0, row.slots.length, slot)
    row.tried = true
    this.#tried++
    this.#slots.tried.set(slot, row)
    this.#indexOf(row).add(row)
    this.#collisions.delete(row)
    this.revision++
  }

  /** A displaced holder of `tried` takes its place in `new`, whoever is there. */
  #backToNew(row: Row): void {
    for (const slot of row.slots) this.#slots.tried.delete(slot)
    this.#indexOf(row).delete(row)
    row.tried = false
    this.#tried--
    const slot = this.#slots.newSlot(row, row.sourceGroup)
    const holder = this.#slots.fresh.get(slot)
    if (holder !== undefined) this.#vacate(holder, slot)
    this.#slots.fresh.set(slot, row)
    row.slots.splice(0, row.slots.length, slot)
    this.#indexOf(row).add(row)
  }

  #insert(row: Row): void {
    this.#rows.set(row.key, row)
    this.#indexOf(row).add(row)
    this.revision++
  }

  #delete(row: Row): void {
    const table = row.tried ? this.#slots.tried : this.#slots.fresh
    for (const slot of row.slots) table.delete(slot)
    row.slots.length = 0
    if (row.tried) this.#tried--
    this.#indexOf(row).delete(row)
    this.#rows.delete(row.key)
    this.#collisions.delete(row)
    this.revision++
  }

  #indexOf(row: Row): GroupIndex<Row> {
    return this.#index[row.tried ? 'tried' : 'new'][row.trust]
  }

  #restore(saved: SavedAddress): void {
    if (this.#rows.has(endpointKey(saved))) return
    const sourceGroup = netGroup(saved.source)
    const row = newRow(saved, { ...saved, source: saved.source.slice() }, sourceGroup)
    row.lastTryAt = saved.lastTryAt
    row.lastSuccessAt = saved.lastSuccessAt
    row.attempts = saved.attempts
    if (saved.tried && !this.#slots.tried.has(this.#slots.triedSlot(row))) {
      this.#insert(row)
      this.#moveToTried(row)
    } else if (this.#placeNew(row, sourceGroup, saved.time)) {
      this.#insert(row)
    }
  }
}
