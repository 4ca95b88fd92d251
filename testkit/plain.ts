/**
 * Messages as plain data: what vectors are written in, and what tests compare. Hashes in display order,
 * addresses as text, other bytes in hex, 64-bit integers as decimal text.
 */
import { hashToHex, toHex } from '../src/primitives/bytes.ts'
import { formatIp } from '../src/primitives/ip.ts'
import { BlockHeader, HeaderList } from '../src/wire/header.ts'
import { Inventory } from '../src/wire/inventory.ts'

export type Plain =
  | boolean
  | number
  | string
  | undefined
  | readonly Plain[]
  | { readonly [key: string]: Plain }

const HASHES: ReadonlySet<string> = new Set([
  'previousHash',
  'merkleRoot',
  'output',
  'proofHash',
  'genesisHash',
  'blockHash',
  'locator',
  'stop',
  'hash',
])

/** `key`: name of the field that holds the value, which says what its bytes mean. */
export function plain(value: unknown, key = ''): Plain {
  if (value instanceof Uint8Array) {
    if (HASHES.has(key)) return hashToHex(value)
    return key === 'ip' ? formatIp(value) : toHex(value)
  }
  if (value instanceof BlockHeader) {
    const { version, previousHash, merkleRoot, time, bits, nonce, vdf } = value
    return plain({ version, previousHash, merkleRoot, time, bits, nonce, ...(vdf && { vdf }) })
  }
  if (value instanceof HeaderList || value instanceof Inventory) return plain([...value])
  if (Array.isArray(value)) return value.map((item) => plain(item, key))
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, name)]))
  }
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value
  if (value === undefined) return undefined
  throw new TypeError(`no plain form for ${typeof value}`)
}
