/**
 * A virtual node: a real core, driven the way the shell drives it, over virtual sockets and time. Everything
 * that the core does passes the trace and the oracle.
 */
import type { CreateChain } from '../../src/chain/chain.ts'
import type { AskIo, IoRequest } from '../../src/chain/io.ts'
import { NodeCore } from '../../src/core/core.ts'
import type { AutomaticOptions } from '../../src/core/outbound.ts'
import type { Command, Effect, Input, NodeEvent } from '../../src/core/seam.ts'
import type { Identity } from '../../src/core/sender.ts'
import type { NetworkParams } from '../../src/params/networks.ts'
import type { DisconnectReason } from '../../src/peer/disconnect.ts'
import type { Peer } from '../../src/peer/peer.ts'
import type { SavedAddresses } from '../../src/pool/address-row.ts'
import type { ConnectionLimits } from '../../src/pool/peer-manager.ts'
import {
  type ConnectionId,
  connectionId,
  type DialTicket,
  type Now,
  type PeerId,
  unixSeconds,
} from '../../src/primitives/brand.ts'
import { type HostPort, parseIp } from '../../src/primitives/ip.ts'
import type { RandomSource } from '../../src/primitives/random.ts'
import type { Host, Network } from './network.ts'
import { NodeOracle } from './oracle.ts'
import type { SimSocket } from './socket.ts'
import { type Trace, wordOf } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface NodeOptions {
  readonly name: string
  readonly host: Host
  /** Undefined: takes no connections. */
  readonly port: number | undefined
  readonly network: NetworkParams
  readonly targets: readonly HostPort[]
  readonly limits: ConnectionLimits
  /** How it finds peers by itself; undefined: it does not. */
  readonly automatic: AutomaticOptions | undefined
  /** Does it save its address book, to start with it the next time? */
  readonly hasDisk: boolean
  readonly identity: Identity
  /** Makes its chain at each start, and answers what that asks; undefined: it has none. */
  readonly chain: CreateChain | undefined
  readonly io: AskIo | undefined
  readonly traceMessages: boolean
  readonly deliverMessages: boolean
  /** Events kept for the test to look at, the latest; 0 for none. */
  readonly keepEvents: number
  /** Everything is looked at after so many inputs. */
  readonly checkEvery: number
}

export interface NodeSurroundings {
  readonly time: VirtualTime
  readonly net: Network
  readonly trace: Trace
  readonly random: RandomSource
  /** Timers fire late by up to this. */
  timerLateMs(): number
  /** Told of every event of the node, before whatever follows from it. */
  observe(node: SimNode, event: NodeEvent): void
}

/** How long it takes to look names up. */
const RESOLVE_MS = 50

export const DEFAULT_LIMITS: ConnectionLimits = {
  maxConnections: 125,
  reservedOutbound: 8,
  maxInboundPerIp: { limit: 2, scope: 'routable' },
}

export class SimNode {
  readonly options: NodeOptions
  /** Undefined while the node is down. */
  core: NodeCore | undefined
  oracle: NodeOracle
  events: NodeEvent[] = []
  /** Ends of connections by reason, over all runs of the node. */
  readonly ends = new Map<DisconnectReason, number>()
  /** Calls of the core over all its runs. */
  inputs = 0
  turns = 0
  /** What was saved last; given to the core at the next start. */
  disk: SavedAddresses | undefined
  /** Its wall clock minus the right one. */
  clockOffsetSeconds = 0
  readonly #around: NodeSurroundings
  readonly #word: number
  #targets: readonly HostPort[]
  #runs = 0
  #sockets = new Map<PeerId, SimSocket>()
  #strangers = new Map<ConnectionId, SimSocket>()
  #lastConnection = 0
  #inbox: Input[] = []
  #busy = false
  #turnAhead = false
  #timerAt = Number.POSITIVE_INFINITY
  #timer = 0

  constructor(options: NodeOptions, around: NodeSurroundings) {
    this.options = options
    this.#around = around
    this.#word = wordOf(options.name)
    this.#targets = options.targets
    this.oracle = this.#newOracle()
  }

  get name(): string {
    return this.options.name
  }

  get peers(): Peer[] {
    return this.core === undefined ? [] : [...this.core.peers.all()]
  }

  get readyPeers(): Peer[] {
    return this.peers.filter((peer) => peer.state === 'ready')
  }

  get endpoint(): HostPort {
    return { host: this.options.host.address, port: this.options.port ?? 0 }
  }

  socketOf(peer: PeerId): SimSocket | undefined {
    return this.#sockets.get(peer)
  }

  /** Starts the node, afresh each time. */
  start(targets: readonly HostPort[] = this.#targets): void {
    if (this.core !== undefined) throw new Error(`${this.name} runs already`)
    const { options } = this
    const { time, net, random } = this.#around
    this.#targets = targets
    this.#runs++
    this.#forgetAll()
    this.oracle = this.#newOracle()
    const source = random.fork(`${options.name} ${this.#runs}`)
    const { automatic, ...rest } = options
    const own = automatic === undefined ? {} : { automatic }
    const saved = this.disk === undefined ? {} : { addresses: this.disk }
    const core = new NodeCore({ ...rest, ...own, ...saved, targets, random: source }, this.#clock(time.now))
    this.core = core
    const { port } = options
    if (port !== undefined) net.listen(options.host, port, (socket) => this.#accept(socket))
    if (port !== undefined && automatic !== undefined) this.command({ type: 'listening', port })
    this.#arm(core)
  }

  /** Asks for a clean end; the process is gone with the last effect of it. */
  stop(): void {
    this.command({ type: 'shutdown' })
    this.#down()
  }

  /** The process is gone; the system closes its sockets. */
  kill(): void {
    const sockets = [...this.#sockets.values(), ...this.#strangers.values()]
    this.#down()
    for (const socket of sockets) socket.reset()
  }

  /** The node goes with its machine; nobody is told. The machine has to be switched on before a start. */
  crash(): void {
    this.#around.net.powerOff(this.options.host)
    this.#down()
  }

  command(command: Command): void {
    this.input(command)
  }

  /** Gives an input to the core, or keeps it until the core is done with the one at hand. */
  input(input: Input): void {
    this.#inbox.push(input)
    if (this.#busy) return
    this.#busy = true
    try {
      let next = this.#inbox.shift()
      while (next !== undefined) {
        this.#handle(next)
        next = this.#inbox.shift()
      }
    } finally {
      this.#busy = false
    }
  }

  /** The latest kept event of a type. */
  lastEvent<T extends NodeEvent['type']>(type: T): Extract<NodeEvent, { type: T }> | undefined {
    return this.eventsOf(type).at(-1)
  }

  eventsOf<T extends NodeEvent['type']>(type: T): Extract<NodeEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<NodeEvent, { type: T }> => event.type === type)
  }

  #handle(input: Input): void {
    const { core } = this
    if (core === undefined) return
    const { time, trace } = this.#around
    const now = this.#clock(time.now)
    this.inputs++
    if (input.type === 'tick') this.turns++
    const effects = core.handle(input, now)
    trace.handled(now.mono, this.name, this.#word, input, effects)
    this.oracle.handled(core, now.mono, input, effects)
    for (const effect of effects) this.#do(effect)
    if (this.inputs % this.options.checkEvery === 0) this.oracle.everything(core, now.mono)
    this.#arm(core)
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        return this.#dial(effect.ticket, effect.target, effect.timeoutMs)
      case 'adopt':
        return this.#adopt(effect.connection, effect.peer)
      case 'resolve':
        return this.#resolve(effect.names)
      case 'io':
        return this.#ask(effect.id, effect.request)
      case 'refuse':
        this.#strangers.get(effect.connection)?.close(false)
        this.#strangers.delete(effect.connection)
        return
      case 'write':
        return this.#sockets.get(effect.peer)?.write(effect.chunks)
      case 'pauseReading':
        return this.#sockets.get(effect.peer)?.pause()
      case 'resumeReading':
        return this.#sockets.get(effect.peer)?.resume()
      case 'close':
        this.#sockets.get(effect.peer)?.close(effect.deliver)
        this.#sockets.delete(effect.peer)
        return
      case 'event':
        return this.#event(effect.event)
    }
  }

  #dial(ticket: DialTicket, target: HostPort, timeoutMs: number): void {
    const run = this.#runs
    const { core } = this
    const isMine = (): boolean => this.#runs === run && this.core === core
    this.#around.net.dial(this.options.host, target, timeoutMs, {
      connected: (socket) => {
        if (!isMine()) return socket.reset()
        const connection = this.#meet(socket)
        this.input({ type: 'dialed', ticket, connection, remote: socket.remote })
      },
      failed: (error) => {
        if (isMine()) this.input({ type: 'dialFailed', ticket, error })
      },
    })
  }

  /** Looks names up, which takes a moment. */
  #resolve(names: readonly string[]): void {
    const { time, net } = this.#around
    const { core } = this
    time.after(RESOLVE_MS, () => {
      if (core === undefined || this.core !== core) return
      const addresses = names.flatMap((name) => net.names.get(name) ?? [])
      this.input({ type: 'resolved', addresses: addresses.flatMap((address) => parseIp(address) ?? []) })
    })
  }

  /** An answer to a process that is gone reaches nobody. */
  #ask(id: number, request: IoRequest): void {
    const { core } = this
    if (this.options.io === undefined) throw new Error(`${this.name} has nobody to ask`)
    this.options.io(request, (result) => {
      if (core !== undefined && this.core === core) this.input({ type: 'ioDone', id, result })
    })
  }

  #accept(socket: SimSocket): void {
    const connection = this.#meet(socket)
    this.input({ type: 'accepted', connection, remote: socket.remote })
  }

  #meet(socket: SimSocket): ConnectionId {
    const connection = connectionId(++this.#lastConnection)
    this.#strangers.set(connection, socket)
    return connection
  }

  #adopt(connection: ConnectionId, peer: PeerId): void {
    const socket = this.#strangers.get(connection)
    if (socket === undefined) throw new Error(`${this.name} adopts a connection that is not there`)
    this.#strangers.delete(connection)
    this.#sockets.set(peer, socket)
    socket.handler = {
      data: (chunk) => this.input({ type: 'bytes', peer, chunk }),
      flushed: (bytes) => this.input({ type: 'flushed', peer, bytes }),
      closed: (error) => {
        this.#sockets.delete(peer)
        this.input(error === undefined ? { type: 'closed', peer } : { type: 'closed', peer, error })
      },
    }
    // It may have ended between the dial and now.
    if (socket.state === 'open') socket.resume()
    else this.#around.time.after(0, () => this.#endedEarly(peer, socket))
  }

  #endedEarly(peer: PeerId, socket: SimSocket): void {
    if (this.#sockets.get(peer) !== socket) return
    this.#sockets.delete(peer)
    this.input({ type: 'closed', peer, error: 'ECONNRESET' })
  }

  #event(event: NodeEvent): void {
    this.#around.observe(this, event)
    if (event.type === 'addressesChanged' && this.options.hasDisk) this.disk = this.core?.savedAddresses()
    if (event.type === 'disconnected') this.ends.set(event.reason, (this.ends.get(event.reason) ?? 0) + 1)
    const { keepEvents } = this.options
    if (keepEvents === 0) return
    this.events.push(event)
    if (this.events.length > 2 * keepEvents) this.events.splice(0, keepEvents)
  }

  /** Plans the next tick: at once if input waits for its turn, otherwise when something is due. */
  #arm(core: NodeCore): void {
    if (core.hasBacklog && !this.#turnAhead) this.#turnSoon()
    const at = core.nextDeadline()
    if (at !== undefined && at < this.#timerAt) this.#wakeAt(at)
  }

  #turnSoon(): void {
    this.#turnAhead = true
    const run = this.#runs
    this.#around.time.after(0, () => {
      if (this.#runs !== run) return
      this.#turnAhead = false
      this.input({ type: 'tick' })
    })
  }

  #wakeAt(at: number): void {
    this.#timerAt = at
    const timer = ++this.#timer
    this.#around.time.at(at + this.#around.timerLateMs(), () => {
      if (timer === this.#timer) this.#fire()
    })
  }

  /** Deadlines mostly move away while a timer runs; the timer looks again when it fires. */
  #fire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    const { core } = this
    if (core === undefined) return
    const at = core.nextDeadline()
    if (at !== undefined && at <= this.#around.time.mono) this.input({ type: 'tick' })
    else this.#arm(core)
  }

  #newOracle(): NodeOracle {
    return new NodeOracle(this.options.limits, this.options.network, this.options.automatic?.outbound ?? 0)
  }

  #clock(now: Now): Now {
    const { clockOffsetSeconds } = this
    return clockOffsetSeconds === 0
      ? now
      : { mono: now.mono, unix: unixSeconds(now.unix + clockOffsetSeconds) }
  }

  #down(): void {
    const { host, port } = this.options
    if (port !== undefined) this.#around.net.unlisten(host, port)
    this.core = undefined
    this.#forgetAll()
  }

  #forgetAll(): void {
    for (const socket of this.#sockets.values()) socket.handler = undefined
    this.#sockets = new Map()
    this.#strangers = new Map()
    this.#inbox = []
    this.#turnAhead = false
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#timer++
  }
}
