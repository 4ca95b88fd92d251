/** A row of the address book, and the form in which it outlasts a restart. */
import { monoMs, type UnixSeconds, unixSeconds } from '../primitives/brand.ts'
import type { Endpoint, IpBytes } from '../primitives/ip.ts'
import type { TimedAddress } from '../wire/address.ts'
import { endpointKey, type KnownAddress, type Trust } from './known-address.ts'
import { netGroup } from './net-group.ts'

export interface SavedAddress extends Endpoint {
  readonly services: bigint
  readonly time: UnixSeconds
  readonly source: IpBytes
  readonly trust: Trust
  readonly tried: boolean
  readonly lastTryAt: UnixSeconds
  readonly lastSuccessAt: UnixSeconds
  readonly attempts: number
}

export interface AddressSource {
  readonly ip: IpBytes
  readonly trust: Trust
  /** The addresses count as seen that much earlier: hearsay is worth less than what a node says of itself. */
  readonly penaltySeconds: number
}

/** What outlasts a restart. */
export interface SavedAddresses {
  /** 32 bytes that place addresses in buckets. */
  readonly key: Uint8Array
  readonly addresses: readonly SavedAddress[]
  /** The block-relay peers of last time, to be connected to first. */
  readonly anchors: readonly Endpoint[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Row extends Mutable<KnownAddress> {
  readonly key: string
  readonly sourceGroup: string
  /** Slots of the `new` table, or the one of `tried`. */
  readonly slots: number[]
  at: number
}

/** Somebody waits for a place in `tried` until its holder has been tested. */
export interface Collision {
  readonly since: UnixSeconds
  /** Of the holder by then: what failed before is no test. */
  readonly failures: number
}

const DAY_SECONDS = 86_400
const HOUR_SECONDS = 3_600
/** Times before 1973, and in the future, are made up. */
const EARLIEST_TIME = 100_000_000
const FUTURE_SECONDS = 600
const UNKNOWN_AGE_SECONDS = 5 * DAY_SECONDS

/** `source` is shared: it must be the book's own. */
export function newRow(
  { ip, port, services }: Omit<TimedAddress, 'time'>,
  { time, source, trust }: Pick<SavedAddress, 'time' | 'source' | 'trust'>,
  sourceGroup: string,
): Row {
  return {
    key: endpointKey({ ip, port }),
    // Not a view of the message it came in.
    ip: ip.slice(),
    port,
    services,
    time,
    source,
    sourceGroup,
    group: netGroup(ip),
    trust,
    tried: false,
    lastTryAt: unixSeconds(0),
    lastSuccessAt: unixSeconds(0),
    attempts: 0,
    retryAt: monoMs(0),
    slots: [],
    at: 0,
    refusals: 0,
  }
}

export function plausibleTime(time: number, now: UnixSeconds): UnixSeconds {
  const isMadeUp = time <= EARLIEST_TIME || time > now + FUTURE_SECONDS
  return unixSeconds(isMadeUp ? Math.max(0, now - UNKNOWN_AGE_SECONDS) : time)
}

/**
 * Raises the time of a row that was heard of again, at most hourly or daily; one of the future, which a clock that was
 * ahead has left, is corrected. Returns whether it has changed.
 */
export function refreshTime(row: Row, time: UnixSeconds, penaltySeconds: number, now: UnixSeconds): boolean {
  const interval = now - time < DAY_SECONDS ? HOUR_SECONDS : DAY_SECONDS
  if (row.time <= now + FUTURE_SECONDS && row.time >= time - interval - penaltySeconds) return false
  row.time = unixSeconds(Math.max(0, time - penaltySeconds))
  return true
}
