/**
 * The virtual internet: hosts with addresses, listeners, dialling with its ways to fail, partitions. Bounded by
 * what the nodes open.
 */
import { type Endpoint, formatHostPort, type HostPort, parseIp } from '../../src/primitives/ip.ts'
import type { Dice } from './dice.ts'
import type { Line, Surroundings } from './pipe.ts'
import { Connection, type SimSocket } from './socket.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What new connections are like. Each draws its latency from the range. */
export interface Conditions {
  readonly latencyMs: readonly [number, number]
  readonly jitterMs: number
  readonly bytesPerMs: number
  readonly windowBytes: number
  readonly pieceBytes: number
}

export const CALM: Conditions = {
  latencyMs: [5, 80],
  jitterMs: 2,
  bytesPerMs: Number.POSITIVE_INFINITY,
  windowBytes: 262_144,
  pieceBytes: Number.POSITIVE_INFINITY,
}

/** `stall`: packets between groups wait. `refuse`: connections between groups break, dials fail at once. */
export type PartitionKind = 'stall' | 'refuse'

export interface DialHandler {
  connected(socket: SimSocket): void
  failed(error: string): void
}

export type AcceptHandler = (socket: SimSocket) => void

/** A machine: what is dialled from it and listens on it has its address. */
export interface Host {
  readonly ip: Uint8Array
  readonly address: string
  /** Hosts of different groups can't reach each other. */
  group: number
  /** Off: it answers nothing, not even with a refusal. */
  up: boolean
  /** What its line carries, both ways together; infinite for none to speak of. */
  bytesPerMs: number
  /** When the line has carried all that was given to it. */
  lineFreeAt: number
  lastPort: number
  /** Its ends of connections, and whose the other end is. */
  readonly ends: Set<{ readonly socket: SimSocket; readonly connection: Connection; readonly other: Host }>
}

/** When a system repeats an unanswered request to connect, in ms after the first. */
const CONNECT_RETRIES_MS = [0, 1_000, 3_000, 7_000]
const FIRST_EPHEMERAL_PORT = 32_768
const LAST_PORT = 65_535

export class Network {
  conditions: Conditions = CALM
  /** Called with each connection before either side knows of it. */
  onConnection: ((connection: Connection) => void) | undefined
  /** What names lead to; anything else that is not an address leads nowhere. A dial takes the first. */
  readonly names = new Map<string, readonly string[]>()
  /** Asked for hosts that nobody has seen yet: a crowd whose members need not all exist. */
  summon: ((address: string) => Host | undefined) | undefined
  readonly #time: VirtualTime
  readonly #random: Dice
  readonly #hosts = new Map<string, Host>()
  readonly #listeners = new Map<string, AcceptHandler>()
  #healed: (() => void)[] = []
  #refusing = false
  #connections = 0

  constructor(time: VirtualTime, random: Dice) {
    this.#time = time
    this.#random = random
  }

  get connectionCount(): number {
    return this.#connections
  }

  host(address: string): Host {
    const known = this.#hosts.get(address)
    if (known !== undefined) return known
    const ip = parseIp(address)
    if (ip === undefined) throw new RangeError(`not an address: ${address}`)
    const host: Host = {
      ip,
      address,
      group: 0,
      up: true,
      bytesPerMs: Number.POSITIVE_INFINITY,
      lineFreeAt: 0,
      lastPort: FIRST_EPHEMERAL_PORT,
      ends: new Set(),
    }
    this.#hosts.set(address, host)
    return host
  }

  listen(host: Host, port: number, accept: AcceptHandler): void {
    this.#listeners.set(formatHostPort(host.address, port), accept)
  }

  unlisten(host: Host, port: number): void {
    this.#listeners.delete(formatHostPort(host.address, port))
  }

  dial(from: Host, target: HostPort, timeoutMs: number, handler: DialHandler): void {
    const address = parseIp(target.host) === undefined ? this.names.get(target.host)?.[0] : target.host
    if (address === undefined) {
      this.#time.after(20, () => handler.failed('ENOTFOUND'))
      return
    }
    const line = this.#drawLine()
    const to = { host: address, port: target.port }
    let settled = false
    const once = (run: () => void): void => {
      if (settled) return
      settled = true
      run()
    }
    this.#time.after(timeoutMs, () => once(() => handler.failed('ETIMEDOUT')))
    for (const retryMs of CONNECT_RETRIES_MS) {
      if (retryMs >= timeoutMs) break
      this.#time.after(retryMs + line.latencyMs, () => {
        if (!settled) this.#knock(from, to, line, handler, once)
      })
    }
  }

  /** Splits the hosts; those of the same group still reach each other. */
  partition(groupOf: (host: Host) => number, kind: PartitionKind): void {
    for (const host of this.#hosts.values()) host.group = groupOf(host)
    this.#refusing = kind === 'refuse'
    if (!this.#refusing) return
    for (const host of this.#hosts.values()) {
      for (const { connection, other } of host.ends) if (other.group !== host.group) connection.break('reset')
    }
  }

  /** Splits the hosts into sets; whoever is in none of them stays with the first. */
  split(sets: readonly Iterable<Host>[], kind: PartitionKind): void {
    const groups = new Map<Host, number>()
    for (const [group, hosts] of sets.entries()) for (const host of hosts) groups.set(host, group)
    this.partition((host) => groups.get(host) ?? 0, kind)
  }

  heal(): void {
    for (const host of this.#hosts.values()) host.group = 0
    const waiting = this.#healed
    this.#healed = []
    for (const run of waiting) run()
  }

  /** Power failure: connections of the host fall silent. */
  powerOff(host: Host): void {
    host.up = false
    for (const { socket } of host.ends) socket.vanish()
  }

  powerOn(host: Host): void {
    host.up = true
    for (const { socket } of host.ends) socket.disown()
    host.ends.clear()
  }

  /** A request to connect arrives, or not. */
  #knock(from: Host, to: HostPort, line: Line, handler: DialHandler, once: (run: () => void) => void): void {
    const target = this.#hosts.get(to.host) ?? this.summon?.(to.host)
    if (target === undefined || !target.up || !from.up) return
    if (from.group !== target.group) {
      if (this.#refusing) once(() => handler.failed('EHOSTUNREACH'))
      return
    }
    const accept = this.#listeners.get(formatHostPort(to.host, to.port))
    if (accept === undefined) {
      this.#time.after(line.latencyMs, () => once(() => handler.failed('ECONNREFUSED')))
      return
    }
    once(() => {
      const connection = this.#connect(from, target, to.port, line)
      accept(connection.listener)
      this.#time.after(line.latencyMs, () => handler.connected(connection.dialler))
    })
  }

  #connect(from: Host, to: Host, port: number, line: Line): Connection {
    from.lastPort = from.lastPort === LAST_PORT ? FIRST_EPHEMERAL_PORT : from.lastPort + 1
    const local: Endpoint = { ip: from.ip, port: from.lastPort }
    const remote: Endpoint = { ip: to.ip, port }
    const around: Surroundings = {
      time: this.#time,
      random: this.#random,
      blocked: () => from.group !== to.group,
      whenHealed: (run) => this.#healed.push(run),
      carried: (bytes) => Math.max(carry(from, bytes, this.#time.mono), carry(to, bytes, this.#time.mono)),
    }
    const connection = new Connection(local, remote, line, around)
    this.#connections++
    remember(from, to, connection, connection.dialler)
    remember(to, from, connection, connection.listener)
    this.onConnection?.(connection)
    return connection
  }

  #drawLine(): Line {
    const { latencyMs, ...rest } = this.conditions
    const [from, to] = latencyMs
    return { latencyMs: from + (to - from) * this.#random.unit(), ...rest }
  }
}

/** Puts bytes on a host's line. Returns when it will have carried them. */
function carry(host: Host, bytes: number, mono: number): number {
  if (host.bytesPerMs === Number.POSITIVE_INFINITY) return mono
  host.lineFreeAt = Math.max(host.lineFreeAt, mono) + bytes / host.bytesPerMs
  return host.lineFreeAt
}

/** Ended connections are forgotten now and then, so that a long run does not collect them. */
function remember(host: Host, other: Host, connection: Connection, socket: SimSocket): void {
  if (host.ends.size % 64 === 63) {
    for (const end of host.ends) if (end.socket.state === 'closed') host.ends.delete(end)
  }
  host.ends.add({ socket, connection, other })
}
