/** Transactions that wait to be mined, as RPC shows them (rpc 4.2, with Bitcoin's members). */
import { ancestorsOf, descendantsOf, type MempoolEntry } from '../mempool/entry.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { MIN_FEE_PER_BYTE } from '../params/limits.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { JsonObject } from './json.ts'
import { COIN } from './notes.ts'

const BYTES_PER_KB = 1_000

/** DIL per 1,000 bytes, of ions per byte. */
export function perKilobyte(ionsPerByte: number): number {
  return (Math.ceil(ionsPerByte * BYTES_PER_KB) || 0) / COIN
}

export function entryJson(entry: MempoolEntry): JsonObject {
  const ancestors = [...ancestorsOf(entry), entry]
  const descendants = [...descendantsOf(entry), entry]
  const { length } = entry.bytes
  return {
    vsize: length,
    size: length,
    time: entry.time,
    height: entry.height,
    ancestorcount: ancestors.length,
    ancestorsize: sum(ancestors, ({ bytes }) => bytes.length),
    descendantcount: descendants.length,
    descendantsize: sum(descendants, ({ bytes }) => bytes.length),
    wtxid: hashToHex(entry.id),
    fees: {
      base: entry.fee / COIN,
      modified: entry.fee / COIN,
      ancestor: sum(ancestors, ({ fee }) => fee) / COIN,
      descendant: sum(descendants, ({ fee }) => fee) / COIN,
    },
    fee_rate: entry.feeRate,
    depends: [...entry.parents].map(({ id }) => hashToHex(id)),
    spentby: [...entry.children].map(({ id }) => hashToHex(id)),
    'bip125-replaceable': false,
    own: entry.isLocal,
  }
}

export function infoJson({ table, orphans }: Mempool, isLoaded: boolean): JsonObject {
  const sorted = table.sorted()
  return {
    loaded: isLoaded,
    size: table.size,
    bytes: table.bytes,
    usage: table.memory,
    /** Ions per byte of what waits. */
    min_fee_rate: sorted.at(-1)?.feeRate ?? 0,
    max_fee_rate: sorted[0]?.feeRate ?? 0,
    total_fee: sum(sorted, ({ fee }) => fee) / COIN,
    maxmempool: table.budgetBytes,
    mempoolminfee: perKilobyte(Math.max(MIN_FEE_PER_BYTE, table.floorRate)),
    minrelaytxfee: perKilobyte(MIN_FEE_PER_BYTE),
    unbroadcastcount: sorted.filter(({ isLocal }) => isLocal).length,
    orphans: orphans.size,
  }
}

function sum(entries: readonly MempoolEntry[], of: (entry: MempoolEntry) => number): number {
  return entries.reduce((total, entry) => total + of(entry), 0)
}
