/** What would come of a block behind the tip if the work were done: for miners who ask before they work (BIP 23). */
import type { ChainParams } from '../params/chain-params.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import type { Block } from '../wire/block.ts'
import { parseBodyInTurns } from './block-body.ts'
import type { CoinCache } from './coin-cache.ts'
import { examineBlock } from './connect.ts'
import { type FaultCode, fault } from './faults.ts'
import type { HeaderNode } from './header-node.ts'
import { checkHeader } from './header-rules.ts'
import type { Job } from './io.ts'

/** Undefined: it would be accepted. */
export type ProposalVerdict = FaultCode | 'inconclusive-not-best-prevblk' | undefined

/** `nowUnix`: our clock, Unix seconds. Changes nothing. */
export function* checkProposal(
  chain: { readonly params: ChainParams; readonly coins: CoinCache; readonly tip: HeaderNode },
  { header, transactionData }: Block,
  nowUnix: number,
): Job<ProposalVerdict> {
  const { params, coins, tip } = chain
  if (!bytesEqual(header.previousHash, tip.hash)) return 'inconclusive-not-best-prevblk'
  const wrong = checkHeader(params, header, tip, nowUnix)
  if (wrong !== undefined) return wrong === 'future' ? fault('time-too-new').code : wrong.code
  const height = tip.height + 1
  const body = yield* parseBodyInTurns(params, header, transactionData, height)
  if (!body.ok) return body.error.code
  if (params.body === 'opaque') return undefined
  const examined = yield* examineBlock(params, coins, { height, time: header.time }, body.value)
  return 'code' in examined ? examined.code : undefined
}
