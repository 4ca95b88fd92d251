/**
 * Who may ask: authentication first, then the form of the request (rpc 1 to 3). Looks at a request's head only.
 * Every refusal of the server is a row here.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { BasicAuth } from './basic-auth.ts'
import type { RpcCredentials } from './cookie.ts'
import { invalid, REFUSED, RpcError } from './errors.ts'
import { MAX_BODY_BYTES } from './limits.ts'
import { Lockout } from './lockout.ts'

/** An answer that no method gives. */
export interface Refusal {
  /** Of HTTP. */
  readonly status: number
  readonly error: RpcError
  readonly headers?: Readonly<Record<string, string>>
}

export interface RequestHead {
  /** Address of the client. */
  readonly address: string
  readonly method: string | undefined
  readonly headers: IncomingHttpHeaders
}

const NO_ACCESS =
  'authentication failed: use rpcuser/rpcpassword or the cookie file (.cookie) of the data directory'
const NO_CSRF_HEADER =
  'the header X-Dilithion-RPC is missing. Send it with any value: it protects against CSRF, for no form can send it'

const UNAUTHENTICATED: Refusal = {
  status: 401,
  error: new RpcError(REFUSED, NO_ACCESS),
  headers: { 'WWW-Authenticate': 'Basic realm="dilithion"' },
}
const NOT_MARKED: Refusal = { status: 403, error: invalid(NO_CSRF_HEADER) }
const NOT_POST: Refusal = { status: 405, error: invalid('send requests by POST'), headers: { Allow: 'POST' } }
export const TOO_LARGE: Refusal = {
  status: 413,
  error: invalid(`the body is larger than ${MAX_BODY_BYTES} bytes`),
}

export class Gate {
  readonly #auth: BasicAuth
  readonly #lockout: Lockout
  readonly #onFailure: (address: string, lockMs: number) => void

  /** `onFailure` hears of wrong credentials, and for how long they lock the address out (0: they don't). */
  constructor(
    credentials: RpcCredentials,
    now: () => number,
    onFailure: (address: string, lockMs: number) => void,
  ) {
    this.#auth = new BasicAuth(credentials)
    this.#lockout = new Lockout(now)
    this.#onFailure = onFailure
  }

  /** Undefined if the body may be read. */
  judge({ address, method, headers }: RequestHead): Refusal | undefined {
    const refusal = this.#judgeCaller(address, headers.authorization)
    if (refusal !== undefined) return refusal
    if (method !== 'POST') return NOT_POST
    if (headers['x-dilithion-rpc'] === undefined) return NOT_MARKED
    if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return TOO_LARGE
    return undefined
  }

  #judgeCaller(address: string, authorization: string | undefined): Refusal | undefined {
    const lockedMs = this.#lockout.remainingMs(address)
    if (lockedMs > 0) return lockedOut(lockedMs)
    // Nothing was guessed: many clients send their credentials only when asked.
    if (authorization === undefined) return UNAUTHENTICATED
    if (this.#auth.accepts(authorization)) {
      this.#lockout.succeeded(address)
      return undefined
    }
    this.#onFailure(address, this.#lockout.failed(address))
    return UNAUTHENTICATED
  }
}

function lockedOut(ms: number): Refusal {
  const seconds = Math.ceil(ms / 1_000)
  return {
    status: 429,
    error: new RpcError(REFUSED, `too many failed authentications: try again in ${seconds} s`),
    headers: { 'Retry-After': String(seconds) },
  }
}
