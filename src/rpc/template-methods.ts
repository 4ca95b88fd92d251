/** For those that mine outside of the node: work, advice and the way back (BIP 22 and 23). */
import * as v from 'valibot'
import { subsidy, taxShares } from '../chain/coinbase-rules.ts'
import { targetOfBits } from '../chain/compact-bits.ts'
import { bitsFollowTime } from '../chain/difficulty.ts'
import { hashKey } from '../chain/header-node.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { TemplateTransaction } from '../mining/template.ts'
import type { ChainControl, SubmitResult } from '../node/chain-control.ts'
import { uncheckedRules } from '../node/chain-facts.ts'
import type { ChainParams } from '../params/chain-params.ts'
import { LONGPOLL_MS } from '../params/limits.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import type { Block } from '../wire/block.ts'
import { BlockHeader, HEADER_BYTES, headerBytes } from '../wire/header.ts'
import { wideHex } from './block-json.ts'
import { methodError } from './errors.ts'
import { chainOf } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'
import { waitForTip } from './wait-methods.ts'

const MODE = v.picklist(['template', 'proposal'], 'template or proposal')
const REQUEST = v.looseObject(
  {
    mode: v.optional(MODE),
    longpollid: v.optional(v.string('the longpollid of an earlier template')),
    data: v.optional(v.string('a block in hex')),
  },
  'an object',
)

export const templateMethods: readonly RpcMethod[] = [
  method({
    name: 'getblocktemplate',
    usage: 'getblocktemplate [template_request]',
    summary: 'what to mine on: the next block without its coinbase and nonce; or whether a block would do',
    params: { template_request: v.optional(REQUEST) },
    run: async ({ template_request: request }, context) => {
      const chain = chainOf(context)
      if (request?.mode === 'proposal') return await propose(chain, request.data)
      const before = request?.longpollid
      if (before !== undefined)
        await waitForTip(context, LONGPOLL_MS, ({ hash }) => hashToHex(hash) !== before)
      return template(chain, context)
    },
  }),
  method({
    name: 'submitblock',
    usage: 'submitblock <hexdata>',
    summary: 'hand in a block: null if it was accepted, otherwise why not',
    params: { hexdata: v.string('a block in hex'), dummy: v.optional(v.unknown()) },
    run: async ({ hexdata }, context) => {
      const chain = chainOf(context)
      return reason(await chain.submitBlock(parseBlock(chain, 'submitblock', hexdata)))
    },
  }),
]

function template(chain: ChainControl, { control }: RpcContext): JsonObject {
  const { engine } = chain
  const wait = control.miner?.obstacle
  if (wait?.code === 'initialDownload') throw methodError(`getblocktemplate: ${wait.text}`)
  // What it pays to is the miner's choice; here it only has to have the right size.
  const { block, height, minTime, others, fees } = chain.template({ script: p2pkhScript(new Uint8Array(20)) })
  const { header } = block
  return {
    version: header.version,
    rules: [],
    capabilities: ['longpoll', 'proposal'],
    previousblockhash: hashToHex(header.previousHash),
    transactions: transactionsJson(chain.mempool, others),
    coinbaseaux: {},
    coinbasevalue: subsidy(engine.params, height) + fees,
    coinbase_required_outputs: taxShares(engine.params, height).map(({ hash160, value }) => ({
      value,
      address: encodeAddress(hash160),
      scriptPubKey: toHex(p2pkhScript(hash160)),
    })),
    longpollid: hashToHex(header.previousHash),
    target: wideHex(targetOfBits(header.bits)),
    mintime: minTime,
    mutable: mutable(engine.params, height),
    noncerange: '00000000ffffffff',
    sizelimit: engine.params.maxTransactionDataBytes,
    curtime: header.time,
    bits: header.bits.toString(16).padStart(8, '0'),
    height,
    warnings: uncheckedRules(engine.params),
  }
}

/** What miners may change without asking for another template. */
function mutable({ difficulty }: ChainParams, height: number): string[] {
  return [...(bitsFollowTime(difficulty, height) ? [] : ['time']), 'transactions', 'prevblock']
}

/** With the places of those that each depends on, counted from 1. */
function transactionsJson(
  mempool: Mempool | undefined,
  others: readonly TemplateTransaction[],
): JsonObject[] {
  const places = new Map(others.map(({ id }, i) => [hashKey(id), i + 1]))
  return [...places.keys()].flatMap((key) => {
    const entry = mempool?.table.get(key)
    if (entry === undefined) return []
    const txid = hashToHex(entry.id)
    const depends = [...entry.parents].flatMap((parent) => places.get(parent.key) ?? [])
    return [{ data: toHex(entry.bytes), txid, hash: txid, depends, fee: entry.fee, size: entry.bytes.length }]
  })
}

async function propose(chain: ChainControl, data: string | undefined): Promise<JsonValue> {
  if (data === undefined) throw methodError("getblocktemplate: a proposal needs the block as 'data', in hex")
  return (await chain.propose(parseBlock(chain, 'getblocktemplate', data))) ?? null
}

/** The form that getblock gives with verbosity 0. */
function parseBlock({ engine }: ChainControl, name: string, hex: string): Block {
  // It stops at what is no hex.
  const bytes = Buffer.from(hex, 'hex')
  if (2 * bytes.length !== hex.length || bytes.length <= HEADER_BYTES)
    throw methodError(`${name}: not a block in hex: a header of 80 bytes, then its transaction data`)
  const header = new BlockHeader(bytes.subarray(0, HEADER_BYTES))
  if (headerBytes(header.version, engine.params.plainHeaders) !== HEADER_BYTES)
    throw methodError(`${name}: the header is of a version that this chain does not have`)
  return { header, transactionData: bytes.subarray(HEADER_BYTES) }
}

/** In the words of BIP 22. */
function reason(result: SubmitResult): JsonValue {
  if (result.result === 'accepted') return null
  return result.result === 'rejected' ? result.code : result.result
}
