/** Stores for tests: folders that go away, short ways to ask, blocks whose bytes follow from a number. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BLOCK_RECORD_OVERHEAD,
  type BlockPosition,
  type IoResult,
  type StoredBlock,
} from '../src/chain/io.ts'
import { regtest } from '../src/params/networks.ts'
import { messageChecksum, sha3_256 } from '../src/primitives/sha3.ts'
import type { ChainStore, FoundBlock, StoredPair, StoreRequest } from '../src/storage/chain-store.ts'
import { openChainStore, type StoreOptions } from '../src/storage/open-store.ts'

export interface SampleBlock {
  readonly hash: Uint8Array
  readonly block: StoredBlock
}

/** Always the same for the same number and length. */
export function sampleBlock(number: number, length = 300): SampleBlock {
  const hash = sha3_256(Uint8Array.of(number & 0xff, (number >> 8) & 0xff, (number >> 16) & 0xff))
  const payload = new Uint8Array(length)
  for (let at = 0; at < length; at++) payload[at] = (hash[at % 32] ?? 0) ^ (at >> 5)
  return { hash, block: { payload, checksum: messageChecksum(payload) } }
}

/** Where the next record goes: behind that one, or at the start of a file. */
export function placeAfter(
  last: BlockPosition | undefined,
  length: number,
  file = last?.file ?? 0,
): BlockPosition {
  const isSame = last !== undefined && last.file === file
  return { file, offset: isSame ? last.offset + BLOCK_RECORD_OVERHEAD + last.length : 0, length }
}

export function appendOf(position: BlockPosition, { hash, block }: SampleBlock): StoreRequest {
  return { kind: 'append', position, hash, block }
}

/** `undefined` deletes. */
export function commitOf(rows: Readonly<Record<string, string | undefined>>, sync = false): StoreRequest {
  const changes = Object.entries(rows).map(([key, text]) => ({
    key,
    value: text === undefined ? undefined : new TextEncoder().encode(text),
  }))
  return { kind: 'commit', changes, sync }
}

/** Asks, and throws if the answer is an error. */
export async function ask<T = undefined>(store: ChainStore, request: StoreRequest): Promise<T> {
  const result: IoResult = await store.perform(request)
  if (!result.ok) throw new Error(result.error)
  return result.value as T
}

export async function getText(store: ChainStore, ...keys: string[]): Promise<(string | undefined)[]> {
  const values = await ask<(Uint8Array | undefined)[]>(store, { kind: 'get', keys })
  return values.map((value) => (value === undefined ? undefined : new TextDecoder().decode(value)))
}

export function readBlocks(
  store: ChainStore,
  positions: readonly BlockPosition[],
  verify = true,
): Promise<(StoredBlock | undefined)[]> {
  return ask(store, { kind: 'read', positions, verify })
}

export async function pairsOf(store: ChainStore, prefix = ''): Promise<StoredPair[]> {
  const pairs: StoredPair[] = []
  for await (const batch of store.scan(prefix)) pairs.push(...batch)
  return pairs
}

export async function foundIn(store: ChainStore): Promise<FoundBlock[]> {
  const found: FoundBlock[] = []
  for await (const block of store.scanBlockFiles()) found.push(block)
  return found
}

/** In few words, since comparing arrays of megabytes takes the test runner a minute. */
export function briefly(block: StoredBlock | undefined): string | undefined {
  return block && `${block.payload.length} bytes, ${messageChecksum(block.payload)}, ${block.checksum}`
}

/** Folders and open stores of one test file. */
export class StoreLab {
  readonly #stores: ChainStore[] = []
  readonly #dirs: string[] = []

  newDir(): string {
    const dir = mkdtempSync(join(tmpdir(), 'dilithion-store-'))
    this.#dirs.push(dir)
    return dir
  }

  async open(dir: string, options: Partial<StoreOptions> = {}): Promise<ChainStore> {
    const store = await openChainStore(dir, { network: regtest, ...options })
    this.#stores.push(store)
    return store
  }

  async close(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close()
    for (const dir of this.#dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
  }
}
