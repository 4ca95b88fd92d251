/** What there is to know of the chain's state beside its height: for diagnosis, and for RPC. */
import type { ChainEngine } from '../chain/engine.ts'
import type { ChainParams } from '../params/chain-params.ts'
import type { ChainControl } from './chain-control.ts'

export interface ChainFacts {
  /** Between 0 and 1. */
  readonly progress: number
  /** Time in the tip's header, in Unix seconds. */
  readonly tipTime: number
  /** The disk has failed: nothing changes any more. */
  readonly isStopped: boolean
  /** Why proof of work can't be hashed, in words; undefined if it can, or nobody has tried. */
  readonly hashTrouble: string | undefined
  /** A chain with more work that is not followed, because it leaves ours so far back. */
  readonly deepFork: { readonly forkHeight: number; readonly height: number } | undefined
  /** One with much more work that is not followed because a block of it, the first one, is invalid. */
  readonly rejectedFork: { readonly firstHeight: number; readonly height: number } | undefined
  /** Blocks below are deleted; undefined if all are kept. */
  readonly pruneHeight: number | undefined
  /** Which rules of the network's blocks are not checked; empty if all are. */
  readonly unchecked: string
}

export function chainFactsOf(chain: ChainControl, now: number): ChainFacts {
  const { engine, backend } = chain
  const { maintenance, tip } = engine
  const fork = chain.deepFork
  const { rejected } = engine.forks
  return {
    progress: verificationProgress(engine, now),
    tipTime: tip.time,
    isStopped: engine.isStopped,
    hashTrouble: backend.hashTrouble,
    deepFork: fork === undefined ? undefined : { forkHeight: fork.fork.height, height: fork.best.height },
    rejectedFork: rejected && { firstHeight: rejected.first.height, height: rejected.best.height },
    pruneHeight: maintenance.isPruning ? maintenance.pruneHeight : undefined,
    unchecked: uncheckedRules(engine.params),
  }
}

/** Between 0 and 1: of the blocks that there should be by now, those that are connected. `now`: Unix seconds. */
export function verificationProgress(engine: ChainEngine, now: number): number {
  const { tip, bestHeader, params } = engine
  const behind = Math.max(0, now - bestHeader.time) / params.spacingSeconds
  const expected = engine.isInitialDownload
    ? bestHeader.height + behind
    : Math.max(tip.height, bestHeader.height)
  return expected === 0 ? 1 : Math.min(1, tip.height / expected)
}

/** Which rules of the network's blocks are not checked; empty if all are. */
export function uncheckedRules({ fairMiningFromHeight }: ChainParams): string {
  if (fairMiningFromHeight === undefined) return ''
  return `the fair-mining, attestation and digital DNA rules of blocks from ${fairMiningFromHeight} on are not checked yet`
}
