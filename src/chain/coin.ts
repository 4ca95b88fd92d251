/** Unspent outputs: what is kept of one, its key, and the bytes of both in the store. */
import { latin1Decode } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { HASH160_BYTES, isDataCarrier, p2pkhHash, p2pkhScript } from '../script/templates.ts'

export interface Coin {
  /** In ions; below 2^53. */
  readonly value: number
  readonly script: Uint8Array
  /** Of the block that made it. */
  readonly height: number
  readonly isCoinbase: boolean
}

export const COIN_PREFIX = 'c'
const MAX_SCRIPT_BYTES = 20_000

/** Key of an output in the store: the prefix, the transaction's id, the index as u32 little-endian. */
export function coinKey(txid: Uint8Array, index: number): string {
  return COIN_PREFIX + latin1Decode(txid) + indexKey(index)
}

/** As {@link coinKey}, for many outputs of one transaction. */
export function coinKeysOf(txid: Uint8Array): (index: number) => string {
  const head = COIN_PREFIX + latin1Decode(txid)
  return (index) => head + indexKey(index)
}

function indexKey(index: number): string {
  return String.fromCharCode(index & 0xff, (index >>> 8) & 0xff, (index >>> 16) & 0xff, index >>> 24)
}

/** Can it ever be spent? What begins with RETURN is not kept among the coins. */
export function isSpendable(script: Uint8Array): boolean {
  return !isDataCarrier(script)
}

export function writeCoin(writer: ByteWriter, coin: Coin): void {
  writer.compactSize(coin.height * 2 + (coin.isCoinbase ? 1 : 0))
  writer.u64(BigInt(coin.value))
  const hash160 = p2pkhHash(coin.script)
  if (hash160 === undefined) writer.compactSize(coin.script.length + 1).bytes(coin.script)
  else writer.compactSize(0).bytes(hash160)
}

/** Scripts are views of what is read. */
export function readCoin(reader: ByteReader): Coin {
  const origin = reader.compactSize('origin')
  const value = Number(reader.u64('value'))
  const length = reader.compactSize('script')
  const script =
    length === 0
      ? p2pkhScript(reader.bytes(HASH160_BYTES, 'script'))
      : reader.bytes(Math.min(length - 1, MAX_SCRIPT_BYTES), 'script')
  return { value, script, height: Math.floor(origin / 2), isCoinbase: origin % 2 === 1 }
}

/** `writer`: memory to work in, for who encodes many. */
export function encodeCoin(coin: Coin, writer = new ByteWriter(64)): Uint8Array {
  writer.reset()
  writeCoin(writer, coin)
  return writer.copy()
}

/** Undefined if the bytes are not a coin. */
export function decodeCoin(bytes: Uint8Array): Coin | undefined {
  const reader = new ByteReader(bytes)
  const coin = readCoin(reader)
  return reader.failed || reader.remaining > 0 ? undefined : coin
}
