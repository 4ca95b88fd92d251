/** What has to be said plainly about this node's chain, and the unit of amounts. */
import type { ChainParams } from '../params/chain-params.ts'

/** Ions in a DIL. */
export const COIN = 100_000_000

/** Which rules of the network's blocks are not checked; empty if all are. */
export function fairMiningNote({ fairMiningFromHeight }: ChainParams): string {
  if (fairMiningFromHeight === undefined) return ''
  return `the fair-mining, attestation and digital DNA rules of blocks from ${fairMiningFromHeight} on are not checked yet`
}
