/** Methods that look at outputs that are not spent (rpc 4.1), as Bitcoin has them. */
import * as v from 'valibot'
import type { Coin } from '../chain/coin.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { coinHolders, type WalkCoins } from '../node/coin-holders.ts'
import { coinStatistics } from '../node/coin-statistics.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import { confirmations } from './block-json.ts'
import { chainOf, HASH, hashOf } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { MAX_TOP_HOLDERS } from './limits.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'
import { COIN } from './notes.ts'

const INDEX = v.pipe(v.number('the number of an output'), v.safeInteger('the number of an output'))
const MAX_INDEX = 0xffff_ffff
const DEFAULT_HOLDERS = 100
const COUNT_FORM = `a number from 1 to ${MAX_TOP_HOLDERS}`
const COUNT = v.pipe(
  v.number(COUNT_FORM),
  v.safeInteger(COUNT_FORM),
  v.minValue(1, COUNT_FORM),
  v.maxValue(MAX_TOP_HOLDERS, COUNT_FORM),
)
const PREFIX_FORM = 'the first characters of an address, such as D or DJ'
const PREFIX = v.pipe(v.string(PREFIX_FORM), v.regex(/^[1-9A-HJ-NP-Za-km-z]{0,34}$/, PREFIX_FORM))

export const coinMethods: readonly RpcMethod[] = [
  method({
    name: 'gettxout',
    usage: 'gettxout <txid> <n>',
    summary: 'an output that is not spent; null if there is none',
    params: { txid: HASH, n: INDEX },
    aliases: { vout: 'n' },
    run: async ({ txid, n }, context) => await unspentOutput(chainOf(context), txid, n),
  }),
  method({
    name: 'gettxoutsetinfo',
    usage: 'gettxoutsetinfo',
    summary: 'sums over all outputs that are not spent, and a digest of them',
    params: {},
    run: async (_, context) => await allOutputs(chainOf(context), context.signal),
  }),
  method({
    name: 'getholdercount',
    usage: 'getholdercount',
    summary: 'how many addresses hold unspent outputs',
    params: {},
    run: async (_, context) => {
      const found = await coinHolders(walker(context), { top: 0, prefix: '' })
      return {
        holders: found.holders,
        utxos: found.outputs,
        total_amount: found.total / COIN,
        ...at(found.tip),
      }
    },
  }),
  method({
    name: 'gettopholders',
    usage: 'gettopholders [count] [prefix]',
    summary: 'the addresses that hold most (100 if not told), of all or those that begin with a prefix',
    params: { count: v.optional(COUNT), prefix: v.optional(PREFIX) },
    run: async ({ count = DEFAULT_HOLDERS, prefix = '' }, context) => {
      const { holders, outputs, top, tip } = await coinHolders(walker(context), { top: count, prefix })
      return {
        holders,
        utxos: outputs,
        top: top.map(({ address, balance, outputs: utxos }, i) => ({
          rank: i + 1,
          address,
          balance: balance / COIN,
          utxos,
        })),
        ...at(tip),
      }
    },
  }),
]

function walker(context: RpcContext): WalkCoins {
  const chain = chainOf(context)
  return (read) => chain.walkCoins(read, context.signal)
}

/** The block whose coins they are. */
function at({ height, hash }: HeaderNode): JsonObject {
  return { height, bestblock: hashToHex(hash) }
}

async function unspentOutput(chain: ChainControl, txid: string, n: number): Promise<JsonValue> {
  if (n < 0 || n > MAX_INDEX) return null
  const { coin, tip } = await chain.coin(hashOf(txid), n)
  if (coin === undefined) return null
  const made = chain.engine.activeAt(coin.height)
  return {
    bestblock: hashToHex(tip.hash),
    confirmations: made === undefined ? 0 : confirmations(chain.engine, made),
    value: coin.value / COIN,
    scriptPubKey: scriptJson(coin),
    coinbase: coin.isCoinbase,
  }
}

function scriptJson({ script }: Coin): JsonObject {
  const hash = p2pkhHash(script)
  return { hex: toHex(script), ...(hash === undefined ? {} : { address: encodeAddress(hash) }) }
}

async function allOutputs(chain: ChainControl, signal: AbortSignal): Promise<JsonObject> {
  const { tip, result } = await chain.walkCoins(coinStatistics, signal)
  const { transactions, outputs, bogoSize, total, digest } = result
  const { storeBytes } = await chain.backend.store.size()
  return {
    height: tip.height,
    bestblock: hashToHex(tip.hash),
    txouts: outputs,
    transactions,
    bogosize: bogoSize,
    total_amount: total / COIN,
    disk_size: storeBytes,
    hash_serialized: toHex(digest),
  }
}
