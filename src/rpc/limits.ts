/** Every limit of the RPC server, each with its reason. Sizes and times without one follow rpc 1 and 3. */

/** Clients are a few programs of one operator; each connection costs memory and a descriptor. */
export const MAX_RPC_CONNECTIONS = 64
/** Ours are below 1 KiB: method, host, credentials, one marker. */
export const MAX_HEADER_BYTES = 8_192
/** A block of the largest size in hex, as `submitblock` takes it, and what stands around it. */
export const MAX_BODY_BYTES = 8_454_144
/** Of brackets, counted over the whole body: a batch with members in its params uses three. */
export const MAX_JSON_NESTING = 10
export const MAX_BATCH = 100
/** Head and body of a request must be here by then, measured from the first byte or the connect. */
export const REQUEST_TIMEOUT_MS = 10_000
/** How often late requests are looked for: a timeout comes late by up to this much. */
export const TIMEOUT_CHECK_MS = 1_000
/** A client that polls every few seconds keeps its connection. */
export const KEEP_ALIVE_TIMEOUT_MS = 30_000
/** Nothing moves on a socket: the client doesn't read its reply. */
export const SOCKET_IDLE_TIMEOUT_MS = 60_000
/** Calls that wait for a block at once: each holds a connection. */
export const MAX_RPC_WAITS = 32
/** The richest holders in one answer. */
export const MAX_TOP_HOLDERS = 1_000
/** Blocks that one call of scanblockdb reads: each is a row in its answer. */
export const MAX_SCANNED_BLOCKS = 10_000
/** Blocks that one call of requestblocks asks for: more than all peers together can be asked for at once. */
export const MAX_REQUESTED_BLOCKS = 1_000
/** How long closing waits for replies that are under way. */
export const CLOSE_GRACE_MS = 250

export const MAX_AUTH_FAILURES = 5
export const LOCKOUT_MIN_MS = 60_000
export const LOCKOUT_MAX_MS = 900_000
/** Addresses remembered for their failures; the one that failed longest ago makes room. */
export const MAX_LOCKOUT_ADDRESSES = 1_000
