/** Blocks as they are stored and sent. */
import type { StoredBlock } from '../src/chain/io.ts'
import { testnet } from '../src/params/networks.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import type { Block } from '../src/wire/block.ts'
import { encodePayload } from '../src/wire/messages.ts'

export function encodeBlock(block: Block): StoredBlock {
  // The network with the largest blocks: their form is the same everywhere.
  const payload = encodePayload({ type: 'block', block }, testnet.chain)
  return { payload, checksum: messageChecksum(payload) }
}
