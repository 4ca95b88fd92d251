/** Parameters that are transactions in hex. */
import * as v from 'valibot'
import { describeFault, type Fault } from '../chain/faults.ts'
import { type KnownTransaction, knownTransaction } from '../mempool/entry.ts'
import type { Mempool } from '../mempool/mempool.ts'
import { fromHex } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { RELAYED_TRANSACTION, readTransaction } from '../wire/transaction.ts'
import { methodError, type RpcError } from './errors.ts'
import { chainOf } from './hash-param.ts'
import type { RpcContext } from './method.ts'

export const TRANSACTION = v.string('a transaction in hex')

/** Throws RpcError if it is none. */
export function transactionOf(hex: string): KnownTransaction {
  const bytes = fromHex(hex)
  if (bytes === undefined || bytes.length === 0) throw methodError('TX decode failed: not hex')
  const reader = new ByteReader(bytes)
  const transaction = readTransaction(reader, RELAYED_TRANSACTION)
  if (reader.failed) throw methodError('TX decode failed: it ends early, or a number in it is impossible')
  if (reader.remaining > 0) throw methodError(`TX decode failed: ${reader.remaining} bytes too many`)
  return knownTransaction(transaction)
}

/** Throws RpcError where transactions mean nothing to the chain. */
export function mempoolOf(context: RpcContext): Mempool {
  const { mempool } = chainOf(context)
  if (mempool === undefined) throw methodError('this chain has no transactions but those of miners')
  return mempool
}

/** The rule's name first. */
export function refusal(fault: Fault | undefined): RpcError {
  return methodError(
    fault === undefined ? 'busy: too many transactions are being judged' : describeFault(fault),
  )
}
