/**
 * Somebody who wants to be all that a node sees: thousands of addresses in a few networks, told to the victim from
 * many connections, each answering like a good node that knows only its own. Machines come into being when dialled.
 */
import { type HostPort, type IpBytes, parseIp, UNSPECIFIED_V4 } from '../../../src/primitives/ip.ts'
import { NODE_NETWORK, type TimedAddress } from '../../../src/wire/address.ts'
import { HeaderList } from '../../../src/wire/header.ts'
import type { Message } from '../../../src/wire/messages.ts'
import { crowdAddress, isCrowdAddress } from '../addresses.ts'
import type { Host } from '../network.ts'
import { dialFrom, every, listenOn, type Stage, unixNow, versionFor } from './actor.ts'
import type { Link, LinkHandler } from './link.ts'

export interface EclipserOptions {
  readonly addresses: number
  /** Networks (/16) that these are in. */
  readonly groups: number
  /** Connections to each victim that it tries to hold. */
  readonly inbound: number
  readonly victims: readonly HostPort[]
}

const ADDR_EVERY_MS = 11_500
const DIAL_EVERY_MS = 1_000
const MAX_PER_MESSAGE = 1_000
/** A node listens to so many addresses of one who comes, and to few later; so it comes again and again. */
const FIRST_ADDRESSES = 100
const LATER_ADDRESSES = 10
const MAX_STAY_MS = 120_000

export class Eclipser implements LinkHandler {
  readonly #stage: Stage
  readonly #options: EclipserOptions
  readonly #hosts = new Map<string, Host>()
  /** Connections to the victims, by victim. */
  readonly #held = new Map<string, Set<Link>>()
  readonly #told = new Set<Link>()
  readonly #ips: IpBytes[]
  #next = 0
  #stopped = false
  /** Connections that were made to its machines. */
  dialled = 0
  /** Addresses told in all. */
  told = 0

  constructor(stage: Stage, options: EclipserOptions) {
    this.#stage = stage
    this.#options = options
    this.#ips = Array.from(
      { length: options.addresses },
      (_, i) => parseIp(this.#address(i)) ?? UNSPECIFIED_V4,
    )
    const { net } = stage.world
    net.summon = (address) => (isCrowdAddress(address) ? this.#host(address) : undefined)
    every(stage.world, DIAL_EVERY_MS, () => this.#press())
    every(stage.world, ADDR_EVERY_MS, () => this.#tell())
  }

  /** All its machines are gone. */
  stop(): void {
    this.#stopped = true
    const { net } = this.#stage.world
    net.summon = undefined
    for (const host of this.#hosts.values()) net.powerOff(host)
  }

  message(link: Link, message: Message): void {
    switch (message.type) {
      case 'version':
        if (link.inbound) link.send(versionFor(this.#stage, link))
        return link.send({ type: 'verack' })
      case 'verack':
        this.#ready(link)
        return
      case 'ping':
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'getheaders':
        return link.send({ type: 'headers', headers: HeaderList.of([]) })
      case 'getaddr':
        // Whoever chose us may be told more.
        return link.send(this.#lies(link.inbound ? MAX_PER_MESSAGE : FIRST_ADDRESSES))
      default:
        return
    }
  }

  closed(link: Link): void {
    this.#told.delete(link)
    for (const links of this.#held.values()) links.delete(link)
  }

  #address(i: number): string {
    return crowdAddress(i % this.#options.addresses, this.#options.groups)
  }

  #host(address: string): Host {
    const { world, network } = this.#stage
    const known = this.#hosts.get(address)
    if (known !== undefined) return known
    const host = world.net.host(address)
    this.#hosts.set(address, host)
    listenOn(this.#stage, host, network.defaultPort, this, () => this.dialled++)
    return host
  }

  /** Opens connections to the victims from ever other machines, until it has as many as it wants. */
  #press(): boolean {
    if (this.#stopped) return false
    const { victims, inbound } = this.#options
    for (const victim of victims) {
      const links = this.#held.get(victim.host) ?? new Set<Link>()
      this.#held.set(victim.host, links)
      for (let i = 0; i < 5 && links.size + i < inbound; i++) {
        const address = this.#address(this.#stage.random.below(this.#options.addresses))
        dialFrom(this.#stage, this.#host(address), victim, this, (link) => {
          links.add(link)
          link.send(versionFor(this.#stage, link, { sender: this.#self(address) }))
        })
      }
    }
    return true
  }

  #self(address: string): { services: bigint; ip: Uint8Array; port: number } {
    const ip = parseIp(address) ?? new Uint8Array(16)
    return { services: 1n, ip, port: this.#stage.network.defaultPort }
  }

  /** Those that it dialled stay for a while, those that a victim dialled for ever. */
  #ready(link: Link): void {
    this.#told.add(link)
    link.send({ type: 'getaddr' }, { type: 'sendheaders' })
    if (link.inbound) return
    const { world, random } = this.#stage
    world.time.after(MAX_STAY_MS * random.unit(), () => link.close())
  }

  /** Every connection goes on telling, so few at a time that they look like news and are passed on. */
  #tell(): boolean {
    if (this.#stopped) return false
    for (const link of this.#told) if (link.isOpen) link.send(this.#lies(LATER_ADDRESSES))
    return true
  }

  #lies(count: number): Message {
    const { world, network } = this.#stage
    this.told += count
    const time = unixNow(world)
    const port = network.defaultPort
    const addresses: TimedAddress[] = []
    while (addresses.length < count)
      addresses.push({ time, services: NODE_NETWORK, ip: this.#ip(this.#next++), port })
    return { type: 'addr', addresses }
  }

  #ip(i: number): IpBytes {
    return this.#ips[i % this.#options.addresses] ?? UNSPECIFIED_V4
  }
}
