/** Sums over all unspent outputs, and a digest by which nodes can compare what they hold. */
import { createHash } from 'node:crypto'
import { COIN_PREFIX, type Coin, decodeCoin } from '../chain/coin.ts'
import { UserError } from '../primitives/errors.ts'
import { ByteWriter } from '../primitives/writer.ts'
import type { StoredPair } from '../storage/chain-store.ts'

export interface CoinStatistics {
  /** Transactions with at least one output that is not spent. */
  readonly transactions: number
  readonly outputs: number
  /** Bitcoin's measure of their size, whatever a store makes of them: 50 bytes each, and the script. */
  readonly bogoSize: number
  /** In ions. */
  readonly total: number
  /** SHA3-256; {@link coinStatistics} says of what. */
  readonly digest: Uint8Array
}

const OUTPOINT_BYTES = 36
const TXID_BYTES = 32
/** Without its script. */
const BOGUS_BYTES = 50

/**
 * `batches`: all rows of coins in ascending order of their keys. The digest is that of all outputs one behind the
 * other, each as id of its transaction (32 bytes, wire order), index (u32), height * 2 + (1 if of a coinbase) (u32),
 * value in ions (u64), length of the script (compact size), script; numbers little-endian, in the order of the first
 * 36 bytes. Rejects with UserError if a row is damaged.
 */
export async function coinStatistics(batches: AsyncIterable<readonly StoredPair[]>): Promise<CoinStatistics> {
  const hash = createHash('sha3-256')
  let [transactions, outputs, bogoSize, total] = [0, 0, 0, 0]
  let lastTxid = ''
  for await (const batch of batches) {
    const writer = new ByteWriter(batch.length * 2 * BOGUS_BYTES)
    for (const [key, value] of batch) {
      const coin = decodeCoin(value)
      const outpoint = Buffer.from(key.slice(COIN_PREFIX.length), 'latin1')
      if (coin === undefined || outpoint.length !== OUTPOINT_BYTES)
        throw new UserError('the coins are damaged: start once with --reindex to rebuild them')
      writeOutput(writer, outpoint, coin)
      const txid = key.slice(COIN_PREFIX.length, COIN_PREFIX.length + TXID_BYTES)
      if (txid !== lastTxid) transactions++
      lastTxid = txid
      outputs++
      bogoSize += BOGUS_BYTES + coin.script.length
      total += coin.value
    }
    hash.update(writer.view())
  }
  return { transactions, outputs, bogoSize, total, digest: hash.digest() }
}

function writeOutput(writer: ByteWriter, outpoint: Uint8Array, coin: Coin): void {
  const origin = coin.height * 2 + (coin.isCoinbase ? 1 : 0)
  writer.bytes(outpoint).u32(origin).u64(BigInt(coin.value))
  writer.compactSize(coin.script.length).bytes(coin.script)
}

type Rows = AsyncIterator<readonly StoredPair[], unknown>

/** What a store's scan gives, whose first step was asked for already, until the signal ends it with its reason. */
export async function* batchesOf(
  rows: Rows,
  first: ReturnType<Rows['next']>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredPair[]> {
  try {
    for (let step = await first; step.done !== true; step = await rows.next()) {
      signal?.throwIfAborted()
      yield step.value
    }
  } finally {
    await rows.return?.()
  }
}
