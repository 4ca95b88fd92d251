/** The options about transactions that wait to be mined, checked. */
import { MAX_MEMPOOL_MB, MEMPOOL_MB, MIN_MEMPOOL_MB } from '../params/limits.ts'
import type { Settings } from './config.ts'

export interface MempoolSettings {
  readonly budgetBytes: number
  /** Are they kept over restarts? */
  readonly isKept: boolean
}

const MEGABYTE = 1_000_000

export function mempoolSettings(settings: Settings): MempoolSettings {
  return {
    budgetBytes: (settings.whole('maxmempool', MIN_MEMPOOL_MB, MAX_MEMPOOL_MB) ?? MEMPOOL_MB) * MEGABYTE,
    isKept: settings.flag('persistmempool', true),
  }
}
