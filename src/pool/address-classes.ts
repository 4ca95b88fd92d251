/** In which order addresses are chosen: by table and trust, for slots, for probes, and where nobody better is there. */
import type { Table } from './address-book.ts'
import type { Trust } from './known-address.ts'

export type AddressClass = readonly [table: Table, trust: Trust]

export const STEADY: readonly AddressClass[] = [
  ['tried', 'proven'],
  ['new', 'proven'],
  ['tried', 'vouched'],
  ['new', 'vouched'],
]
export const PROVEN = STEADY.slice(0, 2)
export const HEARSAY: readonly AddressClass[] = [
  ['tried', 'told'],
  ['new', 'told'],
]
export const UNTESTED: readonly AddressClass[] = [
  ['new', 'vouched'],
  ['new', 'told'],
  ['new', 'proven'],
]
