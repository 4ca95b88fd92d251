/** Reads stored blocks and compares them with their headers. */

import { parseBody } from '../chain/block-body.ts'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { bytesEqual, hashToHex } from '../primitives/bytes.ts'
import { decodePayload } from '../wire/messages.ts'
import type { JsonObject } from './json.ts'

/** The highest blocks first. While one is read everything else goes on. */
export async function scanBlocks(
  chain: ChainControl,
  limit: number,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { engine } = chain
  const stored = [...engine.tree.all()].filter(({ position }) => position !== undefined)
  stored.sort((a, b) => b.height - a.height || a.id - b.id)
  const blocks: JsonObject[] = []
  let mismatches = 0
  for (const node of stored.slice(0, limit)) {
    signal.throwIfAborted()
    const block = await chain.readBlock(node)
    // Pruned in the meantime.
    if (block === undefined && node.position === undefined) continue
    const isSound = block !== undefined && fits(engine, node, block)
    if (!isSound) mismatches++
    blocks.push({
      height: node.height,
      hash: hashToHex(node.hash),
      size: block?.payload.length ?? 0,
      active: engine.isActive(node),
      sound: isSound,
    })
  }
  return {
    total_in_db: stored.length,
    scanned: blocks.length,
    blocks,
    orphans: stored.filter((node) => !engine.isActive(node)).length,
    hash_mismatches: mismatches,
  }
}

/** Is it the block of this header? */
function fits({ params }: ChainEngine, node: HeaderNode, { payload }: StoredBlock): boolean {
  const message = decodePayload('block', payload, params)
  if (!message.ok) return false
  const { header, transactionData } = message.value.block
  return bytesEqual(header.bytes, node.bytes) && parseBody(params, header, transactionData, node.height).ok
}
