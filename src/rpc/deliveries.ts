/**
 * Replies that are due, by connection. Node.js tells when a reply has left, and when the connection of the one that is
 * being written is gone; of those that wait behind it (a client may ask again before it was answered) it tells nothing
 * then. Bounded by what the connections are.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Connection {
  readonly due: Set<() => void>
  /** Calls that take their time. */
  slow: number
}

export class Deliveries {
  readonly #connections = new WeakMap<Socket, Connection>()
  readonly #idleTimeoutMs: number

  /** `idleTimeoutMs`: so long nothing may move on a connection, unless an answer is being worked on. */
  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs
  }

  /** Calls `over` once: when the reply has been handed to the system, or when there is nobody to read it. */
  add({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
    const { due } = this.#of(socket)
    const end = (): void => {
      if (due.delete(end)) over()
    }
    due.add(end)
    response.once('close', end)
  }

  /** Keeps the connection while nothing moves on it, until the work is done. */
  whileWorking(socket: Socket, work: Promise<unknown>): void {
    const connection = this.#of(socket)
    if (++connection.slow === 1) socket.setTimeout(0)
    void work.then(() => {
      if (--connection.slow === 0) socket.setTimeout(this.#idleTimeoutMs)
    })
  }

  #of(socket: Socket): Connection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const connection: Connection = { due: new Set(), slow: 0 }
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      for (const end of connection.due) end()
    })
    return connection
  }
}
