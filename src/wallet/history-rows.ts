/**
 * A wallet's history as rows beside the chain's, in the same store: one for each transaction, and one that says up to
 * where the chain has been read. All of it can be made again from keys and blocks, but for our own transactions that wait.
 * docs/STORAGE.md has the layouts.
 */
import { latin1Decode, latin1Encode } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { HASH160_BYTES } from '../script/templates.ts'
import type { BlockPlace, HistoryEntry, OwnOutput, OwnSpend, Payment } from './history-entry.ts'

export const HISTORY_PREFIX = 'w'
export const ENTRY_PREFIX = `${HISTORY_PREFIX}t`
export const STATE_KEY = `${HISTORY_PREFIX}S`

const HASH_BYTES = 32
const COIN_KEY_BYTES = 37
const MAX_PARTS = 100_000
const MAX_SCRIPT_BYTES = 20_000
const MAX_RAW_BYTES = 1_000_000
const MAX_LOCATOR = 64
const FLAG = { coinbase: 1, mined: 2, fee: 4, failed: 8 } as const

/** Up to where the chain has been read, and for which keys. */
export interface HistoryState {
  /** HASH160 of the wallet's first address. */
  readonly wallet: Uint8Array
  /** Imported keys for which all of it was read. */
  readonly imported: number
  /** The chain is to be looked through once more when it has been read to its end. */
  readonly isRescanWanted: boolean
  /** It is being looked through once more. */
  readonly isRescanning: boolean
  /** Blocks below this height were not there to be read; 0 if all were. */
  readonly missedBelow: number
  /** Hashes of the last block read and of some before it, newest first. */
  readonly locator: readonly Uint8Array[]
}

export function encodeEntry(entry: HistoryEntry): Uint8Array {
  const { isCoinbase, block, fee, isFailed, time, received, spent, paid, raw } = entry
  const writer = new ByteWriter(256)
  const flags =
    (isCoinbase ? FLAG.coinbase : 0) |
    (block === undefined ? 0 : FLAG.mined) |
    (fee === undefined ? 0 : FLAG.fee) |
    (isFailed ? FLAG.failed : 0)
  writer.u8(flags).u32(time)
  if (block !== undefined) writer.u32(block.height).hash(block.hash).u32(block.time).u32(block.position)
  if (fee !== undefined) writer.u64(BigInt(fee))
  writer.count(received.length, MAX_PARTS)
  for (const { index, value, hash } of received)
    writer.u32(index).u64(BigInt(value)).fixed(hash, HASH160_BYTES)
  writer.count(spent.length, MAX_PARTS)
  for (const { coin, value, hash } of spent)
    writer.fixed(latin1Encode(coin), COIN_KEY_BYTES).u64(BigInt(value)).fixed(hash, HASH160_BYTES)
  writer.count(paid.length, MAX_PARTS)
  for (const { index, value, script } of paid)
    writer.u32(index).u64(BigInt(value)).varBytes(script, MAX_SCRIPT_BYTES)
  writer.varBytes(raw ?? new Uint8Array(0), MAX_RAW_BYTES)
  return writer.copy()
}

/** Undefined if key or value are not of this form. */
export function decodeEntry(key: string, value: Uint8Array): HistoryEntry | undefined {
  const txid = latin1Encode(key.slice(ENTRY_PREFIX.length))
  const reader = new ByteReader(value)
  const flags = reader.u8('flags')
  const time = reader.u32('time')
  const block = (flags & FLAG.mined) === 0 ? undefined : readBlock(reader)
  const fee = (flags & FLAG.fee) === 0 ? undefined : Number(reader.u64('fee'))
  const received = readMany(reader, 32, (): OwnOutput => ({ index: reader.u32('index'), ...readOwn(reader) }))
  const spent = readMany(reader, 65, (): OwnSpend => {
    const coin = latin1Decode(reader.bytes(COIN_KEY_BYTES, 'coin'))
    return { coin, ...readOwn(reader) }
  })
  const paid = readMany(
    reader,
    13,
    (): Payment => ({
      index: reader.u32('index'),
      value: Number(reader.u64('value')),
      script: reader.varBytes('script', MAX_SCRIPT_BYTES).slice(),
    }),
  )
  const raw = reader.varBytes('raw', MAX_RAW_BYTES)
  if (reader.failed || reader.remaining > 0 || txid.length !== HASH_BYTES) return undefined
  return {
    txid,
    key: latin1Decode(txid),
    isCoinbase: (flags & FLAG.coinbase) !== 0,
    received,
    spent,
    paid,
    fee,
    time,
    block,
    raw: raw.length === 0 ? undefined : raw.slice(),
    isFailed: (flags & FLAG.failed) !== 0,
  }
}

/** Rows that can't be made again from the blocks: our own transactions that wait, or may have to wait again. */
export const KEPT_HISTORY = {
  prefix: ENTRY_PREFIX,
  isKept: (key: string, value: Uint8Array): boolean => decodeEntry(key, value)?.raw !== undefined,
}

export function encodeState(state: HistoryState): Uint8Array {
  const { wallet, imported, isRescanWanted, isRescanning, missedBelow, locator } = state
  const writer = new ByteWriter(1_100)
  writer.fixed(wallet, HASH160_BYTES).u32(imported).bool(isRescanWanted).bool(isRescanning).u32(missedBelow)
  writer.count(locator.length, MAX_LOCATOR)
  for (const hash of locator) writer.hash(hash)
  return writer.copy()
}

export function decodeState(value: Uint8Array): HistoryState | undefined {
  const reader = new ByteReader(value)
  const wallet = reader.bytes(HASH160_BYTES, 'wallet').slice()
  const imported = reader.u32('imported')
  const isRescanWanted = reader.bool('isRescanWanted')
  const isRescanning = reader.bool('isRescanning')
  const missedBelow = reader.u32('missedBelow')
  const n = reader.count('locator', MAX_LOCATOR, HASH_BYTES)
  const locator = Array.from({ length: n }, () => reader.hash('hash').slice())
  if (reader.failed || reader.remaining > 0) return undefined
  return { wallet, imported, isRescanWanted, isRescanning, missedBelow, locator }
}

function readBlock(reader: ByteReader): BlockPlace {
  return {
    height: reader.u32('height'),
    hash: reader.hash('hash').slice(),
    time: reader.u32('time'),
    position: reader.u32('position'),
  }
}

function readOwn(reader: ByteReader): { value: number; hash: Uint8Array } {
  return { value: Number(reader.u64('value')), hash: reader.bytes(HASH160_BYTES, 'hash').slice() }
}

function readMany<T>(reader: ByteReader, minBytes: number, read: () => T): T[] {
  const count = reader.count('count', MAX_PARTS, minBytes)
  const parts: T[] = []
  for (let i = 0; i < count && !reader.failed; i++) parts.push(read())
  return parts
}
