/**
 * How the chain stands, and what keeps it from growing: one function for each cause, from the situation to a finding
 * in words. Nothing is said of a node that keeps no chain.
 */
import type { StuckCause } from '../sync/hooks.ts'
import type { Situation } from './diagnosis-facts.ts'
import type { Finding, Rule } from './diagnosis-finding.ts'

interface Advice {
  readonly level: Finding['level']
  readonly title: string
  readonly advice: string
}

const OTHERS = 'Others are asked meanwhile; if it stays so, add a peer that you know with --addnode.'

const STUCK: Readonly<Record<StuckCause, Advice>> = {
  noPeers: { level: 'warn', title: 'Blocks are missing, and no peer is connected', advice: '' },
  awaitingHeaders: { level: 'warn', title: 'Headers were asked for and do not come', advice: OTHERS },
  noSource: {
    level: 'warn',
    title: 'No peer has the blocks that are missing',
    advice: 'They may be pruned or behind. Add a peer that keeps all blocks with --addnode.',
  },
  awaitingBlocks: { level: 'warn', title: 'Blocks were asked for and do not come', advice: OTHERS },
  chainBusy: {
    level: 'warn',
    title: 'Blocks wait to be checked and written',
    advice: 'The disk or the processor does not keep up; gethealth shows what else this process does.',
  },
  diskFailed: {
    level: 'problem',
    title: 'The disk has failed: nothing more is stored',
    advice: 'See the log for what it said, make room or mend it, and start the node again.',
  },
  clockWrong: {
    level: 'problem',
    title: "The latest blocks are in the future by this machine's clock",
    advice: 'Set the clock, and have it kept right (`timedatectl set-ntp true`).',
  },
}

const stuck: Rule = ({ facts: { sync } }) => {
  if (sync?.stuck === undefined) return undefined
  const { cause, waitsFor, forSeconds } = sync.stuck
  const { level, title, advice } = STUCK[cause]
  const whom = waitsFor === undefined ? '' : ` Peer ${waitsFor} was asked.`
  const explanation = `The chain has not grown for ${forSeconds} s, at height ${sync.height}; headers are known up to ${sync.headerHeight}.${whom}`
  return { level, code: `sync-${cause}`, title, explanation, advice }
}

const chain: Rule = ({ facts: { sync } }: Situation) => {
  if (sync === undefined || sync.stuck !== undefined) return undefined
  const { height, headerHeight, initialDownload, inFlight } = sync
  const found = { level: 'ok', advice: '' } as const
  if (initialDownload || height < headerHeight) {
    const explanation = `Height ${height}, headers up to ${headerHeight}; ${inFlight} blocks are under way.`
    return { ...found, code: 'catchingUp', title: 'Catching up with the chain', explanation }
  }
  return {
    ...found,
    code: 'chain',
    title: 'On the best chain that is known',
    explanation: `Height ${height}.`,
  }
}

export const chainRules: readonly Rule[] = [stuck, chain]
