/** Methods for miners (rpc 4.4), and Bitcoin's for those that mine outside of the node. */
import * as v from 'valibot'
import { subsidy } from '../chain/coinbase-rules.ts'
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import type { ChainControl, SubmitResult } from '../node/chain-control.ts'
import { fromHex, hashToHex } from '../primitives/bytes.ts'
import { decodeAddress, describeAddressError } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import type { Block } from '../wire/block.ts'
import { BlockHeader, HEADER_BYTES } from '../wire/header.ts'
import { wideHex } from './block-json.ts'
import { methodError } from './errors.ts'
import { chainOf } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { fairMiningNote } from './notes.ts'

const COUNT_FORM = 'a number of blocks from 1 on'
const COUNT = v.pipe(v.number(COUNT_FORM), v.safeInteger(COUNT_FORM), v.minValue(1, COUNT_FORM))
const ADDRESS = v.string('an address such as DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq')

export const miningMethods: readonly RpcMethod[] = [
  method({
    name: 'getmininginfo',
    usage: 'getmininginfo',
    summary: 'whether this node mines, and what a miner has to beat',
    params: {},
    run: (_, context) => miningInfo(chainOf(context), context.control.network.name),
  }),
  method({
    name: 'getblocktemplate',
    usage: 'getblocktemplate [template_request]',
    summary: 'what to mine on: the next block without its coinbase and nonce',
    params: { template_request: v.optional(v.record(v.string(), v.unknown(), 'an object')) },
    run: (_, context) => template(chainOf(context)),
  }),
  method({
    name: 'submitblock',
    usage: 'submitblock <hexdata>',
    summary: 'hand in a block: null if it was accepted, otherwise why not',
    params: { hexdata: v.string('a block in hex'), dummy: v.optional(v.unknown()) },
    run: async ({ hexdata }, context) => reason(await chainOf(context).submitBlock(parseBlock(hexdata))),
  }),
]

/** Only where blocks cost next to nothing. */
export const generateMethod: RpcMethod = method({
  name: 'generatetoaddress',
  usage: 'generatetoaddress <nblocks> <address>',
  summary: 'mine so many blocks at once, which pay to an address',
  params: { nblocks: COUNT, address: ADDRESS },
  aliases: { count: 'nblocks' },
  run: async ({ nblocks, address }, context) => {
    const script = scriptOf(address)
    const hashes = await chainOf(context).generate(nblocks, script, context.signal)
    return hashes.map(hashToHex)
  },
})

/** The script that pays to an address. Throws RpcError if it is none. */
export function scriptOf(address: string): Uint8Array {
  const decoded = decodeAddress(address)
  if (!decoded.ok) throw methodError(`not an address: ${address}: ${describeAddressError(decoded.error)}`)
  return p2pkhScript(decoded.value)
}

function miningInfo({ engine, backend }: ChainControl, network: string): JsonObject {
  return {
    mining: false,
    hashrate: backend.hasher.hashesPerSecond,
    threads: 0,
    blocks_found: 0,
    blocks_accepted: 0,
    blocks: engine.tip.height,
    difficulty: difficultyOfBits(engine.tip.bits),
    chain: network,
    warnings: fairMiningNote(engine.params),
  }
}

function template(chain: ChainControl): JsonObject {
  const { engine } = chain
  // What it pays to is the miner's choice; here it only has to have the right size.
  const { block, height, minTime } = chain.template({ script: p2pkhScript(new Uint8Array(20)) })
  const { header } = block
  return {
    version: header.version,
    rules: [],
    capabilities: ['proposal'],
    previousblockhash: hashToHex(header.previousHash),
    transactions: [],
    coinbasevalue: subsidy(engine.params, height),
    longpollid: hashToHex(header.previousHash),
    target: wideHex(targetOfBits(header.bits)),
    mintime: minTime,
    mutable: ['time', 'transactions', 'prevblock'],
    noncerange: '00000000ffffffff',
    sizelimit: engine.params.maxTransactionDataBytes,
    curtime: header.time,
    bits: header.bits.toString(16).padStart(8, '0'),
    height,
    warnings: fairMiningNote(engine.params),
  }
}

/** The form that getblock gives with verbosity 0. */
function parseBlock(hex: string): Block {
  const bytes = fromHex(hex)
  if (bytes === undefined || bytes.length <= HEADER_BYTES)
    throw methodError('submitblock: not a block in hex: a header of 80 bytes, then its transaction data')
  let header: BlockHeader
  try {
    header = new BlockHeader(bytes.subarray(0, HEADER_BYTES))
  } catch {
    throw methodError('submitblock: the header is of a version that this chain does not have')
  }
  return { header, transactionData: bytes.subarray(HEADER_BYTES) }
}

/** In the words of BIP 22. */
function reason(result: SubmitResult): JsonValue {
  if (result.result === 'accepted') return null
  return result.result === 'rejected' ? result.code : result.result
}
