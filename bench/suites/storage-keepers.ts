/** Who keeps blocks and rows in the benchmark of storage: the store, and the least that does the same work. */
import { mkdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import {
  BLOCK_RECORD_OVERHEAD,
  type BlockPosition,
  type StoreChange,
  type StoredBlock,
} from '../../src/chain/io.ts'
import { regtest } from '../../src/params/networks.ts'
import { messageChecksum, sha3_256 } from '../../src/primitives/sha3.ts'
import type { ChainStore, StoreRequest } from '../../src/storage/chain-store.ts'
import { openChainStore } from '../../src/storage/open-store.ts'

export interface Keeper {
  /** Writes blocks of one length from the start of a file on; `atOnce` of them are given before one is waited for. */
  append(bytes: number, times: number, atOnce: number): Promise<void>
  /** Reads what was appended last. */
  read(bytes: number, times: number, atOnce: number): Promise<void>
  /** What one block changes: a header, undo data, and six coins. */
  commit(times: number, sync: boolean): Promise<void>
  get(times: number, atOnce: number): Promise<void>
  close(): Promise<void>
}

const HASHES = Array.from({ length: 20_000 }, (_, i) => sha3_256(Uint8Array.of(i & 0xff, i >> 8)))
const COIN_KEYS = HASHES.map((hash) => `c${Buffer.from(hash).toString('latin1')}\0\0\0\0`)
const HEADER_ROW = new Uint8Array(150).fill(1)
const UNDO_ROW = new Uint8Array(2_000).fill(2)
const COIN_ROW = new Uint8Array(70).fill(3)

const sampleBlocks = new Map<number, StoredBlock>()

function blockOf(bytes: number): StoredBlock {
  const known = sampleBlocks.get(bytes)
  if (known !== undefined) return known
  const payload = Uint8Array.from({ length: bytes }, (_, i) => (i * 2_654_435_761) >>> 24)
  const block = { payload, checksum: messageChecksum(payload) }
  sampleBlocks.set(bytes, block)
  return block
}

/** Changes of one block, the same for everybody, spread over all coins. */
function changesOf(step: number): StoreChange[] {
  const hash = COIN_KEYS[step % COIN_KEYS.length] ?? ''
  const coins = Array.from({ length: 6 }, (_, i) => ({ key: coinKey(6 * step + i), value: COIN_ROW }))
  return [{ key: `h${hash}`, value: HEADER_ROW }, { key: `u${hash}`, value: UNDO_ROW }, ...coins]
}

function coinKey(i: number): string {
  return COIN_KEYS[(i * 7_919) % COIN_KEYS.length] ?? ''
}

async function inGroups(
  times: number,
  atOnce: number,
  work: (from: number, to: number) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < times; from += atOnce) await work(from, Math.min(times, from + atOnce))
}

function range<T>(from: number, to: number, make: (i: number) => T): T[] {
  return Array.from({ length: to - from }, (_, i) => make(from + i))
}

export class StoreKeeper implements Keeper {
  readonly #store: ChainStore
  #step = 0

  private constructor(store: ChainStore) {
    this.#store = store
  }

  static async open(dir: string): Promise<StoreKeeper> {
    return new StoreKeeper(await openChainStore(dir, { network: regtest }))
  }

  append(bytes: number, times: number, atOnce: number): Promise<void> {
    const [hash = new Uint8Array(32)] = HASHES
    const block = blockOf(bytes)
    return inGroups(times, atOnce, (from, to) =>
      Promise.all(
        range(from, to, (i) => this.#do({ kind: 'append', position: positionOf(i, bytes), hash, block })),
      ),
    )
  }

  read(bytes: number, times: number, atOnce: number): Promise<void> {
    return inGroups(times, atOnce, (from, to) =>
      this.#do({ kind: 'read', positions: range(from, to, (i) => positionOf(i, bytes)), verify: false }),
    )
  }

  commit(times: number, sync: boolean): Promise<void> {
    return inGroups(times, 1, () => this.#do({ kind: 'commit', changes: changesOf(this.#step++), sync }))
  }

  get(times: number, atOnce: number): Promise<void> {
    return inGroups(times, atOnce, (from, to) => this.#do({ kind: 'get', keys: range(from, to, coinKey) }))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #do(request: StoreRequest): Promise<void> {
    const result = await this.#store.perform(request)
    if (!result.ok) throw new Error(result.error)
  }
}

function positionOf(i: number, length: number): BlockPosition {
  return { file: 0, offset: i * (BLOCK_RECORD_OVERHEAD + length), length }
}

export class PlainKeeper implements Keeper {
  readonly #file: FileHandle
  readonly #rows: ClassicLevel<Uint8Array, Uint8Array>
  #step = 0

  private constructor(file: FileHandle, rows: ClassicLevel<Uint8Array, Uint8Array>) {
    this.#file = file
    this.#rows = rows
  }

  static async open(dir: string): Promise<PlainKeeper> {
    mkdirSync(dir)
    const options = { keyEncoding: 'view', valueEncoding: 'view', compression: false }
    const rows = new ClassicLevel<Uint8Array, Uint8Array>(join(dir, 'rows'), options)
    await rows.open()
    return new PlainKeeper(await open(join(dir, 'blocks'), 'w+'), rows)
  }

  append(bytes: number, times: number, atOnce: number): Promise<void> {
    const { payload } = blockOf(bytes)
    return inGroups(times, atOnce, (from, to) =>
      Promise.all(range(from, to, (i) => this.#file.write(payload, 0, bytes, i * bytes))),
    )
  }

  read(bytes: number, times: number, atOnce: number): Promise<void> {
    return inGroups(times, atOnce, (from, to) =>
      Promise.all(range(from, to, (i) => this.#file.read(Buffer.allocUnsafe(bytes), 0, bytes, i * bytes))),
    )
  }

  commit(times: number, sync: boolean): Promise<void> {
    return inGroups(times, 1, () => {
      const batch = this.#rows.batch()
      for (const { key, value } of changesOf(this.#step++))
        batch.put(Buffer.from(key, 'latin1'), value ?? COIN_ROW)
      return batch.write({ sync })
    })
  }

  get(times: number, atOnce: number): Promise<void> {
    return inGroups(times, atOnce, (from, to) =>
      this.#rows.getMany(range(from, to, (i) => Buffer.from(coinKey(i), 'latin1'))),
    )
  }

  async close(): Promise<void> {
    await this.#file.close()
    await this.#rows.close()
  }
}
