/**
 * What a transaction's inputs sign (chain 6.1): the transaction without its scriptSigs, hashed once for all inputs,
 * then for each input its index, the version and the chain. The outputs that are spent are not covered.
 */
import { sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type Transaction, writeTransaction } from '../wire/transaction.ts'

const NOTHING = new Uint8Array(0)
const HASH_BYTES = 32

/** What the inputs of one transaction sign (chain 6.1). The transaction must not change meanwhile. */
export class SigningContext {
  readonly transaction: Transaction
  readonly chainId: number
  /** The hash that all inputs share, with room for what they don't; made when first asked for. */
  #preimage: Uint8Array | undefined

  constructor(transaction: Transaction, chainId: number) {
    this.transaction = transaction
    this.chainId = chainId
  }

  /** The 32 bytes that input `index` signs. Throws RangeError if there is no such input. */
  messageOf(index: number): Uint8Array {
    if (this.transaction.inputs[index] === undefined) throw new RangeError(`there is no input ${index}`)
    this.#preimage ??= this.#makePreimage()
    new DataView(this.#preimage.buffer).setUint32(HASH_BYTES, index, true)
    return sha3_256(this.#preimage)
  }

  #makePreimage(): Uint8Array {
    const { transaction } = this
    const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig: NOTHING }))
    const stripped = new ByteWriter(1_024)
    writeTransaction(stripped, { ...transaction, inputs })
    const writer = new ByteWriter(HASH_BYTES + 12)
    writer.hash(sha3_256(stripped.view())).u32(0).i32(transaction.version).u32(this.chainId)
    return writer.view()
  }
}
