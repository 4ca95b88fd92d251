/** Limits of mining, each with its reason; part of limits.ts. */

/** The same work is searched for so long at most: its time, and what it collects, grow old. */
export const MINING_TEMPLATE_MS = 30_000
/** New transactions do not end a search that is younger: making a block of thousands takes its time too. */
export const MINING_TEMPLATE_MIN_MS = 5_000
/** New transactions end a search when their fees are worth this part of what the block pays. */
export const MINING_FEE_SHARE = 0.001
/**
 * From one block of our own to the search for the next, unless the operator says otherwise. Where work is next to
 * nothing a miner would fill the disk; elsewhere it is never noticed.
 */
export const MINING_INTERVAL_MS = 1_000
/** What the operator can put right is tried again after so long. */
export const MINING_RETRY_MS = 10_000
/** A block that is being handed in when the miner is stopped has so long to arrive. */
export const MINING_STOP_MS = 500
/** The log is told no more often how fast we hash. */
export const MINING_RATE_INTERVAL_MS = 600_000
/** It is told first when there is something to tell. */
export const MINING_RATE_FIRST_MS = 60_000
/** As other nodes take it; how many really hash is bounded elsewhere. */
export const MAX_MINING_THREADS = 256
/** From one block to the next by option, in seconds: a day. */
export const MAX_MINING_INTERVAL_SECONDS = 86_400
/** Programs that mine are asked to come again after so long, if nothing has happened before. */
export const LONGPOLL_MS = 60_000
