/** Methods about transactions that wait to be mined (rpc 4.2), and those that Bitcoin has beside them. */
import * as v from 'valibot'
import { describeFault } from '../chain/faults.ts'
import { ancestorsOf, descendantsOf, type MempoolEntry } from '../mempool/entry.ts'
import { estimateFeeRate } from '../mempool/fee-estimate.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { errorText } from '../primitives/errors.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, hashOf } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { entryJson, infoJson, perKilobyte } from './mempool-json.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'
import { COIN } from './notes.ts'
import { mempoolOf, refusal, TRANSACTION, transactionOf } from './transaction-param.ts'

const VERBOSE = v.optional(v.boolean('true or false'))
const MAX_TESTED = 25
const TESTED_FORM = `a list of 1 to ${MAX_TESTED} transactions in hex`
const TESTED = v.pipe(
  v.array(v.string(TESTED_FORM), TESTED_FORM),
  v.minLength(1, TESTED_FORM),
  v.maxLength(MAX_TESTED, TESTED_FORM),
)
const MAX_TARGET = 1_008
const TARGET_FORM = `a number of blocks from 1 to ${MAX_TARGET}`
const TARGET = v.pipe(
  v.number(TARGET_FORM),
  v.safeInteger(TARGET_FORM),
  v.minValue(1, TARGET_FORM),
  v.maxValue(MAX_TARGET, TARGET_FORM),
)
/** Taken for the sake of those who give it. */
const IGNORED = v.optional(v.unknown())

export const mempoolMethods: readonly RpcMethod[] = [
  method({
    name: 'getmempoolinfo',
    usage: 'getmempoolinfo',
    summary: 'how many transactions wait to be mined, and what they take and pay',
    params: {},
    run: (_, context) => infoJson(mempoolOf(context), chainOf(context).mempoolFile?.isLoaded ?? true),
  }),
  method({
    name: 'getrawmempool',
    usage: 'getrawmempool [verbose]',
    summary: 'ids of the transactions that wait to be mined, or (verbose true) all about them',
    params: { verbose: VERBOSE, mempool_sequence: IGNORED },
    run: ({ verbose = false }, context) => shown([...mempoolOf(context).table.all()], verbose),
  }),
  method({
    name: 'getmempoolentry',
    usage: 'getmempoolentry <txid>',
    summary: 'all about one transaction that waits to be mined',
    params: { txid: HASH },
    run: ({ txid }, context) => entryJson(entryOf(mempoolOf(context), txid)),
  }),
  method({
    name: 'getmempoolancestors',
    usage: 'getmempoolancestors <txid> [verbose]',
    summary: 'those that have to be mined before one that waits',
    params: { txid: HASH, verbose: VERBOSE },
    run: ({ txid, verbose = false }, context) =>
      shown([...ancestorsOf(entryOf(mempoolOf(context), txid))], verbose),
  }),
  method({
    name: 'getmempooldescendants',
    usage: 'getmempooldescendants <txid> [verbose]',
    summary: 'those that can not be mined before one that waits',
    params: { txid: HASH, verbose: VERBOSE },
    run: ({ txid, verbose = false }, context) =>
      shown([...descendantsOf(entryOf(mempoolOf(context), txid))], verbose),
  }),
  method({
    name: 'savemempool',
    usage: 'savemempool',
    summary: 'write the transactions that wait to be mined to their file now',
    params: {},
    run: async (_, context) => {
      mempoolOf(context)
      const { mempoolFile } = chainOf(context)
      if (mempoolFile === undefined) throw methodError('savemempool: the node runs with --persistmempool=0')
      if (!mempoolFile.isLoaded) throw methodError('savemempool: the file of last time has not been read yet')
      await mempoolFile.save().catch((error: unknown) => {
        throw methodError(`savemempool: can't write ${mempoolFile.path}: ${errorText(error)}`)
      })
      return { filename: mempoolFile.path }
    },
  }),
  method({
    name: 'sendrawtransaction',
    usage: 'sendrawtransaction <hex>',
    summary: 'hand in a transaction, to be told to peers and mined; answers its id',
    params: { hex: TRANSACTION, maxfeerate: IGNORED },
    aliases: { hexstring: 'hex' },
    run: async ({ hex }, context) => await send(hex, context),
  }),
  method({
    name: 'testmempoolaccept',
    usage: 'testmempoolaccept <rawtxs>',
    summary: 'what would come of handing in these transactions, each for itself',
    params: { rawtxs: TESTED, maxfeerate: IGNORED },
    run: async ({ rawtxs }, context) => {
      const results: JsonObject[] = []
      for (const hex of rawtxs) results.push(await test(hex, context))
      return results
    },
  }),
  method({
    name: 'estimatesmartfee',
    usage: 'estimatesmartfee <conf_target>',
    summary: 'what to pay per 1000 bytes to be mined within so many blocks, as things stand',
    params: { conf_target: TARGET, estimate_mode: IGNORED },
    run: ({ conf_target: blocks }, context) => {
      const { params } = chainOf(context).engine
      const rate = estimateFeeRate(mempoolOf(context).table.sorted(), params.maxTransactionDataBytes, blocks)
      return { feerate: perKilobyte(rate), ions_per_byte: rate, blocks }
    },
  }),
]

function shown(entries: readonly MempoolEntry[], verbose: boolean): JsonValue {
  if (!verbose) return entries.map(({ id }) => hashToHex(id))
  return Object.fromEntries(entries.map((entry) => [hashToHex(entry.id), entryJson(entry)]))
}

function entryOf(mempool: Mempool, txid: string): MempoolEntry {
  const entry = mempool.get(hashOf(txid))
  if (entry === undefined) throw methodError(`Transaction not in mempool: ${txid}`)
  return entry
}

/** One that waits already is told again. */
async function send(hex: string, context: RpcContext): Promise<JsonValue> {
  const known = transactionOf(hex)
  mempoolOf(context)
  const { verdict, fault, entry } = await chainOf(context).submitTransaction(known)
  if (verdict === 'accepted' || (verdict === 'known' && entry !== undefined)) return hashToHex(known.id)
  throw refusal(fault)
}

async function test(hex: string, context: RpcContext): Promise<JsonObject> {
  const known = transactionOf(hex)
  mempoolOf(context)
  const result = await chainOf(context).testTransaction(known)
  const txid = hashToHex(known.id)
  const vsize = known.bytes.length
  if (result.ok) return { txid, wtxid: txid, allowed: true, vsize, fees: { base: result.fee / COIN } }
  const { code } = result.fault
  return {
    txid,
    wtxid: txid,
    allowed: false,
    'reject-reason': code,
    'reject-details': describeFault(result.fault),
  }
}
