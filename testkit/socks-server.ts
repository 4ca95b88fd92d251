/**
 * A small SOCKS5 proxy on loopback that remembers what it was asked for. Wherever a target claims to be, the tunnel
 * leads to one local port; and it can misbehave at each step.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Changes } from './changes.ts'

export interface SocksRequest {
  /** 1: IPv4, 3: host name, 4: IPv6. */
  readonly addressType: number
  /** Name, dotted IPv4, or IPv6 in hex. */
  readonly host: string
  readonly port: number
  /** Undefined if the dialler was let in without. */
  readonly login: string | undefined
}

export interface SocksConduct {
  /** Where every tunnel leads to. */
  readonly upstreamPort?: number
  /** Answer to a request; 0 grants it. */
  readonly reply?: number
  /** Which way in it chooses: 0 none, 2 login, 255 none of those offered. Default 2. */
  readonly method?: number
  /** Wrong logins, all of them. */
  readonly rejectsLogin?: boolean
  /** Sent as answer to whatever comes first. */
  readonly garbage?: Uint8Array
  /** Closes instead of answering the request. */
  readonly closesHalfway?: boolean
  /** Never answers anything. */
  readonly hangs?: boolean
  /** Sent in one piece with the granting reply, as if the target had been quick. */
  readonly firstWords?: Uint8Array
}

export class SocksServer {
  readonly requests: SocksRequest[] = []
  readonly #conduct: SocksConduct
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #changes = new Changes()

  private constructor(conduct: SocksConduct) {
    this.#conduct = conduct
    this.#server = createServer((socket) => {
      this.#keep(socket)
      void this.#serve(socket).catch(() => socket.destroy())
    })
  }

  static open(conduct: SocksConduct = {}): Promise<SocksServer> {
    const proxy = new SocksServer(conduct)
    return new Promise((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(0, '127.0.0.1', () => resolve(proxy))
    })
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Connections that are open now, both ways. */
  get openCount(): number {
    return this.#sockets.size
  }

  /** Resolves when every connection has ended. */
  idle(): Promise<true> {
    return this.#changes.until(
      () => (this.#sockets.size === 0 ? true : undefined),
      () => `${this.#sockets.size} connections of the proxy to end`,
    )
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#changes.notify()
    })
  }

  async #serve(socket: Socket): Promise<void> {
    const { garbage, hangs, method = 2, rejectsLogin, closesHalfway, reply = 0 } = this.#conduct
    const input = new Input(socket)
    const [, methodCount = 0] = await input.take(2)
    await input.take(methodCount)
    if (hangs) return
    if (garbage !== undefined) return void socket.write(garbage)
    socket.write(Uint8Array.of(5, method))
    if (method !== 0 && method !== 2) return
    const login = method === 2 ? await readLogin(input) : undefined
    if (login !== undefined) socket.write(Uint8Array.of(1, rejectsLogin === true ? 1 : 0))
    const request = await readRequest(input)
    this.requests.push({ ...request, login })
    if (closesHalfway) return void socket.end()
    const answer = Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
    if (reply !== 0) return void socket.end(answer)
    socket.write(Buffer.concat([answer, this.#conduct.firstWords ?? Buffer.alloc(0)]))
    input.release()
    if (this.#conduct.upstreamPort === undefined) return
    const upstream = connect(this.#conduct.upstreamPort, '127.0.0.1')
    this.#keep(upstream)
    socket.pipe(upstream)
    upstream.pipe(socket)
  }
}

/** Bytes of a socket, taken in pieces of known length. */
class Input {
  readonly #socket: Socket
  readonly #changes = new Changes()
  #bytes = Buffer.alloc(0)
  readonly #take = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    this.#changes.notify()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#take)
    socket.once('close', () => this.#changes.notify())
  }

  take(length: number): Promise<Buffer> {
    const look = (): Buffer | undefined => {
      if (this.#bytes.length < length) {
        if (this.#socket.destroyed) throw new Error('connection closed')
        return undefined
      }
      const taken = this.#bytes.subarray(0, length)
      this.#bytes = this.#bytes.subarray(length)
      return taken
    }
    return this.#changes.until(look, () => `${length} bytes for the proxy`)
  }

  /** Leaves the socket, and what was not taken, to somebody else. */
  release(): void {
    this.#socket.off('data', this.#take)
    this.#socket.pause()
    if (this.#bytes.length > 0) this.#socket.unshift(this.#bytes)
  }
}

async function readLogin(input: Input): Promise<string> {
  const [, userLength = 0] = await input.take(2)
  const user = await input.take(userLength)
  const [passwordLength = 0] = await input.take(1)
  const password = await input.take(passwordLength)
  return `${user.toString()}:${password.toString()}`
}

async function readRequest(input: Input): Promise<Omit<SocksRequest, 'login'>> {
  const [, , , addressType = 0] = await input.take(4)
  const host = await readHost(input, addressType)
  const port = (await input.take(2)).readUInt16BE()
  return { addressType, host, port }
}

async function readHost(input: Input, addressType: number): Promise<string> {
  if (addressType === 1) return (await input.take(4)).join('.')
  if (addressType === 4) return (await input.take(16)).toString('hex')
  const [length = 0] = await input.take(1)
  return (await input.take(length)).toString()
}
