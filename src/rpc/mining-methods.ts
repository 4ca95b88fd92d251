/** Methods for miners (rpc 4.4), and Bitcoin's for those that mine outside of the node. */
import * as v from 'valibot'
import { subsidy, taxShares } from '../chain/coinbase-rules.ts'
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { ChainControl, SubmitResult } from '../node/chain-control.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { decodeAddress, describeAddressError, encodeAddress } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import type { Block } from '../wire/block.ts'
import { BlockHeader, HEADER_BYTES } from '../wire/header.ts'
import { bitsText, wideHex } from './block-json.ts'
import { methodError } from './errors.ts'
import { chainOf, HEIGHT, nodeByHeight } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { fairMiningNote } from './notes.ts'
import { waitForTip } from './wait-methods.ts'

const COUNT_FORM = 'a number of blocks from 1 on'
const COUNT = v.pipe(v.number(COUNT_FORM), v.safeInteger(COUNT_FORM), v.minValue(1, COUNT_FORM))
const TEMPLATE_REQUEST = v.looseObject(
  {
    mode: v.optional(v.literal('template', "an object with mode 'template', the only one there is")),
    longpollid: v.optional(v.string('an object with a longpollid as the last answer gave it')),
  },
  'an object',
)
/** BIP 22 leaves it to the server; callers ask again. */
const LONG_POLL_MS = 60_000
/** How many there are. */
const HASHES = 2 ** 256
/** As many as Bitcoin looks at. */
const HASH_RATE_BLOCKS = 120
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
    name: 'getnetworkhashps',
    usage: 'getnetworkhashps [nblocks] [height]',
    summary: 'hashes per second of all miners, by the times of the last blocks, or of those up to a height',
    params: { nblocks: v.optional(COUNT), height: v.optional(HEIGHT) },
    run: ({ nblocks = HASH_RATE_BLOCKS, height = -1 }, context) => {
      const { engine } = chainOf(context)
      return networkHashRate(height < 0 ? engine.tip : nodeByHeight(engine, height), nblocks)
    },
  }),
  method({
    name: 'getblocktemplate',
    usage: 'getblocktemplate [template_request]',
    summary: 'what to mine on: the next block without its coinbase and nonce',
    params: { template_request: v.optional(TEMPLATE_REQUEST) },
    run: async ({ template_request: request = {} }, context) => {
      const known = request.longpollid
      const isNews = ({ hash }: HeaderNode): boolean => hashToHex(hash) !== known
      if (known !== undefined) await waitForTip(context, LONG_POLL_MS, isNews)
      return template(chainOf(context))
    },
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
    bits: bitsText(engine.tip.bits),
    difficulty: difficultyOfBits(engine.tip.bits),
    target: wideHex(targetOfBits(engine.tip.bits)),
    networkhashps: networkHashRate(engine.tip, HASH_RATE_BLOCKS),
    chain: network,
    warnings: fairMiningNote(engine.params),
  }
}

/** Hashes that so many blocks up to this one took, as is to be expected, by the time that they took. */
function networkHashRate(node: HeaderNode, blocks: number): number {
  let [earliest, latest] = [node.time, node.time]
  let hashes = 0
  let at = node
  for (let n = 0; n < blocks && at.parent !== undefined; n++, at = at.parent) {
    hashes += HASHES / (Number(targetOfBits(at.bits)) + 1)
    earliest = Math.min(earliest, at.parent.time)
    latest = Math.max(latest, at.parent.time)
  }
  return earliest === latest ? 0 : hashes / (latest - earliest)
}

function template(chain: ChainControl): JsonObject {
  const { engine } = chain
  // What it pays to is the miner's choice; here it only has to have the right size.
  const { block, height, minTime } = chain.template({ script: p2pkhScript(new Uint8Array(20)) })
  const { header } = block
  return {
    version: header.version,
    rules: [],
    capabilities: [],
    previousblockhash: hashToHex(header.previousHash),
    transactions: [],
    coinbasevalue: subsidy(engine.params, height),
    coinbase_required_outputs: taxShares(engine.params, height).map(({ hash160, value }) => ({
      value,
      address: encodeAddress(hash160),
      scriptPubKey: toHex(p2pkhScript(hash160)),
    })),
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
  // It stops at what is no hex.
  const bytes = Buffer.from(hex, 'hex')
  if (2 * bytes.length !== hex.length || bytes.length <= HEADER_BYTES)
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
