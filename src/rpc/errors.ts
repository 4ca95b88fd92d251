/** Errors of JSON-RPC: the codes there are, and the exception that carries one to the caller (rpc 1). */
import type { JsonObject } from './json.ts'

export const PARSE_ERROR = -32700
const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
/** Any error raised by a method. */
export const METHOD_ERROR = -32603
/** Authentication, and being locked out for the lack of it. */
export const REFUSED = -32000

export interface RpcErrorDetails {
  /** A stable name for programs, such as "RPC-METHOD-NOT-FOUND". */
  readonly errorCode: string
  /** What the user can do about it. */
  readonly recoverySteps: readonly string[]
}

/** Thrown by methods for what the caller did wrong; the message tells what to do. Anything else is a bug. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly details: RpcErrorDetails | undefined

  constructor(code: number, message: string, details?: RpcErrorDetails) {
    super(message)
    this.code = code
    this.details = details
  }

  toJson(): JsonObject {
    const { code, message, details } = this
    if (details === undefined) return { code, message }
    return { code, message, error_code: details.errorCode, recovery_steps: details.recoverySteps }
  }
}

/** Error of a method, in words. */
export const methodError = (message: string): RpcError => new RpcError(METHOD_ERROR, message)

export function invalid(what: string): RpcError {
  return new RpcError(INVALID_REQUEST, `Invalid request: ${what}`)
}
