/** Where a socket leads to, in the form that the core works with. */
import type { Socket } from 'node:net'
import { type Endpoint, parseIp } from '../primitives/ip.ts'

/** Undefined if the connection is gone already. */
export function remoteEndpoint(socket: Socket): Endpoint | undefined {
  const ip = parseIp(socket.remoteAddress ?? '')
  const port = socket.remotePort
  return ip === undefined || port === undefined ? undefined : { ip, port }
}
