/** Methods that look at the chain (rpc 4.1), and those that Bitcoin has beside them. */
import * as v from 'valibot'
import { difficultyOfBits, targetOfBits } from '../chain/compact-bits.ts'
import { medianTimePast } from '../chain/header-rules.ts'
import type { Maintenance } from '../chain/maintenance.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { type ChainFacts, chainFactsOf } from '../node/chain-facts.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { bitsText, blockHex, blockText, headerJson, wideHex } from './block-json.ts'
import { chainTips } from './chain-tips.ts'
import { chainOf, HASH, HEIGHT, nodeByHash, nodeByHeight } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcContext, type RpcMethod, type RpcResult } from './method.ts'
import { storedBlock } from './stored-block.ts'

const VERBOSITY = v.union(
  [v.picklist([0, 1, 2]), v.boolean()],
  '0 (hex), 1 (ids of transactions) or 2 (transactions)',
)

export const chainMethods: readonly RpcMethod[] = [
  method({
    name: 'getblockchaininfo',
    usage: 'getblockchaininfo',
    summary: 'where the chain stands, and how far it has been checked',
    params: {},
    run: async (_, context) => await chainInfo(context),
  }),
  method({
    name: 'getblockcount',
    usage: 'getblockcount',
    summary: 'height of the last block of the active chain',
    params: {},
    run: (_, context) => chainOf(context).engine.tip.height,
  }),
  method({
    name: 'getbestblockhash',
    usage: 'getbestblockhash',
    summary: 'hash of the last block of the active chain',
    params: {},
    run: (_, context) => hashToHex(chainOf(context).engine.tip.hash),
  }),
  method({
    name: 'getblockhash',
    usage: 'getblockhash <height>',
    summary: 'hash of the block at a height of the active chain',
    params: { height: HEIGHT },
    run: ({ height }, context) => ({
      blockhash: hashToHex(nodeByHeight(chainOf(context).engine, height).hash),
    }),
  }),
  method({
    name: 'getblockheader',
    usage: 'getblockheader <blockhash> [verbose]',
    summary: 'the header of a block, in words or (verbose false) as hex',
    params: { blockhash: HASH, verbose: v.optional(v.boolean('true or false')) },
    aliases: { hash: 'blockhash' },
    run: ({ blockhash, verbose = true }, context) => {
      const { engine } = chainOf(context)
      const node = nodeByHash(engine, blockhash)
      return verbose ? headerJson(engine, node) : toHex(node.bytes)
    },
  }),
  method({
    name: 'getblock',
    usage: 'getblock <hash> [verbosity]',
    summary: 'a block: 0 as hex, 1 with the ids of its transactions, 2 with the transactions',
    params: { hash: HASH, verbosity: v.optional(VERBOSITY) },
    aliases: { blockhash: 'hash', verbose: 'verbosity' },
    run: async ({ hash, verbosity = 1 }, context) => await block(chainOf(context), hash, Number(verbosity)),
  }),
  method({
    name: 'getchaintips',
    usage: 'getchaintips',
    summary: 'the ends of all chains known, and what is known of each',
    params: {},
    run: (_, context) => chainTips(chainOf(context).engine),
  }),
  method({
    name: 'getdifficulty',
    usage: 'getdifficulty',
    summary: 'difficulty of the last block, as a multiple of that of the target 0x1f060000',
    params: {},
    run: (_, context) => difficultyOfBits(chainOf(context).engine.tip.bits),
  }),
  method({
    name: 'getindexinfo',
    usage: 'getindexinfo',
    summary: 'further indexes of the chain that are kept, and how far they go',
    params: {},
    run: (_, context) => {
      const { txIndex } = chainOf(context).engine
      if (txIndex === undefined) return {}
      return { txindex: { synced: txIndex.isSynced, best_block_height: txIndex.height } }
    },
  }),
]

async function chainInfo(context: RpcContext): Promise<JsonObject> {
  const chain = chainOf(context)
  const { engine, backend } = chain
  const { tip, bestHeader } = engine
  const { control } = context
  const facts = chainFactsOf(chain, control.unixTime())
  const { blockBytes, storeBytes } = await backend.store.size()
  const { maintenance } = engine
  return {
    chain: control.network.name,
    blocks: tip.height,
    headers: bestHeader.height,
    bestblockhash: hashToHex(tip.hash),
    bits: bitsText(tip.bits),
    target: wideHex(targetOfBits(tip.bits)),
    difficulty: difficultyOfBits(tip.bits),
    time: tip.time,
    mediantime: medianTimePast(tip),
    verificationprogress: facts.progress,
    initialblockdownload: engine.isInitialDownload,
    chainwork: wideHex(tip.work),
    size_on_disk: blockBytes + storeBytes,
    pruned: maintenance.isPruning,
    ...pruning(maintenance),
    proof_of_work: backend.hasher.mode,
    unchecked_rules: facts.unchecked,
    warnings: warnings(facts).join('; '),
  }
}

function warnings({ isStopped, hashTrouble, deepFork, rejectedFork }: ChainFacts): string[] {
  const texts: string[] = []
  if (isStopped) texts.push('the chain stands still, because the disk failed')
  if (hashTrouble !== undefined) texts.push(hashTrouble)
  if (deepFork !== undefined)
    texts.push(`a chain with more work leaves ours at block ${deepFork.forkHeight} and is not followed`)
  if (rejectedFork !== undefined)
    texts.push(
      `a chain with much more work is not followed, because its block ${rejectedFork.firstHeight} is invalid here`,
    )
  return texts
}

/** Only of a node that prunes. */
function pruning({ pruneBytes, pruneHeight }: Maintenance): JsonObject {
  if (pruneBytes === undefined) return {}
  return { pruneheight: pruneHeight, automatic_pruning: true, prune_target_size: pruneBytes }
}

async function block(chain: ChainControl, hash: string, verbosity: number): Promise<RpcResult> {
  const node = nodeByHash(chain.engine, hash)
  const found = await storedBlock(chain, node)
  return verbosity === 0 ? blockHex(found) : await blockText(chain.engine, node, found, verbosity)
}
