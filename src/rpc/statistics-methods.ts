/** Methods that sum up a block, a stretch of the chain, or who holds how much (rpc 4.1, and Bitcoin's). */
import * as v from 'valibot'
import { parseBody } from '../chain/block-body.ts'
import { subsidy } from '../chain/coinbase-rules.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { medianTimePast } from '../chain/header-rules.ts'
import { blockStatistics } from '../node/block-statistics.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { hashToHex, printable } from '../primitives/bytes.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, HEIGHT, nodeByHash, nodeByHeight } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { storedBlock } from './stored-block.ts'

const BLOCK_FORM = 'a hash of 64 hex digits, or a block height'
const HASH_OR_HEIGHT = v.pipe(
  v.union([v.string(), v.number()], BLOCK_FORM),
  v.check((value) => v.is(HASH, value) || v.is(HEIGHT, value), BLOCK_FORM),
)
const NAMES_FORM = 'a list of names of statistics, such as ["txs", "totalfee"]'
const BLOCKS_FORM = 'a number of blocks from 1 on'
const BLOCKS = v.pipe(v.number(BLOCKS_FORM), v.safeInteger(BLOCKS_FORM), v.minValue(1, BLOCKS_FORM))
/** As many as come in a month: what Bitcoin takes if nothing is said. */
const MONTH_SECONDS = 30 * 24 * 3_600

export const statisticsMethods: readonly RpcMethod[] = [
  method({
    name: 'getblockstats',
    usage: 'getblockstats <hash_or_height> [stats]',
    summary: 'sizes, amounts and fees of a block; only those statistics that are named',
    params: {
      hash_or_height: HASH_OR_HEIGHT,
      stats: v.optional(v.array(v.string(NAMES_FORM), NAMES_FORM)),
    },
    aliases: { blockhash: 'hash_or_height', hash: 'hash_or_height', height: 'hash_or_height' },
    run: async ({ hash_or_height: which, stats }, context) => {
      const chain = chainOf(context)
      const { engine } = chain
      const node = typeof which === 'string' ? nodeByHash(engine, which) : nodeByHeight(engine, which)
      const all = await statistics(chain, node)
      // As in Bitcoin, an empty list leaves none out.
      return stats === undefined || stats.length === 0 ? all : chosen(all, stats)
    },
  }),
  method({
    name: 'getchaintxstats',
    usage: 'getchaintxstats [nblocks] [blockhash]',
    summary: 'how many transactions there are, and how many a second in the last month or so many blocks',
    params: { nblocks: v.optional(BLOCKS), blockhash: v.optional(HASH) },
    run: ({ nblocks, blockhash }, context) => {
      const chain = chainOf(context)
      const { engine } = chain
      const last = blockhash === undefined ? engine.tip : nodeByHash(engine, blockhash)
      if (!engine.isActive(last)) throw methodError('getchaintxstats: the block is not on the active chain')
      return transactionRate(chain, last, nblocks)
    },
  }),
]

async function statistics(chain: ChainControl, node: HeaderNode): Promise<JsonObject> {
  const { params } = chain.engine
  const { header, transactionData } = await storedBlock(chain, node)
  const parsed = parseBody(params, header, transactionData, node.height)
  const { parent } = node
  const spent = parent === undefined ? [] : await chain.spentBy(node)
  if (spent === undefined)
    throw methodError(
      `getblockstats: what the block spends is not known, because it is not on the active chain: ${hashToHex(node.hash)}`,
    )
  const figures = parsed.ok ? blockStatistics(parsed.value.transactions, spent) : undefined
  if (figures === undefined)
    throw methodError('getblockstats: the block can not be read as it was written. checkblockdb says more')
  return {
    ...figures,
    blockhash: hashToHex(node.hash),
    height: node.height,
    mediantime: medianTimePast(node),
    subsidy: subsidy(params, node.height),
    time: node.time,
  }
}

function chosen(all: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.map((name) => {
      const value = Object.hasOwn(all, name) ? all[name] : undefined
      if (value === undefined)
        throw methodError(
          `getblockstats: there is no statistic '${printable(name, 40)}', only ${Object.keys(all).sort().join(', ')}`,
        )
      return [name, value]
    }),
  )
}

function transactionRate(chain: ChainControl, last: HeaderNode, wanted: number | undefined): JsonObject {
  const { params } = chain.engine
  if (wanted !== undefined && wanted > last.height)
    throw methodError(
      `getchaintxstats: 'nblocks' must be a number from 1 to ${last.height}, the height of the block, not ${wanted}`,
    )
  const count = wanted ?? Math.min(last.height, Math.floor(MONTH_SECONDS / params.spacingSeconds))
  let [all, inWindow] = [0, 0]
  for (let node: HeaderNode | undefined = last; node !== undefined; node = node.parent) {
    all += node.transactionCount
    if (node.height > last.height - count) inWindow += node.transactionCount
  }
  const shown = {
    time: last.time,
    txcount: all,
    window_final_block_hash: hashToHex(last.hash),
    window_final_block_height: last.height,
    window_block_count: count,
  }
  const first = last.ancestor(last.height - count)
  if (count === 0 || first === undefined) return shown
  const seconds = medianTimePast(last) - medianTimePast(first)
  return {
    ...shown,
    window_tx_count: inWindow,
    window_interval: seconds,
    ...(seconds > 0 ? { txrate: inWindow / seconds } : {}),
  }
}
