/**
 * The shell around the core: owns the listener, the dialer, the sockets and the one timer, turns what happens to them
 * into inputs, and does what the core asks for. It decides nothing about the protocol.
 */
import type { Socket } from 'node:net'
import type { AskIo, IoRequest } from '../chain/io.ts'
import type { NodeCore } from '../core/core.ts'
import type { Command, Effect, Input, NodeEvent } from '../core/seam.ts'
import { MAX_LINGERING, SHUTDOWN_TIMEOUT_MS } from '../params/limits.ts'
import { type ConnectionId, connectionId, type DialTicket, type PeerId } from '../primitives/brand.ts'
import type { HostPort } from '../primitives/ip.ts'
import type { SystemClock } from './clock.ts'
import { Connection } from './connection.ts'
import { Dialer } from './dialer.ts'
import { remoteEndpoint } from './endpoint.ts'
import { Listener } from './listener.ts'
import { resolveNames } from './resolver.ts'

/** What `setTimeout` can wait at most. */
const MAX_TIMER_MS = 2_147_483_647

export interface ConnectionManagerOptions {
  readonly core: NodeCore
  readonly clock: SystemClock
  readonly onEvent: (event: NodeEvent) => void
  /** Something about the listener that does not end it, such as too many open files. */
  readonly onListenerError: (text: string) => void
  /** A SOCKS5 proxy that all dials go through; nothing is looked up by name then. */
  readonly proxy?: HostPort | undefined
  /** Answers what the chain asks. A core with a chain needs it. */
  readonly io?: AskIo | undefined
}

export class ConnectionManager {
  readonly #core: NodeCore
  readonly #clock: SystemClock
  readonly #onEvent: (event: NodeEvent) => void
  readonly #listener: Listener
  readonly #dialer: Dialer
  readonly #resolvesNames: boolean
  readonly #io: AskIo
  /** Questions of the chain without an answer. */
  #ioPending = 0
  readonly #connections = new Map<PeerId, Connection>()
  /** Sockets that wait for the core's verdict. */
  readonly #offered = new Map<ConnectionId, Socket>()
  readonly #lingering = new Set<Connection>()
  readonly #inputs: Input[] = []
  #running = false
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #turnScheduled = false
  #lastConnection = 0
  #stopped = false
  #onIdle: (() => void) | undefined

  readonly #events = {
    bytes: (peer: PeerId, chunk: Uint8Array): void => this.#input({ type: 'bytes', peer, chunk }),
    flushed: (peer: PeerId, bytes: number): void => this.#input({ type: 'flushed', peer, bytes }),
    closed: (peer: PeerId, error: string | undefined): void => {
      this.#connections.delete(peer)
      this.#input(error === undefined ? { type: 'closed', peer } : { type: 'closed', peer, error })
      this.#checkIdle()
    },
  }

  constructor(options: ConnectionManagerOptions) {
    this.#core = options.core
    this.#clock = options.clock
    this.#onEvent = options.onEvent
    this.#listener = new Listener({
      accepted: (socket) => this.#accept(socket),
      trouble: options.onListenerError,
      nowMs: () => performance.now(),
    })
    this.#dialer = new Dialer(options.proxy)
    this.#resolvesNames = options.proxy === undefined
    this.#io = options.io ?? ((_, done) => done({ ok: false, error: 'no storage' }))
  }

  /**
   * Takes connections from now on. Returns the port, which matters if 0 was asked for. Without a host: on all
   * addresses, IPv6 included. Rejects with the system's error.
   */
  listen(port: number, host: string | undefined): Promise<number> {
    return this.#listener.listen(port, host)
  }

  /** Starts to dial. */
  start(): void {
    this.#input({ type: 'tick' })
  }

  command(command: Command): void {
    this.#input(command)
  }

  /** To be called after the clock has been set. */
  clockChanged(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#input({ type: 'tick' })
  }

  /** Closes everything; resolves when no socket is left, at the latest after SHUTDOWN_TIMEOUT_MS, and the chain is written. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#listener.close()
    this.#dialer.stop()
    this.#input({ type: 'shutdown' })
    clearTimeout(this.#timer)
    const lastCall = setTimeout(() => {
      for (const connection of this.#lingering) connection.destroy()
    }, SHUTDOWN_TIMEOUT_MS)
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#checkIdle()
    })
    clearTimeout(lastCall)
  }

  #checkIdle(): void {
    if (this.#connections.size + this.#lingering.size + this.#ioPending === 0) this.#onIdle?.()
  }

  #accept(socket: Socket): void {
    const remote = remoteEndpoint(socket)
    if (remote === undefined) return void socket.destroy()
    this.#input({ type: 'accepted', connection: this.#offer(socket), remote })
  }

  #offer(socket: Socket): ConnectionId {
    const connection = connectionId(++this.#lastConnection)
    this.#offered.set(connection, socket)
    return connection
  }

  /** Inputs that arise while effects are being done wait, so that effects keep their order. */
  #input(input: Input): void {
    this.#inputs.push(input)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        for (const effect of this.#core.handle(next, this.#clock.now())) this.#do(effect)
      }
    } finally {
      this.#running = false
      this.#arm()
    }
  }

  /** What a listener throws must not keep the effects behind it from being done. */
  #tell(event: NodeEvent): void {
    try {
      this.#onEvent(event)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'write':
        return this.#connections.get(effect.peer)?.write(effect.chunks)
      case 'pauseReading':
        return this.#connections.get(effect.peer)?.pause()
      case 'resumeReading':
        return this.#connections.get(effect.peer)?.resume()
      case 'event':
        return this.#tell(effect.event)
      case 'adopt':
        return this.#adopt(effect.connection, effect.peer)
      case 'refuse':
        this.#offered.get(effect.connection)?.destroy()
        this.#offered.delete(effect.connection)
        return
      case 'close':
        return this.#close(effect.peer, effect.deliver)
      case 'resolve':
        return this.#resolve(effect.names)
      case 'io':
        return this.#ask(effect.id, effect.request)
      case 'dial':
        return this.#dial(effect.ticket, effect.target, effect.timeoutMs)
    }
  }

  #adopt(connection: ConnectionId, peer: PeerId): void {
    const socket = this.#offered.get(connection)
    if (socket === undefined) return
    this.#offered.delete(connection)
    this.#connections.set(peer, new Connection(peer, socket, this.#events))
  }

  #close(peer: PeerId, deliver: boolean): void {
    const connection = this.#connections.get(peer)
    if (connection === undefined) return
    this.#connections.delete(peer)
    if (!deliver || this.#lingering.size >= MAX_LINGERING) return connection.destroy()
    this.#lingering.add(connection)
    connection.linger(() => {
      this.#lingering.delete(connection)
      this.#checkIdle()
    })
  }

  #dial(ticket: DialTicket, target: HostPort, timeoutMs: number): void {
    this.#dialer.dial(target, timeoutMs, (outcome) => {
      if (!outcome.ok) return this.#input({ type: 'dialFailed', ticket, error: outcome.error })
      const { socket, remote } = outcome
      this.#input({ type: 'dialed', ticket, connection: this.#offer(socket), remote })
    })
  }

  #ask(id: number, request: IoRequest): void {
    this.#ioPending++
    this.#io(request, (result) => {
      this.#ioPending--
      this.#input({ type: 'ioDone', id, result })
      this.#checkIdle()
    })
  }

  /** Behind a proxy nobody may see whom we look for: then there are no addresses. */
  #resolve(names: readonly string[]): void {
    if (!this.#resolvesNames) return this.#input({ type: 'resolved', addresses: [] })
    void resolveNames(names).then((addresses) => {
      if (!this.#stopped) this.#input({ type: 'resolved', addresses })
    })
  }

  /** Sees to it that the core gets its next tick: in the next turn of the event loop, or by the timer. */
  #arm(): void {
    if (this.#stopped) return
    if (this.#core.hasBacklog) return this.#tickSoon()
    const deadline = this.#core.nextDeadline()
    if (deadline === undefined || deadline >= this.#timerAt) return
    const waitMs = deadline - this.#clock.now().mono
    // A clock that stands reaches no deadline by waiting.
    if (waitMs > 0 && this.#clock.isStanding) return
    clearTimeout(this.#timer)
    this.#timerAt = deadline
    this.#timer = setTimeout(this.#onTimer, Math.min(Math.max(0, Math.ceil(waitMs)), MAX_TIMER_MS))
  }

  readonly #onTimer = (): void => {
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#tickSoon()
  }

  /**
   * Ticks after pending I/O: other peers are heard between two turns of a busy one, and nobody is judged silent
   * whose bytes are here, even if this process was stopped for a while.
   */
  #tickSoon(): void {
    if (this.#turnScheduled) return
    this.#turnScheduled = true
    setImmediate(() => {
      this.#turnScheduled = false
      this.#input({ type: 'tick' })
    })
  }
}
