/** Every limit of the wallet, each with its reason. */

/** scrypt with 2^17 KiB: half a second for the owner, and as much for each guess of a thief. */
export const VAULT_COST = 17
/** A file may ask for 1 GiB of memory at most. */
export const MAX_VAULT_COST = 20
/** Of one kind, in one file: more than anybody gives out. */
export const MAX_WALLET_ADDRESSES = 100_000
/** Imported keys are part of the secret, which is written anew with each. */
export const MAX_IMPORTED_KEYS = 1_000
/** A wallet file beyond this is none: it would hold all addresses and keys that there may be. */
export const MAX_WALLET_FILE_BYTES = 33_554_432
/** Addresses that are watched beyond the last one given out, so that a restored phrase finds its coins. */
export const ADDRESS_GAP = 20
/** A shorter passphrase is guessed, whatever a guess costs. */
export const MIN_PASSPHRASE_CHARACTERS = 8
export const MAX_PASSPHRASE_CHARACTERS = 1_024

/** Blocks read at once while the wallet follows the chain, and their bytes: what is in memory for it. */
export const WALLET_BATCH_BLOCKS = 64
export const WALLET_BATCH_BYTES = 2_097_152
/** Calls wait for the wallet to read so many blocks; when more are to be read they show how things stood before. */
export const WALLET_WAIT_BLOCKS = 200
/** Blocks read between two notes on the disk of how far it came. */
export const WALLET_SAVE_BLOCKS = 2_000
/** Payments offer what it takes to be mined within so many blocks, as the mempool is. */
export const FEE_TARGET_BLOCKS = 6
/** As the network's other wallets have it. */
export const MAX_UNLOCK_SECONDS = 86_400
