/**
 * What may keep a node from having peers, as far as it shows in how connections end: one function for each cause,
 * from the situation to a finding in words. Their order does not matter.
 */
import { medianOffset, type Situation } from './diagnosis-facts.ts'
import { type Finding, type Rule, SHOWN, START_SECONDS } from './diagnosis-finding.ts'
import type { ConnectionEnd } from './history.ts'

/** A wrong clock makes valid blocks look invalid, and ours invalid to others. */
const MAX_CLOCK_OFFSET_SECONDS = 600
/** A peer that does not want us closes at once. */
const CLOSED_AT_ONCE_SECONDS = 15
/** So many others must say the same before it is mentioned while we have peers. */
const SEVERAL = 3

const noRoute: Rule = ({ alone, failed, ended }) => {
  if (!alone || ended.length > 0 || failed.length === 0) return undefined
  if (!failed.every((end) => end.reason === 'noRoute')) return undefined
  return {
    level: 'problem',
    code: 'noRoute',
    title: 'No route to the internet',
    explanation: `${addresses(failed.length)} tried, and for each the system said that there is no way there.`,
    advice: "Check this machine's network: cable or Wi-Fi, VPN, default route (`ip route`).",
  }
}

const descriptors: Rule = ({ failed }) => {
  const n = failed.filter((end) => end.reason === 'noDescriptors').length
  if (n === 0) return undefined
  return {
    level: 'problem',
    code: 'noDescriptors',
    title: 'Too many files open',
    explanation: 'The system gives this process no more sockets.',
    advice: 'Raise the limit of open files (`ulimit -n`), or lower --maxconnections.',
  }
}

const proxy: Rule = ({ alone, failed }) => {
  const [one] = failed.filter((end) => end.reason === 'proxy')
  if (one === undefined) return undefined
  return {
    level: alone ? 'problem' : 'warn',
    code: 'proxy',
    title: 'The proxy does not let connections through',
    explanation: `It said: ${one.detail}.`,
    advice: 'Check that the proxy runs, and its address in --proxy.',
  }
}

const unreachable: Rule = ({ alone, failed, ended, facts }) => {
  const silent = failed.filter((end) => end.reason === 'timedOut').length
  const refused = failed.filter((end) => end.reason === 'refused' || end.reason === 'reset').length
  if (!alone || ended.length > 0 || silent + refused === 0) return undefined
  const named = facts.automatic === undefined || facts.automatic.exclusive
  const firewall =
    'A firewall or router on the way out may drop them: check that outgoing connections are allowed. '
  const others = named
    ? 'Check the addresses and ports that you named, and whether these nodes run.'
    : 'Or these nodes are down: name one that runs with --addnode or --seednode.'
  return {
    level: 'problem',
    code: 'unreachable',
    title: 'Nobody answers',
    explanation: `${addresses(failed.length)} tried lately: ${silent} gave no answer, ${refused} refused.`,
    advice: (silent >= refused ? firewall : '') + others,
  }
}

const names: Rule = ({ alone, failed, ended }) => {
  const bad = failed.filter((end) => end.reason === 'noSuchHost')
  if (bad.length === 0) return undefined
  return {
    level: alone && bad.length === failed.length && ended.length === 0 ? 'problem' : 'warn',
    code: 'noSuchHost',
    title: 'Host names lead nowhere',
    explanation: `No address was found for ${list(bad)}.`,
    advice: "Check the spelling, and this machine's name server (/etc/resolv.conf).",
  }
}

const dnsSeeds: Rule = ({ alone, facts }) => {
  const { automatic, counters, addressBook, uptimeSeconds } = facts
  const asked = counters['seeds']?.['dns'] ?? 0
  const told = counters['seeds']?.['resolved'] ?? 0
  if (automatic === undefined || asked === 0 || told > 0 || uptimeSeconds < START_SECONDS) return undefined
  return {
    level: alone && addressBook.total === 0 ? 'problem' : 'warn',
    code: 'dnsSeeds',
    title: 'The DNS seeds told no addresses',
    explanation: `${automatic.seeding.dns.length} names were asked, without an answer that is of use.`,
    advice:
      "Check this machine's name server. --dnsseed=0 does without; --seednode names a node to ask instead.",
  }
}

const clock: Rule = ({ facts }) => {
  const offset = medianOffset(facts)
  if (offset === undefined || Math.abs(offset) <= MAX_CLOCK_OFFSET_SECONDS) return undefined
  const minutes = Math.round(Math.abs(offset) / 60)
  return {
    level: 'problem',
    code: 'wrongClock',
    title: "This machine's clock is wrong",
    explanation: `By the clocks of its peers it is ${minutes} minutes ${offset > 0 ? 'behind' : 'ahead'}.`,
    advice: 'Set the clock, and have it kept right (`timedatectl set-ntp true`).',
  }
}

const clockRejects: Rule = (situation) =>
  rejected(situation, /\btime(stamp)?\b|\bclock\b/i, {
    code: 'clockRejected',
    title: "Peers refuse us for this machine's clock",
    advice: 'Set the clock, and have it kept right (`timedatectl set-ntp true`).',
  })

const bannedByThem: Rule = ({ alone, ended }) => {
  const closed = ended.filter(
    (end) =>
      (end.reason === 'rejectedByPeer' && /\bban/i.test(end.detail)) ||
      ((end.reason === 'closedByPeer' || end.reason === 'connectionLost') &&
        !end.gotVersion &&
        end.seconds <= CLOSED_AT_ONCE_SECONDS),
  )
  if (closed.length === 0 || (!alone && closed.length < SEVERAL)) return undefined
  const said = closed.find((end) => end.reason === 'rejectedByPeer')?.detail
  return {
    level: alone ? 'problem' : 'warn',
    code: 'bannedByThem',
    title: 'Peers close the connection at once',
    explanation:
      said === undefined
        ? `${addresses(closed.length)} took the connection and closed it before a word: ${list(closed)}. ` +
          'They are full, or have banned this address.'
        : `${list(closed)} refused us: "${said}".`,
    advice:
      'Bans end by themselves, mostly after an hour. Meanwhile do not restart over and over: that looks like an attack.',
  }
}

const wrongGenesis: Rule = ({ alone, ended, facts }) => {
  const strange = ended.filter(
    (end) =>
      end.reason === 'wrongGenesis' || (end.reason === 'rejectedByPeer' && /genesis/i.test(end.detail)),
  )
  if (strange.length === 0 || (!alone && strange.length < SEVERAL)) return undefined
  return {
    level: alone ? 'problem' : 'warn',
    code: 'wrongGenesis',
    title: 'Peers are on another chain',
    explanation: `${list(strange)} started from another genesis block than ${facts.network.name}.`,
    advice: 'Check --testnet and --regtest, and that the named peers belong to this network.',
  }
}

const wrongNetwork: Rule = ({ alone, ended, facts }) => {
  const strange = ended.filter((end) => end.reason === 'badMagic' && !end.gotVersion)
  if (strange.length === 0 || (!alone && strange.length < SEVERAL)) return undefined
  return {
    level: alone ? 'problem' : 'warn',
    code: 'wrongNetwork',
    title: 'Peers speak another protocol',
    explanation: `What ${list(strange)} said is not of the network ${facts.network.name}.`,
    advice: 'Check ports, --testnet and --regtest: another network or another program listens there.',
  }
}

const weAreOld: Rule = (situation) =>
  rejected(situation, /version|obsolete|outdated|upgrade|too old/i, {
    code: 'obsolete',
    title: 'Peers find this node too old',
    advice: 'Install the current version of this program.',
  })

const theyAreOld: Rule = ({ alone, ended }) => {
  const old = ended.filter((end) => end.reason === 'obsoleteVersion')
  if (old.length === 0 || (!alone && old.length < SEVERAL)) return undefined
  return {
    level: alone ? 'problem' : 'warn',
    code: 'peersObsolete',
    title: 'Peers are too old',
    explanation: `${list(old)} speak a protocol version that this node does not take.`,
    advice: 'Name peers that are up to date with --addnode.',
  }
}

const silentPeers: Rule = ({ alone, ended }) => {
  const silent = ended.filter((end) =>
    ['noVersion', 'handshakeTimeout', 'inactive', 'slowMessage'].includes(end.reason),
  )
  if (!alone || silent.length === 0) return undefined
  return {
    level: 'problem',
    code: 'silentPeers',
    title: 'Peers connect but say nothing',
    explanation: `${list(silent)} took the connection and did not finish the handshake.`,
    advice:
      'A firewall or proxy may let connections through but not what is said on them. Or another program listens there.',
  }
}

export const connectionRules: readonly Rule[] = [
  noRoute,
  descriptors,
  proxy,
  unreachable,
  names,
  dnsSeeds,
  clock,
  clockRejects,
  bannedByThem,
  wrongGenesis,
  wrongNetwork,
  weAreOld,
  theyAreOld,
  silentPeers,
]

type Words = Pick<Finding, 'code' | 'title' | 'advice'>

/** Peers that refused us with a text like this. */
function rejected({ alone, ended }: Situation, pattern: RegExp, words: Words): Finding | undefined {
  const matches = ended.filter(
    (end) =>
      end.reason === 'rejectedByPeer' && pattern.test(end.detail) && !/genesis|\bban/i.test(end.detail),
  )
  const [first] = matches
  if (first === undefined || (!alone && matches.length < SEVERAL)) return undefined
  const explanation = `${list(matches)} refused us: "${first.detail}".`
  return { level: alone ? 'problem' : 'warn', explanation, ...words }
}

function addresses(n: number): string {
  return n === 1 ? '1 address' : `${n} addresses`
}

function list(ends: readonly ConnectionEnd[]): string {
  const shown = ends.slice(0, SHOWN).map(({ address }) => address)
  const more = ends.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}
