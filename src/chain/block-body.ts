/**
 * A block's transaction data, taken apart and checked for itself (chain 3.2, 3.3; validation 3). The merkle root
 * comes first: until it fits, nothing that is wrong with these bytes says anything about the header, and nobody may
 * hold it against the hash. All that is returned are views of the data.
 */
import type { ChainParams } from '../params/chain-params.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { MAX_TRANSACTION_DATA_BYTES } from '../wire/block.ts'
import type { BlockHeader } from '../wire/header.ts'
import {
  BLOCK_TRANSACTION,
  MIN_TRANSACTION_BYTES,
  readTransaction,
  type Transaction,
  type TransactionLimits,
} from '../wire/transaction.ts'
import { type Fault, type FaultCode, fault } from './faults.ts'
import { hashKey } from './header-node.ts'
import type { Job } from './io.ts'
import { merkleRootInTurns } from './merkle.ts'
import { Pace, withoutRest } from './pace.ts'
import { rest } from './requests.ts'
import { checkAllButRepeats, isCoinbase, SpentOutputs } from './transaction-rules.ts'

export interface BlockTransaction {
  /** 32 bytes in wire order. */
  readonly txid: Uint8Array
  readonly transaction: Transaction
  /** Where its bytes are in the transaction data. */
  readonly start: number
  readonly end: number
}

export interface BlockBody {
  /** None on a chain whose blocks carry any bytes. */
  readonly transactions: readonly BlockTransaction[]
}

/**
 * `body`: another body may fit the same header, so only these bytes are bad. `block`: the header commits to these
 * transactions, and they break a rule.
 */
export type BodyFault = Fault & { readonly blames: 'body' | 'block' }

export const MAX_BLOCK_TRANSACTIONS = 100_000

/** What is hashed for a node of the tree of transactions: two ids. */
const INNER_NODE_BYTES = 64

/** As {@link Pace} counts: of a transaction, and of each input and output, to read and to check; and for its hash. */
const READ_WORK = 2
const CHECK_WORK = 1
const BYTES_PER_WORK = 200

/** The bytes at hand are the only bound while it is not known whether the header stands for them. */
const BOUND_BY_BYTES: TransactionLimits = {
  maxInputs: MAX_TRANSACTION_DATA_BYTES,
  maxOutputs: MAX_TRANSACTION_DATA_BYTES,
  maxScriptSigBytes: MAX_TRANSACTION_DATA_BYTES,
  maxScriptPubKeyBytes: MAX_TRANSACTION_DATA_BYTES,
}

/** `height`: undefined while it is not known; then only what holds everywhere is checked. */
export function parseBody(
  params: ChainParams,
  header: BlockHeader,
  transactionData: Uint8Array,
  height: number | undefined,
): Result<BlockBody, BodyFault> {
  return withoutRest(parseBodyInTurns(params, header, transactionData, height))
}

/** The same, with others let in: a body may be of tens of thousands of transactions, outputs or inputs. */
export function* parseBodyInTurns(
  params: ChainParams,
  header: BlockHeader,
  transactionData: Uint8Array,
  height: number | undefined,
): Job<Result<BlockBody, BodyFault>> {
  if (params.body === 'opaque') {
    const isTooLong = transactionData.length > params.maxTransactionDataBytes
    return isTooLong ? refuse('body', 'bad-blk-length') : ok({ transactions: [] })
  }
  if (transactionData.length > MAX_TRANSACTION_DATA_BYTES) return refuse('body', 'bad-blk-length')
  const pace = new Pace()
  // It was hashed or put together in this turn.
  if (pace.isOver(transactionData.length / BYTES_PER_WORK)) yield* rest()
  const read = yield* readBody(transactionData, pace)
  if (!read.ok) return read
  const transactions = read.value
  const ids = transactions.map(({ txid }) => txid)
  const { root, mutated } = yield* merkleRootInTurns(ids, pace)
  if (!bytesEqual(root, header.merkleRoot)) return refuse('body', 'bad-txnmrklroot')
  if (mutated || isInnerNode(transactions[0]) || (yield* hasDuplicates(ids, pace)))
    return refuse('body', 'bad-txns-duplicate')
  const isStrict = height !== undefined && height > params.trustedHeight
  const broken =
    (yield* checkShape(params, transactionData, transactions, pace)) ??
    (isStrict ? yield* checkTransactions(transactions, pace) : undefined)
  return broken === undefined ? ok({ transactions }) : err({ ...broken, blames: 'block' })
}

function* readBody(data: Uint8Array, pace: Pace): Job<Result<BlockTransaction[], BodyFault>> {
  const reader = new ByteReader(data)
  const count = reader.count('transactions', MAX_BLOCK_TRANSACTIONS, MIN_TRANSACTION_BYTES)
  // The count is in no hash, so a longer form of it may be anybody's doing.
  if (count === 0 || reader.offset !== compactSizeBytes(count)) return refuse('body', 'bad-blk-encoding')
  const transactions: BlockTransaction[] = []
  for (let i = 0; i < count; i++) {
    const start = reader.offset
    const transaction = readTransaction(reader, BOUND_BY_BYTES)
    if (reader.failed) return refuse('body', 'bad-blk-encoding')
    const txid = sha3_256(reader.since(start))
    transactions.push({ txid, transaction, start, end: reader.offset })
    if (pace.isOver(READ_WORK * (1 + sizeOf(transaction)) + (reader.offset - start) / BYTES_PER_WORK))
      yield* rest()
  }
  return reader.remaining > 0 ? refuse('body', 'bad-blk-encoding') : ok(transactions)
}

function sizeOf({ inputs, outputs }: Transaction): number {
  return inputs.length + outputs.length
}

/** Rules that every block obeys, also those that checkpoints vouch for. */
function* checkShape(
  params: ChainParams,
  data: Uint8Array,
  transactions: readonly BlockTransaction[],
  pace: Pace,
): Job<Fault | undefined> {
  if (data.length > params.maxTransactionDataBytes) return fault('bad-blk-length', `${data.length} bytes`)
  for (const [i, { transaction, start, end }] of transactions.entries()) {
    if (isCoinbase(transaction) !== (i === 0)) return fault(i === 0 ? 'bad-cb-missing' : 'bad-cb-multiple')
    if (end - start !== transactionBytes(transaction)) return fault('bad-txns-encoding', `transaction ${i}`)
    const broken = checkSizes(transaction)
    if (broken !== undefined) return fault(broken, `transaction ${i}`)
    if (pace.isOver(CHECK_WORK * (1 + sizeOf(transaction)))) yield* rest()
  }
  return undefined
}

/** What no node would read (chain 5.1). */
function checkSizes({ inputs, outputs }: Transaction): FaultCode | undefined {
  const { maxInputs, maxOutputs, maxScriptSigBytes, maxScriptPubKeyBytes } = BLOCK_TRANSACTION
  if (inputs.length > maxInputs) return 'bad-txns-vin-toomany'
  if (outputs.length > maxOutputs) return 'bad-txns-vout-toomany'
  if (inputs.some(({ scriptSig }) => scriptSig.length > maxScriptSigBytes)) return 'bad-txns-vin-script'
  const isTooLong = outputs.some(({ scriptPubKey }) => scriptPubKey.length > maxScriptPubKeyBytes)
  return isTooLong ? 'bad-txns-vout-script' : undefined
}

function* checkTransactions(transactions: readonly BlockTransaction[], pace: Pace): Job<Fault | undefined> {
  const spent = new SpentOutputs()
  for (const [i, { transaction, start, end }] of transactions.entries()) {
    const broken = checkAllButRepeats(transaction, end - start, i === 0) ?? spent.add(transaction)
    if (broken !== undefined) return fault(broken.code, `transaction ${i}`)
    if (pace.isOver(CHECK_WORK * (1 + sizeOf(transaction)))) yield* rest()
  }
  return undefined
}

/**
 * Two ids of the header's transactions, side by side, may look like one transaction: then the pairs stand in their
 * transactions' place under the same root. Nobody can make a coinbase of them, which begins with a hash of zeros.
 */
function isInnerNode(first: BlockTransaction | undefined): boolean {
  return first !== undefined && first.end - first.start === INNER_NODE_BYTES && !isCoinbase(first.transaction)
}

function* hasDuplicates(ids: readonly Uint8Array[], pace: Pace): Job<boolean> {
  const keys = new Set<string>()
  for (const id of ids) {
    keys.add(hashKey(id))
    if (pace.isOver(CHECK_WORK)) yield* rest()
  }
  return keys.size < ids.length
}

/** Bytes of a transaction whose lengths are all written in their shortest form. */
export function transactionBytes({ inputs, outputs }: Transaction): number {
  let bytes = 8 + compactSizeBytes(inputs.length) + compactSizeBytes(outputs.length)
  for (const { scriptSig } of inputs) bytes += 40 + compactSizeBytes(scriptSig.length) + scriptSig.length
  for (const { scriptPubKey } of outputs) {
    bytes += 8 + compactSizeBytes(scriptPubKey.length) + scriptPubKey.length
  }
  return bytes
}

export function compactSizeBytes(value: number): number {
  if (value < 0xfd) return 1
  return value <= 0xffff ? 3 : 5
}

function refuse(
  blames: 'body' | 'block',
  code: FaultCode,
): { readonly ok: false; readonly error: BodyFault } {
  return err({ ...fault(code), blames })
}
