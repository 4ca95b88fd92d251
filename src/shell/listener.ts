/**
 * Takes connections, and goes on doing so when descriptors run short: then strangers are refused while those who
 * are connected, files and RPC go on. Trouble is told once a minute at most.
 *
 * Node.js hides a lack of descriptors: libuv keeps one in reserve and uses it to accept and close whoever knocks, so
 * there is no error and no busy loop, but nothing is left for files either. So the listener looks itself, at each
 * connection. Only where libuv's reserve is gone too does an error come, again and again while somebody waits; the
 * one thing that ends this is to stop listening for a moment.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { ACCEPT_PAUSE_MS, ACCEPT_TROUBLE_INTERVAL_MS } from '../params/limits.ts'
import { errorText } from '../primitives/errors.ts'
import { Descriptors, isLackOfDescriptors } from './descriptors.ts'

/** As many as the system allows may wait to be accepted. */
const LISTEN_BACKLOG = 511

export interface ListenerOptions {
  readonly accepted: (socket: Socket) => void
  /** Something that does not end the listener, in words. */
  readonly trouble: (text: string) => void
  /** Monotonic. */
  readonly nowMs: () => number
  readonly descriptors?: Pick<Descriptors, 'hasSpare'>
  /** Sees each new server of the system, before it listens. */
  readonly onServer?: (server: Server) => void
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #descriptors: Pick<Descriptors, 'hasSpare'>
  #server: Server | undefined
  #pause: NodeJS.Timeout | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#descriptors = options.descriptors ?? new Descriptors()
  }

  /**
   * Takes connections from now on. Returns the port, which matters if 0 was asked for. Without a host: on all
   * addresses, IPv6 included. Rejects with the system's error.
   */
  listen(port: number, host: string | undefined): Promise<number> {
    const server = createServer((socket) => this.#take(socket))
    this.#server = server
    this.#options.onServer?.(server)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host, backlog: LISTEN_BACKLOG }, () => {
        const address = server.address()
        const bound = typeof address === 'object' && address !== null ? address.port : port
        server.off('error', reject)
        server.on('error', (error) => this.#failed(error, bound, host))
        resolve(bound)
      })
    })
  }

  /** Takes no more. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#pause)
    this.#server?.close()
  }

  #take(socket: Socket): void {
    if (this.#descriptors.hasSpare()) return this.#options.accepted(socket)
    socket.destroy()
    this.#tell('too many open files, newcomers are refused')
  }

  #failed(error: Error, port: number, host: string | undefined): void {
    this.#tell(errorText(error))
    if (isLackOfDescriptors(error)) this.#rest(port, host)
  }

  #rest(port: number, host: string | undefined): void {
    this.#server?.close()
    this.#server = undefined
    if (this.#closed || this.#pause !== undefined) return
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      this.listen(port, host).then(
        () => {
          if (this.#closed) this.#server?.close()
        },
        (error: unknown) => {
          this.#tell(errorText(error))
          this.#rest(port, host)
        },
      )
    }, ACCEPT_PAUSE_MS)
  }

  #tell(text: string): void {
    const now = this.#options.nowMs()
    if (now - this.#toldAt < ACCEPT_TROUBLE_INTERVAL_MS) return
    this.#toldAt = now
    this.#options.trouble(text)
  }
}
