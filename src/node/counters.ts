/**
 * Counts what happens, by event. Every counter exists from the start and only grows; there are as many as the
 * tables of reasons and codes have rows, whatever peers do. docs/METRICS.md says what each one means.
 */
import type { NodeEvent } from '../core/seam.ts'
import { removalReasons, type TransactionVerdict } from '../mempool/mempool.ts'
import { disconnectReasons, type RefusalReason } from '../peer/disconnect.ts'
import { type Offence, offences } from '../peer/offences.ts'
import { RejectCode } from '../wire/control.ts'
import type { NodeTotals } from './control.ts'
import { classifyDialError, dialFailures } from './dial-failure.ts'

/** Values by group, then by name. */
export type CounterValues = Readonly<Record<string, Readonly<Record<string, number>>>>

/** A list of the reasons that the compiler keeps complete. */
const REFUSALS: Readonly<Record<RefusalReason, true>> = {
  banned: true,
  inboundFull: true,
  perIpLimit: true,
  notListening: true,
  shuttingDown: true,
}
/** By what was said of them. */
const VERDICTS: Readonly<Record<TransactionVerdict, string>> = {
  accepted: 'accepted',
  rejected: 'refused',
  orphan: 'orphans',
  known: 'known',
  busy: 'busy',
}
const OFFENCES = Object.keys(offences) as readonly Offence[]
const REJECTS = [...Object.keys(RejectCode), 'other']

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  connections: ['accepted', 'dialled', 'connected', 'handshakes'],
  refused: Object.keys(REFUSALS),
  dial_failures: dialFailures,
  disconnected: disconnectReasons,
  offences: OFFENCES,
  bans: ['misbehaving', 'manual', 'lifted'],
  rejects: ['received', 'sent'],
  rejects_received: REJECTS,
  throttled: ['overAllowance', 'congested'],
  addresses: ['messages', 'received', 'considered', 'added'],
  seeds: ['dns', 'fixed', 'seednode', 'resolved'],
  transactions: ['accepted', 'refused', 'orphans', 'known', 'busy', ...removalReasons],
  bytes: ['received', 'sent'],
}

/** As "group.name". */
export const counterNames: readonly string[] = Object.entries(GROUPS).flatMap(([group, names]) =>
  names.map((name) => `${group}.${name}`),
)

type Add = (group: string, name: string, by?: number) => void
type Counting = {
  readonly [T in NodeEvent['type']]?: (event: Extract<NodeEvent, { type: T }>, add: Add) => void
}

const COUNTING: Counting = {
  accepted: (_, add) => add('connections', 'accepted'),
  dialing: (_, add) => add('connections', 'dialled'),
  connected: (_, add) => add('connections', 'connected'),
  handshakeComplete: (_, add) => add('connections', 'handshakes'),
  refused: ({ reason }, add) => add('refused', reason),
  dialFailed: ({ error }, add) => add('dial_failures', classifyDialError(error)),
  disconnected: ({ reason }, add) => add('disconnected', reason),
  offence: ({ offence }, add) => add('offences', offence),
  banned: ({ reason }, add) => add('bans', reason),
  unbanned: (_, add) => add('bans', 'lifted'),
  rejectReceived: ({ code }, add) => {
    add('rejects', 'received')
    add('rejects_received', rejectName(code))
  },
  sent: ({ command }, add) => {
    if (command === 'reject') add('rejects', 'sent')
  },
  throttled: (_, add) => add('throttled', 'overAllowance'),
  congested: (_, add) => add('throttled', 'congested'),
  addressesReceived: ({ count, taken, added }, add) => {
    add('addresses', 'messages')
    add('addresses', 'received', count)
    add('addresses', 'considered', taken)
    add('addresses', 'added', added)
  },
  seeding: ({ by }, add) => add('seeds', by),
  seedsResolved: ({ count }, add) => add('seeds', 'resolved', count),
  mempool: ({ outcome }, add) =>
    add('transactions', outcome.type === 'removed' ? outcome.reason : VERDICTS[outcome.verdict]),
}

export class Counters {
  readonly #values = new Map<string, number>(counterNames.map((name) => [name, 0]))

  note(event: NodeEvent): void {
    // A row's function takes the event of the row's own type, which indexing by a union can't express.
    const count = COUNTING[event.type] as ((event: NodeEvent, add: Add) => void) | undefined
    count?.(event, this.#add)
  }

  /** `totals`: bytes are counted where they move. */
  read({ bytesReceived, bytesSent }: Pick<NodeTotals, 'bytesReceived' | 'bytesSent'>): CounterValues {
    const values: Record<string, Record<string, number>> = {}
    for (const [group, names] of Object.entries(GROUPS)) {
      values[group] = Object.fromEntries(
        names.map((name) => [name, this.#values.get(`${group}.${name}`) ?? 0]),
      )
    }
    return { ...values, bytes: { received: bytesReceived, sent: bytesSent } }
  }

  readonly #add: Add = (group, name, by = 1) => {
    const key = `${group}.${name}`
    const before = this.#values.get(key)
    // Only what is in the tables: a peer can't make up names.
    if (before !== undefined) this.#values.set(key, before + by)
  }
}

function rejectName(code: number): string {
  return Object.entries(RejectCode).find(([, value]) => value === code)?.[0] ?? 'other'
}
