/**
 * From the text of a request to the text of its reply: JSON-RPC 2.0, single or in a batch (rpc 1). Knows nothing
 * of HTTP. It never throws: what a caller does wrong, and what goes wrong in a method, both end in the reply.
 */
import type { NodeControl } from '../node/control.ts'
import { UserError } from '../primitives/errors.ts'
import { whyAbsent } from './absent-methods.ts'
import { invalid, METHOD_ERROR, METHOD_NOT_FOUND, PARSE_ERROR, RpcError } from './errors.ts'
import { isObject, JsonText, nestsDeeperThan } from './json.ts'
import { MAX_BATCH, MAX_JSON_NESTING } from './limits.ts'
import type { RpcContext, RpcMethod, RpcResult } from './method.ts'
import { methodsFor } from './methods.ts'

export type RpcLog = (level: 'error' | 'warn' | 'info' | 'debug', line: string) => void

type AfterReply = RpcContext['afterReply']

const METHOD_NAME = /^[A-Za-z0-9_]{1,64}$/

export class RpcDispatcher {
  readonly #control: NodeControl
  readonly #log: RpcLog
  readonly #methods: ReadonlyMap<string, RpcMethod>

  constructor(control: NodeControl, log: RpcLog) {
    this.#control = control
    this.#log = log
    this.#methods = methodsFor(control.network)
  }

  /**
   * `afterReply` is called with what has to be done once the reply has left; `signal` ends waits. The reply is there
   * at once where no method has to wait.
   */
  dispatch(text: string, afterReply: AfterReply, signal: AbortSignal): string | Promise<string> {
    let body: unknown
    try {
      if (nestsDeeperThan(text, MAX_JSON_NESTING)) {
        return errorReply(invalid(`JSON nests deeper than ${MAX_JSON_NESTING} levels`), null)
      }
      body = JSON.parse(text)
    } catch {
      return errorReply(new RpcError(PARSE_ERROR, 'Parse error: the body is not JSON'), null)
    }
    const context: RpcContext = { control: this.#control, methods: this.#methods, afterReply, signal }
    if (!Array.isArray(body)) return this.#answer(body, context)
    if (body.length === 0) return errorReply(invalid('the batch is empty'), null)
    if (body.length > MAX_BATCH) {
      return errorReply(invalid(`a batch holds at most ${MAX_BATCH} requests, not ${body.length}`), null)
    }
    return this.#answerAll(body, context)
  }

  /** One after the other, so that a request sees what those before it have done. */
  #answerAll(requests: readonly unknown[], context: RpcContext): string | Promise<string> {
    const replies: string[] = []
    for (const [i, request] of requests.entries()) {
      const reply = this.#answer(request, context)
      if (typeof reply !== 'string') return this.#answerRest(replies, reply, requests.slice(i + 1), context)
      replies.push(reply)
    }
    return `[${replies.join(',')}]`
  }

  async #answerRest(
    replies: string[],
    first: Promise<string>,
    rest: readonly unknown[],
    context: RpcContext,
  ): Promise<string> {
    const { signal } = context
    replies.push(await first)
    // What waited was ended, perhaps before what the rest was to come after.
    for (const request of rest)
      replies.push(await (signal.aborted ? this.#giveUp(request, signal) : this.#answer(request, context)))
    return `[${replies.join(',')}]`
  }

  #giveUp(request: unknown, { reason }: AbortSignal): string {
    const id = isObject(request) ? request['id'] : null
    return this.#failure(reason, 'behind another', isId(id) ? id : null)
  }

  #answer(request: unknown, context: RpcContext): string | Promise<string> {
    if (!isObject(request)) return errorReply(invalid('a request is an object'), null)
    const { id = null, method, params } = request
    if (!isId(id)) return errorReply(invalid("'id' must be a string, a number or null"), null)
    try {
      const answer = this.#call(method, params, context)
      if (!(answer instanceof Promise)) return resultReply(answer, id)
      return answer.then(
        (value) => resultReply(value, id),
        (error: unknown) => this.#failure(error, method, id),
      )
    } catch (error) {
      return this.#failure(error, method, id)
    }
  }

  #failure(error: unknown, method: unknown, id: RequestId): string {
    if (error instanceof RpcError) return errorReply(error, id)
    if (error instanceof UserError) return errorReply(new RpcError(METHOD_ERROR, error.message), id)
    this.#log('error', `RPC method ${String(method)} failed: ${traceOf(error)}`)
    return errorReply(new RpcError(METHOD_ERROR, "internal error. The node's log says more"), id)
  }

  #call(name: unknown, params: unknown, context: RpcContext): ReturnType<RpcMethod['call']> {
    if (typeof name !== 'string') throw invalid("'method' is missing or not a string")
    if (!METHOD_NAME.test(name)) throw invalid('a method name is 1 to 64 letters, digits and underscores')
    if (typeof (params ?? {}) !== 'object') throw invalid("'params' must be an object or an array")
    const method = this.#methods.get(name)
    if (method === undefined) throw methodNotFound(name)
    return method.call(params, context)
  }
}

type RequestId = string | number | null

function isId(id: unknown): id is RequestId {
  return id === null || typeof id === 'string' || typeof id === 'number'
}

function resultReply(result: RpcResult, id: RequestId): string {
  const text = result instanceof JsonText ? result.text : JSON.stringify(result)
  return `{"jsonrpc":"2.0","result":${text},"id":${JSON.stringify(id)}}`
}

export function errorReply(error: RpcError, id: RequestId): string {
  return `{"jsonrpc":"2.0","error":${JSON.stringify(error.toJson())},"id":${JSON.stringify(id)}}`
}

function methodNotFound(name: string): RpcError {
  const why = whyAbsent(name)
  return new RpcError(METHOD_NOT_FOUND, `Method not found: ${name}${why === undefined ? '' : ` (${why})`}`, {
    errorCode: 'RPC-METHOD-NOT-FOUND',
    recoverySteps: [
      ...(why === undefined ? ['Check the spelling of the method; names are in lower case'] : []),
      "Call 'help' for the methods that this node has",
    ],
  })
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
