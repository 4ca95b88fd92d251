/** Methods that look at outputs that are not spent (rpc 4.1), as Bitcoin has them. */
import * as v from 'valibot'
import type { Coin } from '../chain/coin.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import { confirmations } from './block-json.ts'
import { chainOf, HASH, hashOf } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { COIN } from './notes.ts'

const INDEX = v.pipe(v.number('the number of an output'), v.safeInteger('the number of an output'))
const MAX_INDEX = 0xffff_ffff

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
]

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
  const { tip, transactions, outputs, bogoSize, total, digest } = await chain.coinReport(signal)
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
