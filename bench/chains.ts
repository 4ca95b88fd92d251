/** Chains of regtest to serve from, made once per run and copied for each server. */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { withNonce } from '../src/mining/template.ts'
import { openChain } from '../src/node/chain-backend.ts'
import { DilithionNode } from '../src/node/node.ts'
import { regtest } from '../src/params/networks.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { type Block, encodeBlockTransactions } from '../src/wire/block.ts'
import { BlockHeader } from '../src/wire/header.ts'
import { encodePayload } from '../src/wire/messages.ts'
import { scratchDir } from './processes.ts'

/** Where the node keeps its chain, below its data directory. */
const CHAIN_DIR = 'chain'
const DATA_CARRIER = 0x6a
/** As long as a script may be in a block. */
const SCRIPT_BYTES = 10_000

export interface ChainBlock {
  readonly hash: Uint8Array
  /** Of the payload of its `block` message. */
  readonly bytes: number
}

export interface BenchChain {
  readonly blocks: readonly ChainBlock[]
  /** Puts the chain into a data directory that nothing uses yet. */
  install(dataDir: string): void
}

/** `dataOutputs`: how many outputs of ten kilobytes each coinbase has beside its own. */
export async function makeChain(count: number, dataOutputs: number): Promise<BenchChain> {
  const dir = mkdtempSync(join(scratchDir, 'chain-'))
  mkdirSync(join(dir, CHAIN_DIR))
  const backend = await openChain({ network: regtest, dir: join(dir, CHAIN_DIR) })
  const node = new DilithionNode({ network: regtest, chain: backend })
  const blocks: ChainBlock[] = []
  try {
    await node.start()
    for (let i = 0; i < count; i++) {
      // The last one is of now, so that the node does not think that it has to catch up.
      const block = nextBlock(node, dataOutputs, node.unixTime() - count + i)
      const result = await node.chain?.submitBlock(block)
      if (result?.result !== 'accepted')
        throw new Error(`block ${i + 1} was not taken: ${JSON.stringify(result)}`)
      blocks.push({ hash: result.node.hash, bytes: encodePayload({ type: 'block', block }).length })
    }
  } finally {
    await node.stop()
    await backend.close()
  }
  const install = (dataDir: string): void =>
    cpSync(join(dir, CHAIN_DIR), join(dataDir, CHAIN_DIR), { recursive: true })
  return { blocks, install }
}

function nextBlock(node: DilithionNode, dataOutputs: number, time: number): Block {
  const template = node.chain?.template({ script: Uint8Array.of(DATA_CARRIER) })
  if (template === undefined) throw new Error('a node without a chain')
  const { block, coinbase } = template
  const scriptPubKey = new Uint8Array(SCRIPT_BYTES).fill(DATA_CARRIER)
  const data = Array.from({ length: dataOutputs }, () => ({ value: 0n, scriptPubKey }))
  const transactionData = encodeBlockTransactions([{ ...coinbase, outputs: [...coinbase.outputs, ...data] }])
  // The root of a single transaction is its id, which is that of all data behind the count of one byte.
  const merkleRoot = sha3_256(transactionData.subarray(1))
  const { version, previousHash, bits } = block.header
  let header = BlockHeader.of({ version, previousHash, merkleRoot, time, bits, nonce: 0 })
  for (let nonce = 1; !hasWork(header); nonce++) header = withNonce(header, nonce)
  return { header, transactionData }
}

/** Below regtest's target, whose highest byte is 0x7f. */
function hasWork(header: BlockHeader): boolean {
  return (sha3_256(header.bytes)[31] ?? 0xff) < 0x7f
}
