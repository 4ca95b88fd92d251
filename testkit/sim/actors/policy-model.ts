/**
 * A node that keeps to the policy of the network's other program (wire-protocol 5, 8, 9, 10, 11, 19): its limits, its
 * points and bans, what it sends and when it dials. It writes down every point that it gives, every peer that it
 * refuses, and every stream that it could not read. Bounded by its connections and MAX_KNOWN addresses.
 */
import type { FrameEvent } from '../../../src/framing/decoder.ts'
import { bytesEqual, toHex } from '../../../src/primitives/bytes.ts'
import { type Endpoint, formatIp, isRoutable } from '../../../src/primitives/ip.ts'
import type { TimedAddress } from '../../../src/wire/address.ts'
import { HeaderList } from '../../../src/wire/header.ts'
import { Inventory, type InventoryEntry, InvType } from '../../../src/wire/inventory.ts'
import type { Message, MessageError, MessageOf } from '../../../src/wire/messages.ts'
import type { Host } from '../network.ts'
import { dialFrom, every, listenOn, type Stage, unixNow, versionFor } from './actor.ts'
import type { Link, LinkHandler } from './link.ts'
import { BAN_SCORE, Bans, type Charge, Conduct, OBSOLETE_BAN_SECONDS } from './policy-rules.ts'

const MAX_OUTBOUND = 8
const MAX_INBOUND_PER_IP = 2
const MAX_KNOWN = 5_000
const MAX_CONNECTED_IN_ANSWER = 10
const MAX_KNOWN_IN_ANSWER = 990
/** Others allow more, but nobody sends it (wire-protocol 19). */
const MAX_ADDRESSES = 1_000
const MAX_PENALIZED_ENTRY_TYPE = 4

const MAINTENANCE_MS = 10_000
const CONNECTED_TIMEOUT_MS = 30_000
const HANDSHAKE_TIMEOUT_MS = 60_000
const PING_AFTER_MS = 60_000
const SILENCE_MS = 120_000

export interface PolicyOptions {
  readonly address: string
  readonly port: number
  /** Dialled for ever. */
  readonly seeds: readonly Endpoint[]
  /** Does it ask for the contents of mempools too? Not every version does. */
  readonly asksMempool?: boolean
}

interface Session {
  readonly link: Link
  readonly conduct: Conduct
  readonly since: number
  lastHeardAt: number
  pingedAt: number | undefined
  sentVersion: boolean
  gotVersion: boolean
  complete: boolean
}

export class PolicyModel implements LinkHandler {
  readonly host: Host
  readonly charges: Charge[] = []
  readonly bans = new Bans()
  /** Connections closed before a word was said, by reason. */
  readonly refusals = new Map<string, number>()
  /** Addresses told by peers. */
  readonly known = new Map<string, Endpoint>()
  /** Messages that came, by type. */
  readonly heard = new Map<string, number>()
  readonly #stage: Stage
  readonly #options: PolicyOptions
  readonly #sessions = new Map<Link, Session>()
  readonly #dialling = new Set<string>()

  constructor(stage: Stage, options: PolicyOptions) {
    this.#stage = stage
    this.#options = options
    this.host = stage.world.net.host(options.address)
    listenOn(stage, this.host, options.port, this, (link) => this.#accepted(link))
    every(stage.world, MAINTENANCE_MS, () => this.#maintain())
  }

  /** Peers whose handshake is complete. */
  get completeCount(): number {
    return [...this.#sessions.values()].filter(({ complete }) => complete).length
  }

  message(link: Link, message: Message): void {
    const session = this.#sessions.get(link)
    if (session === undefined) return
    session.lastHeardAt = this.#mono
    this.heard.set(message.type, (this.heard.get(message.type) ?? 0) + 1)
    switch (message.type) {
      case 'version':
        return this.#version(session, message)
      case 'verack':
        return this.#verack(session)
      case 'ping':
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'getaddr':
        return this.#getaddr(session)
      case 'addr':
        return this.#addr(session, message.addresses)
      case 'inv':
        return this.#inv(session, message)
      case 'getdata':
        return this.#getdata(session, message)
      case 'getheaders':
        return link.send({ type: 'headers', headers: HeaderList.of([]) })
      default:
        return
    }
  }

  odd(link: Link, what: Exclude<FrameEvent, { kind: 'frame' }> | MessageError): void {
    const session = this.#sessions.get(link)
    if (session === undefined) return
    if (!('kind' in what)) {
      const isCount = what.code === 'tooLarge' || what.code === 'size'
      return this.#charge(session, isCount ? 20 : 10, `${what.type} ${what.field} ${what.code}`)
    }
    if (what.kind === 'skipped') {
      if (what.why === 'badSize') this.#charge(session, 20, `${what.command} of ${what.length} bytes`)
      return
    }
    this.#charge(session, what.code === 'badChecksum' ? 50 : 0, what.code)
    link.close()
  }

  closed(link: Link): void {
    this.#sessions.delete(link)
  }

  get #mono(): number {
    return this.#stage.world.time.mono
  }

  get #unix(): number {
    return unixNow(this.#stage.world)
  }

  #accepted(link: Link): void {
    const { remoteIp } = link
    const same = [...this.#sessions.values()].filter((other) => other.link.remoteIp === remoteIp)
    const inbound = same.filter((other) => other.link.inbound).length
    if (this.bans.covers(remoteIp, this.#unix)) return this.#refuse(link, 'banned')
    if (inbound < same.length) return this.#refuse(link, 'connected already')
    if (inbound >= MAX_INBOUND_PER_IP) return this.#refuse(link, 'too many of one address')
    this.#begin(link)
  }

  #refuse(link: Link, why: string): void {
    this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1)
    link.close()
  }

  #begin(link: Link): Session {
    const mono = this.#mono
    const session: Session = {
      link,
      conduct: new Conduct(mono),
      since: mono,
      lastHeardAt: mono,
      pingedAt: undefined,
      sentVersion: false,
      gotVersion: false,
      complete: false,
    }
    this.#sessions.set(link, session)
    return session
  }

  #speak(session: Session): void {
    if (session.sentVersion) return
    session.sentVersion = true
    session.link.send(versionFor(this.#stage, session.link, { userAgent: '/Dilithion:v4.0.18/' }))
  }

  #version(session: Session, message: MessageOf<'version'>): void {
    const { link } = session
    const { network } = this.#stage
    if (message.layout !== 'current') return this.#charge(session, 10, 'a version of the first release')
    if (!bytesEqual(message.genesisHash, network.genesisHash)) {
      link.send({ type: 'reject', command: 'version', code: 0x10, reason: 'genesis' })
      if (this.bans.otherChain(link.remoteIp, this.#unix))
        this.#charge(session, 0, 'of another chain, thrice')
      return
    }
    if (message.version < network.minPeerVersion) {
      this.bans.ban(link.remoteIp, this.#unix, OBSOLETE_BAN_SECONDS)
      this.#charge(session, BAN_SCORE, 'an obsolete version')
      return link.close()
    }
    session.gotVersion = true
    this.#speak(session)
    link.send({ type: 'verack' })
  }

  #verack(session: Session): void {
    if (session.complete || !session.sentVersion) return
    session.complete = true
    const { link } = session
    link.send({ type: 'getaddr' }, { type: 'sendheaders' })
    link.send({ type: 'sendcmpct', announce: true, version: 1n })
    if (this.#options.asksMempool === true) link.send({ type: 'mempool' })
    if (!link.inbound) this.#know(link.remote)
  }

  /** Whoever is connected, ephemeral ports and all, and what was heard of. */
  #getaddr({ link }: Session): void {
    const addresses: TimedAddress[] = []
    for (const other of this.#sessions.values()) {
      if (addresses.length === MAX_CONNECTED_IN_ANSWER) break
      const time = other.link.inbound ? 0 : this.#unix
      addresses.push({ time, services: 1n, ip: other.link.remote.ip, port: other.link.remote.port })
    }
    const known = [...this.known.values()]
    for (let i = 0; i < Math.min(MAX_KNOWN_IN_ANSWER, known.length); i++) {
      const [chosen] = known.splice(this.#stage.random.below(known.length), 1)
      if (chosen !== undefined) addresses.push({ time: this.#unix, services: 1n, ...chosen })
    }
    if (addresses.length > 0) link.send({ type: 'addr', addresses })
  }

  #addr(session: Session, addresses: readonly TimedAddress[]): void {
    if (!session.conduct.addr.admits(this.#unix)) return this.#charge(session, 10, 'addr too soon')
    if (addresses.length > MAX_ADDRESSES) return this.#charge(session, 20, `${addresses.length} addresses`)
    for (const { ip, port } of addresses) if (isRoutable(ip)) this.#know({ ip, port })
  }

  #know({ ip, port }: Endpoint): void {
    if (this.known.size < MAX_KNOWN) this.known.set(`${formatIp(ip)} ${port}`, { ip: ip.slice(), port })
  }

  #inv(session: Session, { inventory }: MessageOf<'inv'>): void {
    if (!session.conduct.inv.admits(this.#unix)) return this.#charge(session, 10, 'inv too often')
    const entries = [...inventory]
    this.#judgeTypes(session, entries)
    const wanted = entries.filter(({ type }) => type === InvType.transaction)
    if (wanted.length > 0) session.link.send({ type: 'getdata', inventory: Inventory.of(wanted) })
    if (entries.every(({ type }) => type !== InvType.block)) return
    const { genesisHash } = this.#stage.network
    session.link.send({ type: 'getheaders', locator: [genesisHash], stop: new Uint8Array(32) })
  }

  #getdata(session: Session, { inventory }: MessageOf<'getdata'>): void {
    if (!session.conduct.getdata.admits(this.#unix)) return this.#charge(session, 2, 'getdata too often')
    const entries = [...inventory]
    this.#judgeTypes(session, entries)
    const blocks = entries.filter(({ type }) => type === InvType.block).map(({ hash }) => toHex(hash))
    const { points, closes } = session.conduct.askBlocks(blocks)
    if (points > 0) this.#charge(session, points, 'blocks asked for again')
    if (closes) session.link.close()
  }

  #judgeTypes(session: Session, entries: readonly InventoryEntry[]): void {
    const odd = entries.filter(({ type }) => type < 1 || type > MAX_PENALIZED_ENTRY_TYPE).length
    if (odd > 0) this.#charge(session, 10 * odd, 'inventory of unknown types')
  }

  #charge({ link, conduct }: Session, points: number, why: string): void {
    const score = conduct.add(points, this.#mono)
    this.charges.push({ at: this.#mono, ip: link.remoteIp, points, why, score })
    if (score < BAN_SCORE) return
    if (!this.bans.covers(link.remoteIp, this.#unix)) this.bans.ban(link.remoteIp, this.#unix)
    link.close()
  }

  #maintain(): boolean {
    const mono = this.#mono
    for (const session of this.#sessions.values()) this.#keepAlive(session, mono)
    const { seeds } = this.#options
    for (const seed of seeds) this.#dial(seed)
    const missing = MAX_OUTBOUND - this.#sessions.size
    const known = [...this.known.values()]
    for (let i = 0; i < 3 * missing && known.length > 0; i++) {
      const chosen = known[this.#stage.random.below(known.length)]
      if (chosen !== undefined) this.#dial(chosen)
    }
    return true
  }

  #keepAlive(session: Session, mono: number): void {
    const { link } = session
    const age = mono - session.since
    const silence = mono - session.lastHeardAt
    if (!session.complete) {
      if (age > (session.sentVersion ? HANDSHAKE_TIMEOUT_MS : CONNECTED_TIMEOUT_MS)) link.close()
      return
    }
    if (silence > SILENCE_MS && session.pingedAt !== undefined && mono - session.pingedAt > PING_AFTER_MS) {
      return link.close()
    }
    if (silence <= PING_AFTER_MS || mono - (session.pingedAt ?? 0) <= PING_AFTER_MS) return
    session.pingedAt = mono
    link.send({ type: 'ping', nonce: this.#stage.random.nonce() })
  }

  #dial(target: Endpoint): void {
    const host = formatIp(target.ip)
    if (host === this.host.address || this.#dialling.has(host)) return
    const sessions = [...this.#sessions.values()]
    if (sessions.some(({ link }) => link.remoteIp === host)) return
    const outbound = sessions.filter(({ link }) => !link.inbound).length
    if (outbound + this.#dialling.size >= MAX_OUTBOUND) return
    this.#dialling.add(host)
    const connected = (link: Link): void => {
      this.#dialling.delete(host)
      this.#speak(this.#begin(link))
    }
    dialFrom(this.#stage, this.host, { host, port: target.port }, this, connected, () =>
      this.#dialling.delete(host),
    )
  }
}
