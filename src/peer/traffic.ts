/** What went one way over one connection. Bounded by the number of known commands plus one row for the rest. */
import type { UnixSeconds } from '../primitives/brand.ts'

/** Row for everything without a command of its own: unknown commands, frames passed over. */
export const OTHER_TRAFFIC = '*other*'

export interface CommandTraffic {
  messages: number
  /** Frame headers included. */
  bytes: number
}

export class Traffic {
  messages = 0
  bytes = 0
  /** Unix time of the last byte; 0 for never. */
  lastAt: UnixSeconds | 0 = 0
  readonly byCommand = new Map<string, CommandTraffic>()

  count(command: string, bytes: number): void {
    this.messages++
    const row = this.byCommand.get(command)
    if (row === undefined) {
      this.byCommand.set(command, { messages: 1, bytes })
    } else {
      row.messages++
      row.bytes += bytes
    }
  }
}
