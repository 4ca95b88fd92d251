/**
 * What may keep a node from having peers, as far as it shows in how the node is set up and doing: one function for
 * each cause, from the situation to a finding in words. Their order does not matter.
 */
import { bannedStarts, type Situation } from './diagnosis-facts.ts'
import { type Finding, type Rule, SHOWN, START_SECONDS } from './diagnosis-finding.ts'
import { warningsOf } from './health.ts'
import { describeEnd } from './history.ts'

const SETTLED_SECONDS = 600
/** In that time somebody should have found us. */
const FOUND_AFTER_SECONDS = 3_600

const emptyBook: Rule = ({ alone, facts }) => {
  const { automatic, addressBook, uptimeSeconds } = facts
  if (automatic === undefined || automatic.exclusive || addressBook.total > 0) return undefined
  if (uptimeSeconds < START_SECONDS) return undefined
  return {
    level: alone ? 'problem' : 'warn',
    code: 'emptyAddressBook',
    title: 'No addresses of peers are known',
    explanation: 'Neither seeds nor peers have told any yet.',
    advice: 'Name a node to ask with --seednode=ADDR, or a peer with --addnode=ADDR.',
  }
}

const ownBans: Rule = ({ alone, facts }) => {
  const { banned, all } = bannedStarts(facts)
  if (banned.length === 0) return undefined
  return {
    level: alone && banned.length === all ? 'problem' : 'warn',
    code: 'ownBans',
    title: 'Bans of our own cover seeds or named peers',
    explanation: `${banned.length} of ${all} are refused: ${banned.slice(0, SHOWN).join(', ')}.`,
    advice: 'listbanned shows the bans, setban <address> remove lifts one.',
  }
}

const missingTargets: Rule = ({ outbound, facts }) => {
  const missing = facts.targets.filter(({ connected }) => !connected)
  if (missing.length === 0 || outbound === 0) return undefined
  const shown = missing.slice(0, SHOWN).map(({ address }) => {
    const last = facts.ends.findLast((end) => !end.inbound && end.address === address)
    return last === undefined ? address : `${address} (${describeEnd(last)})`
  })
  return {
    level: 'warn',
    code: 'targetsMissing',
    title: 'Named peers are not connected',
    explanation: `${missing.length} of ${facts.targets.length}: ${shown.join(', ')}.`,
    advice: 'They are tried again and again. addnode <address> remove gives one up.',
  }
}

const exclusive: Rule = ({ alone, facts }) => {
  if (facts.automatic?.exclusive !== true) return undefined
  return {
    level: alone || facts.targets.length === 0 ? 'warn' : 'ok',
    code: 'connectOnly',
    title: 'Only named peers are dialled',
    explanation: `--connect is given: this node looks for no peers itself (${facts.targets.length} named).`,
    advice:
      alone || facts.targets.length === 0
        ? 'Use --addnode instead of --connect to have it look for others too.'
        : '',
  }
}

const emptySlots: Rule = ({ outbound, facts }) => {
  const { automatic, uptimeSeconds } = facts
  if (automatic === undefined || automatic.missing === 0 || outbound === 0) return undefined
  if (uptimeSeconds < SETTLED_SECONDS) return undefined
  return {
    level: 'warn',
    code: 'emptySlots',
    title: 'Not all outbound slots are filled',
    explanation: `${automatic.outbound} peers of the node's own choice are connected, ${automatic.missing} are missing.`,
    advice: 'It goes on looking. getdisconnects shows why attempts failed.',
  }
}

const nobodyToDial: Rule = ({ wantsOutbound, inbound, outbound, facts }) => {
  if (wantsOutbound || facts.automatic?.exclusive === true || inbound + outbound > 0) return undefined
  return {
    level: facts.listenPort === undefined ? 'problem' : 'warn',
    code: 'nobodyToDial',
    title: 'There is nobody to connect to',
    explanation: `On ${facts.network.name} this node looks for no peers itself, and none is named.`,
    advice: 'Name one: dilithion-cli addnode <address> add, or --addnode=ADDR.',
  }
}

const notListening: Rule = ({ facts }) => {
  if (facts.listenPort !== undefined) return undefined
  return {
    level: 'warn',
    code: 'notListening',
    title: 'This node takes no connections',
    explanation: 'Others can not connect to it: --listen=0 is given, or --proxy without --listen=1.',
    advice: 'Start it with --listen=1 if others shall be able to.',
  }
}

const notReached: Rule = ({ outbound, facts }) => {
  const { listenPort, reachedFromOutside, uptimeSeconds, network } = facts
  if (listenPort === undefined || reachedFromOutside || outbound === 0) return undefined
  if (network.sharesPrivateAddresses || uptimeSeconds < FOUND_AFTER_SECONDS) return undefined
  return {
    level: 'warn',
    code: 'notReached',
    title: 'Nobody has connected from outside',
    explanation: `Port ${listenPort} does not seem to be reachable from the internet.`,
    advice: `Let the firewall pass TCP port ${listenPort}, and have the router forward it to this machine.`,
  }
}

const slow: Rule = ({ facts }) => {
  const warning = warningsOf(facts.health).find(({ kind }) => kind === 'slow')
  if (warning === undefined) return undefined
  return {
    level: 'warn',
    code: 'slow',
    title: 'The node is slow',
    explanation: warning.text,
    advice: 'See what else runs on this machine.',
  }
}

const memory: Rule = ({ facts }) => {
  const warning = warningsOf(facts.health).find(({ kind }) => kind === 'memory')
  if (warning === undefined) return undefined
  return {
    level: 'warn',
    code: 'memory',
    title: 'Memory runs short',
    explanation: `${warning.text}.`,
    advice: 'Lower --maxconnections, or allow more memory (NODE_OPTIONS=--max-old-space-size=MiB).',
  }
}

export const setupRules: readonly Rule[] = [
  emptyBook,
  ownBans,
  missingTargets,
  exclusive,
  emptySlots,
  nobodyToDial,
  notListening,
  notReached,
  slow,
  memory,
]

/** When there are no peers and no rule knows why. */
export function unexplained({ facts, lost }: Situation): Finding {
  const starting = facts.uptimeSeconds < START_SECONDS
  const silent = facts.peers.filter(({ inbound, state }) => !inbound && state !== 'ready')
  if (!starting && silent.length > 0) return unanswered(silent.map(({ address }) => address))
  return {
    level: starting ? 'warn' : 'problem',
    code: starting ? 'starting' : 'waiting',
    title: starting ? 'Just started' : 'No outbound peers',
    explanation: starting
      ? `The node runs for ${facts.uptimeSeconds} seconds, and is still connecting.`
      : `All outbound slots wait for their next attempt. ${lastLost(lost)}`.trim(),
    advice: starting ? 'Ask again in a minute.' : 'getdisconnects shows how the last attempts ended.',
  }
}

function unanswered(addresses: readonly string[]): Finding {
  return {
    level: 'problem',
    code: 'noAnswer',
    title: 'No outbound peers yet',
    explanation: `Connected, but without an answer so far: ${addresses.slice(0, SHOWN).join(', ')}.`,
    advice:
      'It may be busy with others. If it goes on like this the node ends the connection and tries again.',
  }
}

function lastLost(lost: Situation['lost']): string {
  const shown = lost.slice(-SHOWN).map((end) => `${end.address} (${describeEnd(end)})`)
  return shown.length === 0 ? '' : `Lost lately: ${shown.join(', ')}.`
}
