/**
 * How the chain stands, and what keeps it from growing: one function for each cause, from the situation to a finding
 * in words. Nothing is said of a node that keeps no chain.
 */
import type { StuckCause } from '../sync/hooks.ts'
import type { ChainFacts } from './chain-facts.ts'
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

const chain: Rule = ({ facts: { sync, chain, now } }: Situation) => {
  if (sync === undefined || sync.stuck !== undefined || chain?.isStopped === true) return undefined
  const { height, headerHeight, initialDownload, inFlight } = sync
  const found = { level: 'ok', advice: '' } as const
  if (initialDownload || height < headerHeight) {
    const explanation =
      `Height ${height}, headers up to ${headerHeight}; ${inFlight} blocks are under way.` +
      (chain === undefined ? '' : ` ${howFar(chain, now)}`)
    return { ...found, code: 'catchingUp', title: 'Catching up with the chain', explanation }
  }
  return {
    ...found,
    code: 'chain',
    title: 'On the best chain that is known',
    explanation: `Height ${height}.`,
  }
}

function howFar({ progress, tipTime }: ChainFacts, now: number): string {
  const percent = Math.floor(progress * 1_000) / 10
  return `About ${percent} % are done; the last block is of ${inWords(now - tipTime)} ago.`
}

/** In the largest unit of which there are at least two. */
function inWords(seconds: number): string {
  const days = seconds / 86_400
  if (days >= 2) return `${Math.floor(days)} days`
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)} hours`
  return seconds >= 120
    ? `${Math.floor(seconds / 60)} minutes`
    : `${Math.max(0, Math.floor(seconds))} seconds`
}

const stopped: Rule = ({ facts: { chain, sync } }) => {
  if (chain?.isStopped !== true || sync?.stuck?.cause === 'diskFailed') return undefined
  const { title, level, advice } = STUCK.diskFailed
  return { level, code: 'sync-diskFailed', title, explanation: 'What was stored before is safe.', advice }
}

const hashing: Rule = ({ facts: { chain } }) => {
  if (chain?.hashTrouble === undefined) return undefined
  return {
    level: 'problem',
    code: 'noProofOfWork',
    title: 'Proof of work can not be checked: the chain stands still',
    explanation: `It was said: ${chain.hashTrouble}.`,
    advice: 'Do that, and start the node again.',
  }
}

const deepFork: Rule = ({ facts: { chain } }) => {
  if (chain?.deepFork === undefined) return undefined
  const { forkHeight, height } = chain.deepFork
  return {
    level: 'problem',
    code: 'deepFork',
    title: 'Others follow a chain with more work that leaves ours long ago',
    explanation: `It leaves ours at block ${forkHeight} and goes up to ${height}. So many blocks are not undone by themselves.`,
    advice: `Find out which one is right. If it is theirs: dilithion-cli -named invalidateblock height=${forkHeight + 1}. If it is ours, ban those who bring it.`,
  }
}

const rejectedFork: Rule = ({ facts: { chain } }) => {
  if (chain?.rejectedFork === undefined) return undefined
  const { firstHeight, height } = chain.rejectedFork
  return {
    level: 'problem',
    code: 'rejectedFork',
    title: 'A chain with much more work is not followed, because it breaks a rule',
    explanation: `Its block ${firstHeight} is invalid here; it goes up to ${height}. getchaintips names it.`,
    advice:
      'Find out whether others follow it. If they do, get a newer version of this program; dilithion-cli reconsiderblock has the block judged again.',
  }
}

const pruned: Rule = ({ facts: { chain } }) => {
  if (chain?.pruneHeight === undefined) return undefined
  const below =
    chain.pruneHeight === 0 ? 'None is deleted yet.' : `Those below ${chain.pruneHeight} are gone.`
  return {
    level: 'ok',
    code: 'pruned',
    title: 'Only the latest blocks are kept',
    explanation: below,
    advice: '',
  }
}

const unchecked: Rule = ({ facts: { chain } }) => {
  if (chain === undefined || chain.unchecked === '') return undefined
  return {
    level: 'ok',
    code: 'uncheckedRules',
    title: 'Not all rules of this network are checked',
    explanation: `Blocks are believed in one respect: ${chain.unchecked}.`,
    advice: '',
  }
}

export const chainRules: readonly Rule[] = [
  stuck,
  stopped,
  hashing,
  deepFork,
  rejectedFork,
  chain,
  pruned,
  unchecked,
]
