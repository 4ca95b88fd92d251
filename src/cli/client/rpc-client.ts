/** Calls methods of a node by JSON-RPC over one kept-alive connection. */
import { Agent, request } from 'node:http'
import * as v from 'valibot'
import { errorCode, errorText, UserError } from '../../primitives/errors.ts'
import { formatHostPort } from '../../primitives/ip.ts'
import type { RpcCredentials } from '../../rpc/cookie.ts'
import { METHOD_ERROR, REFUSED, RpcError } from '../../rpc/errors.ts'
import type { Params } from './arguments.ts'

/** There was no answer, or none of a node. `refused`: nobody listens there. */
export class NoAnswerError extends UserError {
  readonly why: 'refused' | 'failed' | 'notANode'

  constructor(why: NoAnswerError['why'], message: string) {
    super(message)
    this.why = why
  }
}

/** For what is answered at once by a node that is well. */
export const QUICK_TIMEOUT_MS = 30_000
/** More than a block of the largest size, full of outputs, takes in words. */
const MAX_REPLY_BYTES = 67_108_864

const errorSchema = v.object({
  code: v.number(),
  message: v.string(),
  error_code: v.optional(v.string(), ''),
  recovery_steps: v.optional(v.array(v.string()), []),
})
const replySchema = v.pipe(
  v.object({
    id: v.optional(v.unknown()),
    result: v.optional(v.unknown()),
    error: v.optional(v.nullable(errorSchema)),
  }),
  v.check(({ result, error }) => result !== undefined || (error !== undefined && error !== null)),
)
type Reply = v.InferOutput<typeof replySchema>

interface HttpReply {
  readonly status: number
  readonly text: string
}

export class RpcClient {
  readonly #host: string
  readonly #port: number
  readonly #authorization: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #timeoutMs: number

  /** `timeoutMs`: an answer that takes longer is given up; 0: never. */
  constructor(endpoint: { host: string; port: number }, credentials: RpcCredentials, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#host = endpoint.host
    this.#port = endpoint.port
    const login = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')
    this.#authorization = `Basic ${login}`
  }

  /** The method's result. Rejects with RpcError for the node's refusal, with UserError if there is no answer. */
  async call(method: string, params: Params): Promise<unknown> {
    return resultOf(await this.#ask({ jsonrpc: '2.0', id: 1, method, params }, replySchema))
  }

  /** The results of methods without parameters, in order; an RpcError in the place of one that failed. */
  async batch(methods: readonly string[]): Promise<unknown[]> {
    const requests = methods.map((method, id) => ({ jsonrpc: '2.0', id, method, params: {} }))
    const replies = await this.#ask(requests, v.union([v.array(replySchema), replySchema]))
    // A refusal of the whole batch comes alone.
    if (!Array.isArray(replies)) return methods.map(() => resultOf(replies))
    return methods.map((_, id) => {
      const reply = replies.find((candidate) => candidate.id === id)
      return reply === undefined
        ? new RpcError(METHOD_ERROR, 'no answer in the batch')
        : (errorOf(reply) ?? reply.result)
    })
  }

  /** Ends the connection; a call that is under way fails. */
  close(): void {
    this.#agent.destroy()
  }

  async #ask<T>(body: unknown, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const { status, text } = await this.#post(JSON.stringify(body))
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    const checked = v.safeParse(schema, json)
    if (checked.success) return checked.output
    if (status === 401) throw new RpcError(REFUSED, 'authentication failed')
    throw this.#notANode(`HTTP ${status}`)
  }

  #post(body: string): Promise<HttpReply> {
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Authorization: this.#authorization,
      'X-Dilithion-RPC': '1',
    }
    return new Promise((resolve, reject) => {
      const options = { host: this.#host, port: this.#port, method: 'POST', headers, agent: this.#agent }
      let isConnected = false
      const failed = (error: Error): void =>
        reject(isConnected ? this.#unanswered(error) : this.#unreachable(error))
      const sent = request({ ...options, path: '/', timeout: this.#timeoutMs }, (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > MAX_REPLY_BYTES) sent.destroy(new Error('the answer is too long'))
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks, length).toString() }),
        )
        response.on('error', failed)
      })
      sent.on('socket', (socket) => {
        isConnected = !socket.connecting
        socket.once('connect', () => {
          isConnected = true
        })
      })
      sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${this.#timeoutMs / 1_000} s`)))
      sent.on('error', failed)
      sent.end(body)
    })
  }

  #notANode(what: string): UserError {
    const place = formatHostPort(this.#host, this.#port)
    const text = `${place} does not answer as a Dilithion node does (${what}). Is it another program?`
    return new NoAnswerError('notANode', text)
  }

  /** Somebody took the call. */
  #unanswered(error: Error): UserError {
    // What Node.js's parser of HTTP says.
    if (errorCode(error)?.startsWith('HPE_')) return this.#notANode('not HTTP')
    return new NoAnswerError(
      'failed',
      `Could not get an answer from ${formatHostPort(this.#host, this.#port)} (${errorText(error)}). ` +
        'What was asked for may be done all the same: look before you ask again. ' +
        'For a method -rpcclienttimeout=SECONDS says how long to wait; a node that stops or has too many clients hangs up, and so does its port for peers.',
    )
  }

  #unreachable(error: Error): UserError {
    const refused = errorCode(error) === 'ECONNREFUSED'
    const why = refused ? '' : ` (${errorText(error)})`
    return new NoAnswerError(
      refused ? 'refused' : 'failed',
      `Could not reach a node at ${formatHostPort(this.#host, this.#port)}${why}. ` +
        'Is dilithion-node running, and with these options (--testnet, --datadir, --rpcport)?',
    )
  }
}

function resultOf(reply: Reply): unknown {
  const error = errorOf(reply)
  if (error !== undefined) throw error
  return reply.result
}

function errorOf({ error }: Reply): RpcError | undefined {
  if (error === undefined || error === null) return undefined
  const details = { errorCode: error.error_code, recoverySteps: error.recovery_steps }
  return new RpcError(error.code, error.message, details)
}
