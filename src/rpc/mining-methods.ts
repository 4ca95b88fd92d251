/** Methods about this node's own mining (rpc 4.4), and how fast the network mines. */
import * as v from 'valibot'
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { nextBits } from '../mining/template.ts'
import { uncheckedRules } from '../node/chain-facts.ts'
import type { Miner } from '../node/miner.ts'
import { payeeText } from '../node/miner-lines.ts'
import { MAX_MINING_THREADS } from '../params/limits.ts'
import { hashToHex, printable } from '../primitives/bytes.ts'
import { decodeAddress, describeAddressError } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import { bitsText, wideHex } from './block-json.ts'
import { methodError } from './errors.ts'
import { chainOf, nodeByHeight } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'

const COUNT_FORM = 'a number of blocks from 1 on'
const COUNT = v.pipe(v.number(COUNT_FORM), v.safeInteger(COUNT_FORM), v.minValue(1, COUNT_FORM))
const ADDRESS = v.string('an address such as DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq')
const THREADS_FORM = `a whole number from 1 to ${MAX_MINING_THREADS}`
const THREADS = v.pipe(
  v.number(THREADS_FORM),
  v.safeInteger(THREADS_FORM),
  v.minValue(1, THREADS_FORM),
  v.maxValue(MAX_MINING_THREADS, THREADS_FORM),
)
const WINDOW_FORM = 'a number of blocks from 1 on, or -1'
const WINDOW = v.pipe(
  v.number(WINDOW_FORM),
  v.safeInteger(WINDOW_FORM),
  v.minValue(-1, WINDOW_FORM),
  v.notValue(0, WINDOW_FORM),
)
const HEIGHT_FORM = 'a block height, or -1 for the tip'
const HEIGHT = v.pipe(v.number(HEIGHT_FORM), v.safeInteger(HEIGHT_FORM), v.minValue(-1, HEIGHT_FORM))
/** As many as Bitcoin looks at. */
const HASH_RATE_BLOCKS = 120
/** How many there are. */
const HASHES = 2 ** 256

export const miningMethods: readonly RpcMethod[] = [
  method({
    name: 'getmininginfo',
    usage: 'getmininginfo',
    summary: 'whether this node mines, how fast, and what a miner has to beat',
    params: {},
    run: (_, context) => miningInfo(context),
  }),
  method({
    name: 'startmining',
    usage: 'startmining',
    summary: 'mine in the background; waits by itself while the node catches up with the network',
    params: {},
    run: (_, context) => {
      const miner = minerOf(context)
      const refusal = miner.start()
      if (refusal !== undefined) throw methodError(`startmining: ${refusal}`)
      const { wait } = miner.report()
      return wait === undefined ? true : { mining: true, waits_for: wait.text }
    },
  }),
  method({
    name: 'stopmining',
    usage: 'stopmining',
    summary: 'end mining',
    params: {},
    run: async (_, context) => {
      await minerOf(context).stop()
      return true
    },
  }),
  method({
    name: 'setminingthreads',
    usage: 'setminingthreads <threads>',
    summary: 'mine with so many hashes at once, as far as this node makes as many, and say with how many',
    params: { threads: THREADS },
    run: ({ threads }, context) => {
      const miner = minerOf(context)
      miner.threads = threads
      return { threads: miner.threads }
    },
  }),
  method({
    name: 'setminingaddress',
    usage: 'setminingaddress <address>',
    summary: 'have rewards go to this address from the next block on, until the node ends',
    params: { address: ADDRESS },
    run: ({ address }, context) => {
      minerOf(context).script = scriptOf(address)
      return { address, success: true }
    },
  }),
  method({
    name: 'getminingaddress',
    usage: 'getminingaddress',
    summary: 'where rewards go',
    params: {},
    run: (_, context) => {
      const miner = minerOf(context)
      const { payee } = miner.report()
      return { address: payee === undefined ? '' : payeeText(payee), is_set: miner.script !== undefined }
    },
  }),
  method({
    name: 'getnetworkhashps',
    usage: 'getnetworkhashps [nblocks] [height]',
    summary: 'hashes a second that the network makes, by the last blocks up to a height',
    params: { nblocks: v.optional(WINDOW), height: v.optional(HEIGHT) },
    run: ({ nblocks = HASH_RATE_BLOCKS, height = -1 }, context) => {
      const { engine } = chainOf(context)
      return networkHashRate(height < 0 ? engine.tip : nodeByHeight(engine, height), nblocks)
    },
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
  if (!decoded.ok)
    throw methodError(`not an address: ${printable(address, 64)}: ${describeAddressError(decoded.error)}`)
  return p2pkhScript(decoded.value)
}

/** Throws RpcError on a node without a chain. */
function minerOf(context: RpcContext): Miner {
  chainOf(context)
  const { miner } = context.control
  if (miner === undefined) throw methodError('this node keeps no chain')
  return miner
}

function miningInfo(context: RpcContext): JsonObject {
  const { engine, backend, mempool } = chainOf(context)
  const { control } = context
  const { tip, params } = engine
  const report = minerOf(context).report()
  const why = report.wait?.text ?? report.refusal
  return {
    mining: report.isOn,
    ...(why === undefined ? {} : { waits_for: why }),
    hashrate: report.hashesPerSecond,
    threads: report.isOn ? report.threads : 0,
    blocks_found: report.found,
    blocks_accepted: report.accepted,
    blocks_stale: report.stale,
    blocks_refused: report.refused,
    proof_of_work: backend.hasher.mode,
    blocks: tip.height,
    bits: bitsText(tip.bits),
    difficulty: difficultyOfBits(tip.bits),
    target: wideHex(targetOfBits(tip.bits)),
    networkhashps: networkHashRate(tip, HASH_RATE_BLOCKS),
    pooledtx: mempool?.table.size ?? 0,
    chain: control.network.name,
    next: nextInfo(engine, control.unixTime()),
    warnings: uncheckedRules(params),
  }
}

function nextInfo({ params, tip }: ChainEngine, now: number): JsonObject {
  const bits = nextBits(params, tip, now)
  return {
    height: tip.height + 1,
    bits: bitsText(bits),
    difficulty: difficultyOfBits(bits),
    target: wideHex(targetOfBits(bits)),
  }
}

/**
 * Hashes that so many blocks up to this one took, as is to be expected, by the time that they took. -1: as many blocks
 * as have its target.
 */
function networkHashRate(node: HeaderNode, blocks: number): number {
  let [earliest, latest] = [node.time, node.time]
  let hashes = 0
  let at = node
  for (let n = 0; at.parent !== undefined && (blocks < 0 ? at.bits === node.bits : n < blocks); n++) {
    hashes += HASHES / (Number(targetOfBits(at.bits)) + 1)
    at = at.parent
    earliest = Math.min(earliest, at.time)
    latest = Math.max(latest, at.time)
  }
  return earliest === latest ? 0 : hashes / (latest - earliest)
}
