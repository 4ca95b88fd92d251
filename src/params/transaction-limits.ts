/** Limits of transactions that wait to be mined, and of their relay, each with its reason (see limits.ts). */

// Transactions that wait to be mined

/** Smallest and largest fee, in ions, and the smallest per byte: as the network's other nodes have them (chain 5.3). */
export const MIN_FEE = 10_000
export const MIN_FEE_PER_BYTE = 5
export const MAX_FEE = 10_000_000
/** Transactions that one may depend on, and that may depend on one: what is looked at when one comes or goes. */
export const MAX_ANCESTORS = 25
export const MAX_DESCENDANTS = 25
/** Steps to keep in order what depends on what was chosen for a block: some tens of milliseconds where all are in chains. */
export const MAX_SELECTION_STEPS = 200_000
/** As other nodes have them (validation 6). */
export const MAX_MEMPOOL_TRANSACTIONS = 100_000
export const MEMPOOL_MB = 300
export const MEMPOOL_EXPIRY_SECONDS = 1_209_600
/** How often those that waited too long are looked for. */
export const MEMPOOL_EXPIRY_CHECK_MS = 60_000
/**
 * Clocks differ, and other nodes go by theirs, also for what stands in blocks: what is locked until now is told, and put
 * into blocks, so much later.
 */
export const LOCK_TIME_MARGIN_SECONDS = 60
/** Transactions judged at once; each waits for a few signatures. */
export const MAX_ADMISSIONS = 256
/** With so many being judged no more are asked for, so that those that come are not turned away. */
export const ADMISSIONS_HIGH = 128
/** Ids of mined ones that are remembered, so that they are not fetched again: those of the last dozen full blocks. */
export const MAX_MINED_TRANSACTIONS = 10_000
/** Refused ones that are remembered until the tip changes, so that they are not fetched again. */
export const MAX_REJECTED_TRANSACTIONS = 10_000
/**
 * What undone blocks held and is to be taken in again, with what it takes in memory: that of a thousand usual blocks, or of
 * sixteen full ones. Beyond it what stood in the highest is forgotten.
 */
export const MAX_RETURNED_BYTES = 67_108_864
/** Of these, judged at once: like those that come from others. */
export const MAX_RETURNING = 64
/** Transactions without known parents: in all, of one peer, in bytes, and for how long. */
export const MAX_ORPHAN_TRANSACTIONS = 100
export const MAX_ORPHAN_TRANSACTIONS_PER_PEER = 20
export const MAX_ORPHAN_TRANSACTION_BYTES = 10_000_000
export const ORPHAN_TRANSACTION_MS = 300_000
/**
 * How soon a change of the pool is in its file: at once at the end, else after a pause that grows with what was written,
 * so that a full pool costs the disk no more than a small one. A kill costs no more than that, and a disk that was full is
 * tried again after the longest.
 */
export const MEMPOOL_SAVE_MS = 10_000
export const MEMPOOL_SAVE_BYTES_PER_SECOND = 500_000
export const MEMPOOL_SAVE_LONGEST_MS = 600_000
/** Saved transactions judged at once after a start, beside those that come from others. */
export const MAX_RESTORING = 64
/** What an operator may say: enough for a block or two, and no more than memory can hold. */
export const MIN_MEMPOOL_MB = 5
export const MAX_MEMPOOL_MB = 8_192

/** Rows of the index of transactions that are written at once while it is made: those of a block or two. */
export const TX_INDEX_ROWS_PER_COMMIT = 1_000

// Transactions asked for

/** Ids of transactions that one peer has told and that are not asked for yet: what fits into some blocks. */
export const MAX_TX_ANNOUNCEMENTS_PER_PEER = 2_000
/** Ids in all; beyond it those of peers that came to us are not noted, which may be made up. */
export const MAX_TX_ANNOUNCEMENTS = 20_000
/** Of one `inv` no more are looked at: no node tells more at once (wire-protocol 5.14). */
export const MAX_TX_PER_INV = 1_000
/** Peers that are remembered as having one and the same transaction. */
export const MAX_TX_SOURCES = 8
/** Asked of one peer and not come yet: half a megabyte of usual ones. */
export const MAX_TX_IN_FLIGHT = 100
/** A transaction that was asked for and has not come by then is asked of the next who has it. */
export const TX_REQUEST_TIMEOUT_MS = 60_000
/** What strangers tell is asked of them so much later: those whom we chose come first. */
export const TX_INBOUND_DELAY_MS = 2_000
/** Time between two `getdata` for transactions to one peer; with those for blocks it is less than others take. */
export const TX_GETDATA_INTERVAL_MS = 200

// Transactions told

/** Mean time until a peer is told of what is new: long enough to hide where it came from, and to tell many at once. */
export const TX_INV_INBOUND_MS = 5_000
export const TX_INV_OUTBOUND_MS = 2_000
/** Ids in one `inv`: their answers are a fifth of a megabyte of usual transactions. */
export const MAX_TX_IN_INV = 35
/** Messages at one time to one peer, when much waits to be told; others take 200 in a second. */
export const MAX_TX_INVS = 10
/** Transactions that wait to be told to one peer: what it takes minutes to tell. */
export const MAX_TX_QUEUE = 5_000
/** Of those that are here when a peer comes, so many that pay most are told to it: more than a block holds. */
export const MAX_TX_GREETING = 1_000
/** Ids that a peer has told or was told, of each some bytes; when full, all are forgotten. */
export const MAX_TX_KNOWN = 20_000
/** A transaction that was told to anybody so long ago is given to whoever asks: it shows nothing any more. */
export const TX_PUBLIC_AFTER_MS = 120_000
/** Transactions that one peer asked for and that wait for room in its queue. */
export const MAX_TX_ASKED = 1_000
/** How often `mempool` is answered; others take it once in a minute too (wire-protocol 9.1). */
export const MEMPOOL_ANSWER_INTERVAL_MS = 60_000
/** Ids in an answer to `mempool`, and in each of its messages. */
export const MAX_MEMPOOL_ANSWER = 5_000
export const MAX_MEMPOOL_ANSWER_IN_INV = 1_000
/** A peer this far behind our tip is not told of transactions: it would take them for wrong. */
export const TX_MAX_LAG_BLOCKS = 2
/** A block that was told to a peer so long ago is there: what spends from it may be told. */
export const TX_SETTLE_MS = 10_000
/** Our own transactions that are not mined are told again after this, half as much more or less. */
export const TX_REBROADCAST_MS = 86_400_000
