/** Methods about the download of blocks (rpc 4.1). */
import * as v from 'valibot'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { NodeControl } from '../node/control.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, HEIGHT, nodeByHash } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { MAX_REQUESTED_BLOCKS } from './limits.ts'
import { method, type RpcMethod } from './method.ts'

const MANY_FORM = `at most ${MAX_REQUESTED_BLOCKS} at once`
const HEIGHTS_FORM = `a list of block heights, ${MANY_FORM}`
const HEIGHTS = v.pipe(v.array(HEIGHT, HEIGHTS_FORM), v.maxLength(MAX_REQUESTED_BLOCKS, HEIGHTS_FORM))
const HASHES_FORM = `a list of hashes, ${MANY_FORM}`
const HASHES = v.pipe(v.array(HASH, HASHES_FORM), v.maxLength(MAX_REQUESTED_BLOCKS, HASHES_FORM))

export const syncMethods: readonly RpcMethod[] = [
  method({
    name: 'getblocktrackerinfo',
    usage: 'getblocktrackerinfo',
    summary: 'which blocks are asked for, and of whom',
    params: {},
    run: (_, { control }) => {
      const sync = control.sync()
      if (sync === undefined) throw methodError('this node keeps no chain')
      return trackerJson(sync)
    },
  }),
  method({
    name: 'requestblocks',
    usage: 'requestblocks heights=[...] or hashes=[...]',
    summary: 'ask peers for blocks whose headers are known and that are not here',
    params: { heights: v.optional(HEIGHTS), hashes: v.optional(HASHES) },
    run: ({ heights = [], hashes = [] }, context) => {
      const { engine } = chainOf(context)
      if (heights.length + hashes.length === 0)
        throw methodError('requestblocks: which blocks? Give a list of heights or of hashes')
      const nodes = new Set([
        ...heights.map((height) => headerAt(engine, height)),
        ...hashes.map((hash) => nodeByHash(engine, hash)),
      ])
      const wanted = context.control.requestBlocks([...nodes])
      return {
        blocks_requested: wanted?.requested ?? 0,
        peers_contacted: wanted?.peers ?? 0,
        blocks_stored: wanted?.stored ?? 0,
        blocks_in_flight: wanted?.underWay ?? 0,
        blocks_unavailable: wanted?.unavailable ?? 0,
      }
    },
  }),
]

/** On the chain of the best header, which may be longer than the active one. */
function headerAt({ bestHeader }: ChainEngine, height: number): HeaderNode {
  const node = bestHeader.ancestor(height)
  if (node === undefined)
    throw methodError(`requestblocks: there are headers 0 to ${bestHeader.height}, not ${height}`)
  return node
}

type SyncSnapshot = NonNullable<ReturnType<NodeControl['sync']>>

function trackerJson({ inFlight, stuck, peers, height, headerHeight, orphans }: SyncSnapshot): JsonObject {
  const asked = peers.filter((peer) => peer.inFlight.length > 0)
  // Two peers may have been asked for the same block.
  const heights = new Set(asked.flatMap((peer) => peer.inFlight))
  return {
    total_in_flight: inFlight,
    status: stuck?.cause ?? (inFlight > 0 ? 'downloading' : 'idle'),
    tracked_heights: [...heights].sort((a, b) => a - b),
    per_peer: Object.fromEntries(
      asked.map((peer) => [
        String(peer.id),
        { in_flight: peer.inFlight.length, heights: peer.inFlight, stalled: peer.stalled },
      ]),
    ),
    height,
    headers: headerHeight,
    orphans,
  }
}
