/**
 * `inv` and `getdata`: lists of things that somebody has or wants (wire-protocol 4.2, 5.6, 5.7). A full list
 * is 1.8 MB, so it stays in its payload and entries are made when looked at.
 */
import type { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { Codec } from './codec.ts'

/** Known inventory types; others are carried as they are. */
export const InvType = { transaction: 1, block: 2, filteredBlock: 3, compactBlock: 4 } as const

export interface InventoryEntry {
  readonly type: number
  /** 32 bytes in wire order. */
  readonly hash: Uint8Array
}

const ENTRY_BYTES = 36
/** wire-protocol 5.6; the size limit of the message allows one less. */
const MAX_ENTRIES = 50_000
const MAX_BYTES = 1_800_000

/** An immutable list of inventory entries over its wire form. */
export class Inventory implements Iterable<InventoryEntry> {
  /** The entries as on the wire, 36 bytes each, without the count. */
  readonly bytes: Uint8Array
  readonly #view: DataView

  /** Throws RangeError if `bytes` is not a multiple of 36 bytes. */
  constructor(bytes: Uint8Array) {
    if (bytes.length % ENTRY_BYTES !== 0) throw new RangeError('inventory bytes are not whole entries')
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  static of(entries: Iterable<InventoryEntry>): Inventory {
    const writer = new ByteWriter()
    for (const { type, hash } of entries) writer.u32(type).hash(hash)
    return new Inventory(writer.copy())
  }

  get length(): number {
    return this.bytes.length / ENTRY_BYTES
  }

  /** Entry `i`, its hash a view. Throws RangeError outside the list. */
  at(i: number): InventoryEntry {
    const at = i * ENTRY_BYTES
    return { type: this.#view.getUint32(at, true), hash: this.bytes.subarray(at + 4, at + ENTRY_BYTES) }
  }

  *[Symbol.iterator](): Generator<InventoryEntry> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }
}

export interface InvMessage {
  readonly type: 'inv'
  readonly inventory: Inventory
}

export interface GetDataMessage {
  readonly type: 'getdata'
  readonly inventory: Inventory
}

function readInventory(reader: ByteReader): Inventory {
  const n = reader.count('count', MAX_ENTRIES, ENTRY_BYTES)
  return new Inventory(reader.bytes(n * ENTRY_BYTES, 'entries'))
}

function writeInventory(writer: ByteWriter, inventory: Inventory): void {
  writer.compactSize(inventory.length).bytes(inventory.bytes)
}

export const invCodec: Codec<InvMessage> = {
  type: 'inv',
  minBytes: 1,
  maxBytes: MAX_BYTES,
  decode: (reader) => ({ type: 'inv', inventory: readInventory(reader) }),
  encode: (writer, { inventory }) => writeInventory(writer, inventory),
}

export const getdataCodec: Codec<GetDataMessage> = {
  type: 'getdata',
  minBytes: 1,
  maxBytes: MAX_BYTES,
  decode: (reader) => ({ type: 'getdata', inventory: readInventory(reader) }),
  encode: (writer, { inventory }) => writeInventory(writer, inventory),
}
