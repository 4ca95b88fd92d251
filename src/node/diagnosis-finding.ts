/** What a diagnosis consists of, and the form of the rules that make it. */
import type { Situation } from './diagnosis-facts.ts'

export type FindingLevel = 'ok' | 'warn' | 'problem'

export interface Finding {
  readonly level: FindingLevel
  /** A stable name for programs. */
  readonly code: string
  readonly title: string
  readonly explanation: string
  /** What to do about it; empty if nothing has to be done. */
  readonly advice: string
}

export type Rule = (situation: Situation) => Finding | undefined

/** Addresses that are named in one sentence. */
export const SHOWN = 3
/** Before that nothing is known of slots that are not filled, and of an empty address book. */
export const START_SECONDS = 60
