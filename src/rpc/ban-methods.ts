/** Methods about who is refused (rpc 4.5): setban, listbanned, clearbanned. */
import * as v from 'valibot'
import { MANUAL_BAN_SECONDS } from '../params/limits.ts'
import { type Ban, FOREVER } from '../pool/ban-list.ts'
import { type UnixSeconds, unixSeconds } from '../primitives/brand.ts'
import { bytesEqual, printable } from '../primitives/bytes.ts'
import { formatSubnet, parseSubnet, type Subnet, subnetCovers } from '../primitives/subnet.ts'
import { methodError } from './errors.ts'
import type { JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'

const BAN_TIME = 'a whole number of seconds, 0 for a ban without end'

/** The end of the year 9999: later is never. */
const LAST_DATE = 253_402_300_799

/** Codes of the C++ node. */
const REASONS = { misbehaving: 1, manual: 2 } as const

export const banMethods: readonly RpcMethod[] = [
  method({
    name: 'setban',
    usage: 'setban <ip or subnet> <add|remove> [bantime] [absolute]',
    summary: 'refuse an address or a range such as 1.2.3.0/24 for some time, or no longer',
    params: {
      ip: v.string('an IP address or a subnet'),
      command: v.picklist(['add', 'remove'], "'add' or 'remove'"),
      bantime: v.optional(v.pipe(v.number(BAN_TIME), v.safeInteger(BAN_TIME), v.minValue(0, BAN_TIME))),
      absolute: v.optional(v.boolean('true if bantime is a Unix time')),
    },
    aliases: { subnet: 'ip', address: 'ip' },
    run: ({ ip, command, bantime, absolute }, { control }) => {
      const subnet = parseSubnet(ip)
      if (subnet === undefined) {
        throw methodError(
          `setban: '${printable(ip, 64)}' is no IP address or subnet, such as 1.2.3.4 or 1.2.3.0/24`,
        )
      }
      if (command === 'add') {
        const until = endOfBan(control.unixTime(), bantime, absolute ?? false)
        const before = banOf(control.bans(), subnet, ip.includes('/'))
        if (before !== undefined) throw alreadyBanned(subnet, before)
        control.ban(subnet, until)
      } else if (!control.unban(subnet)) {
        throw methodError(`setban: ${formatSubnet(subnet)} is not banned. listbanned shows what is`)
      }
      return null
    },
  }),
  method({
    name: 'listbanned',
    usage: 'listbanned',
    summary: 'addresses and ranges that are refused',
    params: {},
    run: (_, { control }) => {
      const rows = control.bans().map((ban) => [formatSubnet(ban.subnet), ban] as const)
      rows.sort(([a], [b]) => (a < b ? -1 : 1))
      return rows.map(([text, ban]) => describeBan(text, ban, control.unixTime()))
    },
  }),
  method({
    name: 'clearbanned',
    usage: 'clearbanned',
    summary: 'lift all bans',
    params: {},
    run: (_, { control }) => {
      control.clearBans()
      return null
    },
  }),
]

function endOfBan(now: UnixSeconds, bantime: number | undefined, absolute: boolean): UnixSeconds {
  if (bantime === 0) return FOREVER
  const until = absolute ? (bantime ?? 0) : now + (bantime ?? MANUAL_BAN_SECONDS)
  if (until > LAST_DATE) return FOREVER
  if (until > now) return unixSeconds(until)
  throw methodError('setban: with absolute, bantime must be a Unix time that is still to come')
}

/** A range is banned if that very range is; a single address if any ban covers it. */
function banOf(bans: readonly Ban[], { ip, bits }: Subnet, isRange: boolean): Ban | undefined {
  return bans.find(({ subnet }) =>
    isRange ? subnet.bits === bits && bytesEqual(subnet.ip, ip) : subnetCovers(subnet, ip),
  )
}

function alreadyBanned(subnet: Subnet, { subnet: covering }: Ban): Error {
  const [text, by] = [formatSubnet(subnet), formatSubnet(covering)]
  return methodError(`setban: ${text} is banned already${text === by ? '' : `, by ${by}`}`)
}

/** The C++ node's members, and Bitcoin's for durations. A ban without end has 0 for its end. */
function describeBan(subnet: string, ban: Ban, now: UnixSeconds): JsonValue {
  const forever = ban.until === FOREVER
  return {
    // A single address stands without its length, as the C++ node has it.
    address: subnet.replace(ban.subnet.bits === 128 ? /\/\d+$/ : '', ''),
    ban_created: ban.createdAt,
    banned_until: forever ? 0 : ban.until,
    ban_duration: forever ? 0 : ban.until - ban.createdAt,
    time_remaining: forever ? 0 : ban.until - now,
    ban_reason: REASONS[ban.reason],
    ban_reason_str: ban.reason,
    misbehavior_type: 0,
    misbehavior_score: ban.score,
  }
}
