/**
 * The one table of what a peer can do wrong: how many points it costs and whether it ends the connection.
 * Points follow wire-protocol 10.3; what an honest old node may do is not in the table. At
 * MISBEHAVIOUR_LIMIT points the peer is closed.
 */
import type { DisconnectReason } from './disconnect.ts'

export interface OffenceRule {
  readonly points: number
  /** Ends the connection at once with this reason, whatever the points. */
  readonly closes?: DisconnectReason
}

export const offences = {
  /** First bytes of a frame are not this network's. */
  badMagic: { points: 0, closes: 'badMagic' },
  /** Command field without its zero padding. */
  badCommand: { points: 0, closes: 'badCommand' },
  /** Frame longer than any may be at this stage. */
  oversized: { points: 0, closes: 'oversizedMessage' },
  badChecksum: { points: 50, closes: 'badChecksum' },
  /** Known command, payload length outside its bounds; the payload was passed over. */
  badSize: { points: 20 },
  /** Payload ends early, or a count or value in it is impossible. */
  malformed: { points: 10 },
  /** More addresses in one message than anybody may tell; none of them is taken. */
  tooManyAddresses: { points: 20 },
} as const satisfies Record<string, OffenceRule>

export type Offence = keyof typeof offences

export function ruleOf(offence: Offence): OffenceRule {
  return offences[offence]
}
