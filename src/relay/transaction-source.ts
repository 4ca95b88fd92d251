/** Transactions that this node has beside those in blocks. A node without a pool of them has none. */

export interface KnownTransaction {
  /** 32 bytes in wire order. */
  readonly id: Uint8Array
  /** In shortest form; never changed. */
  readonly bytes: Uint8Array
}

export interface TransactionSource {
  get(id: Uint8Array): KnownTransaction | undefined
  /** Each once, in any order. */
  all(): Iterable<KnownTransaction>
}

export const noTransactions: TransactionSource = {
  get: () => undefined,
  all: () => [],
}
