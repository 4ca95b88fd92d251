/**
 * Names in words what keeps a node from having peers, its chain from growing or its miner from mining, and what to do
 * about it. A pure function of the facts; the causes it knows are in diagnosis-rules.ts and its neighbours.
 */
import { chainRules } from './diagnosis-chain-rules.ts'
import { type Facts, situationOf } from './diagnosis-facts.ts'
import type { Finding, FindingLevel } from './diagnosis-finding.ts'
import { miningRules } from './diagnosis-mining-rules.ts'
import { connectionRules } from './diagnosis-rules.ts'
import { setupRules, unexplained } from './diagnosis-setup-rules.ts'

export interface Diagnosis {
  /** Nothing that was found is a problem. */
  readonly healthy: boolean
  /** Worst first. */
  readonly findings: readonly Finding[]
}

const WEIGHT: Readonly<Record<FindingLevel, number>> = { problem: 0, warn: 1, ok: 2 }

export function diagnose(facts: Facts): Diagnosis {
  const situation = situationOf(facts)
  const found = [...connectionRules, ...setupRules].flatMap((rule) => rule(situation) ?? [])
  const isProblem = ({ level }: Finding): boolean => level === 'problem'
  if (situation.alone && !found.some(isProblem)) found.push(unexplained(situation))
  found.push(...[...chainRules, ...miningRules].flatMap((rule) => rule(situation) ?? []))
  const { outbound, inbound } = situation
  if (outbound + inbound > 0) found.push(connected(outbound, inbound))
  const findings = found.sort((a, b) => WEIGHT[a.level] - WEIGHT[b.level])
  return { healthy: !findings.some(isProblem), findings }
}

function connected(outbound: number, inbound: number): Finding {
  return {
    level: 'ok',
    code: 'connected',
    title: 'Connected to peers',
    explanation: `${outbound} outbound, ${inbound} inbound.`,
    advice: '',
  }
}
