/**
 * Who has to go when all inbound slots are taken and somebody knocks: one pure function over those who are there.
 * Each rule protects a few by something that an attacker can't have much of, or can't have without being of use:
 * a network group of the secret key's choice, a short way to us, news that are valid, a long stay. Among those whom
 * nothing protects it takes from the group with most members, so that many connections from few networks push out
 * each other. It keeps no state, and its answer does not depend on the order of the candidates.
 */
import {
  EVICTION_HANDSHAKE_GRACE_MS,
  EVICTION_SHARE_PROTECTED,
  FAST_PEERS_PROTECTED,
  GROUPS_PROTECTED,
  RECENT_BLOCKS_PROTECTED,
  RECENT_TRANSACTIONS_PROTECTED,
} from '../params/limits.ts'
import type { MonoMs, PeerId } from '../primitives/brand.ts'

/** An inbound peer as eviction sees it. */
export interface EvictionCandidate {
  readonly id: PeerId
  /** Is its handshake complete? */
  readonly ready: boolean
  readonly connectedAt: MonoMs
  /** Network group of its address, such as "1.2.0.0/16". */
  readonly group: string
  /** Hash of the group with a secret key: strangers can't choose groups that rank low here. */
  readonly groupOrder: number
  /** Shortest round trip so far. */
  readonly minPingMs: number | undefined
  /** When it last brought us a block or transaction that was valid and new. */
  readonly lastBlockAt: MonoMs | undefined
  readonly lastTransactionAt: MonoMs | undefined
  /** Points; somebody who has any is protected neither by its ping nor by its stay. */
  readonly misbehaviour: number
}

type Compare = (a: EvictionCandidate, b: EvictionCandidate) => number

/** Whom to close for a newcomer; undefined if all are worth more, and the newcomer is to be refused. */
export function chooseEviction(candidates: readonly EvictionCandidate[], now: MonoMs): PeerId | undefined {
  return (unfinished(candidates, now) ?? leastMissed(candidates, now))?.id
}

/** Half-open connections hold nothing that would be lost: they go first, however many come. */
function unfinished(candidates: readonly EvictionCandidate[], now: MonoMs): EvictionCandidate | undefined {
  const overdue = candidates.filter((c) => !c.ready && now - c.connectedAt > EVICTION_HANDSHAKE_GRACE_MS)
  return firstOfBiggestGroup(overdue, byAge)
}

function leastMissed(candidates: readonly EvictionCandidate[], now: MonoMs): EvictionCandidate | undefined {
  let rest = without(candidates, headsOfGroups(candidates))
  rest = without(rest, best(rest.filter(hasGoodPing), FAST_PEERS_PROTECTED, byPing))
  rest = without(rest, best(rest.filter(broughtTransaction), RECENT_TRANSACTIONS_PROTECTED, byTransaction))
  rest = without(rest, best(rest.filter(broughtBlock), RECENT_BLOCKS_PROTECTED, byBlock))
  const lasting = Math.floor(rest.length * EVICTION_SHARE_PROTECTED)
  rest = without(rest, best(rest.filter(isClean), lasting, byAge))
  const chosen = firstOfBiggestGroup(rest, byYouth)
  const isAlone = chosen !== undefined && !candidates.some((c) => c !== chosen && c.group === chosen.group)
  if (!isAlone) return chosen
  // Of a crowd from everywhere each has time to shake hands and ask, instead of pushing out the one before.
  return best(
    rest.filter((c) => now - c.connectedAt > EVICTION_HANDSHAKE_GRACE_MS),
    1,
    byYouth,
  )[0]
}

/** Of the groups that come first by the secret order, the eldest member each: one lucky group can't have all. */
function headsOfGroups(candidates: readonly EvictionCandidate[]): EvictionCandidate[] {
  const heads = new Map<string, EvictionCandidate>()
  for (const candidate of candidates) {
    const head = heads.get(candidate.group)
    if (head === undefined || byAge(candidate, head) < 0) heads.set(candidate.group, candidate)
  }
  return best([...heads.values()], GROUPS_PROTECTED, byGroupOrder)
}

/** The first by `order` of the group with most members; of equally large groups, the first of all. */
function firstOfBiggestGroup(
  candidates: readonly EvictionCandidate[],
  order: Compare,
): EvictionCandidate | undefined {
  const sizes = new Map<string, number>()
  for (const { group } of candidates) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  const size = ({ group }: EvictionCandidate): number => sizes.get(group) ?? 0
  return best(candidates, 1, (a, b) => size(b) - size(a) || order(a, b))[0]
}

function best(candidates: readonly EvictionCandidate[], count: number, order: Compare): EvictionCandidate[] {
  return candidates.toSorted(order).slice(0, count)
}

function without(
  candidates: readonly EvictionCandidate[],
  taken: readonly EvictionCandidate[],
): EvictionCandidate[] {
  const ids = new Set(taken.map(({ id }) => id))
  return candidates.filter(({ id }) => !ids.has(id))
}

const isClean = (c: EvictionCandidate): boolean => c.misbehaviour === 0
const hasGoodPing = (c: EvictionCandidate): boolean => c.minPingMs !== undefined && isClean(c)
const broughtTransaction = (c: EvictionCandidate): boolean => c.lastTransactionAt !== undefined
const broughtBlock = (c: EvictionCandidate): boolean => c.lastBlockAt !== undefined

// The elder comes first wherever two are equal, so that nobody is pushed out by an equal newcomer.
const byAge: Compare = (a, b) => a.connectedAt - b.connectedAt || a.id - b.id
const byYouth: Compare = (a, b) => byAge(b, a)
const byGroupOrder: Compare = (a, b) => a.groupOrder - b.groupOrder || byAge(a, b)
const byPing: Compare = (a, b) => (a.minPingMs ?? 0) - (b.minPingMs ?? 0) || byAge(a, b)
const byTransaction: Compare = (a, b) =>
  (b.lastTransactionAt ?? 0) - (a.lastTransactionAt ?? 0) || byAge(a, b)
const byBlock: Compare = (a, b) => (b.lastBlockAt ?? 0) - (a.lastBlockAt ?? 0) || byAge(a, b)
