/**
 * One connection for programs that want to talk to a node: explorers, crawlers, monitors. It shakes hands and
 * keeps the connection alive by itself; what else the node says comes as typed messages. What is not taken is not read:
 * at most MAX_WAITING messages are kept, then the node has to wait.
 */
import type { NodeEvent } from '../core/seam.ts'
import { type NetworkName, type NetworkParams, networks } from '../params/networks.ts'
import { type DisconnectReason, describeDisconnect } from '../peer/disconnect.ts'
import type { PeerVersion } from '../peer/handshake.ts'
import type { PeerId } from '../primitives/brand.ts'
import { formatHostPort, type HostPort } from '../primitives/ip.ts'
import type { Message, MessageOf, MessageType } from '../wire/messages.ts'
import { deferred } from './deferred.ts'
import { DilithionNode } from './node.ts'

export interface ConnectOptions {
  readonly network: NetworkName | NetworkParams
  /** An IP address or a name. */
  readonly host: string
  /** Default: the network's. */
  readonly port?: number
  /** Default "/Dilithion:VERSION/". */
  readonly userAgent?: string
  /**
   * Height that the node is told we are at; default 0. A node tells of new transactions only whom it takes to be where
   * its chain is; to be above it without answering `getheaders` looks like a fault.
   */
  readonly startHeight?: number
  /** Default 30 seconds, for connection and handshake together. */
  readonly timeoutMs?: number
}

/** Connecting failed, or the connection ended while an answer was awaited. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  /** Undefined if the connection never came about. */
  readonly reason: DisconnectReason | undefined

  constructor(message: string, reason?: DisconnectReason) {
    super(message)
    this.reason = reason
  }
}

const DEFAULT_TIMEOUT_MS = 30_000
/** With more untaken messages than this the peer is not read from, until a quarter is left. */
const MAX_WAITING = 256

/** Connects and shakes hands. Rejects with ConnectionError, which says why, or RangeError for an unknown network. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const network = typeof options.network === 'string' ? networkNamed(options.network) : options.network
  const target = { host: options.host, port: options.port ?? network.defaultPort }
  const client = new Client(network, target, options)
  await client.open(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  return client
}

/** A program without types may name anything. */
function networkNamed(name: NetworkName): NetworkParams {
  if (Object.hasOwn(networks, name)) return networks[name]
  throw new RangeError(`unknown network '${name}': expected one of ${Object.keys(networks).join(', ')}`)
}

interface Waiter {
  readonly type: MessageType | undefined
  readonly take: (message: Message | undefined) => void
}

/** A connection whose handshake is complete, made by {@link connect}. It keeps itself alive. */
export class Client implements AsyncIterable<Message> {
  readonly #node: DilithionNode
  readonly #target: HostPort
  readonly #waiting: Message[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #opened = deferred<void>()
  readonly #ended = deferred<DisconnectReason>()
  #peer: PeerId | undefined
  #version: PeerVersion | undefined
  #endReason: DisconnectReason | undefined
  #held = false

  /** Use {@link connect}. */
  constructor(
    network: NetworkParams,
    target: HostPort,
    says: Pick<ConnectOptions, 'userAgent' | 'startHeight'>,
  ) {
    const { userAgent, startHeight } = says
    this.#target = target
    this.#node = new DilithionNode({
      network,
      startHeight,
      // By headers alone nobody knows a block's id who does not hash.
      prefersInv: true,
      deliverMessages: true,
      onEvent: (event) => this.#onEvent(event),
      ...(userAgent === undefined ? {} : { userAgent }),
    })
  }

  /** What the node said of itself. */
  get version(): PeerVersion {
    if (this.#version === undefined) throw new ConnectionError('not connected')
    return this.#version
  }

  /** Resolves with the reason when the connection has ended, whoever ended it. */
  get closed(): Promise<DisconnectReason> {
    return this.#ended.promise
  }

  /** Throws RangeError if the message can't be written, ConnectionError if the connection has ended. */
  send(message: Message): void {
    if (this.#peer === undefined || !this.#node.send(this.#peer, message)) throw this.#closedError()
  }

  /**
   * The next message of one type, the default within 30 seconds; others that come meanwhile stay for the iterator, the
   * newest 256 of them. Rejects with ConnectionError when the connection ends or the time is over.
   */
  next<T extends MessageType>(type: T, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<MessageOf<T>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        reject(new ConnectionError(`no '${type}' within ${timeoutMs} ms`))
      }, timeoutMs)
      const waiter: Waiter = {
        type,
        take: (message) => {
          clearTimeout(timer)
          if (message === undefined) reject(this.#closedError())
          // The waiter is only given messages of its own type.
          else resolve(message as MessageOf<T>)
        },
      }
      const at = this.#waiting.findIndex((message) => message.type === type)
      if (at >= 0) waiter.take(this.#waiting.splice(at, 1)[0])
      else if (this.#endReason !== undefined) waiter.take(undefined)
      else this.#waiters.add(waiter)
      this.#regulate()
    })
  }

  /** Messages in the order in which they came, until the connection ends. Breaking out leaves it open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void> {
    for (;;) {
      const message = await this.#take()
      if (message === undefined) return
      yield message
    }
  }

  /** Ends the connection, if it has not ended; afterwards nothing of it keeps the process alive. */
  async close(): Promise<void> {
    await this.#node.stop()
  }

  /** @internal */
  async open(timeoutMs: number): Promise<void> {
    const address = formatHostPort(this.#target.host, this.#target.port)
    const timer = setTimeout(() => {
      this.#opened.reject(new ConnectionError(`no handshake with ${address} within ${timeoutMs} ms`))
    }, timeoutMs)
    try {
      await this.#node.start()
      this.#node.addNode(this.#target, false)
      await this.#opened.promise
    } catch (error) {
      await this.close()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #take(): Promise<Message | undefined> {
    const next = this.#waiting.shift()
    this.#regulate()
    if (next !== undefined || this.#endReason !== undefined) return Promise.resolve(next)
    return new Promise((take) => this.#waiters.add({ type: undefined, take }))
  }

  #onEvent(event: NodeEvent): void {
    switch (event.type) {
      case 'dialFailed':
        return this.#opened.reject(new ConnectionError(`can't connect to ${event.address}: ${event.error}`))
      case 'connected':
        this.#peer = event.peer
        return
      case 'versionReceived':
        this.#version = event.version
        return
      case 'handshakeComplete':
        return this.#opened.resolve()
      case 'message':
        return this.#offer(event.message)
      case 'disconnected':
        return this.#end(event.reason, event.detail)
    }
  }

  #offer(message: Message): void {
    for (const waiter of this.#waiters) {
      if (waiter.type !== undefined && waiter.type !== message.type) continue
      this.#waiters.delete(waiter)
      return waiter.take(message)
    }
    // Whoever waits for one type wants it read on, so what lies in the way has to go.
    if (this.#waiting.length >= MAX_WAITING && this.#waiters.size > 0) this.#waiting.shift()
    this.#waiting.push(message)
    this.#regulate()
  }

  #regulate(): void {
    const mark = this.#held ? MAX_WAITING / 4 : MAX_WAITING - 1
    const hold = this.#waiting.length > mark && this.#waiters.size === 0
    if (hold === this.#held || this.#peer === undefined) return
    this.#held = hold
    this.#node.hold(this.#peer, hold)
  }

  #end(reason: DisconnectReason, detail: string | undefined): void {
    this.#endReason = reason
    const more = detail === undefined ? '' : ` (${detail})`
    this.#opened.reject(new ConnectionError(`handshake failed: ${describeDisconnect(reason)}${more}`, reason))
    for (const waiter of this.#waiters) waiter.take(undefined)
    this.#waiters.clear()
    this.#ended.resolve(reason)
  }

  #closedError(): ConnectionError {
    const why = this.#endReason === undefined ? '' : `: ${describeDisconnect(this.#endReason)}`
    return new ConnectionError(`the connection has ended${why}`, this.#endReason)
  }
}
