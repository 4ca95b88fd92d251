/** The chain as it was when it was last committed, from the rows of the store. */
import type { ChainParams } from '../params/chain-params.ts'
import { BlockHeader } from '../wire/header.ts'
import type { BlockFiles } from './block-files.ts'
import { addWork, workOfBits } from './compact-bits.ts'
import { DamagedStore } from './damage.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import { HeaderTree } from './header-tree.ts'
import { decodeHeaderRow } from './rows.ts'

export interface SavedChain {
  /** Rows with HEADER_PREFIX, in the order of their keys. */
  readonly rows: Iterable<readonly [key: string, value: Uint8Array]>
  /** Value of TIP_KEY. */
  readonly tip: Uint8Array | undefined
  /** Values of TX_INDEX_KEYS, if that index is wanted. */
  readonly txIndex?: readonly (Uint8Array | undefined)[]
}

export function newTree({ genesis, body }: ChainParams): HeaderTree {
  const { bits } = new BlockHeader(genesis.header)
  const tree = new HeaderTree(genesis.hash, genesis.header, workOfBits(bits))
  tree.genesis.chainStored = true
  tree.genesis.transactionCount = body === 'opaque' ? 0 : 1
  tree.genesis.set(NodeFlag.bodyChecked | NodeFlag.connectedOnce)
  return tree
}

/** Fills an empty tree. Returns the tip. Throws DamagedStore. */
export function restoreTree(tree: HeaderTree, files: BlockFiles, saved: SavedChain): HeaderNode {
  for (const [key, value] of saved.rows) {
    const row = decodeHeaderRow(key, value)
    const parent = row === undefined ? undefined : tree.get(row.header.subarray(4, 36))
    if (row === undefined || parent === undefined || row.height !== parent.height + 1)
      throw new DamagedStore('the index of blocks is damaged')
    const work = addWork(parent.work, workOfBits(new BlockHeader(row.header).bits))
    const node = tree.add(row.hash, row.header, parent, work)
    node.flags = row.flags
    node.transactionCount = row.transactionCount
    node.position = row.position
    if (parent.isFailed) node.set(NodeFlag.failedAncestor)
    if (row.position !== undefined) files.note(row.position, row.height)
    node.chainStored = parent.chainStored && wasStored(node)
  }
  const tip = saved.tip === undefined ? tree.genesis : tree.get(saved.tip)
  if (tip === undefined || !tip.chainStored) throw new DamagedStore('the last block is not in the index')
  return tip
}

/** Is its block here, or was it and did it count? */
export function wasStored(node: HeaderNode): boolean {
  return node.position !== undefined || node.has(NodeFlag.pruned | NodeFlag.connectedOnce)
}
