/** When mining would be in vain, and why. */
import type { ChainEngine } from '../chain/engine.ts'
import type { ChainParams } from '../params/chain-params.ts'

/** Why a miner that is on does not search now; `text` completes "mining waits: ". */
export interface MinerWait {
  readonly code: 'initialDownload' | 'noAddress' | 'chainStopped' | 'trouble'
  readonly text: string
}

/** Why there is no mining on a network at all; undefined if there is. */
export function fairMiningRefusal({ fairMiningFromHeight }: ChainParams): string | undefined {
  if (fairMiningFromHeight === undefined) return undefined
  return (
    `mining stays off: on this network blocks from ${fairMiningFromHeight} on must obey the fair-mining rules, ` +
    'which this node does not implement'
  )
}

/** What keeps from mining for now. `isAlone`: is there nobody to catch up with, and nobody wanted? */
export function obstacleTo(engine: ChainEngine, isAlone: () => boolean): MinerWait | undefined {
  if (engine.isStopped)
    return { code: 'chainStopped', text: 'the chain stands still, because the disk failed' }
  // Somebody has to mine the first block of a network, and the next one after a long rest.
  if (!engine.isInitialDownload || isAlone()) return undefined
  const { tip, bestHeader } = engine
  const where =
    bestHeader.work > tip.work ? `it is at block ${tip.height} of ${bestHeader.height}` : `it waits for peers`
  return { code: 'initialDownload', text: `the node still catches up with the network: ${where}` }
}
