/**
 * Every limit of the peer-to-peer side, in one place, each with its reason. What happens at a limit, and which
 * option changes it, is in docs/LIMITS.md.
 */

// Connections

/** As many as the network's other nodes hold; each costs memory and a descriptor. */
export const MAX_CONNECTIONS = 125
/** Keeps one address from taking all slots; addresses that can't be routed are not counted. */
export const MAX_INBOUND_PER_IP = 2
/** An upper bound for the option: beyond it one process needs other tuning than ours. */
export const MAX_CONNECTIONS_OPTION = 10_000
/** Operators list a handful; each is retried for ever, so the list must end. */
export const MAX_MANUAL_TARGETS = 1_000
/** Dials under way at once: a burst at start must not look like a scan. */
export const MAX_DIALS_IN_FLIGHT = 16

// Time

/** An unanswered TCP connect is given up: the far side or its firewall drops packets. */
export const DIAL_TIMEOUT_MS = 10_000
/** A dialler speaks first; one that says nothing for this long never will. */
export const AWAIT_VERSION_TIMEOUT_MS = 30_000
/** Measured from the connect: old nodes answer one message per 50 ms round and may be busy. */
export const HANDSHAKE_TIMEOUT_MS = 60_000
/** Keeps both ends sure of each other, and is below the 60 s after which others ask by themselves. */
export const PING_INTERVAL_MS = 30_000
/** Listeners of protocol 70001 without a nonce want something to read every second or two (wire-protocol 16.5). */
export const V1_LISTENER_PING_INTERVAL_MS = 2_000
/** Pongs may be late by this many pings before one is forgotten: as many as fit in the inactivity time. */
export const MAX_PINGS_OUTSTANDING = 64
/** Four missed pings: nobody is there. The same time as other nodes'. */
export const INACTIVITY_TIMEOUT_MS = 120_000
/** A message that has begun must end within this time, and the time that its bytes take at the slowest rate. */
export const FRAME_TIMEOUT_MS = 60_000
/** 4 KB/s: the slowest line that is of use to anybody. */
export const MIN_FRAME_BYTES_PER_MS = 4
/** Data waits to be sent, and not a byte leaves: the peer doesn't read. */
export const SEND_STALL_TIMEOUT_MS = 60_000
/** How long a closed connection may take to deliver its last message. */
export const LINGER_TIMEOUT_MS = 2_000
/** The same at shutdown, where an operator waits. */
export const SHUTDOWN_TIMEOUT_MS = 1_000
/** Closed connections that may linger at once; beyond it they end without ceremony. */
export const MAX_LINGERING = 256
/** First wait before a manual peer is dialled again; it doubles up to the maximum. */
export const REDIAL_MIN_MS = 1_000
/** Other nodes redial once a minute; more often would be rude. */
export const REDIAL_MAX_MS = 60_000
/** A peer that doesn't fit us is left alone longer: others ban whoever knocks three times in five minutes. */
export const REDIAL_MISFIT_MS = 600_000
/** A connection that was complete for this long was a good one: the next wait starts small again. */
export const REDIAL_RESET_AFTER_MS = 30_000

// Bytes

/** Frames of a handshake are below 500 bytes; a stranger may not make us wait for more. */
export const MAX_HANDSHAKE_PAYLOAD_BYTES = 1_024
/** With this much unsent we stop working for the peer until it reads. */
export const SEND_QUEUE_HIGH_BYTES = 1_048_576
/** Work is taken up again here, well below, so that the two don't alternate. */
export const SEND_QUEUE_LOW_BYTES = 262_144
/** What may wait for one peer at most: the high mark and one message of the largest size. */
export const SEND_QUEUE_MAX_BYTES = SEND_QUEUE_HIGH_BYTES + 8_388_632

// Work of one turn

/** Messages of one peer in one turn: a flood costs other peers 3 ms instead of 700. */
export const MAX_MESSAGES_PER_TURN = 64
/** Payload bytes of one peer in one turn: half a millisecond of hashing, or one larger message. */
export const MAX_BYTES_PER_TURN = 262_144

/** Bytes read from one socket before others are looked at; the system itself would hand over eight times as many. */
export const MAX_READ_BYTES_PER_TURN = 262_144

// Behaviour

/** A peer whose points reach this is closed. */
export const MISBEHAVIOUR_LIMIT = 100
/** Points fade: an honest peer with a rare fault is never sent away, whatever its age. */
export const MISBEHAVIOUR_DECAY_MS = 30_000
/** How long a misbehaving address is refused; the same as other nodes'. */
export const BAN_SECONDS = 3_600
/** How long an operator's ban lasts if he doesn't say. */
export const MANUAL_BAN_SECONDS = 86_400
/** Each ban costs some 300 bytes; the list is written whole. */
export const MAX_BANS = 10_000
/** Other nodes take one `addr` per 10 s and punish a second; one more second covers rounding. */
export const ADDR_INTERVAL_MS = 11_000
/** Addresses in one answer to `getaddr`. */
export const MAX_ADDR_ANSWER = 1_000
