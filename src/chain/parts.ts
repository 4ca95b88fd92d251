/** What the engine is put together from, as several of its parts need it. */
import type { ChainParams } from '../params/chain-params.ts'
import type { ActiveChain } from './active-chain.ts'
import type { BlockStore } from './block-store.ts'
import type { HeaderTree } from './header-tree.ts'
import type { JobRunner } from './job-runner.ts'
import type { Ledger } from './ledger.ts'

export interface ChainParts {
  readonly params: ChainParams
  readonly tree: HeaderTree
  readonly active: ActiveChain
  readonly blocks: BlockStore
  readonly ledger: Ledger
  readonly jobs: JobRunner
}
