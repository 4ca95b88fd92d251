/**
 * Who is asked for headers, and when. While there is much to come one peer is followed and a few others are asked
 * once, so that one that lies or stalls is noticed; afterwards everybody is asked who has something that we lack.
 * Owns no table: what it keeps stands with each peer (`HeaderTalk`).
 */
import type { Chain } from '../chain/chain.ts'
import { HeaderNode } from '../chain/header-node.ts'
import type { HeadersOutcome } from '../chain/outcomes.ts'
import {
  HEADER_PROBES,
  HEADERS_BUSY_MAX_MS,
  HEADERS_BUSY_MS,
  HEADERS_FRESH_SECONDS,
  HEADERS_REFRESH_MS,
  HEADERS_RETRY_MS,
  HEADERS_SLOW_MS,
  HEADERS_TIMEOUT_MS,
  MAX_HEADER_JOBS_PER_SOURCE,
  MAX_NEWS_HEADERS,
  MAX_UNCONNECTED_HEADERS,
  UNCONNECTED_PAUSE_MS,
} from '../params/limits.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type HeaderList, MAX_HEADERS, MAX_LOCATOR_HASHES } from '../wire/header.ts'
import { blameForHeaders } from './blame.ts'
import type { SyncHooks } from './hooks.ts'
import type { HeaderTalk, SyncPeer } from './sync-peer.ts'

const NEVER = Number.POSITIVE_INFINITY

export class HeaderSync {
  readonly #chain: Chain
  readonly #peers: ReadonlyMap<PeerId, SyncPeer>
  readonly #hooks: SyncHooks
  /** The one that is followed while there is much to come. */
  #main: SyncPeer | undefined
  /** When the active chain last moved; then nobody need be asked again. */
  movedAt = 0

  constructor(chain: Chain, peers: ReadonlyMap<PeerId, SyncPeer>, hooks: SyncHooks) {
    this.#chain = chain
    this.#peers = peers
    this.#hooks = hooks
  }

  /** Who is followed, or was asked and has not answered. */
  get awaited(): SyncPeer | undefined {
    if (this.#main?.talk.askedAt !== undefined) return this.#main
    for (const peer of this.#peers.values()) if (peer.talk.askedAt !== undefined) return peer
    return undefined
  }

  /** Is somebody followed who has more to tell? */
  get isFollowing(): boolean {
    return this.#main !== undefined
  }

  /** Are the best headers so old that there is much to come? */
  isFar(now: Now): boolean {
    return now.unix - this.#chain.bestHeader.time > HEADERS_FRESH_SECONDS
  }

  /**
   * Have those who are here told all that they have? Somebody who doesn't answer is not waited for, nor are strangers once
   * one of our choice has told: they may come one after the other.
   */
  isComplete(now: Now): boolean {
    let answered = false
    let chosenAnswered = false
    let awaitsStranger = false
    for (const { talk, isMute, readyAt, peer } of this.#peers.values()) {
      if (isMute) answered ||= now.mono >= readyAt + HEADERS_RETRY_MS
      else if (talk.complete) {
        answered = true
        chosenAnswered ||= !peer.inbound
      } else if (talk.judging > 0 || talk.more || now.mono < readyAt + HEADERS_SLOW_MS) {
        if (!peer.inbound) return false
        awaitsStranger = true
      }
    }
    return answered && (chosenAnswered || !awaitsStranger)
  }

  /** Headers that were believed are gone: everybody is asked again. */
  restart(): void {
    this.#main = undefined
    for (const { talk } of this.#peers.values()) {
      talk.complete = false
      talk.more = false
      talk.asked = false
      talk.from = undefined
      talk.retryAt = 0
      talk.busy = 0
    }
  }

  forget(peer: SyncPeer): void {
    if (this.#main === peer) this.#main = undefined
  }

  received(peer: SyncPeer, headers: HeaderList, now: Now): void {
    const { talk } = peer
    const isAnswer = talk.askedAt !== undefined && this.#answers(peer, headers)
    if (isAnswer) {
      talk.askedAt = undefined
      talk.silentSince = undefined
    }
    if (headers.length === 0) {
      if (isAnswer) complete(peer, now)
      if (isAnswer) restAfterNothing(peer, now)
      return
    }
    if (!isAnswer && headers.length > MAX_NEWS_HEADERS) peer.peer.allowance.useWork()
    // While there is much to come only those are heard who were asked: the chain keeps aside what few have begun.
    const isUntimely = !isAnswer && (talk.askedAt !== undefined || this.isFar(now))
    if (isUntimely || talk.judging >= MAX_HEADER_JOBS_PER_SOURCE) {
      talk.wanted = true
      return
    }
    talk.judging++
    this.#chain.submitHeaders(peer.id, headers)
  }

  outcome(peer: SyncPeer, outcome: HeadersOutcome, now: Now): void {
    const { talk } = peer
    const { verdict, last, staged, count, added } = outcome
    talk.judging = Math.max(0, talk.judging - 1)
    if (last !== undefined) peer.shows(last)
    if (verdict === 'accepted' || verdict === 'staged') talk.unconnected = 0
    if (verdict !== 'busy') talk.busy = 0
    switch (verdict) {
      case 'accepted': {
        const goesOn = count >= MAX_HEADERS && (added > 0 || isFurther(last, talk.from))
        talk.from = last
        peer.isAhead = false
        if (goesOn) talk.more = true
        else if (talk.askedAt === undefined) complete(peer, now)
        if (added === 0 && !goesOn) restAfterNothing(peer, now)
        return
      }
      case 'staged':
        talk.from = staged
        talk.more = count >= MAX_HEADERS
        // Few at a time, and none that show their worth: others are to be followed meanwhile.
        if (!talk.more) talk.retryAt = now.mono + UNCONNECTED_PAUSE_MS
        return
      case 'unconnected':
        return this.#unconnected(peer, now)
      case 'busy':
        // The same headers come again: if the chain has no way to judge them, seldom.
        talk.more = true
        talk.retryAt = now.mono + Math.min(HEADERS_BUSY_MS * 2 ** talk.busy, HEADERS_BUSY_MAX_MS)
        talk.busy++
        return
      case 'invalid': {
        complete(peer, now)
        const blame = blameForHeaders(outcome)
        if (blame !== undefined) this.#hooks.offend(peer.peer, blame.offence, blame.detail)
        return
      }
      case 'future':
        // Our clock may be behind, or theirs ahead: time tells.
        peer.isAhead = true
        complete(peer, now)
        talk.wanted = true
        talk.retryAt = now.mono + UNCONNECTED_PAUSE_MS
        return
      case 'tooDeep':
        return complete(peer, now)
    }
  }

  /** Asks whom it has to ask. Returns when there is something to do again. */
  plan(now: Now): number {
    for (const peer of this.#peers.values()) {
      this.#judgeSilence(peer, now)
      if (!peer.isMute && peer.talk.complete && now.mono >= this.#refreshAt(peer)) peer.talk.wanted = true
    }
    const isFar = this.isFar(now)
    this.#main = isFar ? this.#chooseMain(now) : undefined
    let probes = 0
    for (const peer of this.#peers.values())
      if (peer !== this.#main && !peer.isMute && isAwaited(peer, now)) probes++
    for (const peer of this.#peers.values()) {
      if (!this.#mayAsk(peer, now)) continue
      if (isFar && peer !== this.#main && !peer.isMute) {
        if (peer.talk.asked || probes >= HEADER_PROBES) continue
        probes++
      }
      this.#ask(peer, now)
    }
    let next = NEVER
    for (const peer of this.#peers.values()) next = Math.min(next, this.#nextAt(peer, now))
    return next
  }

  /** Is this what was asked for, or news that happen to come in between? */
  #answers(peer: SyncPeer, headers: HeaderList): boolean {
    if (headers.length === 0 || headers.length > MAX_NEWS_HEADERS || this.#connects(headers)) return true
    const { from } = peer.talk
    return from !== undefined && bytesEqual(from.hash, headers.at(0).previousHash)
  }

  #connects(headers: HeaderList): boolean {
    return this.#chain.tree.get(headers.at(0).previousHash) !== undefined
  }

  #unconnected(peer: SyncPeer, now: Now): void {
    const { talk } = peer
    talk.from = undefined
    talk.wanted = true
    talk.unconnected++
    if (talk.unconnected < MAX_UNCONNECTED_HEADERS) return
    talk.unconnected = 0
    talk.retryAt = now.mono + UNCONNECTED_PAUSE_MS
  }

  #judgeSilence(peer: SyncPeer, now: Now): void {
    const { talk } = peer
    // A long answer may be on its way, or we ourselves may not be reading.
    if (talk.askedAt === undefined || peer.isReceiving || peer.peer.mustWait) return
    if (now.mono < talk.askedAt + HEADERS_RETRY_MS) return
    talk.askedAt = undefined
    if (now.mono < (talk.silentSince ?? now.mono) + HEADERS_TIMEOUT_MS) return
    talk.silentSince = undefined
    talk.slow++
    talk.retryAt = now.mono + HEADERS_REFRESH_MS
    if (peer.isOurChoice) this.#hooks.disconnect(peer.peer, 'stalled', 'no headers')
  }

  /** The one that is followed, as long as it has more and is not slow while others could go on. */
  #chooseMain(now: Now): SyncPeer | undefined {
    const main = this.#main
    if (main !== undefined && hasMore(main) && now.mono >= main.talk.retryAt) {
      const { askedAt } = main.talk
      if (askedAt === undefined || now.mono < askedAt + HEADERS_SLOW_MS) return main
      // Something comes in, but it need not be what was asked for.
      if (peerIsArriving(main) && now.mono < askedAt + HEADERS_TIMEOUT_MS) return main
    }
    let best: SyncPeer | undefined
    for (const peer of this.#peers.values()) {
      if (peer === main || peer.isMute || !hasMore(peer) || now.mono < peer.talk.retryAt) continue
      if (best === undefined || isBetter(peer, best)) best = peer
    }
    if (main !== undefined && hasMore(main)) {
      if (best === undefined) return main
      // What it has begun would keep a place from others; it may begin again.
      main.talk.slow++
      main.talk.from = undefined
      main.talk.judging = 0
      this.#chain.forget(main.id)
    }
    return best
  }

  #mayAsk(peer: SyncPeer, now: Now): boolean {
    const { talk } = peer
    if (talk.askedAt !== undefined || talk.judging > 0 || now.mono < talk.retryAt) return false
    // The first release does not know the question.
    return !peer.isMute && hasMore(peer)
  }

  #refreshAt({ talk }: SyncPeer): number {
    return Math.max(talk.completeAt, this.movedAt) + HEADERS_REFRESH_MS
  }

  #ask(peer: SyncPeer, now: Now): void {
    const { talk } = peer
    talk.asked = true
    talk.more = false
    talk.wanted = false
    this.#hooks.getheaders(peer.peer, this.#locator(peer))
    talk.complete = false
    talk.askedAt = now.mono
    talk.silentSince ??= now.mono
  }

  /**
   * From the block before the best, so that a peer with the same chain answers with one header: an empty answer would
   * not tell what it has. With the last that it told in its place, so that one who is far behind goes on from there.
   */
  #locator({ talk: { from } }: SyncPeer): Uint8Array[] {
    const { bestHeader, tree } = this.#chain
    const top = bestHeader.parent ?? bestHeader
    const isNode = from instanceof HeaderNode
    if (isNode && !from.isFailed && !from.isAncestorOf(bestHeader)) return this.#chain.locator(from)
    const locator = this.#chain.locator(top)
    if (from === undefined || (isNode && (from.isFailed || from.height >= top.height))) return locator
    // The first and the last hash matter most.
    if (locator.length === MAX_LOCATOR_HASHES) locator.splice(MAX_LOCATOR_HASHES - 2, 1)
    const place = isNode ? locator.findIndex((hash) => (tree.get(hash)?.height ?? 0) <= from.height) : 0
    const isThere = bytesEqual(locator[place] ?? from.hash, from.hash)
    if (!isThere) locator.splice(place, 0, from.hash)
    return locator
  }

  #nextAt(peer: SyncPeer, now: Now): number {
    const { talk } = peer
    const later = (at: number): number => (at > now.mono ? at : NEVER)
    if (talk.askedAt !== undefined) {
      // Not answered although it is time: bytes are coming in, or we don't read.
      const retryAt = talk.askedAt + HEADERS_RETRY_MS
      const lookAt = retryAt > now.mono ? retryAt : now.mono + HEADERS_SLOW_MS
      return Math.min(lookAt, later(talk.askedAt + HEADERS_SLOW_MS))
    }
    if (talk.judging > 0) return NEVER
    const settledAt = later(peer.readyAt + (peer.isMute ? HEADERS_RETRY_MS : HEADERS_SLOW_MS))
    if (hasMore(peer)) return Math.min(later(talk.retryAt), settledAt)
    return Math.min(peer.isMute ? NEVER : later(Math.max(this.#refreshAt(peer), talk.retryAt)), settledAt)
  }
}

function complete({ talk }: SyncPeer, now: Now): void {
  talk.complete = true
  talk.more = false
  talk.completeAt = now.mono
}

/** It has announced something, and then told nothing of it: it is not asked again at once, if it announces more. */
function restAfterNothing({ talk, unknown }: SyncPeer, now: Now): void {
  if (unknown !== undefined) talk.retryAt = Math.max(talk.retryAt, now.mono + HEADERS_BUSY_MS)
}

/** Does it tell more than was told before? */
function isFurther(last: HeaderNode | undefined, from: HeaderTalk['from']): boolean {
  return !(from instanceof HeaderNode) || (last !== undefined && last.height > from.height)
}

function hasMore({ talk }: SyncPeer): boolean {
  return !talk.complete || talk.more || talk.wanted
}

function isAwaited({ talk }: SyncPeer, now: Now): boolean {
  return talk.askedAt !== undefined && now.mono < talk.askedAt + HEADERS_SLOW_MS
}

function peerIsArriving(peer: SyncPeer): boolean {
  return peer.isReceiving && !peer.peer.mustWait
}

/** Whom to follow rather: one that kept nobody waiting, that we chose ourselves, that claims more. */
function isBetter(a: SyncPeer, b: SyncPeer): boolean {
  if (a.talk.slow !== b.talk.slow) return a.talk.slow < b.talk.slow
  if (a.peer.inbound !== b.peer.inbound) return b.peer.inbound
  if (a.claimedHeight !== b.claimedHeight) return a.claimedHeight > b.claimedHeight
  return a.readyAt < b.readyAt
}
