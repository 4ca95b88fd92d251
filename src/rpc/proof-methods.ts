/** Proofs that transactions were mined (rpc 4.1), for who has the headers but not the blocks. */
import * as v from 'valibot'
import { coinKey } from '../chain/coin.ts'
import type { ChainEngine } from '../chain/engine.ts'
import { type HeaderNode, hashKey } from '../chain/header-node.ts'
import { decodeMerkleProof, encodeMerkleProof } from '../chain/merkle-proof.ts'
import type { ChainControl } from '../node/chain-control.ts'
import { bytesEqual, fromHex, hashToHex, toHex } from '../primitives/bytes.ts'
import { txidOf } from '../wire/transaction.ts'
import { transactionsOf } from './block-json.ts'
import { methodError, type RpcError } from './errors.ts'
import { chainOf, HASH, hashOf, nodeByHash } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { storedBlock } from './stored-block.ts'

const TXIDS_FORM = 'a list of ids of transactions'
const TXIDS = v.pipe(v.array(HASH, TXIDS_FORM), v.minLength(1, TXIDS_FORM))

export const proofMethods: readonly RpcMethod[] = [
  method({
    name: 'gettxoutproof',
    usage: 'gettxoutproof <txids> [blockhash]',
    summary:
      'a proof that these transactions stand in a block, which is named or has something of them unspent',
    params: { txids: TXIDS, blockhash: v.optional(HASH) },
    run: async ({ txids, blockhash }, context) => {
      const chain = chainOf(context)
      const wanted = new Map(txids.map((txid) => [hashKey(hashOf(txid)), txid]))
      if (wanted.size < txids.length) throw methodError('gettxoutproof: a transaction is named twice')
      const node =
        blockhash === undefined
          ? await blockOf(chain, txids.slice(0, LOOKED_TRANSACTIONS))
          : nodeByHash(chain.engine, blockhash)
      return toHex(await prove(chain, node, wanted))
    },
  }),
  method({
    name: 'verifytxoutproof',
    usage: 'verifytxoutproof <proof>',
    summary: 'what a proof of gettxoutproof proves, by the headers of the active chain',
    params: { proof: v.string('a proof in hex') },
    run: ({ proof }, context) => verified(chainOf(context).engine, proof),
  }),
]

async function prove(
  chain: ChainControl,
  node: HeaderNode,
  wanted: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const txids = transactionsOf(chain.engine, await storedBlock(chain, node)).map(txidOf)
  const there = new Set(txids.map(hashKey))
  for (const [key, txid] of wanted)
    if (!there.has(key)) throw methodError(`the block ${hashToHex(node.hash)} does not hold ${txid}`)
  return encodeMerkleProof(node.hash, txids, new Set(wanted.keys()))
}

/**
 * Where nobody says which block it is, so many outputs of each transaction are looked for among the coins; and as all are
 * of one block, of the first of them only.
 */
const LOOKED_OUTPUTS = 100
const LOOKED_TRANSACTIONS = 100

/** The block of the active chain that holds the first of them that can be found. */
async function blockOf(chain: ChainControl, txids: readonly string[]): Promise<HeaderNode> {
  for (const txid of txids) {
    const id = hashOf(txid)
    const node = (await chain.findTransaction(id))?.node ?? (await chain.blockOfCoins(keysOf(id)))
    if (node !== undefined) return node
  }
  throw notFound(chain)
}

function keysOf(id: Uint8Array): string[] {
  return Array.from({ length: LOOKED_OUTPUTS }, (_, index) => coinKey(id, index))
}

function notFound({ engine: { txIndex } }: ChainControl): RpcError {
  if (txIndex?.isSynced === true) return methodError('no block of the active chain holds these transactions')
  return methodError(
    'no unspent output of these transactions is known: name the block that holds them, or run the node with --txindex',
  )
}

function verified(engine: ChainEngine, text: string): JsonObject {
  const bytes = fromHex(text)
  const proof = bytes === undefined ? undefined : decodeMerkleProof(bytes)
  if (proof === undefined) throw methodError('verifytxoutproof: not a proof in hex, or a damaged one')
  const { blockHash, count, root, txids } = proof
  const blockhash = hashToHex(blockHash)
  const node = engine.tree.get(blockHash)
  if (node === undefined || !engine.isActive(node))
    throw methodError(`verifytxoutproof: the block ${blockhash} is not on the active chain`)
  // Somebody may pass what is above transactions for one: then the number of transactions differs.
  if (!bytesEqual(node.header.merkleRoot, root) || count !== node.transactionCount)
    throw methodError(
      `verifytxoutproof: the proof does not lead to the block ${blockhash}: it proves nothing`,
    )
  return { merkleroot: hashToHex(root), blockhash, txids: txids.map(hashToHex) }
}
