/** The first block as it is served: it is part of the program and stands in no file. */
import type { ChainParams } from '../params/chain-params.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { BlockHeader } from '../wire/header.ts'
import { encodePayload } from '../wire/messages.ts'
import type { StoredBlock } from './io.ts'

const known = new WeakMap<ChainParams, StoredBlock>()

export function genesisBlock(params: ChainParams): StoredBlock {
  const before = known.get(params)
  if (before !== undefined) return before
  const { header, transactionData } = params.genesis
  const block = { header: new BlockHeader(header), transactionData }
  const payload = encodePayload({ type: 'block', block }, params)
  const stored = { payload, checksum: messageChecksum(payload) }
  known.set(params, stored)
  return stored
}
