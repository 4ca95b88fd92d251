/** The ends of all chains in the tree (rpc 4.1). */
import type { ChainEngine } from '../chain/engine.ts'
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { JsonObject } from './json.ts'

/** The highest first. */
export function chainTips(engine: ChainEngine): JsonObject[] {
  const ends: HeaderNode[] = [engine.tip]
  for (const node of engine.tree.all())
    if (node.firstChild === undefined && node !== engine.tip) ends.push(node)
  ends.sort((a, b) => b.height - a.height)
  return ends.map((node) => ({
    height: node.height,
    hash: hashToHex(node.hash),
    branchlen: node.height - engine.tree.fork(node, engine.tip).height,
    status: statusOf(engine, node),
  }))
}

/** In Bitcoin's words. */
function statusOf(engine: ChainEngine, node: HeaderNode): string {
  if (engine.isActive(node)) return 'active'
  if (node.isFailed) return 'invalid'
  if (!node.chainStored) return node.position === undefined ? 'headers-only' : 'valid-headers'
  return node.has(NodeFlag.connectedOnce) ? 'valid-fork' : 'valid-headers'
}
