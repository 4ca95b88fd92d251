/** HTTP Basic authentication against one user and password. */
import { timingSafeEqual } from 'node:crypto'
import type { RpcCredentials } from './cookie.ts'

export class BasicAuth {
  readonly #login: Buffer

  constructor({ user, password }: RpcCredentials) {
    this.#login = Buffer.from(`${user}:${password}`)
  }

  /** Does the value of an Authorization header carry the right user and password? */
  accepts(header: string): boolean {
    const match = /^basic +([a-z0-9+/=_-]+) *$/i.exec(header)
    if (match?.[1] === undefined) return false
    const given = Buffer.from(match[1], 'base64')
    // The time taken tells the length, which is no secret of a cookie, but nothing of the content.
    return given.length === this.#login.length && timingSafeEqual(given, this.#login)
  }
}
