/**
 * Where each transaction of a block begins: enough to make a compact block of it and to answer who misses some of
 * them, without keeping an object per transaction. Four bytes each, beside the block's own.
 */
import { MAX_BLOCK_TRANSACTIONS } from '../chain/block-body.ts'
import { ByteReader } from '../primitives/reader.ts'
import {
  BLOCK_TRANSACTION,
  MIN_TRANSACTION_BYTES,
  RELAYED_TRANSACTION,
  readTransaction,
  type Transaction,
} from '../wire/transaction.ts'

export class BlockContents {
  readonly #data: Uint8Array
  /** Where each begins; one more for the end of the last. */
  readonly #offsets: Uint32Array

  private constructor(data: Uint8Array, offsets: Uint32Array) {
    this.#data = data
    this.#offsets = offsets
  }

  /**
   * Of a stored block, whose transactions are known to be in shortest form. Undefined if it can only travel whole:
   * its data are no transactions, or one of them has more inputs or outputs than one that travels alone may have.
   */
  static of(transactionData: Uint8Array): BlockContents | undefined {
    const reader = new ByteReader(transactionData)
    const n = reader.count('transactions', MAX_BLOCK_TRANSACTIONS, MIN_TRANSACTION_BYTES)
    const offsets = new Uint32Array(n + 1)
    for (let i = 0; i < n; i++) {
      offsets[i] = reader.offset
      if (!travelsAlone(readTransaction(reader, BLOCK_TRANSACTION)) || reader.failed) return undefined
    }
    offsets[n] = reader.offset
    if (n === 0 || reader.remaining > 0) return undefined
    return new BlockContents(transactionData, offsets)
  }

  get count(): number {
    return this.#offsets.length - 1
  }

  /** Transaction `i` in shortest form, a view. Throws RangeError if there is none. */
  at(i: number): Uint8Array {
    const start = this.#offsets[i]
    const end = this.#offsets[i + 1]
    if (start === undefined || end === undefined) throw new RangeError(`no transaction ${i} in a block`)
    return this.#data.subarray(start, end)
  }
}

/** May it travel outside of a block? */
export function travelsAlone({ inputs, outputs }: Transaction): boolean {
  return inputs.length <= RELAYED_TRANSACTION.maxInputs && outputs.length <= RELAYED_TRANSACTION.maxOutputs
}
