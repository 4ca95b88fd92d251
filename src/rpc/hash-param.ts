/** Parameters that are hashes or heights, and the blocks they name. */
import * as v from 'valibot'
import type { ChainEngine } from '../chain/engine.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { hashFromHex } from '../primitives/bytes.ts'
import { methodError, type RpcError } from './errors.ts'
import type { RpcContext } from './method.ts'

const HASH_FORM = 'a hash of 64 hex digits'
const HEIGHT_FORM = 'a block height'

export const HASH = v.pipe(v.string(HASH_FORM), v.regex(/^[0-9a-fA-F]{64}$/, HASH_FORM))
export const HEIGHT = v.pipe(v.number(HEIGHT_FORM), v.safeInteger(HEIGHT_FORM))

/** Throws RpcError on a node without a chain. */
export function chainOf({ control }: RpcContext): ChainControl {
  if (control.chain === undefined) throw methodError('this node keeps no chain')
  return control.chain
}

/** 32 bytes in wire order of a parameter of form HASH. */
export function hashOf(text: string): Uint8Array {
  const hash = hashFromHex(text)
  if (hash === undefined) throw methodError(`not ${HASH_FORM}: ${text}`)
  return hash
}

/** Throws RpcError if it is not known. */
export function nodeByHash(engine: ChainEngine, text: string): HeaderNode {
  const node = engine.tree.get(hashOf(text))
  if (node === undefined) throw notFound(text)
  return node
}

/** On the active chain. Throws RpcError outside of it. */
export function nodeByHeight(engine: ChainEngine, height: number): HeaderNode {
  const node = engine.activeAt(height)
  if (node === undefined)
    throw methodError(`Block height out of range: there are blocks 0 to ${engine.tip.height}, not ${height}`)
  return node
}

function notFound(hash: string): RpcError {
  return methodError(`Block not found: ${hash}`)
}
