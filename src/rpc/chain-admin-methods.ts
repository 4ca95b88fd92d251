/** Methods by which an operator steers or checks the chain (rpc 4.1). */
import * as v from 'valibot'
import type { ChainEngine } from '../chain/engine.ts'
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { scanBlocks } from './block-scan.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, HEIGHT, nodeByHash, nodeByHeight } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { MAX_SCANNED_BLOCKS } from './limits.ts'
import { method, type RpcMethod } from './method.ts'

const LEVEL_FORM = 'a level from 0 to 4'
const LEVEL = v.pipe(
  v.number(LEVEL_FORM),
  v.safeInteger(LEVEL_FORM),
  v.minValue(0, LEVEL_FORM),
  v.maxValue(4, LEVEL_FORM),
)
const BLOCKS_FORM = 'a number of blocks, or 0 for all'
const BLOCKS = v.pipe(v.number(BLOCKS_FORM), v.safeInteger(BLOCKS_FORM), v.minValue(0, BLOCKS_FORM))
const DEFAULT_SCANNED = 100
const LIMIT_FORM = `a number of blocks from 1 to ${MAX_SCANNED_BLOCKS}`
const LIMIT = v.pipe(
  v.number(LIMIT_FORM),
  v.safeInteger(LIMIT_FORM),
  v.minValue(1, LIMIT_FORM),
  v.maxValue(MAX_SCANNED_BLOCKS, LIMIT_FORM),
)

export const chainAdminMethods: readonly RpcMethod[] = [
  method({
    name: 'invalidateblock',
    usage: 'invalidateblock <blockhash>, or by height: invalidateblock height=N',
    summary: 'treat a block as if it broke a rule, and leave it if it is on the active chain',
    params: { blockhash: v.optional(HASH), height: v.optional(HEIGHT) },
    aliases: { hash: 'blockhash' },
    run: async ({ blockhash, height }, context) => {
      const chain = chainOf(context)
      return await invalidate(chain, chosen(chain, blockhash, height))
    },
  }),
  method({
    name: 'reconsiderblock',
    usage: 'reconsiderblock [blockhash]',
    summary: 'try a block again that is thought invalid; without its hash, all of them',
    params: { blockhash: v.optional(HASH) },
    aliases: { hash: 'blockhash' },
    run: async ({ blockhash }, context) => {
      const chain = chainOf(context)
      const { engine } = chain
      const nodes = blockhash === undefined ? failedBlocks(engine) : [nodeByHash(engine, blockhash)]
      for (const node of nodes) {
        const wrong = await chain.reconsider(node)
        if (wrong !== undefined) throw methodError(`reconsiderblock: ${wrong}`)
      }
      await chain.whenConnected()
      const { tip } = engine
      return { status: 'reconsidered', new_height: tip.height, new_tip: hashToHex(tip.hash) }
    },
  }),
  method({
    name: 'verifychain',
    usage: 'verifychain [checklevel] [nblocks]',
    summary: 'check the latest blocks again: true if all is well, else an error that says what is not',
    params: { checklevel: v.optional(LEVEL), nblocks: v.optional(BLOCKS) },
    run: async ({ checklevel = 3, nblocks = 6 }, context) => {
      const chain = chainOf(context)
      const depth = nblocks === 0 ? chain.engine.tip.height : nblocks
      const wrong = await chain.verify(checklevel, depth, context.signal)
      context.signal.throwIfAborted()
      if (wrong === undefined) return true
      throw methodError(`verifychain: ${wrong}. Start the node once with --reindex to rebuild what can be`)
    },
  }),
  method({
    name: 'checkblockdb',
    usage: 'checkblockdb [start_height] [end_height]',
    summary: 'blocks of the active chain that are not stored',
    params: { start_height: v.optional(HEIGHT), end_height: v.optional(HEIGHT) },
    run: ({ start_height = 0, end_height }, context) =>
      missingBlocks(chainOf(context), Math.max(0, start_height), end_height),
  }),
  method({
    name: 'scanblockdb',
    usage: 'scanblockdb [limit]',
    summary: 'read the highest stored blocks (100 if not told) and compare them with their headers',
    params: { limit: v.optional(LIMIT) },
    run: async ({ limit = DEFAULT_SCANNED }, context) =>
      await scanBlocks(chainOf(context), limit, context.signal),
  }),
]

function chosen(chain: ChainControl, blockhash: string | undefined, height: number | undefined): HeaderNode {
  if (blockhash !== undefined) return nodeByHash(chain.engine, blockhash)
  if (height !== undefined) return nodeByHeight(chain.engine, height)
  throw methodError('invalidateblock: which block? Give its blockhash or its height')
}

/** Those that are bad themselves, not only by what they are built on. */
function failedBlocks({ tree }: ChainEngine): HeaderNode[] {
  return [...tree.all()].filter((node) => node.has(NodeFlag.failed))
}

async function invalidate(chain: ChainControl, node: HeaderNode): Promise<JsonObject> {
  const before = chain.engine.tip.height
  const wasActive = chain.engine.isActive(node)
  const wrong = await chain.invalidate(node)
  if (wrong !== undefined) throw methodError(`invalidateblock: ${wrong}`)
  // Another branch may lead now.
  await chain.whenConnected()
  const { tip } = chain.engine
  return {
    disconnected: wasActive ? before - node.height + 1 : 0,
    new_height: tip.height,
    new_tip: hashToHex(tip.hash),
    status: 'invalidated',
  }
}

/** Reports so many heights at most; the count tells of all. */
const MAX_REPORTED = 1_000

function missingBlocks({ engine }: ChainControl, start: number, wanted: number | undefined): JsonObject {
  const end = Math.min(wanted ?? engine.tip.height, engine.tip.height)
  if (start > end)
    throw methodError(
      `checkblockdb: there are no blocks from ${start} to ${end}; the tip is ${engine.tip.height}`,
    )
  const missing: number[] = []
  // The first block is part of the program.
  for (let height = Math.max(1, start); height <= end; height++)
    if (engine.activeAt(height)?.position === undefined) missing.push(height)
  return {
    chain_height: engine.tip.height,
    start_height: start,
    end_height: end,
    missing_blocks: missing.slice(0, MAX_REPORTED),
    missing_count: missing.length,
  }
}
