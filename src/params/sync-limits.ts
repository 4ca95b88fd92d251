/**
 * Limits of the chain's download: who is asked for how much, and how long he is waited for. Part of limits.ts.
 */

/** Peers that are asked for headers beside the one that is followed, so that one liar or staller is noticed. */
export const HEADER_PROBES = 2
/** Headers older than this mean that there is much to come: one peer is followed, the others wait. */
export const HEADERS_FRESH_SECONDS = 86_400
/** Somebody else is followed if the next headers take longer, and another peer could bring them. */
export const HEADERS_SLOW_MS = 10_000
/** Messages get lost in other nodes' full queues: asked again after this time. */
export const HEADERS_RETRY_MS = 30_000
/** No headers for so long, though asked several times: the peer is of no use. */
export const HEADERS_TIMEOUT_MS = 120_000
/** A peer is asked again after this time without news, in case an announcement was lost. */
export const HEADERS_REFRESH_MS = 600_000
/** Answers in a row that do not fit our chain before a peer is left alone for a while. */
export const MAX_UNCONNECTED_HEADERS = 8
export const UNCONNECTED_PAUSE_MS = 120_000
/** Where the chain has no time for a peer's headers, or it told nothing of what it had announced, it is asked again after this. */
export const HEADERS_BUSY_MS = 1_000
/** The wait doubles up to this: perhaps this machine can't judge them at all. */
export const HEADERS_BUSY_MAX_MS = 60_000
/** Headers that come unasked and are more than this are no announcement. */
export const MAX_NEWS_HEADERS = 16
/** Block hashes of one `inv` that are looked at: news are one or two, the last is the tip. */
export const MAX_INV_BLOCKS = 32
/** Blocks ahead of the tip that are asked for: enough to keep many peers busy while one block is late. */
export const DOWNLOAD_WINDOW_BLOCKS = 1_024
/** The same in bytes, by the average of the latest blocks: what lies about unconnected on the disk. */
export const DOWNLOAD_WINDOW_BYTES = 536_870_912
/** Blocks under way from one peer: a slow one, one that was not tried yet, and the fastest. */
export const MIN_BLOCKS_IN_FLIGHT = 4
export const START_BLOCKS_IN_FLIGHT = 16
export const MAX_BLOCKS_IN_FLIGHT = 256
/** Blocks under way from a node of the first release, which reads slowly. */
export const V1_BLOCKS_IN_FLIGHT = 8
/** The same in bytes, by the average of the latest blocks; but never less than the least number. */
export const MAX_BYTES_IN_FLIGHT_PER_PEER = 8_388_608
/** Blocks that come in at the same moment, one of each peer: half of what all messages may hold. */
export const MAX_ARRIVING_BYTES = 33_554_432
/**
 * Others take 50 `getdata` in what may be two seconds, those for transactions included; nodes of the first release 10
 * messages of all kinds.
 */
export const GETDATA_INTERVAL_MS = 60
export const V1_GETDATA_INTERVAL_MS = 250
/** Bytes of blocks that wait to be connected; beyond it only the blocks that are needed first are asked for. */
export const DOWNLOAD_PENDING_BYTES = 50_331_648
/**
 * Blocks that come while the chain is full, kept until it has room: what some twenty peers had under way when asking ended.
 * Beyond it those needed last are asked for again.
 */
export const MAX_KEPT_BLOCK_BYTES = 67_108_864
/** How long a peer may bring none of the blocks it was asked for; in between by size and its speed. */
export const BLOCK_TIMEOUT_MIN_MS = 10_000
export const BLOCK_TIMEOUT_MAX_MS = 60_000
/** The slowest line on which a large block is waited for before others are asked too: 128 KB/s. */
export const MIN_BLOCK_BYTES_PER_MS = 128
/** A single block that did not come while others did: the request or the answer was lost. */
export const BLOCK_LOST_MS = 60_000
/** The block that all others wait for is asked of a second peer after this time, adapted to how it goes. */
export const STALL_TIMEOUT_MIN_MS = 2_000
export const STALL_TIMEOUT_MAX_MS = 64_000
/** A compact block whose missing transactions take longer is asked for whole, of somebody else. */
export const CLAIM_TIMEOUT_MS = 10_000
/**
 * The block needed first does not come for so long: other chains than the best one that are better than ours are asked for
 * too, so many blocks of each peer's at a time.
 */
export const BRANCHES_AFTER_MS = 5_000
export const MAX_BRANCH_BLOCKS = 16
/** Nobody can be asked any more for the block that all others wait for: one of those who had it has to go. */
export const EXHAUSTED_MS = 30_000
/** Blocks whose parent is not known: as many as a short fork has. */
export const MAX_ORPHANS = 64
export const MAX_ORPHANS_PER_PEER = 16
export const MAX_ORPHAN_BYTES = 33_554_432
/** By then the parent has come, or never will. */
export const ORPHAN_EXPIRY_MS = 1_200_000
/** Headers that are followed back one by one from a node of the first release, which can't be asked for headers. */
export const MAX_BACK_WALK = 10_000
/** A peer of our own choice whose chain stays behind ours for so long is replaced. */
export const CHAIN_LAG_MS = 1_200_000
/** It is asked once more before, and has this long to answer. */
export const CHAIN_LAG_ANSWER_MS = 120_000
/** Peers that had our tip once keep their places whatever happens then: in a fork somebody must know both sides. */
export const CHAIN_LAG_PROTECTED = 4
/** So long after a new tip a peer that was on another branch is asked whether it has changed over. */
export const STRAY_ASK_MS = 10_000
/** Between two lines of progress. */
export const SYNC_PROGRESS_INTERVAL_MS = 5_000
/** Without any progress for so long while behind, the node says why. */
export const SYNC_STUCK_MS = 60_000
/** It says so again after this time. */
export const SYNC_STUCK_AGAIN_MS = 1_800_000
