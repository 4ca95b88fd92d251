/**
 * What happened lately, in short words: to each peer that is there, and how connections ended that are not. The
 * first is forgotten with its peer; of the latter the last MAX_ENDS of either direction are kept, so that
 * strangers who come and go can't push out what we dialled. Whatever a peer said is made printable.
 */
import type { NodeEvent } from '../core/seam.ts'
import {
  type DisconnectReason,
  describeDisconnect,
  describeRefusal,
  type RefusalReason,
} from '../peer/disconnect.ts'
import type { ConnectionKind } from '../peer/peer.ts'
import type { PeerId, UnixSeconds } from '../primitives/brand.ts'
import { printable } from '../primitives/bytes.ts'
import { isRoutable, parseHostPort, parseIp } from '../primitives/ip.ts'
import { classifyDialError, type DialFailure, describeDialFailure } from './dial-failure.ts'

export interface PeerEvent {
  /** Of the last time, if it happened several times in a row. */
  readonly time: UnixSeconds
  /** Such as "handshake complete". */
  readonly text: string
  readonly times: number
}

interface EndCommon {
  readonly time: UnixSeconds
  /** What was dialled, or where it came from, as "host:port". */
  readonly address: string
  readonly inbound: boolean
  /** More about it, such as the text of the peer's `reject`; often empty. */
  readonly detail: string
}

/** A connection that has ended, was not taken, or did not come about. */
export type ConnectionEnd =
  | (EndCommon & {
      readonly what: 'disconnected'
      readonly reason: DisconnectReason
      readonly kind: ConnectionKind
      /** Had its `version` come? Was its handshake complete? */
      readonly gotVersion: boolean
      readonly wasReady: boolean
      /** How long it lasted. */
      readonly seconds: number
    })
  | (EndCommon & { readonly what: 'refused'; readonly reason: RefusalReason })
  | (EndCommon & { readonly what: 'dialFailed'; readonly reason: DialFailure; readonly kind: ConnectionKind })

interface PeerRow {
  readonly since: UnixSeconds
  readonly events: PeerEvent[]
  gotVersion: boolean
  /** When the oldest ping without a pong went out. */
  pingSince: UnixSeconds | undefined
}

const MAX_PEER_EVENTS = 10
/** In either direction. */
const MAX_ENDS = 100
const MAX_TEXT_CHARS = 200
/** A ping that is still without an answer when the next one goes out was missed, unless that was sent by hand. */
const MISSED_AFTER_SECONDS = 25

export class NodeHistory {
  readonly #now: () => UnixSeconds
  readonly #peers = new Map<PeerId, PeerRow>()
  readonly #inboundEnds: ConnectionEnd[] = []
  readonly #outboundEnds: ConnectionEnd[] = []
  #reachedFromOutside = false

  constructor(now: () => UnixSeconds) {
    this.#now = now
  }

  /** Has anybody connected from an address that is not this machine's or a private one? */
  get reachedFromOutside(): boolean {
    return this.#reachedFromOutside
  }

  /** Oldest first; none for a peer that is gone. */
  eventsOf(peer: PeerId): readonly PeerEvent[] {
    return this.#peers.get(peer)?.events ?? []
  }

  /** Of both directions, oldest first. */
  ends(): ConnectionEnd[] {
    return [...this.#inboundEnds, ...this.#outboundEnds].sort((a, b) => a.time - b.time)
  }

  /** Peers that something is known of, for the check that nothing outlives its peer. */
  keyedIds(): Iterable<PeerId> {
    return this.#peers.keys()
  }

  note(event: NodeEvent): void {
    switch (event.type) {
      case 'accepted':
      case 'connected':
        return this.#begin(event)
      case 'disconnected':
      case 'refused':
      case 'dialFailed':
        return this.#end(event)
      case 'versionReceived':
        return this.#version(event.peer, event.version.version)
      case 'sent':
        if (event.command === 'ping') return this.#pinged(event.peer)
        if (event.command === 'reject') this.#add(event.peer, 'we rejected its message')
        return
      case 'pongReceived':
        if (event.roundTripMs !== undefined) this.#ponged(event.peer)
        return
      default: {
        const text = textOf(event)
        if (text !== undefined && 'peer' in event) this.#add(event.peer, text)
      }
    }
  }

  #begin({ type, peer, address }: Extract<NodeEvent, { type: 'accepted' | 'connected' }>): void {
    const row = { since: this.#now(), events: [], gotVersion: false, pingSince: undefined }
    this.#peers.set(peer, row)
    if (type === 'accepted' && !this.#reachedFromOutside) this.#reachedFromOutside = isOutside(address)
    this.#add(peer, type === 'accepted' ? 'accepted' : 'dialled')
  }

  #end(event: Extract<NodeEvent, { type: 'disconnected' | 'refused' | 'dialFailed' }>): void {
    const time = this.#now()
    const address = printable(event.address, MAX_TEXT_CHARS)
    if (event.type === 'refused') {
      const { reason } = event
      return keep(
        this.#inboundEnds,
        { what: 'refused', time, address, inbound: true, reason, detail: '' },
        MAX_ENDS,
      )
    }
    if (event.type === 'dialFailed') {
      const detail = printable(event.error, MAX_TEXT_CHARS)
      const reason = classifyDialError(event.error)
      return keep(
        this.#outboundEnds,
        { what: 'dialFailed', time, address, inbound: false, kind: event.kind, reason, detail },
        MAX_ENDS,
      )
    }
    const { peer, kind, inbound, reason, wasReady } = event
    const row = this.#peers.get(peer)
    this.#peers.delete(peer)
    const seconds = row === undefined ? 0 : Math.max(0, time - row.since)
    const detail = printable(event.detail ?? '', MAX_TEXT_CHARS)
    const gotVersion = row?.gotVersion ?? false
    const common = { what: 'disconnected', time, address, inbound, kind, reason, detail } as const
    keep(
      inbound ? this.#inboundEnds : this.#outboundEnds,
      { ...common, gotVersion, wasReady, seconds },
      MAX_ENDS,
    )
  }

  #version(peer: PeerId, version: number): void {
    const row = this.#peers.get(peer)
    if (row !== undefined) row.gotVersion = true
    this.#add(peer, `its version: ${version}`)
  }

  #pinged(peer: PeerId): void {
    const row = this.#peers.get(peer)
    if (row === undefined) return
    const now = this.#now()
    if (row.pingSince === undefined) row.pingSince = now
    else if (now - row.pingSince >= MISSED_AFTER_SECONDS) this.#add(peer, 'ping missed')
  }

  #ponged(peer: PeerId): void {
    const row = this.#peers.get(peer)
    if (row !== undefined) row.pingSince = undefined
  }

  /** What repeats is counted, so that it does not push out what came before. */
  #add(peer: PeerId, said: string): void {
    const events = this.#peers.get(peer)?.events
    if (events === undefined) return
    const text = printable(said, MAX_TEXT_CHARS)
    const time = this.#now()
    const last = events.at(-1)
    if (last?.text === text) events[events.length - 1] = { time, text, times: last.times + 1 }
    else keep(events, { time, text, times: 1 }, MAX_PEER_EVENTS)
  }
}

/** Such as "no answer in time". */
export function describeEnd(end: ConnectionEnd): string {
  if (end.what === 'disconnected') return describeDisconnect(end.reason)
  return end.what === 'refused' ? describeRefusal(end.reason) : describeDialFailure(end.reason)
}

function textOf(event: NodeEvent): string | undefined {
  switch (event.type) {
    case 'handshakeComplete':
      return 'handshake complete'
    case 'rejectReceived':
      return `it rejected our '${event.command}': ${event.reason}`
    case 'offence':
      return `${event.offence}${subjectOf(event.detail)}`
    case 'throttled':
      return 'throttled: sends too much'
    case 'congested':
      return 'does not read what we send'
    default:
      return undefined
  }
}

/** What the offence was about; nothing that varies with each message of a flood. */
function subjectOf(detail: Extract<NodeEvent, { type: 'offence' }>['detail']): string {
  if (!('kind' in detail)) return ` '${detail.type}'`
  return detail.kind === 'skipped' ? ` '${detail.command}'` : ''
}

function isOutside(address: string): boolean {
  const ip = parseIp(parseHostPort(address, 1)?.host ?? '')
  return ip !== undefined && isRoutable(ip)
}

function keep<T>(ring: T[], row: T, max: number): void {
  ring.push(row)
  if (ring.length > max) ring.shift()
}
