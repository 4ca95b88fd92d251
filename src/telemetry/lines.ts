/**
 * What each event of the node says in the log: its words, its level, and whether strangers can cause it at will.
 * The words of connections, handshakes and keepalive are those of the founding plan.
 */
import type { NodeEvent } from '../core/seam.ts'
import { describeDisconnect, describeRefusal } from '../peer/disconnect.ts'
import { ruleOf } from '../peer/offences.ts'
import type { ConnectionKind } from '../peer/peer.ts'
import { printable } from '../primitives/bytes.ts'
import type { SyncEvent } from '../sync/hooks.ts'
import { RejectCode } from '../wire/control.ts'
import type { LogLevel } from './logger.ts'
import { progressText, stuckText } from './sync-text.ts'

/**
 * Lines that strangers can cause at will share an allowance. Keepalive has its own, so that it is seen in a flood,
 * and so has what we dial, whose number depends on addresses that strangers told.
 */
export type Allowance = 'peers' | 'keepalive' | 'dials'

export interface Line {
  readonly level: LogLevel
  readonly text: string
  /** Which limiter it must pass, if any. */
  readonly allowance?: Allowance
}

/** The end of the year 9999, beyond which dates have no common form. */
const LAST_DATE = 253_402_300_799

const info = (text: string): Line => ({ level: 'info', text })
const stranger = (text: string): Line => ({ level: 'info', text, allowance: 'peers' })
const keepalive = (text: string): Line => ({ level: 'info', text, allowance: 'keepalive' })
const dial = (text: string): Line => ({ level: 'info', text, allowance: 'dials' })
const debug = (text: string): Line => ({ level: 'debug', text })

/** The lines of an event; none for what only embedding programs want. */
export function linesOf(event: NodeEvent): readonly Line[] {
  switch (event.type) {
    case 'dialing':
      return [attempt(event, `Connecting to ${event.address}...`)]
    case 'dialFailed':
      return [attempt(event, `Could not connect to ${event.address}: ${event.error}${retry(event.retryMs)}`)]
    case 'accepted':
      return [
        stranger(`New peer connected: ${event.address}`),
        stranger(`Peer ${event.peer} accepted: ${event.address}`),
      ]
    case 'connected':
      return [event.kind === 'feeler' ? debug(connectedText(event)) : dial(connectedText(event))]
    case 'refused':
      return [stranger(`Refused ${event.address}: ${describeRefusal(event.reason)}`)]
    case 'sent':
      return [sentLine(event)]
    case 'received':
      return [debug(`Received '${event.command}' from peer ${event.peer} (${event.bytes} bytes)`)]
    case 'versionReceived':
      return [stranger(versionText(event))]
    case 'verackReceived':
      return [stranger(`Received 'verack' from peer ${event.peer}`)]
    case 'pongReceived':
      return [pongLine(event)]
    case 'handshakeComplete':
      return [stranger(`Handshake complete with peer ${event.peer}`)]
    case 'rejectReceived':
      return [
        stranger(
          `Peer ${event.peer} rejected our '${event.command}': ${event.reason} (${rejectName(event.code)})`,
        ),
      ]
    case 'skipped': {
      const { command, length } = event.frame
      return [debug(`Passed over '${command}' from peer ${event.peer} (${length} bytes): unknown command`)]
    }
    case 'ignored':
      return [debug(`Ignored '${event.command}' from peer ${event.peer}`)]
    case 'offence':
      return [{ ...stranger(offenceText(event)), level: ruleOf(event.offence).level }]
    case 'addressesReceived':
      return [debug(addressesText(event))]
    case 'seeding':
      return [info(`Looking for peers: ${SEEDING[event.by]} (${event.count})`)]
    case 'seedsResolved':
      return [info(`Seeds told ${event.count} addresses`)]
    case 'ownAddress':
      return [stranger(`Reachable at ${event.address}, as several peers see it`)]
    case 'addressesChanged':
      return []
    case 'congested':
      return [debug(`Peer ${event.peer} does not keep up: ${event.queuedBytes} bytes wait, reading paused`)]
    case 'throttled':
      return [debug(`Peer ${event.peer} sends too much: it has to wait ${Math.ceil(event.forMs)} ms`)]
    case 'banned': {
      const end =
        event.until > LAST_DATE ? 'for ever' : `until ${new Date(1_000 * event.until).toISOString()}`
      const text = `Banned ${event.subnet} ${end} (${event.reason})`
      return [event.reason === 'manual' ? info(text) : stranger(text)]
    }
    case 'unbanned':
      return [info(event.subnet === undefined ? 'All bans lifted' : `Ban of ${event.subnet} lifted`)]
    case 'selfTarget':
      return [{ ...dial(`${event.address} is this node itself: not dialled again`), level: 'warn' }]
    case 'disconnected': {
      const detail = event.detail === undefined ? '' : ` (${event.detail})`
      const text = `Peer ${event.peer} disconnected: ${describeDisconnect(event.reason)}${detail}`
      if (event.kind === 'feeler') return [debug(text)]
      return [event.inbound ? stranger(text) : dial(text)]
    }
    case 'syncProgress':
    case 'caughtUp':
    case 'syncDone':
    case 'syncStuck':
    case 'syncGoesOn':
      return [syncLine(event)]
    case 'chain':
    case 'mempool':
    case 'message':
      return []
  }
}

function syncLine(event: SyncEvent): Line {
  switch (event.type) {
    case 'syncProgress':
      return info(progressText(event))
    case 'caughtUp':
      return debug(`Nothing is left to catch up with at height ${event.height}`)
    case 'syncDone':
      return info(`Caught up with the network at height ${event.height}, in ${event.seconds} s`)
    case 'syncStuck':
      return { level: 'warn', text: stuckText(event) }
    case 'syncGoesOn':
      return info('The download goes on')
  }
}

/** Dialled by the node's own choice: attempts are many, and most fail, which is no news. */
const OWN_CHOICE: ReadonlySet<ConnectionKind> = new Set(['automatic', 'blockRelay', 'feeler'])

function attempt({ kind }: Extract<NodeEvent, { type: 'dialing' | 'dialFailed' }>, text: string): Line {
  return OWN_CHOICE.has(kind) ? debug(text) : dial(text)
}

/** Of a dial that the operator asked for, the address stands in the line before. */
function connectedText({ peer, kind, address }: Extract<NodeEvent, { type: 'connected' }>): string {
  return `Connected to peer ${peer}${OWN_CHOICE.has(kind) ? `: ${address}` : ''}`
}

const SEEDING = {
  dns: 'asking seeds by name',
  fixed: 'using the built-in seeds',
  seednode: 'asking the seed nodes',
} as const

function addressesText(event: Extract<NodeEvent, { type: 'addressesReceived' }>): string {
  const { peer, count, taken, added } = event
  return `Peer ${peer} told ${count} addresses: ${taken} considered, ${added} new`
}

function sentLine(event: Extract<NodeEvent, { type: 'sent' }>): Line {
  const text = `Sent '${event.command}' to peer ${event.peer} (${event.bytes} bytes)`
  if (event.command === 'ping') return event.routine ? debug(text) : keepalive(text)
  return ['version', 'verack', 'reject'].includes(event.command) ? stranger(text) : debug(text)
}

function pongLine(event: Extract<NodeEvent, { type: 'pongReceived' }>): Line {
  const text = `Received 'pong' from peer ${event.peer} (nonce: ${event.nonce})`
  if (event.roundTripMs === undefined) return debug(`${text}, which answers no ping`)
  return event.routine ? debug(text) : keepalive(text)
}

function versionText({ peer, version }: Extract<NodeEvent, { type: 'versionReceived' }>): string {
  const agent = printable(version.userAgent).replace(/^\/|\/$/g, '')
  return [
    `Received 'version' from peer ${peer}`,
    `  Protocol: ${version.version}`,
    `  User Agent: ${agent}`,
    `  Start Height: ${version.startHeight}`,
  ].join('\n')
}

function offenceText({
  peer,
  offence,
  points,
  score,
  detail,
}: Extract<NodeEvent, { type: 'offence' }>): string {
  const cost = `${points} points, ${score} in all`
  if ('kind' in detail && detail.kind === 'broken')
    return `Peer ${peer}: ${offence}: ${detail.detail}; ${cost}`
  if ('kind' in detail && detail.kind === 'rule') {
    const more = detail.detail === '' ? '' : ` (${detail.detail})`
    return `Peer ${peer}: ${offence}: ${detail.what}: ${detail.code}${more}; ${cost}`
  }
  if ('kind' in detail)
    return `Peer ${peer}: ${offence}: '${detail.command}' of ${detail.length} bytes; ${cost}`
  const { type, code, field, offset } = detail
  return `Peer ${peer}: ${offence} '${type}': ${field} at byte ${offset} is ${code}; ${cost}`
}

function retry(retryMs: number | undefined): string {
  return retryMs === undefined ? '' : `; next attempt in ${Math.max(1, Math.round(retryMs / 1_000))} s`
}

function rejectName(code: number): string {
  const name = Object.entries(RejectCode).find(([, value]) => value === code)?.[0] ?? 'code'
  return `${name} 0x${code.toString(16).padStart(2, '0')}`
}
