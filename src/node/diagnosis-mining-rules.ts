/** Why a node that was told to mine does not: from the situation to a finding in words. */
import type { Rule } from './diagnosis-finding.ts'
import type { MinerWait } from './miner-obstacles.ts'

const ADVICE: Readonly<Record<MinerWait['code'], string>> = {
  initialDownload: 'It goes on by itself. If nothing moves, the other findings say what keeps peers away.',
  noAddress: 'Give one with setminingaddress, or --mining-address=D... at the start.',
  chainStopped: 'Put right what the log says of the disk, and start the node again.',
  trouble: 'It is tried again every few seconds; put right what is named here.',
}

const notStarted: Rule = ({ facts }) => {
  const why = facts.mining?.refusal
  if (why === undefined) return undefined
  return {
    level: 'warn',
    code: 'miningRefused',
    title: 'Mining was asked for and is off',
    explanation: sentence(why),
    advice: 'Start without --mine, or put right what is named here and use startmining.',
  }
}

const standsStill: Rule = ({ facts }) => {
  const wait = facts.mining?.wait
  if (wait === undefined) return undefined
  return {
    level: 'warn',
    code: 'miningWaits',
    title: 'Mining is on and stands still',
    explanation: sentence(wait.text),
    advice: ADVICE[wait.code],
  }
}

const ownBlocksRefused: Rule = ({ facts }) => {
  const refused = facts.mining?.refused ?? 0
  if (refused === 0) return undefined
  return {
    level: 'warn',
    code: 'ownBlocksRefused',
    title: 'Blocks that this node mined were refused by itself',
    explanation: `${refused} since the start; the log says why.`,
    advice: "Check this machine's clock. If it is right, this is a fault of the program: please report it.",
  }
}

export const miningRules: readonly Rule[] = [notStarted, standsStill, ownBlocksRefused]

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
