/**
 * The RPC server: JSON-RPC over HTTP POST on one port (rpc 1). It moves bytes: who may ask is the gate's
 * matter, what is answered the dispatcher's. Bounded by the numbers in limits.ts.
 */
import { isUtf8 } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { NODE_STOPS } from '../chain/maintenance.ts'
import type { NodeControl } from '../node/control.ts'
import { UserError } from '../primitives/errors.ts'
import type { RpcCredentials } from './cookie.ts'
import { Deliveries } from './deliveries.ts'
import { errorReply, RpcDispatcher, type RpcLog } from './dispatcher.ts'
import { PARSE_ERROR, RpcError } from './errors.ts'
import { Gate, type Refusal, TOO_LARGE } from './gate.ts'
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

export interface RpcServerOptions {
  readonly control: NodeControl
  readonly credentials: RpcCredentials
  readonly log?: RpcLog
  readonly requestTimeoutMs?: number
}

export class RpcServer {
  readonly #http: Server
  readonly #gate: Gate
  readonly #dispatcher: RpcDispatcher
  readonly #log: RpcLog
  /** One for each request that is worked on. */
  readonly #waits = new Set<AbortController>()
  readonly #deliveries = new Deliveries(SOCKET_IDLE_TIMEOUT_MS)
  /** Requests whose reply is not out yet. */
  #busy = 0
  #closed: Promise<void> | undefined

  constructor(options: RpcServerOptions) {
    this.#log = options.log ?? (() => {})
    const now = (): number => performance.now()
    this.#gate = new Gate(options.credentials, now, (address, lockMs) => {
      const locked = lockMs > 0 ? `, locked out for ${lockMs / 1_000} s` : ''
      this.#log('debug', `RPC: wrong user or password from ${address}${locked}`)
    })
    this.#dispatcher = new RpcDispatcher(options.control, this.#log)
    const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#http = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(timeoutMs, TIMEOUT_CHECK_MS),
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
    for (const wait of this.#waits) wait.abort(new UserError(NODE_STOPS))
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
    this.#deliveries.add(request, response, () => {
      if (--this.#busy === 0 && this.#closed !== undefined) this.#http.closeAllConnections()
    })
    request.on('error', ignore)
    response.on('error', ignore)
    const { method, headers, socket } = request
    const refusal = this.#gate.judge({ address: socket.remoteAddress ?? '', method, headers })
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
        this.#reply(request, response, body.toString())
      }
    })
  }

  /** Waits end when the caller goes away, and when the server closes. */
  #reply(request: IncomingMessage, response: ServerResponse, text: string): void {
    const { socket } = request
    const stop = new AbortController()
    const afterReply: (() => void)[] = []
    this.#waits.add(stop)
    this.#deliveries.add(request, response, () => {
      this.#waits.delete(stop)
      stop.abort(new UserError('nobody waits for the answer any more'))
      this.#run(afterReply)
    })
    const reply = this.#dispatcher.dispatch(text, (action) => afterReply.push(action), stop.signal)
    if (typeof reply === 'string') return send(response, 200, reply)
    this.#deliveries.whileWorking(socket, reply)
    void reply.then((late) => {
      if (!socket.destroyed) send(response, 200, late)
    })
  }

  #run(actions: readonly (() => void)[]): void {
    for (const action of actions) {
      try {
        action()
      } catch (error) {
        this.#log('error', `RPC: work after a reply failed: ${String(error)}`)
      }
    }
  }
}

const NOT_UTF8 = new RpcError(PARSE_ERROR, 'Parse error: the body is not UTF-8')

function refuse(response: ServerResponse, { status, error, headers }: Refusal): void {
  send(response, status, errorReply(error, null), headers)
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Refusal['headers'] = {},
): void {
  const body = Buffer.from(text)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    ...headers,
  })
  response.end(body)
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
