/** The unit of amounts. */

/** Ions in a DIL. */
export const COIN = 100_000_000
