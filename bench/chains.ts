/** Chains of regtest to serve from, made once per run and copied for each server. */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { HeaderNode } from '../src/chain/header-node.ts'
import { blockTemplate, withNonce } from '../src/mining/template.ts'
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

/** The only spendable output of a block's coinbase, the first one. */
export interface Reward {
  readonly txid: Uint8Array
  readonly value: bigint
}

export interface BenchChain {
  readonly blocks: readonly ChainBlock[]
  /** By height, from 1. */
  readonly rewards: readonly Reward[]
  readonly news: readonly Block[]
  /** Puts the chain into a data directory that nothing uses yet. */
  install(dataDir: string): void
}

export interface ChainWishes {
  /** Outputs of ten kilobytes that each coinbase has beside its own. */
  readonly dataOutputs?: number
  /** Blocks that would come next, and are not in the chain. */
  readonly news?: number
  /** Where rewards go. Left out: where nobody can spend them. */
  readonly script?: Uint8Array
}

export async function makeChain(count: number, wishes: ChainWishes = {}): Promise<BenchChain> {
  const { news = 0 } = wishes
  const dir = mkdtempSync(join(scratchDir, 'chain-'))
  mkdirSync(join(dir, CHAIN_DIR))
  const backend = await openChain({ network: regtest, dir: join(dir, CHAIN_DIR) })
  const node = new DilithionNode({ network: regtest, chain: backend })
  const blocks: ChainBlock[] = []
  const rewards: Reward[] = []
  const next: Block[] = []
  try {
    await node.start()
    let tip = node.chain?.engine.tip
    // The last one is of now, so that nobody thinks that he has to catch up.
    const startTime = node.unixTime() - count - news
    for (let i = 0; i < count && tip !== undefined; i++) {
      const { block, reward } = nextBlock(tip, wishes, startTime + i)
      const result = await node.chain?.submitBlock(block)
      if (result?.result !== 'accepted')
        throw new Error(`block ${i + 1} was not taken: ${JSON.stringify(result)}`)
      tip = result.node
      rewards.push(reward)
      blocks.push({ hash: tip.hash, bytes: encodePayload({ type: 'block', block }).length })
    }
    for (let i = 0; i < news && tip !== undefined; i++) {
      const { block } = nextBlock(tip, wishes, startTime + count + i)
      next.push(block)
      const { bytes } = block.header
      tip = new HeaderNode({ hash: sha3_256(bytes), bytes, parent: tip, work: tip.work + 1n, id: 0 })
    }
  } finally {
    await node.stop()
    await backend.close()
  }
  const install = (dataDir: string): void =>
    cpSync(join(dir, CHAIN_DIR), join(dataDir, CHAIN_DIR), { recursive: true })
  return { blocks, rewards, news: next, install }
}

function nextBlock(
  parent: HeaderNode,
  { dataOutputs = 0, script = Uint8Array.of(DATA_CARRIER) }: ChainWishes,
  time: number,
): { readonly block: Block; readonly reward: Reward } {
  const { block, coinbase } = blockTemplate({ params: regtest.chain, parent, time, script })
  const scriptPubKey = new Uint8Array(SCRIPT_BYTES).fill(DATA_CARRIER)
  const data = Array.from({ length: dataOutputs }, () => ({ value: 0n, scriptPubKey }))
  const transactionData = encodeBlockTransactions([{ ...coinbase, outputs: [...coinbase.outputs, ...data] }])
  // The root of a single transaction is its id, which is that of all data behind the count of one byte.
  const merkleRoot = sha3_256(transactionData.subarray(1))
  const { version, previousHash, bits } = block.header
  let header = BlockHeader.of({ version, previousHash, merkleRoot, time, bits, nonce: 0 })
  for (let nonce = 1; !hasWork(header); nonce++) header = withNonce(header, nonce)
  const reward = { txid: merkleRoot, value: coinbase.outputs[0]?.value ?? 0n }
  return { block: { header, transactionData }, reward }
}

/** Below regtest's target, whose highest byte is 0x7f. */
function hasWork(header: BlockHeader): boolean {
  return (sha3_256(header.bytes)[31] ?? 0xff) < 0x7f
}
