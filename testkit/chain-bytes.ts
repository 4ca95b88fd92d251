/** Blocks as they are stored and sent. */
import type { StoredBlock } from '../src/chain/io.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import type { Block } from '../src/wire/block.ts'
import { encodePayload } from '../src/wire/messages.ts'

export function encodeBlock(block: Block): StoredBlock {
  const payload = encodePayload({ type: 'block', block })
  return { payload, checksum: messageChecksum(payload) }
}
