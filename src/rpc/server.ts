/**
 * The RPC server: JSON-RPC over HTTP POST on one port (rpc 1 to 3). It decides who may ask, and how much; what
 * is answered is the dispatcher's. Each request is authenticated before anything else of it is looked at.
 * Bounded by the numbers in limits.ts.
 */
import { isUtf8 } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { NodeControl } from '../node/control.ts'
import { BasicAuth } from './basic-auth.ts'
import type { RpcCredentials } from './cookie.ts'
import { errorReply, invalid, RpcDispatcher, type RpcLog } from './dispatcher.ts'
import { PARSE_ERROR, REFUSED, RpcError } from './errors.ts'
import {
  CLOSE_GRACE_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  MAX_RPC_CONNECTIONS,
  REQUEST_TIMEOUT_MS,
  SOCKET_IDLE_TIMEOUT_MS,
  TIMEOUT_CHECK_MS,
} from './limits.ts'
import { Lockout } from './lockout.ts'

export interface RpcServerOptions {
  readonly control: NodeControl
  readonly credentials: RpcCredentials
  readonly log?: RpcLog
  /** Milliseconds of a clock that never goes backwards. */
  readonly now?: () => number
  /** Until when a request must be here; checked every `timeoutCheckMs`. */
  readonly requestTimeoutMs?: number
  readonly timeoutCheckMs?: number
}

/** A request that is not answered by a method. */
interface Refusal {
  readonly status: number
  readonly error: RpcError
  readonly headers?: Readonly<Record<string, string>>
}

const NO_ACCESS =
  'authentication failed: use rpcuser/rpcpassword or the cookie file (.cookie) of the data directory'
const NO_MARKER =
  'the header X-Dilithion-RPC is missing. Send it with any value: it protects against CSRF, as web pages can not'

export class RpcServer {
  readonly #http: Server
  readonly #auth: BasicAuth
  readonly #lockout: Lockout
  readonly #dispatcher: RpcDispatcher
  readonly #log: RpcLog
  /** Requests whose reply is not out yet. */
  #busy = 0
  #closed: Promise<void> | undefined

  constructor(options: RpcServerOptions) {
    this.#log = options.log ?? (() => {})
    this.#auth = new BasicAuth(options.credentials)
    this.#lockout = new Lockout(options.now ?? (() => performance.now()))
    this.#dispatcher = new RpcDispatcher(options.control, this.#log)
    const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#http = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: options.timeoutCheckMs ?? TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
    })
    this.#http.maxConnections = MAX_RPC_CONNECTIONS
    this.#http.timeout = SOCKET_IDLE_TIMEOUT_MS
    this.#http.on('request', (request, response) => this.#serve(request, response, false))
    this.#http.on('checkContinue', (request, response) => this.#serve(request, response, true))
  }

  /** Resolves with the port; rejects with the system's error, such as EADDRINUSE. */
  listen(port: number, host = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen({ port, host }, () => {
        this.#http.off('error', reject)
        this.#http.on('error', (error) => this.#log('warn', `RPC server: ${error.message}`))
        const address = this.#http.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Takes no more requests, lets replies that are under way finish for a moment, and ends all connections. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const grace = setTimeout(() => this.#http.closeAllConnections(), CLOSE_GRACE_MS)
      this.#http.close(() => {
        clearTimeout(grace)
        resolve()
      })
      if (this.#busy === 0) this.#http.closeAllConnections()
    })
    return this.#closed
  }

  #serve(request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean): void {
    this.#busy++
    response.once('close', () => {
      if (--this.#busy === 0 && this.#closed !== undefined) this.#http.closeAllConnections()
    })
    request.on('error', ignore)
    response.on('error', ignore)
    const refusal = this.#judge(request)
    if (refusal !== undefined) {
      // Whether the body still comes is open then; another request could not be told from it.
      if (waitsForContinue) response.shouldKeepAlive = false
      refuse(response, refusal)
      return
    }
    if (waitsForContinue) response.writeContinue()
    readBody(request, (body) => {
      if (body === undefined) refuse(response, TOO_LARGE)
      else if (!isUtf8(body)) send(response, 200, errorReply(NOT_UTF8, null))
      else {
        const afterReply = (action: () => void): void => this.#runAfter(response, action)
        send(response, 200, this.#dispatcher.dispatch(body.toString(), afterReply))
      }
    })
  }

  #judge(request: IncomingMessage): Refusal | undefined {
    const denied = this.#judgeCaller(request)
    if (denied !== undefined) return denied
    if (request.method !== 'POST') return NOT_POST
    if (request.headers['x-dilithion-rpc'] === undefined) return NO_CSRF_HEADER
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return TOO_LARGE
    return undefined
  }

  #judgeCaller(request: IncomingMessage): Refusal | undefined {
    const address = request.socket.remoteAddress ?? ''
    const lockedMs = this.#lockout.remainingMs(address)
    if (lockedMs > 0) return lockedOut(lockedMs)
    const { authorization } = request.headers
    if (authorization === undefined) return UNAUTHENTICATED
    if (this.#auth.accepts(authorization)) {
      this.#lockout.succeeded(address)
      return undefined
    }
    const lockMs = this.#lockout.failed(address)
    const locked = lockMs > 0 ? `, locked out for ${lockMs / 1_000} s` : ''
    this.#log('debug', `RPC: wrong user or password from ${address}${locked}`)
    return UNAUTHENTICATED
  }

  /** 'close' comes when the reply has been handed to the system, and also when there is nobody to read it. */
  #runAfter(response: ServerResponse, action: () => void): void {
    response.once('close', () => {
      try {
        action()
      } catch (error) {
        this.#log('error', `RPC: work after a reply failed: ${String(error)}`)
      }
    })
  }
}

const UNAUTHENTICATED: Refusal = {
  status: 401,
  error: new RpcError(REFUSED, NO_ACCESS),
  headers: { 'WWW-Authenticate': 'Basic realm="dilithion"' },
}
const NOT_POST: Refusal = {
  status: 405,
  error: invalid('send requests by POST'),
  headers: { Allow: 'POST' },
}
const NO_CSRF_HEADER: Refusal = { status: 403, error: invalid(NO_MARKER) }
const TOO_LARGE: Refusal = { status: 413, error: invalid(`the body is larger than ${MAX_BODY_BYTES} bytes`) }
const NOT_UTF8 = new RpcError(PARSE_ERROR, 'Parse error: the body is not UTF-8')

function lockedOut(ms: number): Refusal {
  const seconds = Math.ceil(ms / 1_000)
  return {
    status: 429,
    error: new RpcError(REFUSED, `too many failed authentications: try again in ${seconds} s`),
    headers: { 'Retry-After': String(seconds) },
  }
}

function refuse(response: ServerResponse, { status, error, headers }: Refusal): void {
  send(response, status, errorReply(error, null), headers)
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Refusal['headers'] = {},
): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

/**
 * Gives the body once it is here whole, or undefined as soon as it is too large; the rest of it is dropped then,
 * so that the client gets to read the reply. Gives nothing if the client goes away.
 */
function readBody(request: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  let chunks: Buffer[] = []
  let length = 0
  request.on('data', (chunk: Buffer) => {
    if (length > MAX_BODY_BYTES) return
    length += chunk.length
    if (length <= MAX_BODY_BYTES) {
      chunks.push(chunk)
      return
    }
    chunks = []
    done(undefined)
  })
  request.on('end', () => {
    if (length > MAX_BODY_BYTES) return
    const [only] = chunks
    done(chunks.length === 1 ? only : Buffer.concat(chunks, length))
  })
}

function ignore(): void {}
