/**
 * Makes connections, directly or through a SOCKS5 proxy. Owns every socket until it is connected, and ends each
 * attempt within its time. With a proxy nothing goes past it: names are not looked up here.
 */
import { connect, type Socket } from 'node:net'
import { errorText } from '../primitives/errors.ts'
import {
  type Endpoint,
  formatHostPort,
  formatIp,
  type HostPort,
  parseIp,
  UNSPECIFIED_V4,
} from '../primitives/ip.ts'
import { remoteEndpoint } from './endpoint.ts'

export type DialOutcome =
  | {
      readonly ok: true
      readonly socket: Socket
      /** Who is there; through a proxy to a host name: 0.0.0.0 with the target's port. */
      readonly remote: Endpoint
    }
  /** In words, one line. */
  | { readonly ok: false; readonly error: string }

export class Dialer {
  readonly #proxy: HostPort | undefined
  /** Sockets under way, each with the timer that ends it. */
  readonly #pending = new Map<Socket, NodeJS.Timeout>()
  #stopped = false

  constructor(proxy: HostPort | undefined) {
    this.#proxy = proxy
  }

  /** Calls `done` once, with a connected socket that it has to take, unless the dialer is stopped before. */
  dial(target: HostPort, timeoutMs: number, done: (outcome: DialOutcome) => void): void {
    if (this.#stopped) return
    const proxy = this.#proxy
    const socket = connect(proxy ?? { host: target.host, port: target.port })
    /** What an error is about, as far as we have come. */
    let where = proxy === undefined ? '' : `proxy ${formatHostPort(proxy.host, proxy.port)}: `
    const end = (outcome: DialOutcome): void => {
      if (!this.#pending.delete(socket)) return
      clearTimeout(timer)
      if (!outcome.ok) socket.destroy()
      done(outcome)
    }
    const fail = (error: string): void => end({ ok: false, error })
    const timer = setTimeout(() => fail(`${where}timed out`), timeoutMs)
    this.#pending.set(socket, timer)
    // This listener stays: an error of a socket that nobody waits for any more must not be the process's.
    socket.on('error', (error) => fail(where + firstErrorText(error)))
    socket.once('close', () => fail(proxy === undefined ? 'given up' : `${where}it closed the connection`))
    socket.once('connect', () => {
      const remote = remoteEndpoint(socket)
      if (remote === undefined) return fail(`${where}connection lost`)
      if (proxy === undefined) return end({ ok: true, socket, remote })
      where = 'proxy: '
      const named = canonicalTarget(target)
      const established = (): void => end({ ok: true, socket, remote: named.remote })
      // Loaded with the first use: most nodes have no proxy.
      import('./socks.ts')
        .then(({ openTunnel }) => {
          if (socket.destroyed) return
          openTunnel(socket, named.target, timeoutMs, established, (error) => fail(where + error))
        })
        .catch((error: unknown) => fail(where + errorText(error)))
    })
  }

  /** Ends all attempts, without a word to those who wait: what ends with the node is no failure of the dial. */
  stop(): void {
    this.#stopped = true
    for (const [socket, timer] of this.#pending) {
      clearTimeout(timer)
      socket.destroy()
    }
    this.#pending.clear()
  }
}

/** A proxy is told addresses in their usual form (without zones), and names as they are. */
function canonicalTarget({ host, port }: HostPort): { target: HostPort; remote: Endpoint } {
  const ip = parseIp(host)
  if (ip === undefined) return { target: { host, port }, remote: { ip: UNSPECIFIED_V4, port } }
  return { target: { host: formatIp(ip), port }, remote: { ip, port } }
}

/** A host name may have several addresses, each with its own error; the first tells enough. */
function firstErrorText(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return errorText(first)
}
