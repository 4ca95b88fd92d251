/**
 * Where each transaction of the active chain stands, for who asks by its id (`--txindex`). What is joined is written in
 * the same commit as the coins; the blocks that were there before the index was wanted are read in the background. A row
 * that names a block off the active chain counts as none, so nothing is written when a block is taken off. Of an id that
 * stands more than once the first place is kept, which is the last to be taken off.
 *
 * Rows: 'x' and txid -> hash of the block, start and end in its transaction data (u32 each). 'Xt' -> hash of the tip up to
 * which the commits went. 'Xb' -> heights (u32 each): all is there up to the first, and from the second on.
 */
import { CHAIN_COINS_PER_TURN, TX_INDEX_ROWS_PER_COMMIT } from '../params/limits.ts'
import { latin1Decode } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { ActiveChain } from './active-chain.ts'
import type { BlockBody } from './block-body.ts'
import type { BlockStore } from './block-store.ts'
import type { ChainHooks } from './chain.ts'
import type { HeaderNode } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'
import type { Job, StoreChange } from './io.ts'
import { Pace } from './pace.ts'
import { commitLazily, getValues, rest } from './requests.ts'

const PREFIX = 'x'
/** Keys of the rows that say how far it goes, to be read at the start. */
export const TX_INDEX_KEYS = ['Xt', 'Xb'] as const
const [TIP_KEY, RANGE_KEY] = TX_INDEX_KEYS
const HASH_BYTES = 32
/** Of a row in memory, with its key. */
const ENTRY_BYTES = 250
/** Of a row, as {@link Pace} counts. */
const ROW_WORK = 3

export interface TxPlace {
  readonly node: HeaderNode
  /** In the block's transaction data. */
  readonly start: number
  readonly end: number
}

/** A block that was read, and what is to be written of it. */
interface IndexedBlock {
  readonly node: HeaderNode
  readonly rows: readonly Row[]
}

interface Row {
  readonly key: string
  readonly value: Uint8Array
}

type Rows = Map<string, Uint8Array>

export class TxIndex {
  readonly #tree: HeaderTree
  readonly #active: ActiveChain
  readonly #blocks: BlockStore
  /** To be committed. */
  #rows: Rows = new Map()
  /** On their way to the store, or there. */
  #flying: Rows = new Map()
  /** Of blocks that were there before, not written yet. */
  #reading: Rows = new Map()
  /** All blocks up to this height are there, and all behind the other one. */
  #built: number
  #liveFrom: number

  /** `saved`: values of TX_INDEX_KEYS. */
  constructor(
    tree: HeaderTree,
    active: ActiveChain,
    blocks: BlockStore,
    saved: readonly (Uint8Array | undefined)[] = [],
  ) {
    this.#tree = tree
    this.#active = active
    this.#blocks = blocks
    const { tip } = active
    const [tipHash, range] = saved
    const before = tipHash === undefined ? undefined : tree.get(tipHash)
    const { built, liveFrom } = readRange(range)
    const isWhole = built >= liveFrom
    // What was joined while nobody wanted the index is missing.
    const reached = before === undefined ? 0 : (active.forkWith(before)?.height ?? 0)
    this.#built = isWhole ? reached : Math.min(built, reached)
    this.#liveFrom = before === tip && !isWhole ? liveFrom : tip.height
  }

  /** Memory that waits for a commit. */
  get bytes(): number {
    return this.#rows.size * ENTRY_BYTES
  }

  get isSynced(): boolean {
    return this.#built >= this.#liveFrom
  }

  /** All blocks up to this height are in it. */
  get height(): number {
    return this.isSynced ? this.#active.tip.height : this.#built
  }

  *connected(node: HeaderNode, body: BlockBody): Job<void> {
    for (const { key, value } of yield* this.#newRows(node, body)) this.#rows.set(key, value)
  }

  /** To be written with the coins of this tip. */
  takeChanges(tip: HeaderNode): StoreChange[] {
    this.#flying = this.#rows
    this.#rows = new Map()
    const changes = Array.from(this.#flying, ([key, value]) => ({ key, value }))
    return [...changes, { key: TIP_KEY, value: tip.hash }, this.#range()]
  }

  /** Reads what was there before, a few blocks at a time, while others go on. */
  *build(): Job<void> {
    let read: IndexedBlock[] = []
    let count = 0
    for (let height = this.#built + 1; height <= this.#liveFrom; height++) {
      const node = this.#active.at(height)
      // A reorganisation has taken off what was to be read; what was joined instead is there.
      if (node === undefined) break
      const body = yield* this.#blocks.load(node)
      // One that can't be read is found, and told, by whoever needs it.
      const rows = yield* this.#newRows(node, body ?? { transactions: [] })
      for (const { key, value } of rows) {
        this.#reading.set(key, value)
        // What waits to be written would be written over it.
        this.#rows.delete(key)
      }
      read.push({ node, rows })
      count += rows.length
      if (count < TX_INDEX_ROWS_PER_COMMIT) continue
      yield* this.#commit(read, height)
      read = []
      count = 0
    }
    yield* this.#commit(read, this.#liveFrom)
  }

  /** Undefined if it is not in the active chain, or the index has not come so far. */
  *find(txid: Uint8Array): Job<TxPlace | undefined> {
    return (yield* this.#places([keyOf(txid)]))[0]
  }

  /** Of a block, but for what stands further down already. */
  *#newRows(node: HeaderNode, body: BlockBody): Job<Row[]> {
    const rows = yield* rowsOf(node, body)
    const places = yield* this.#places(rows.map(({ key }) => key))
    return rows.filter((_, i) => (places[i]?.node.height ?? node.height) >= node.height)
  }

  /** The first place in the active chain of what stands under each key, written or not. */
  *#places(keys: readonly string[]): Job<(TxPlace | undefined)[]> {
    const places: (TxPlace | undefined)[] = []
    for (let from = 0; from < keys.length; from += CHAIN_COINS_PER_TURN) {
      const some = keys.slice(from, from + CHAIN_COINS_PER_TURN)
      const stored = yield* getValues(some)
      // What was on its way when it was asked for may have been written by now.
      for (const [i, key] of some.entries())
        places.push(
          this.#first([stored[i], ...[this.#reading, this.#rows, this.#flying].map((rows) => rows.get(key))]),
        )
    }
    return places
  }

  #first(rows: readonly (Uint8Array | undefined)[]): TxPlace | undefined {
    let first: TxPlace | undefined
    for (const row of rows) {
      const place = row === undefined ? undefined : this.#placeOf(row)
      if (place === undefined || !this.#active.has(place.node)) continue
      if (first === undefined || place.node.height < first.node.height) first = place
    }
    return first
  }

  #placeOf(row: Uint8Array): TxPlace | undefined {
    const reader = new ByteReader(row)
    const node = this.#tree.get(reader.bytes(HASH_BYTES, 'block'))
    const start = reader.u32('start')
    const end = reader.u32('end')
    return reader.failed || node === undefined ? undefined : { node, start, end }
  }

  *#commit(read: readonly IndexedBlock[], built: number): Job<void> {
    // What was taken off since it was read has been written as such, and what was joined instead.
    const changes = read.flatMap(({ node, rows }) => (this.#active.has(node) ? rows : []))
    yield* commitLazily([...changes, rangeRow(built, this.#liveFrom)])
    this.#reading = new Map()
    this.#built = built
    yield* rest()
  }

  #range(): StoreChange {
    return rangeRow(this.#built, this.#liveFrom)
  }
}

/** The index hears of blocks before others do. */
export function tellOfBlocks(
  index: TxIndex | undefined,
  hooks: ChainHooks,
): Record<'connected' | 'disconnected', (node: HeaderNode, body: BlockBody) => Job<void>> {
  return {
    *connected(node, body) {
      if (index !== undefined) yield* index.connected(node, body)
      if (hooks.blockConnected !== undefined) yield* hooks.blockConnected(node, body)
    },
    *disconnected(node, body) {
      if (hooks.blockDisconnected !== undefined) yield* hooks.blockDisconnected(node, body)
    },
  }
}

function keyOf(txid: Uint8Array): string {
  return PREFIX + latin1Decode(txid)
}

function* rowsOf(node: HeaderNode, { transactions }: BlockBody): Job<Row[]> {
  const pace = new Pace()
  const rows: Row[] = []
  const writer = new ByteWriter(HASH_BYTES + 8)
  for (const { txid, start, end } of transactions) {
    writer.reset()
    writer.hash(node.hash).u32(start).u32(end)
    rows.push({ key: keyOf(txid), value: writer.copy() })
    if (pace.isOver(ROW_WORK)) yield* rest()
  }
  return rows
}

function rangeRow(built: number, liveFrom: number): StoreChange {
  const writer = new ByteWriter(8)
  writer.u32(built).u32(liveFrom)
  return { key: RANGE_KEY, value: writer.copy() }
}

function readRange(row: Uint8Array | undefined): { readonly built: number; readonly liveFrom: number } {
  const reader = new ByteReader(row ?? new Uint8Array(8))
  return { built: reader.u32('built'), liveFrom: reader.u32('liveFrom') }
}
