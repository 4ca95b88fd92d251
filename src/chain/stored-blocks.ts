/** Reads blocks as they are served: from their files, and the first one from the program. */
import type { ChainParams } from '../params/chain-params.ts'
import { genesisBlock } from './genesis.ts'
import type { HeaderNode } from './header-node.ts'
import type { AskIo, StoredBlock } from './io.ts'

/** Blocks in order; undefined where there is none. */
export type TakeStored = (blocks: readonly (StoredBlock | undefined)[]) => void

/** With `verify` a damaged one counts as none. Without `ask` nothing is read from files. */
export function readStored(
  ask: AskIo | undefined,
  params: ChainParams,
  nodes: readonly HeaderNode[],
  verify: boolean,
  done: TakeStored,
): void {
  const found = nodes.map(({ parent }) => (parent === undefined ? genesisBlock(params) : undefined))
  const stored = nodes.flatMap(({ position }, i) => (position === undefined ? [] : [{ i, position }]))
  if (stored.length === 0 || ask === undefined) return done(found)
  const positions = stored.map(({ position }) => position)
  ask({ kind: 'read', positions, verify }, (result) => {
    const blocks = result.ok ? (result.value as (StoredBlock | undefined)[]) : []
    for (const [at, { i }] of stored.entries()) found[i] = blocks[at]
    done(found)
  })
}
