/** Every way to break a rule of the chain: a short name in the field's words, and one line for people. */
export const faultTexts = {
  'bad-version': 'the version is not one that the network has',
  'high-hash': 'the hash is not below the target',
  'bad-diffbits': 'the target is not the one that the chain asks for at this height',
  'time-too-old': 'the time is not after the median of the eleven blocks before',
  'time-too-new': 'the time is too far ahead of our clock',
  'checkpoint-mismatch': 'another block belongs at the height of a checkpoint',
  'bad-fork-prior-to-checkpoint': 'it leaves the chain below a checkpoint',
  'bad-link': 'headers of one message do not follow each other',
  'bad-prevblk': 'a block before it breaks a rule',
  'duplicate-invalid': 'it is known and breaks a rule',

  'bad-blk-length': 'the transactions take more bytes than a block may have',
  'bad-blk-encoding': 'the transactions can not be read',
  'bad-txnmrklroot': 'the transactions do not belong to the header',
  'bad-txns-duplicate': 'transactions are repeated',
  'bad-cb-missing': 'the first transaction is not a coinbase',
  'bad-cb-multiple': 'there is more than one coinbase',
  'bad-cb-length': 'the coinbase has a scriptSig that is too short or too long',
  'bad-cb-amount': 'the coinbase takes more than subsidy and fees',
  'bad-cb-outputs': 'the coinbase has too few outputs',
  'bad-cb-tax': 'the coinbase does not pay the tax',

  'bad-txns-encoding': 'a length is not written in its shortest form',
  'bad-txns-version': 'the version of a transaction is not one that the network has',
  'bad-txns-oversize': 'a transaction is too large',
  'bad-txns-vin-empty': 'a transaction has no inputs',
  'bad-txns-vin-toomany': 'a transaction has too many inputs',
  'bad-txns-vin-script': 'an input has a script that is too long',
  'bad-txns-vout-empty': 'a transaction has no outputs',
  'bad-txns-vout-toomany': 'a transaction has too many outputs',
  'bad-txns-vout-toosmall': 'an output is worth less than the smallest amount',
  'bad-txns-vout-toolarge': 'an output is worth more than all coins',
  'bad-txns-vout-script': 'an output has a script of a kind that is not in use, or that is too long',
  'bad-txns-txouttotal-toolarge': 'the outputs are together worth more than all coins',
  'bad-txns-prevout-null': 'an input spends nothing',
  'bad-txns-inputs-duplicate': 'a transaction spends an output twice',
  'bad-txns-inputs-missingorspent': 'an output that is spent does not exist, or was spent before',
  'bad-txns-in-belowout': 'a transaction pays more than it spends',
  'bad-txns-fee-outofrange': 'the fees are more than all coins',
  'bad-txns-premature-spend-of-coinbase': 'an output of a coinbase is spent too early',
  'bad-txns-nonfinal': 'the lock time of a transaction has not come',
  'non-BIP68-final': 'an input is locked for some blocks more',
  'bad-txns-BIP30': 'a transaction that is not wholly spent is there already',
  'mandatory-script-verify-flag-failed': 'a script or signature does not allow to spend an output',
  coinbase: 'a coinbase stands in blocks only',
  'txn-already-in-mempool': 'it waits to be mined already',
  'txn-already-known': 'it has been mined already',
  'txn-mempool-conflict': 'it spends what another transaction, which was here first, spends',
  'missing-inputs': 'what it spends is not known, or was spent',
  'min-fee-not-met': 'it pays less than the smallest fee',
  'max-fee-exceeded': 'it pays more than the largest fee',
  'too-long-mempool-chain': 'it stands on, or under, too many that are not mined yet',
  'mempool-full': 'others that wait pay more',
  'txn-expired': 'it has waited for too long',

  'block-script-verify-flag-failed': 'a script or signature does not allow to spend an output',
} as const satisfies Record<string, string>

export type FaultCode = keyof typeof faultTexts

/** A rule that a header, a body, a transaction or a whole block breaks. */
export interface Fault {
  readonly code: FaultCode
  /** For people, if there is more to say. */
  readonly detail?: string | undefined
}

export function fault(code: FaultCode, detail?: string): Fault {
  return detail === undefined ? { code } : { code, detail }
}

/** One line: the code, what it means, and the detail. */
export function describeFault({ code, detail }: Fault): string {
  return `${code}: ${faultTexts[code]}${detail === undefined ? '' : ` (${detail})`}`
}
