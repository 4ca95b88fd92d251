/**
 * Every limit of the peer-to-peer side, in one place, each with its reason. What happens at a limit, and which
 * option changes it, is in docs/LIMITS.md.
 */
export * from './mining-limits.ts'
export * from './sync-limits.ts'
export * from './transaction-limits.ts'

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
/**
 * How long a node of the first release may be silent. It is deaf and mute while one that dialled it has nothing to say, which
 * is 90 s for others of its kind, and takes one message of each in between (wire-protocol 16.5). It gives others up after as
 * long.
 */
export const FIRST_RELEASE_TIMEOUT_MS = 300_000
/** The same three times, for it has to accept the connection, to read our version, and to read our verack. */
export const FIRST_RELEASE_HANDSHAKE_TIMEOUT_MS = 900_000
/** Its pings are put off no longer than this, so that one that was lost has a successor in time. */
export const FIRST_RELEASE_PING_MAX_MS = 240_000
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
/** A transaction counts as so many of them: to look at one takes a third of a millisecond before its signatures. */
export const MESSAGES_PER_TRANSACTION = 16
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

// Peers of our own choice

/** As many as the network's other nodes dial. */
export const OUTBOUND_PEERS = 8
/** Of these, asked for blocks only: who watches transactions and addresses doesn't see these links. */
export const BLOCK_RELAY_PEERS = 2
/** Slots of peers of our own choice that strangers' hearsay may fill while better addresses are there. */
export const MAX_TOLD_PEERS = 3
/** For each such time with a slot empty, one slot more: hearsay is better than nothing. */
export const STARVED_MS = 20_000
/** For each such time without that need, one slot less again. */
export const SATED_MS = 600_000
/** A node that knows too few asks one of them for more after this time, which grows up to the longest. */
export const ASK_AGAIN_MIN_MS = 30_000
export const ASK_AGAIN_GROWTH = 1.5
export const ASK_AGAIN_MAX_MS = 3_600_000
/** Pace of automatic dials: a start must not look like a scan. */
export const AUTOMATIC_DIAL_INTERVAL_MS = 500
/** When nobody is left to dial: the time until the book is looked through again. */
export const NO_CANDIDATE_WAIT_MS = 5_000
/** How often one more address is tested, on average, so that good ones are known before they are needed. */
export const FEELER_INTERVAL_MS = 120_000
/** A seed that was dialled to be asked for addresses gets this long to answer. */
export const SEED_ANSWER_TIMEOUT_MS = 60_000
/** Without a peer of our own choice for so long, the built-in seeds are used, and asked again at this interval. */
export const SEED_AFTER_MS = 30_000
export const RESEED_INTERVAL_MS = 600_000
/** A node that knows addresses asks seeds by name only if they have led nowhere by then. */
export const DNS_SEED_DELAY_MS = 11_000
/** A peer that was connected for so long has served us. */
export const PROVEN_AFTER_MS = 600_000
/** The same for one whom only strangers had named: being patient must cost an attacker more than being honest. */
export const TOLD_PROVEN_AFTER_MS = 86_400_000
/** First wait before an address is dialled again; it doubles with each failure. */
export const ADDRESS_RETRY_MIN_MS = 30_000
export const ADDRESS_RETRY_MAX_MS = 480_000
/** First wait before a node that has no slot for us is asked again, and by what it grows. */
export const ADDRESS_BUSY_MS = 20_000
export const ADDRESS_BUSY_GROWTH = 1.3
/** A node on another chain, or too old, is asked again after this at the earliest. */
export const ADDRESS_MISFIT_MS = 3_600_000

// Addresses

/** Not heard of for a month: gone. */
export const ADDRESS_HORIZON_SECONDS = 2_592_000
export const ADDRESS_WEEK_SECONDS = 604_800
/** Never answered in so many attempts: nobody is there. */
export const MAX_ADDRESS_RETRIES = 3
/** Failed so often since an answer more than a week ago: nobody is there any more. */
export const MAX_ADDRESS_FAILURES = 10
/** Places in the table of new addresses that one may have: known from more sides, harder to displace. */
export const MAX_ADDRESS_REFERENCES = 8
/** Addresses that wait for the holder of their place to be tested. */
export const MAX_ADDRESS_COLLISIONS = 10
/** A holder that answered within this time keeps its place untested. */
export const ADDRESS_REPLACEMENT_SECONDS = 14_400
/** A test that could not be made in this time is taken as failed. */
export const ADDRESS_COLLISION_TEST_SECONDS = 2_400
/** Part of the book that one answer may show: a stranger shall not learn all of it. */
export const ADDR_ANSWER_SHARE = 0.23
/** The same answer for everybody for this long, so that asking often shows nothing more. */
export const ADDR_ANSWER_CACHE_MS = 86_400_000
/** A book that has grown by this factor is answered from anew: early answers would starve those who come later. */
export const ADDR_ANSWER_GROWTH = 1.25
/** Addresses per second that are taken from one peer, beyond those that we asked for. */
export const ADDR_TOKENS_PER_SECOND = 0.1
/** Addresses taken from one peer at once, unless asked for: its own, and what it heard just now. */
export const ADDR_TOKENS_START = 10
/** An answer of a peer of our own choice. */
export const ADDR_TOKENS_ASKED = 1_000
/** An answer of one who came to us: a stranger may fill less of the book. */
export const ADDR_TOKENS_ASKED_INBOUND = 100
/** Addresses in one message beyond which it is no news and not passed on. */
export const MAX_RELAYED_PER_MESSAGE = 10
/** Only addresses seen alive within this time are passed on. */
export const ADDR_RELAY_FRESH_SECONDS = 600
/** Peers that each fresh address is passed on to. */
export const ADDR_RELAY_PEERS = 2
/** Addresses that wait to be passed on to one peer. */
export const MAX_ADDR_PENDING = 1_000
/** Addresses that one peer is known to know; beyond it, forgotten. */
export const MAX_ADDR_KNOWN = 2_000
/** On average so long between two messages of addresses to one peer. */
export const ADDR_SEND_INTERVAL_MS = 30_000
/** Our own address is told again after this long, on average. */
export const OWN_ADDRESS_INTERVAL_MS = 86_400_000
/** Peers of so many different networks must see us at an address before it counts as ours. */
export const OWN_ADDRESS_WITNESSES = 2
/** Networks whose latest word about our own address counts: those asked longest ago may know an old one. */
export const OWN_ADDRESS_VOTES = 16
/** Time between a change of the address book and its being saved. */
export const ADDRESS_SAVE_DELAY_MS = 10_000

// Allowances of one peer

/** Messages a peer may send at once, and per second for ever: a hundred times what the busiest honest peer does. */
export const MESSAGE_ALLOWANCE = 1_000_000
export const MESSAGES_PER_SECOND = 50_000
/** Bytes a peer may send at once, and per second for ever: more than a download of the whole chain needs. */
export const BYTE_ALLOWANCE = 268_435_456
export const BYTES_PER_SECOND = 67_108_864
/** Requests whose answer costs us work, at once and per second. */
export const WORK_ALLOWANCE = 500
export const WORK_PER_SECOND = 20
/** Addresses that are told which count as one piece of work: most of it is done before they are looked at. */
export const ADDRESSES_PER_WORK = 100

// Blocks that others ask for

/** Whoever has so many questions for blocks open waits with further messages; others ask for 32 at a time. */
export const ASKED_BLOCKS_HIGH = 128
/** Of one message, what is beyond this in all is not served: nobody asks for more. */
export const MAX_ASKED_BLOCKS = 1_024
/** Blocks read in one go: enough to make the way to the disk cheap, and few enough for a peer that doesn't read. */
export const MAX_RUN_BLOCKS = 64
export const MAX_RUN_BYTES = 1_048_576
/** Questions for what we don't have that count as one piece of work; honest ones know what we have. */
export const MISSES_PER_WORK = 16
/** Blocks that a peer asked for a moment before we had them, kept in mind so long for it: the latest so many. */
export const MAX_MISSED_BLOCKS = 16
export const MISSED_BLOCK_MS = 10_000
/** With so much waiting for all peers, each gets one block at a time; half of what would end somebody. */
export const SERVING_BYTES_TOTAL = 33_554_432
/**
 * Blocks beyond this, which only networks of opaque bodies have, go to one peer at a time, and are taken from none unasked:
 * two of them would fill MAX_SEND_BYTES_TOTAL.
 */
export const LARGE_BLOCK_BYTES = 8_388_608
/** Deeper below the tip nobody reconstructs blocks: who wants a part gets the whole, which costs us nothing. */
export const BLOCK_TXN_DEPTH = 10
/** Bodies of the newest blocks kept in memory, for everybody asks for them at once. */
export const MAX_RECENT_BLOCKS = 16
export const RECENT_BLOCKS_BYTES = 6_291_456
/** Blocks under way into the chain whose bodies are at hand if they become the tip. */
export const MAX_OFFERED_BLOCKS = 4

// Announcements

/** More headers than this are no news: an `inv` makes a peer ask for them. */
export const MAX_ANNOUNCED_HEADERS = 8
/** Nodes of the first release take a message per 50 ms: eight blocks and their `inv` are half of that. */
export const V1_ANNOUNCED_BLOCKS = 8
export const V1_ANNOUNCE_INTERVAL_MS = 1_000
/** They may stand still for a minute; what they did not react to is announced again. */
export const V1_ANSWER_TIMEOUT_MS = 10_000

// Compact blocks

/** Blocks in parts, of one peer and of all: the next ones are fetched whole. */
export const MAX_PARTIAL_BLOCKS_PER_PEER = 2
export const MAX_PARTIAL_BLOCKS = 16
/** A compact block is some ten kilobytes; of a larger message only the header is looked at. */
export const MAX_COMPACT_BLOCK_BYTES = 1_048_576
/** Parts that did not come by then never will. */
export const PARTIAL_BLOCK_TIMEOUT_MS = 30_000

// Budgets of all peers together

/** Bytes of messages that have not come in whole; beyond it the peer that holds most is closed. */
export const MAX_RECEIVE_BYTES_TOTAL = 67_108_864
/** Bytes that wait to be sent; beyond it the peer for which most waits is closed. */
export const MAX_SEND_BYTES_TOTAL = 67_108_864
/** Work on input per millisecond of the event loop: floods wait, single messages don't. */
export const MAX_MESSAGES_PER_ROUND = 1_024
export const MAX_BYTES_PER_ROUND = 1_048_576

// Eviction

/** A handshake takes a few round trips; whoever is slower goes first when slots are short, since nothing is lost. */
export const EVICTION_HANDSHAKE_GRACE_MS = 3_000
/** One peer each of so many network groups, chosen by a secret key: an attacker can't be in all of them. */
export const GROUPS_PROTECTED = 4
/** The nearest peers: one can't be nearer than where one is. */
export const FAST_PEERS_PROTECTED = 8
/** Who brought transactions last: to be among them costs being of use, faster than others are. */
export const RECENT_TRANSACTIONS_PROTECTED = 4
/** Who brought blocks last, which costs being of use even more. */
export const RECENT_BLOCKS_PROTECTED = 4
/** Of the rest, the half that has been here longest: it takes as long to replace as it took to come. */
export const EVICTION_SHARE_PROTECTED = 0.5

// Sockets

/** Strangers are refused while fewer descriptors are free, so that files of blocks, tables, dials and RPC find one. */
export const DESCRIPTORS_RESERVED = 48
/** How long the listener rests when the system can't accept. */
export const ACCEPT_PAUSE_MS = 1_000
/** A lack of descriptors is told no more often than this. */
export const ACCEPT_TROUBLE_INTERVAL_MS = 60_000
/** An answer of the name server that takes longer is not waited for. */
export const RESOLVE_TIMEOUT_MS = 10_000
/** Addresses taken of one question to seeds: as many as a node can try in hours. */
export const MAX_RESOLVED_ADDRESSES = 256

// Proof of work

/** Of the pool of threads that hashing shares with files and names, so many are left to these. */
export const POW_SPARE_THREADS = 1
/** Hashes made at once: half as many calls of foreign code as may be under way. */
export const POW_MAX_THREADS = 128
/** Hashes remembered: a block that follows its header is not hashed again. Some 200 bytes each. */
export const POW_CACHED_HASHES = 16_384
/** Work that had to stand back so often goes next, however urgent the rest is. */
export const POW_PATIENCE = 3
/** Items of the data set filled at once, in some 50 ms: a new tip must not wait longer. */
export const POW_DATASET_PIECE_ITEMS = 32_768
/** Memory that must stay free beside a data set. */
export const POW_MEMORY_RESERVE_BYTES = 536_870_912

// Scripts

/** The network's rules (chain 7.2), and what bounds the time and memory of a script. */
export const MAX_SCRIPT_BYTES = 20_000
/** A signature or a key must fit; nothing else that a script needs is longer. */
export const MAX_SCRIPT_ELEMENT_BYTES = 5_300
export const MAX_SCRIPT_STACK = 1_000
/** Opcodes above 0x60 in one script, those of branches not taken included. */
export const MAX_SCRIPT_OPCODES = 201
/** Decoding takes time by the square of the length; an address has 34 characters. */
export const MAX_ADDRESS_CHARACTERS = 1_024

// The chain

/** Headers kept aside for one peer until their chain shows its worth: more than lie between two checkpoints. */
export const MAX_STAGED_HEADERS = 20_000
/** Peers for whom headers are kept aside at once: some 9 MB each at most. */
export const MAX_STAGING_SOURCES = 8
/** Messages of headers of one peer that wait for their turn; a peer is asked for one at a time. */
export const MAX_HEADER_JOBS_PER_SOURCE = 2
/** Bytes of blocks that have come and are not connected; beyond it no more are taken. */
export const MAX_PENDING_BLOCK_BYTES = 134_217_728
/** Of these, kept decoded until they are connected; the others are read again. */
export const MAX_DECODED_BLOCK_BYTES = 67_108_864
/** Changes that wait to be committed; beyond it connecting waits for the disk. */
export const MAX_UNCOMMITTED_BYTES = 67_108_864
/** While blocks come quickly they are committed together, this often: as much may be lost by a crash, no more. */
export const COMMIT_INTERVAL_MS = 250
/** Size at which a file of blocks is full: what pruning deletes at once. */
export const BLOCK_FILE_BYTES = 33_554_432
/** Blocks below the tip that pruning keeps, so that reorganisations find what they undo. */
export const PRUNE_KEEP_BLOCKS = 288
/** Less than this would be used up by the blocks that are kept anyway. */
export const MIN_PRUNE_MB = 128
/** Memory for coins that are known, unless the operator says; and what he may say. */
export const COIN_CACHE_MB = 64
export const MIN_COIN_CACHE_MB = 4
export const MAX_COIN_CACHE_MB = 16_384
/** Addresses whose coins are summed up in one walk through all of them: some 40 MB. */
export const MAX_HOLDERS_AT_ONCE = 250_000
/** Walks for one answer, where there are more; beyond so many times as many there is none. */
export const MAX_HOLDER_PARTS = 64
/** Block bytes worked on between two looks at other input. */
export const CHAIN_BYTES_PER_TURN = 524_288
/** The same in blocks. */
export const CHAIN_BLOCKS_PER_TURN = 16
/** The same in outputs, within one block: a block may have hundreds of thousands. */
export const CHAIN_COINS_PER_TURN = 8_192
/** The same in microseconds, roughly, where the parts of a block differ: its transactions, their scripts. */
export const CHAIN_WORK_PER_TURN = 8_000
/** A tip older than this means that the node still has to catch up. */
export const RECENT_TIP_SECONDS = 86_400

// Signatures

/** Beyond it, main thread and memory are what limits. */
export const MAX_SIGNATURE_THREADS = 16
/** Checks that a thread fetches at once: the hand-over costs little beside them, and nobody waits long behind them. */
export const MAX_SIGNATURES_PER_JOB = 16
/** Checks that the main thread hashes before others have their turn: half a millisecond. */
export const SIGNATURES_PER_TURN = 32
/** Checks remembered as valid: more than the inputs that a full mempool holds. Some 120 bytes each. */
export const SIGNATURE_CACHE_ENTRIES = 65_536

// Storage

/** The longest payload of any frame (wire-protocol 2), and so of a block; a record that claims more is damaged. */
export const MAX_STORED_BLOCK_BYTES = 33_554_432
/** Peers that catch up read at a few places at once; each open file costs a descriptor. */
export const MAX_OPEN_BLOCK_FILES = 16
/** A store that is not told to make rows last does so by itself after so much: what a power failure may cost. */
export const MAX_UNSYNCED_ROW_BYTES = 4_194_304
