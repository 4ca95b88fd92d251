/** What is known of one address, and what follows from it: whether it is worth keeping, and when to try it again. */
import {
  ADDRESS_BUSY_GROWTH,
  ADDRESS_BUSY_MS,
  ADDRESS_HORIZON_SECONDS,
  ADDRESS_RETRY_MAX_MS,
  ADDRESS_RETRY_MIN_MS,
  ADDRESS_WEEK_SECONDS,
  MAX_ADDRESS_FAILURES,
  MAX_ADDRESS_RETRIES,
} from '../params/limits.ts'
import { type MonoMs, monoMs, type UnixSeconds } from '../primitives/brand.ts'
import { type Endpoint, type IpBytes, isRoutable } from '../primitives/ip.ts'

/**
 * How much stands behind an address. `told`: a stranger who came to us named it. `vouched`: a seed or a peer of our
 * own choice did. `proven`: it has served us.
 */
export type Trust = 'told' | 'vouched' | 'proven'

export const trusts: readonly Trust[] = ['told', 'vouched', 'proven']

export interface KnownAddress extends Endpoint {
  readonly services: bigint
  /** When somebody was last known to be there. */
  readonly time: UnixSeconds
  /** Who told us first. */
  readonly source: IpBytes
  readonly group: string
  readonly trust: Trust
  /** Has a handshake with it ever been completed, and has it kept its place since? */
  readonly tried: boolean
  /** Unix seconds; 0 for never. */
  readonly lastTryAt: UnixSeconds
  readonly lastSuccessAt: UnixSeconds
  /** Failures since the last success. */
  readonly attempts: number
  /** How often it was there and took nobody, or had to be sent away, since it last served us. */
  readonly refusals: number
  /** Not to be dialled before. */
  readonly retryAt: MonoMs
}

/** Whoever closes us sooner than this had no slot to spare. */
export const BUSY_WITHIN_MS = 60_000
const JUST_TRIED_SECONDS = 60
const FUTURE_SECONDS = 600
const MAX_COUNTED_ATTEMPTS = 8
const CHANCE_PER_FAILURE = 0.66

/** Not worth a slot: too old, from the future, or tried in vain too often. */
export function isTerrible(row: KnownAddress, now: UnixSeconds): boolean {
  // What a clock that was ahead has dated is not of now.
  if (row.lastTryAt !== 0 && Math.abs(now - row.lastTryAt) < JUST_TRIED_SECONDS) return false
  if (row.time > now + FUTURE_SECONDS) return true
  if (now - row.time > ADDRESS_HORIZON_SECONDS) return true
  if (row.lastSuccessAt === 0 && row.attempts >= MAX_ADDRESS_RETRIES) return true
  return now - row.lastSuccessAt > ADDRESS_WEEK_SECONDS && row.attempts >= MAX_ADDRESS_FAILURES
}

/** Chance to be chosen when drawn. */
export function chanceOf(row: KnownAddress): number {
  return CHANCE_PER_FAILURE ** Math.min(row.attempts, MAX_COUNTED_ATTEMPTS)
}

/** `jitter` in [0, 1): nodes that lost a peer together don't come back together. */
export function retryTime(attempts: number, now: MonoMs, jitter: number): MonoMs {
  const wait = Math.min(ADDRESS_RETRY_MAX_MS, ADDRESS_RETRY_MIN_MS * 2 ** Math.min(attempts, 16))
  return monoMs(now + wait * (0.75 + 0.5 * jitter))
}

/** The same for who was there and took nobody. */
export function busyTime(refusals: number, now: MonoMs, jitter: number): MonoMs {
  const wait = Math.min(ADDRESS_RETRY_MAX_MS, ADDRESS_BUSY_MS * ADDRESS_BUSY_GROWTH ** Math.min(refusals, 32))
  return monoMs(now + wait * (0.5 + jitter))
}

/** Key of an endpoint in tables: its 18 bytes as characters. */
export function endpointKey({ ip, port }: Endpoint): string {
  // One call with all of them is four times as fast as joining them one by one, and leaves no pieces behind.
  return String.fromCharCode(
    port >> 8,
    port & 0xff,
    ip[0] ?? 0,
    ip[1] ?? 0,
    ip[2] ?? 0,
    ip[3] ?? 0,
    ip[4] ?? 0,
    ip[5] ?? 0,
    ip[6] ?? 0,
    ip[7] ?? 0,
    ip[8] ?? 0,
    ip[9] ?? 0,
    ip[10] ?? 0,
    ip[11] ?? 0,
    ip[12] ?? 0,
    ip[13] ?? 0,
    ip[14] ?? 0,
    ip[15] ?? 0,
  )
}

/**
 * Key of the node that an endpoint leads to: a routable address is one node, addresses of one machine may have a node
 * at each port.
 */
export function nodeKey(endpoint: Endpoint): string {
  const key = endpointKey(endpoint)
  return isRoutable(endpoint.ip) ? key.slice(2) : key
}
