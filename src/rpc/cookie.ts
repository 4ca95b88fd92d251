/**
 * The cookie file: a user name and a password made anew at each start, readable only for the user who runs the
 * node. Whoever can read it may use RPC (rpc 2).
 */
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface RpcCredentials {
  readonly user: string
  readonly password: string
}

const COOKIE_USER = '__cookie__'
const COOKIE_MODE = 0o600
const PASSWORD_BYTES = 16

export function cookiePath(dataDir: string): string {
  return join(dataDir, '.cookie')
}

/**
 * Writes a new cookie, over any old one. It appears whole and with its mode, or not at all. Rejects with the
 * system's error if it can't be written.
 */
export async function createCookie(dataDir: string): Promise<RpcCredentials> {
  const credentials = { user: COOKIE_USER, password: randomBytes(PASSWORD_BYTES).toString('hex') }
  const path = cookiePath(dataDir)
  const draft = `${path}.new`
  try {
    // What a crash left behind goes first: an existing file would keep its mode.
    await rm(draft, { force: true })
    const file = await open(draft, 'wx', COOKIE_MODE)
    try {
      await file.writeFile(`${credentials.user}:${credentials.password}`)
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  return credentials
}

/** Removes the cookie, if there is one. */
export async function removeCookie(dataDir: string): Promise<void> {
  await rm(cookiePath(dataDir), { force: true })
}
