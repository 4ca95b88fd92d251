/**
 * A peer that lies in every field it can fill: its clock, its services and height, where it sees us, who else there
 * is. It takes connections and makes some, and keeps to the form of messages, so that only their content is wrong.
 */
import { type HostPort, parseIp, UNSPECIFIED_V4 } from '../../../src/primitives/ip.ts'
import { NODE_NETWORK, type TimedAddress } from '../../../src/wire/address.ts'
import { HeaderList } from '../../../src/wire/header.ts'
import type { Message } from '../../../src/wire/messages.ts'
import type { CurrentVersion } from '../../../src/wire/version.ts'
import type { Host } from '../network.ts'
import { dialFrom, every, listenOn, type Stage, unixNow, versionFor } from './actor.ts'
import type { Link, LinkHandler } from './link.ts'

const EVERY_MS = 12_000
const RETRY_MS = 20_000
const NOWHERE = [
  '127.0.0.1',
  '10.1.2.3',
  '192.168.1.1',
  '169.254.1.1',
  '0.0.0.0',
  '224.0.0.1',
  '::1',
  'fe80::1',
]

export class Liar implements LinkHandler {
  readonly host: Host
  readonly #stage: Stage
  readonly #victims: readonly HostPort[]
  readonly #links = new Set<Link>()
  #stopped = false

  constructor(stage: Stage, address: string, victims: readonly HostPort[]) {
    this.#stage = stage
    this.#victims = victims
    this.host = stage.world.net.host(address)
    listenOn(stage, this.host, stage.network.defaultPort, this)
    for (const victim of victims) this.#dial(victim)
    every(stage.world, EVERY_MS, () => {
      for (const link of this.#links) link.send(this.#fables(1 + stage.random.below(200)))
      return !this.#stopped
    })
  }

  stop(): void {
    this.#stopped = true
  }

  message(link: Link, message: Message): void {
    switch (message.type) {
      case 'version':
        if (link.inbound) link.send(this.#version(link))
        return link.send({ type: 'verack' })
      case 'verack':
        this.#links.add(link)
        return link.send({ type: 'getaddr' }, { type: 'sendcmpct', announce: true, version: 99n })
      case 'ping':
        // Sometimes a pong that nobody asked for comes first.
        if (this.#stage.random.below(2) === 0) link.send({ type: 'pong', nonce: message.nonce ^ 1n })
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'getheaders':
        return link.send({ type: 'headers', headers: HeaderList.of([]) })
      case 'getaddr':
        return link.send(this.#fables(1_000))
      default:
        return
    }
  }

  closed(link: Link): void {
    this.#links.delete(link)
    const victim = this.#victims.find(({ host }) => !link.inbound && host === link.remoteIp)
    if (victim !== undefined) this.#stage.world.time.after(RETRY_MS, () => this.#dial(victim))
  }

  #dial(victim: HostPort): void {
    if (this.#stopped) return
    dialFrom(this.#stage, this.host, victim, this, (link) => link.send(this.#version(link)))
  }

  #version(link: Link): CurrentVersion {
    const { random } = this.#stage
    const somewhere = this.#place()
    return versionFor(this.#stage, link, {
      version: this.#stage.network.protocolVersion + random.below(1_000),
      services: random.u64(),
      time: this.#pick([0n, -1n, 2n ** 62n, 1n, BigInt(unixNow(this.#stage.world) - 86_400)]),
      startHeight: this.#pick([-1, 0, 0x7fff_ffff, 1_000_000]),
      userAgent: this.#pick(['', '/x/', '\u0000\u001b[31m', 'a'.repeat(256)]),
      receiver: { services: random.u64(), ...somewhere },
      sender: { services: random.u64(), ...this.#place() },
      relay: false,
    })
  }

  /** Addresses of others under other ports, private ones, impossible ones, from all times. */
  #fables(count: number): Message {
    const now = unixNow(this.#stage.world)
    const addresses = Array.from({ length: count }, (): TimedAddress => {
      const time = this.#pick([0, now, now + 600, now - 86_400 * 365, 0xffff_ffff])
      return { time, services: this.#pick([0n, NODE_NETWORK, 0xffffn]), ...this.#place() }
    })
    return { type: 'addr', addresses }
  }

  #place(): { ip: Uint8Array; port: number } {
    const { random, network } = this.#stage
    const port = this.#pick([0, 1, network.defaultPort, 40_000, 65_535])
    const victim = this.#victims[random.below(this.#victims.length)]
    const made = `${1 + random.below(222)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`
    const text = this.#pick([NOWHERE[random.below(NOWHERE.length)] ?? made, made, made, victim?.host ?? made])
    return { ip: parseIp(text) ?? UNSPECIFIED_V4, port }
  }

  #pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.#stage.random.below(from.length)] ?? from[0]
  }
}
