/** Blocks as they are stored, for methods that show them or what is in them. */
import type { HeaderNode } from '../chain/header-node.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { Block } from '../wire/block.ts'
import { decodePayload } from '../wire/messages.ts'
import { methodError } from './errors.ts'

/** Throws RpcError if it is not there. */
export async function storedBlock(chain: ChainControl, node: HeaderNode): Promise<Block> {
  const stored = await chain.readBlock(node)
  const message =
    stored === undefined ? undefined : decodePayload('block', stored.payload, chain.engine.params)
  if (message?.ok === true) return message.value.block
  throw methodError(`Block not available: ${hashToHex(node.hash)} (${whyNot(chain, node)})`)
}

function whyNot({ engine }: ChainControl, { position }: HeaderNode): string {
  if (position !== undefined) return 'its bytes on the disk are damaged: start once with --reindex'
  return engine.maintenance.isPruning ? 'it may have been pruned' : 'only its header is known'
}
