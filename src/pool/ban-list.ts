/**
 * Who may not connect: single addresses and subnets, each until some time. Bounded by MAX_BANS: when it is
 * full, the ban that ends first makes room.
 */
import { MAX_BANS } from '../params/limits.ts'
import { type UnixSeconds, unixSeconds } from '../primitives/brand.ts'
import { toHex } from '../primitives/bytes.ts'
import type { IpBytes } from '../primitives/ip.ts'
import { masked, type Subnet, subnetCovers } from '../primitives/subnet.ts'

export type BanReason = 'misbehaving' | 'manual'

/** The end of a ban that has none. */
export const FOREVER = unixSeconds(Number.MAX_SAFE_INTEGER)

export interface Ban {
  readonly subnet: Subnet
  readonly createdAt: UnixSeconds
  /** Unix seconds from which it no longer holds. */
  readonly until: UnixSeconds
  readonly reason: BanReason
  /** Points the peer had. */
  readonly score: number
}

export class BanList {
  /** By number of bits, then by the masked address: a look-up costs one step per length in use. */
  readonly #byBits = new Map<number, Map<string, Ban>>()
  #size = 0

  constructor(bans: Iterable<Ban> = []) {
    for (const ban of bans) this.add(ban)
  }

  get size(): number {
    return this.#size
  }

  /** Replaces a ban of the same subnet. */
  add(ban: Ban): void {
    this.remove(ban.subnet)
    if (this.#size >= MAX_BANS) this.#dropEarliest()
    const { bits, ip } = ban.subnet
    const row = this.#byBits.get(bits) ?? new Map<string, Ban>()
    this.#byBits.set(bits, row.set(toHex(ip), ban))
    this.#size++
  }

  /** False if this very subnet was not banned. */
  remove({ bits, ip }: Subnet): boolean {
    const row = this.#byBits.get(bits)
    if (row === undefined || !row.delete(toHex(ip))) return false
    if (row.size === 0) this.#byBits.delete(bits)
    this.#size--
    return true
  }

  clear(): void {
    this.#byBits.clear()
    this.#size = 0
  }

  /** Does any ban that still holds cover the address? */
  covers(ip: IpBytes, now: UnixSeconds): boolean {
    for (const [bits, row] of this.#byBits) {
      const ban = row.get(toHex(masked(ip, bits)))
      if (ban !== undefined && now < ban.until && subnetCovers(ban.subnet, ip)) return true
    }
    return false
  }

  find({ bits, ip }: Subnet): Ban | undefined {
    return this.#byBits.get(bits)?.get(toHex(ip))
  }

  /** Bans that still hold, in no order; those that don't are dropped. */
  list(now: UnixSeconds): Ban[] {
    const all = [...this.#all()]
    for (const ban of all) if (ban.until <= now) this.remove(ban.subnet)
    return all.filter((ban) => now < ban.until)
  }

  *#all(): Generator<Ban> {
    for (const row of this.#byBits.values()) yield* row.values()
  }

  #dropEarliest(): void {
    let earliest: Ban | undefined
    for (const ban of this.#all()) if (earliest === undefined || ban.until < earliest.until) earliest = ban
    if (earliest !== undefined) this.remove(earliest.subnet)
  }
}
