/** What sync, relay, mempool and RPC see of the chain. The engine implements it; tests may put something simpler here. */
import type { ChainParams } from '../params/chain-params.ts'
import type { MonoMs, Now, PeerId } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import type { BlockBody } from './block-body.ts'
import type { CoinCache } from './coin-cache.ts'
import type { HeaderNode } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'
import type { AskIo, Job, StoredBlock } from './io.ts'
import type { ChainOutcome, Source } from './outcomes.ts'

/** What a chain is given by those around it. */
export interface ChainHooks {
  readonly ask: AskIo
  outcome(outcome: ChainOutcome): void
  /** Time of the input at hand. */
  now(): Now
  /**
   * A block was joined to the coins, or taken off again, at the end of the active chain. Comes before the `tip` outcome,
   * also for blocks that a reorganisation joins and takes off at once. The chain goes on when the job is done, which
   * lets others in where there is much to do.
   */
  blockConnected?(node: HeaderNode, body: BlockBody): Job<void>
  blockDisconnected?(node: HeaderNode, body: BlockBody): Job<void>
}

export type CreateChain = (hooks: ChainHooks) => Chain

/** What those need who judge transactions. */
export interface MempoolChain {
  readonly params: ChainParams
  readonly tip: HeaderNode
  /** Not in the middle of a reorganisation, where the tip is one of a moment, nor while others are told of a block. */
  readonly isSettled: boolean
  /** To be asked for keys that were loaded, in the same stretch of work. */
  readonly coins: Pick<CoinCache, 'get'>
  /** Makes these outputs known to {@link coins}, where they are looked at until the job asks for something else. */
  loadCoins(keys: readonly string[]): Job<void>
  /** Runs a job beside the chain's own; it is dropped when the node stops. */
  run<T>(job: Job<T>, done: (value: T) => void): void
}

export interface Chain {
  /** For a mempool; undefined where transactions mean nothing to the chain, as on the v1.0 testnet. */
  readonly forMempool: MempoolChain | undefined
  readonly tree: HeaderTree
  /** The last block of the active chain; genesis at first. */
  readonly tip: HeaderNode
  /** The most work among headers that are not known to be bad. */
  readonly bestHeader: HeaderNode
  /** Is the tip so far behind that the node still has to catch up? False for good once it was false. */
  readonly isInitialDownload: boolean
  /** Bytes of blocks that have come and are not connected yet; who asks for more should look at it. */
  readonly pendingBytes: number
  /** As far as peers tell, there is nothing to catch up with: ends the initial download if the tip's work allows. */
  caughtUp(): void
  activeAt(height: number): HeaderNode | undefined
  isActive(node: HeaderNode): boolean
  /** At most 32 hashes of a header's chain, from itself back, ever sparser, genesis last. */
  locator(from: HeaderNode): Uint8Array[]
  /** Answers `getheaders` from the active chain: at most 2,000 headers behind the first locator hash known. */
  headersAfter(locator: readonly Uint8Array[], stop: Uint8Array): HeaderList
  /** Answered by one outcome of type `headers`, at once or later. Bytes are copied where kept. */
  submitHeaders(source: Source, headers: HeaderList): void
  /** Answered by one outcome of type `block`. `received`: the message it came in, if it is in shortest form. */
  submitBlock(source: Source, block: Block, received?: StoredBlock): void
  /** Reads stored blocks; undefined where there is none, or it is damaged. */
  read(nodes: readonly HeaderNode[], done: (blocks: readonly (StoredBlock | undefined)[]) => void): void
  /** Drops what is kept aside for a peer that is gone. */
  forget(source: PeerId): void
  /** When {@link due} has something to do; infinite if nothing waits. */
  readonly nextDeadline: MonoMs
  due(now: Now): void
  /** The node stops: nothing more is taken, and what is not on the disk is written now. */
  stop(): void
}
