/** Address books for tests: short ways to name addresses, sources and moments. */
import { AddressBook, type Table } from '../src/pool/address-book.ts'
import type { AddressSource } from '../src/pool/address-row.ts'
import type { KnownAddress, Trust } from '../src/pool/known-address.ts'
import { type MonoMs, monoMs, type Now, type UnixSeconds, unixSeconds } from '../src/primitives/brand.ts'
import { type Endpoint, parseIp } from '../src/primitives/ip.ts'
import { NODE_NETWORK, type TimedAddress } from '../src/wire/address.ts'
import { randomOfSeed } from './sim/world.ts'

/** A day long after those before which times count as made up. */
export const DAY_ZERO: UnixSeconds = unixSeconds(1_800_000_000)
export const EVER: MonoMs = monoMs(Number.MAX_SAFE_INTEGER)

export function at(seconds: number): Now {
  return { mono: monoMs(1_000 * seconds), unix: unixSeconds(DAY_ZERO + seconds) }
}

export function endpointOf(text: string, port = 8444): Endpoint {
  const ip = parseIp(text)
  if (ip === undefined) throw new RangeError(`not an address: ${text}`)
  return { ip, port }
}

export function addressAt(text: string, time: number = DAY_ZERO, port = 8444): TimedAddress {
  return { ...endpointOf(text, port), time, services: NODE_NETWORK }
}

export function sourceAt(text: string, trust: Trust = 'told', penaltySeconds = 0): AddressSource {
  return { ip: endpointOf(text).ip, trust, penaltySeconds }
}

export function newBook(seed = 1): AddressBook {
  return new AddressBook(randomOfSeed(seed))
}

export const anybody = (): boolean => true

export const allClasses: readonly (readonly [Table, Trust])[] = [
  ['new', 'told'],
  ['new', 'vouched'],
  ['new', 'proven'],
  ['tried', 'told'],
  ['tried', 'vouched'],
  ['tried', 'proven'],
]

/** The first address that any class gives. */
export function selectAny(
  book: AddressBook,
  mono: MonoMs = EVER,
  fits: (row: KnownAddress) => boolean = anybody,
): KnownAddress | undefined {
  for (const [table, trust] of allClasses) {
    const row = book.select(table, trust, mono, fits)
    if (row !== undefined) return row
  }
  return undefined
}
