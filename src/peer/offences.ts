/**
 * The one table of what a peer can do wrong: how many points it costs, whether it ends the connection, whether a
 * peer whose points reach MISBEHAVIOUR_LIMIT by it is refused for a while, and how loud the log is about it. Its
 * code is the name of its counter. Points follow wire-protocol 10.3; what an honest old node may do is not in the
 * table.
 */
import type { DisconnectReason } from './disconnect.ts'

export interface OffenceRule {
  readonly points: number
  /** Ends the connection at once with this reason, whatever the points. */
  readonly closes?: DisconnectReason
  /** May lead to a ban? Not where a line that loses bytes looks the same as a liar. */
  readonly bannable: boolean
  readonly level: 'info' | 'debug'
}

/** A rule of the chain that what a peer sent does not obey, for people and programs. */
export interface BrokenRule {
  readonly kind: 'rule'
  /** Such as "headers" or "block 00..ff". */
  readonly what: string
  /** Short name of the rule in the field's words, such as "high-hash". */
  readonly code: string
  readonly detail: string
}

export const offences = {
  /** First bytes of a frame are not this network's. */
  badMagic: { points: 0, closes: 'badMagic', bannable: false, level: 'info' },
  /** Command field without its zero padding. */
  badCommand: { points: 0, closes: 'badCommand', bannable: false, level: 'info' },
  /** Frame longer than any may be at this stage. */
  oversized: { points: 0, closes: 'oversizedMessage', bannable: false, level: 'info' },
  badChecksum: { points: 50, closes: 'badChecksum', bannable: false, level: 'info' },
  /** Known command, payload length outside its bounds; the payload was passed over. */
  badSize: { points: 20, bannable: true, level: 'info' },
  /** Payload ends early, or a count or value in it is impossible. */
  malformed: { points: 10, bannable: true, level: 'info' },
  /** More addresses in one message than anybody may tell; none of them is taken. */
  tooManyAddresses: { points: 20, bannable: true, level: 'info' },
  /** Asks for a transaction behind the last one of its block, or for one twice. */
  badIndex: { points: 10, bannable: true, level: 'info' },
  /** A header whose hash is not below its target: nobody passes that on by mistake. */
  badProofOfWork: { points: 100, bannable: true, level: 'info' },
  /** Headers that break another rule: the peer follows other rules, or lies. */
  badHeaders: { points: 20, bannable: true, level: 'info' },
  /** A block whose transactions are not those of its header. Says nothing against the block. */
  mutatedBlock: { points: 100, bannable: true, level: 'info' },
  /** A block that breaks a rule. Not one whose ancestor does: its sender may not know. */
  badBlock: { points: 100, bannable: true, level: 'info' },
  /** A transaction that nobody may mine, ever: no node passes on what it found to be so. */
  badTransaction: { points: 50, bannable: true, level: 'info' },
} as const satisfies Record<string, OffenceRule>

export type Offence = keyof typeof offences

export function ruleOf(offence: Offence): OffenceRule {
  return offences[offence]
}
