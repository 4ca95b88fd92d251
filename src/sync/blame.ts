/**
 * What a broken rule says about who sent it. Nobody is blamed for what follows from somebody else's mistake: an
 * honest node may pass on what stands on a block that only a full check finds bad.
 */
import { describeFault, type Fault } from '../chain/faults.ts'
import type { BlockOutcome, HeadersOutcome } from '../chain/outcomes.ts'
import type { BrokenRule, Offence } from '../peer/offences.ts'
import { hashToHex } from '../primitives/bytes.ts'

export interface Blame {
  readonly offence: Offence
  readonly detail: BrokenRule
}

/** Of these the sender may know nothing. */
const INHERITED: ReadonlySet<Fault['code']> = new Set(['bad-prevblk', 'duplicate-invalid'])

export function blameForHeaders({ verdict, fault, count }: HeadersOutcome): Blame | undefined {
  if (verdict !== 'invalid' || fault === undefined || INHERITED.has(fault.code)) return undefined
  const offence = fault.code === 'high-hash' ? 'badProofOfWork' : 'badHeaders'
  return { offence, detail: brokenRule(`${count} headers`, fault) }
}

/** `inParts`: put together from a compact block, whose sender need not have checked it. */
export function blameForBlock(outcome: BlockOutcome, inParts: boolean): Blame | undefined {
  const { verdict, fault, hash } = outcome
  if (fault === undefined || INHERITED.has(fault.code)) return undefined
  const detail = brokenRule(hash === undefined ? 'a block' : `block ${hashToHex(hash)}`, fault)
  if (verdict === 'invalid' && fault.code === 'high-hash') return { offence: 'badProofOfWork', detail }
  if (inParts) return undefined
  if (verdict === 'mutated') return { offence: 'mutatedBlock', detail }
  return verdict === 'invalid' ? { offence: 'badBlock', detail } : undefined
}

/** A block that was fine for itself, and could not be connected. */
export function blameForFailure(hash: Uint8Array, fault: Fault): Blame {
  return { offence: 'badBlock', detail: brokenRule(`block ${hashToHex(hash)}`, fault) }
}

function brokenRule(what: string, fault: Fault): BrokenRule {
  return { kind: 'rule', what, code: fault.code, detail: describeFault(fault) }
}
