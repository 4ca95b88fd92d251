/** What the log says of transactions that wait to be mined: details, as most of them come from strangers. */
import { describeFault } from '../chain/faults.ts'
import type { MempoolOutcome } from '../mempool/mempool.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { ChainLine } from './chain-lines.ts'

export function mempoolLine(outcome: MempoolOutcome): ChainLine {
  if (outcome.type === 'removed') {
    const { reason, entry } = outcome
    const txid = hashToHex(entry.id)
    const fields = { event: 'transactionRemoved', txid, reason }
    return { level: 'debug', text: `Transaction ${txid} waits no longer: ${reason}`, fields }
  }
  const { known, verdict, source, fault } = outcome
  const txid = hashToHex(known.id)
  const from = source === 'local' ? 'of our own' : `from peer ${source}`
  const why = fault === undefined ? '' : `: ${describeFault(fault)}`
  const fields = { event: 'transaction', txid, verdict, source, fault: fault?.code }
  return { level: 'debug', text: `Transaction ${txid} ${from}: ${verdict}${why}`, fields }
}
