/**
 * The way through a SOCKS5 proxy: asks the proxy at the other end of a connected socket for a tunnel to a target,
 * and says in words why there is none. Host names go to the proxy as they are. Bounded by the caller, who ends the
 * socket when it takes too long.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { SocksClient } from 'socks'
import { errorText } from '../primitives/errors.ts'
import type { HostPort } from '../primitives/ip.ts'

/** A proxy keeps apart what comes with different logins; as long as nobody can guess. */
const LOGIN_BYTES = 16
/** Our own timer ends a dial; the library's must not come first. */
const TIMER_SLACK_MS = 1_000

/** What the proxy answers (RFC 1928, section 6), by the library's names. */
const REPLIES: Readonly<Record<string, string>> = {
  Failure: 'general failure',
  NotAllowed: 'not allowed by its rules',
  NetworkUnreachable: 'network unreachable',
  HostUnreachable: 'host unreachable',
  ConnectionRefused: 'connection refused',
  TTLExpired: 'the way is too long',
  CommandNotSupported: 'it does not make connections',
  AddressNotSupported: 'it does not know addresses of this kind',
}

/**
 * Calls `established` as soon as bytes on the socket are the target's, or `failed` with the reason in words; one of
 * the two, once, unless the socket is destroyed before. Whoever is called has to listen to the socket at once.
 */
export function openTunnel(
  socket: Socket,
  target: HostPort,
  timeoutMs: number,
  established: () => void,
  failed: (error: string) => void,
): void {
  const client = new SocksClient({
    command: 'connect',
    destination: target,
    // Only the login matters here: the socket is there already.
    proxy: { host: '', port: 0, type: 5, userId: freshLogin(), password: freshLogin() },
    timeout: timeoutMs + TIMER_SLACK_MS,
  })
  client.on('established', established)
  client.on('error', (error) => failed(inWords(errorText(error))))
  client.connect(socket)
}

function freshLogin(): string {
  return randomBytes(LOGIN_BYTES).toString('hex')
}

/** The library tells apart its errors by their texts alone. */
function inWords(error: string): string {
  const reply = /rejected connection - (\w+)$/.exec(error)?.[1]
  if (reply !== undefined) return REPLIES[reply] ?? 'refused without a reason that we know'
  if (/authentication/i.test(error)) return 'it wants a login that we do not have'
  if (/invalid socks version/i.test(error)) return 'it does not speak SOCKS5'
  if (/socket closed/i.test(error)) return 'it closed the connection'
  return error
}
