/** HTTP Basic authentication against one user and password. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { RpcCredentials } from './cookie.ts'

export class BasicAuth {
  readonly #digest: Buffer

  constructor({ user, password }: RpcCredentials) {
    this.#digest = digest(Buffer.from(`${user}:${password}`))
  }

  /** Does the value of an Authorization header carry the right user and password? */
  accepts(header: string): boolean {
    const match = /^basic +([a-z0-9+/=_-]+) *$/i.exec(header)
    if (match?.[1] === undefined) return false
    // Digests have one length, so that the comparison takes the same time whatever was sent.
    return timingSafeEqual(digest(Buffer.from(match[1], 'base64')), this.#digest)
  }
}

function digest(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer')
}
