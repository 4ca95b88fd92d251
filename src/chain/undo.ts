/** What connecting a block took from the coins, so that it can be given back: its spent outputs, in order. */
import { CHAIN_COINS_PER_TURN } from '../params/limits.ts'
import { latin1Decode } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type Coin, readCoin, writeCoin } from './coin.ts'
import type { Job } from './io.ts'
import { rest } from './requests.ts'

const MIN_COIN_BYTES = 11
/** As many inputs as fit in a block. */
const MAX_COINS = 200_000

export const UNDO_PREFIX = 'u'

export function undoKey(hash: Uint8Array): string {
  return UNDO_PREFIX + latin1Decode(hash)
}

export function* encodeUndo(spent: readonly Coin[]): Job<Uint8Array> {
  const writer = new ByteWriter(16 + spent.length * 40)
  writer.count(spent.length, MAX_COINS)
  for (const [i, coin] of spent.entries()) {
    if ((i + 1) % CHAIN_COINS_PER_TURN === 0) yield* rest()
    writeCoin(writer, coin)
  }
  return writer.copy()
}

/** Undefined if the bytes are damaged. */
export function* decodeUndo(bytes: Uint8Array): Job<Coin[] | undefined> {
  const reader = new ByteReader(bytes)
  const n = reader.count('count', MAX_COINS, MIN_COIN_BYTES)
  const coins: Coin[] = []
  for (let i = 0; i < n && !reader.failed; i++) {
    if ((i + 1) % CHAIN_COINS_PER_TURN === 0) yield* rest()
    coins.push(readCoin(reader))
  }
  return reader.failed || reader.remaining > 0 ? undefined : coins
}
