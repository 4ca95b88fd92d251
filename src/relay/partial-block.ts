/**
 * A block that came as a compact one, while transactions of it are missing (wire-protocol 5.18). Owns a place for
 * each transaction, at most as many as a block may have; what it keeps of the message is copied. Whatever it is
 * given, it yields the block of its header or none.
 */
import { compactSizeBytes, MAX_BLOCK_TRANSACTIONS } from '../chain/block-body.ts'
import type { StoredBlock } from '../chain/io.ts'
import { merkleRoot } from '../chain/merkle.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { messageChecksum, sha3_256 } from '../primitives/sha3.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { type Block, MAX_TRANSACTION_DATA_BYTES } from '../wire/block.ts'
import { type CmpctBlockMessage, SHORT_ID_BYTES } from '../wire/compact.ts'
import { BlockHeader } from '../wire/header.ts'
import { type Transaction, writeTransaction } from '../wire/transaction.ts'
import { ShortIds, shortIdAt } from './short-ids.ts'
import type { KnownTransaction, TransactionSource } from './transaction-source.ts'

type Places = (KnownTransaction | undefined)[]

/** A block with the payload of the message that would carry it, which holds its data. */
export class AssembledBlock implements Block, StoredBlock {
  readonly header: BlockHeader
  readonly payload: Uint8Array
  readonly transactionData: Uint8Array
  #checksum: number | undefined

  /** `dataStart`: where the transaction data begin in the payload. */
  constructor(header: BlockHeader, payload: Uint8Array, dataStart: number) {
    this.header = header
    this.payload = payload
    this.transactionData = payload.subarray(dataStart)
  }

  /** Hashed when it is first asked for: to be stored, and not in the turn in which it was put together. */
  get checksum(): number {
    this.#checksum ??= messageChecksum(this.payload)
    return this.#checksum
  }
}

export class PartialBlock {
  readonly header: BlockHeader
  /** Places without a transaction, ascending. */
  readonly missing: readonly number[]
  readonly #places: Places

  private constructor(header: BlockHeader, places: Places) {
    this.header = header
    this.#places = places
    this.missing = [...places.keys()].filter((i) => places[i] === undefined)
  }

  /**
   * Puts in place what came with the message and what we have. Undefined if the message contradicts itself, or
   * two of its short ids are equal: only the whole block helps then.
   */
  static begin(message: CmpctBlockMessage, known: TransactionSource): PartialBlock | undefined {
    const places = placePrefilled(message)
    if (places === undefined) return undefined
    const wanted = placesByShortId(message.shortIds, places)
    if (wanted === undefined) return undefined
    placeKnown(places, wanted, new ShortIds(message.header, message.nonce), known)
    return new PartialBlock(new BlockHeader(message.header.bytes.slice()), places)
  }

  /** Puts the missing transactions in place, in order. False if they are not as many as are missing. */
  fill(transactions: readonly Transaction[]): boolean {
    if (transactions.length !== this.missing.length) return false
    for (const [i, place] of this.missing.entries()) {
      const transaction = transactions[i]
      if (transaction !== undefined) this.#places[place] = knownOf(transaction)
    }
    return true
  }

  /** The block, once no place is empty; undefined if what stands there is not what its header says. */
  block(): AssembledBlock | undefined {
    const ids: Uint8Array[] = []
    let bytes = compactSizeBytes(this.#places.length)
    for (const place of this.#places) {
      if (place === undefined) return undefined
      ids.push(place.id)
      bytes += place.bytes.length
    }
    if (bytes > MAX_TRANSACTION_DATA_BYTES) return undefined
    const { root, mutated } = merkleRoot(ids)
    if (mutated || !bytesEqual(root, this.header.merkleRoot)) return undefined
    // Megabytes are copied once, into memory that is neither too small nor much too large.
    const writer = new ByteWriter(this.header.bytes.length + compactSizeBytes(bytes) + bytes)
    writer.bytes(this.header.bytes).compactSize(bytes)
    const start = writer.length
    writer.compactSize(ids.length)
    for (const place of this.#places) if (place !== undefined) writer.bytes(place.bytes)
    return new AssembledBlock(this.header, writer.view(), start)
  }
}

/**
 * As many places as the message has transactions, each filled once. Any may be prefilled: what is wrong with their
 * order shows in the merkle root.
 */
function placePrefilled({ prefilled, shortIds }: CmpctBlockMessage): Places | undefined {
  const total = prefilled.length + shortIds.length / SHORT_ID_BYTES
  if (total === 0 || total > MAX_BLOCK_TRANSACTIONS) return undefined
  const places: Places = Array.from({ length: total }, () => undefined)
  for (const { index, transaction } of prefilled) {
    if (index >= total || places[index] !== undefined) return undefined
    places[index] = knownOf(transaction)
  }
  return places
}

function placesByShortId(shortIds: Uint8Array, places: Places): Map<number, number> | undefined {
  const wanted = new Map<number, number>()
  let next = 0
  for (const [place, filled] of places.entries())
    if (filled === undefined) wanted.set(shortIdAt(shortIds, next++), place)
  return wanted.size === next ? wanted : undefined
}

/** Where two of ours have the same short id, neither is taken: the sender has to say which. */
function placeKnown(
  places: Places,
  wanted: Map<number, number>,
  ids: ShortIds,
  known: TransactionSource,
): void {
  if (wanted.size === 0) return
  const contested = new Set<number>()
  for (const transaction of known.all()) {
    const place = wanted.get(ids.of(transaction.id))
    if (place === undefined) continue
    if (places[place] === undefined) places[place] = transaction
    else contested.add(place)
  }
  for (const place of contested) places[place] = undefined
}

/** In memory of its own, so that it does not keep the message alive. */
function knownOf(transaction: Transaction): KnownTransaction {
  const writer = new ByteWriter(256)
  writeTransaction(writer, transaction)
  const bytes = writer.copy()
  return { id: sha3_256(bytes), bytes }
}
