/**
 * IP addresses as the wire has them: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d (wire-protocol 3), and
 * endpoints as people write them. Which addresses count as routable follows wire-protocol 11.2, and what they lead to.
 */

/** 16 bytes in network order. */
export type IpBytes = Uint8Array

export interface Endpoint {
  readonly ip: IpBytes
  readonly port: number
}

const V4_OFFSET = 12

export const UNSPECIFIED_V4: IpBytes = ipv4(0, 0, 0, 0)

function ipv4(a: number, b: number, c: number, d: number): IpBytes {
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d)
}

/** The 16 bytes of an IPv4 or IPv6 text (a zone such as %eth0 is dropped); undefined if it is neither. */
export function parseIp(text: string): IpBytes | undefined {
  if (text.includes(':')) return parseIpv6(text.split('%')[0] ?? '')
  return parseIpv4(text)
}

function parseIpv4(text: string): IpBytes | undefined {
  // No leading zeros: some programs read them as octal, so nobody can tell which address is meant.
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text)
  if (match === null) return undefined
  const [a = 256, b = 256, c = 256, d = 256] = match.slice(1).map(Number)
  return Math.max(a, b, c, d) > 255 ? undefined : ipv4(a, b, c, d)
}

function parseIpv6(text: string): IpBytes | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  const ip = new Uint8Array(16)
  ip.set(head)
  ip.set(tail, 16 - tail.length)
  return ip
}

/** Bytes of colon-separated groups; the last may be a dotted IPv4 where the address ends. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (endsAddress && i === groups.length - 1 && group.includes('.')) {
      const v4 = parseIpv4(group)
      if (v4 === undefined) return undefined
      bytes.push(...v4.subarray(12))
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes.length > 16 ? undefined : bytes
}

/** ::ffff:a.b.c.d. */
export function isIpv4(ip: IpBytes): boolean {
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return false
  return ip[10] === 0xff && ip[11] === 0xff
}

/** Dotted IPv4, or IPv6 with its longest run of zero groups shortened. */
export function formatIp(ip: IpBytes): string {
  if (isIpv4(ip)) return `${ip[12]}.${ip[13]}.${ip[14]}.${ip[15]}`
  const view = new DataView(ip.buffer, ip.byteOffset, 16)
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i))
  let bestStart = -1
  let bestLength = 1
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > bestLength) {
      bestStart = start
      bestLength = end - start
    }
  }
  const hex = groups.map((g) => g.toString(16))
  if (bestStart < 0) return hex.join(':')
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`
}

/** "1.2.3.4:8444" or "[2001:db8::1]:8444". */
export function formatEndpoint(endpoint: Endpoint): string {
  const host = formatIp(endpoint.ip)
  return formatHostPort(host, endpoint.port)
}

/** "host:8444" or "[2001:db8::1]:8444". */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/**
 * Splits what an operator writes: IPv4, host name, or [IPv6], each with an optional port; an IPv6 without
 * brackets is taken whole. Undefined if it can't be an address.
 */
export function parseHostPort(text: string, defaultPort: number): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^[\]:]+))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return parseIp(text) === undefined ? undefined : { host: text, port: defaultPort }
  const host = match[1] ?? match[2] ?? ''
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  if (port < 1 || port > 65535) return undefined
  if (match[1] !== undefined) return parseIp(host) === undefined ? undefined : { host, port }
  return isHost(host) ? { host, port } : undefined
}

/** Throws RangeError unless it can be dialled: an IP address without brackets or a name, and a port from 1 on. */
export function checkHostPort({ host, port }: HostPort): void {
  if (parseIp(host) === undefined && !isHost(host))
    throw new RangeError(`'${host}' is neither an IP address nor a host name`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`${port} is no port to dial`)
}

function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return parseIpv4(host) !== undefined
  return host.length <= 253 && /^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?\.?$/.test(host)
}

/** No address at all: :: or 0.0.0.0. */
export function isUnspecified(ip: IpBytes): boolean {
  for (let i = isIpv4(ip) ? V4_OFFSET : 0; i < ip.length; i++) if (ip[i] !== 0) return false
  return true
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(ip: IpBytes): boolean {
  if (isIpv4(ip)) return ip[12] === 127
  return ip[15] === 1 && ip.subarray(0, 15).every((byte) => byte === 0)
}

/** The first 32 bits that addresses of a range share: those under the mask have this value. */
interface Prefix {
  readonly value: number
  readonly mask: number
}

function prefix(bits: number, ...bytes: number[]): Prefix {
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  return { value: (a << 24) | (b << 16) | (c << 8) | d, mask: bits === 32 ? -1 : ~(0xffff_ffff >>> bits) }
}

const NOT_ROUTABLE_V4: readonly Prefix[] = [
  prefix(8, 0),
  prefix(8, 10),
  prefix(10, 100, 64),
  prefix(8, 127),
  prefix(16, 169, 254),
  prefix(12, 172, 16),
  prefix(24, 192, 0, 2),
  prefix(16, 192, 168),
  prefix(15, 198, 18),
  prefix(24, 198, 51, 100),
  prefix(24, 203, 0, 113),
  prefix(3, 224),
]

const NOT_ROUTABLE_V6: readonly Prefix[] = [
  prefix(32, 0x20, 0x01, 0x0d, 0xb8),
  prefix(28, 0x20, 0x01, 0x00, 0x10),
  prefix(28, 0x20, 0x01, 0x00, 0x20),
  prefix(7, 0xfc),
  prefix(10, 0xfe, 0x80),
  prefix(8, 0xff),
]

/** All zeros but for the last 32 bits: loopback, and what once meant an IPv4 address. */
const LOWEST_V6_BYTES = 12

/** 64:ff9b::/96, behind which a translator reaches the IPv4 address at its end (RFC 6052). */
const TRANSLATED = Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)

/** One of those that come with an IPv4 address, 2002::/16 (RFC 3056). */
export function is6to4(ip: IpBytes): boolean {
  return ip[0] === 0x20 && ip[1] === 0x02
}

/**
 * The IPv4 address that an address leads to: itself, or by 6to4 or a translator the one within it.
 * Undefined if it leads to none.
 */
export function reachedIpv4(ip: IpBytes): IpBytes | undefined {
  if (isIpv4(ip)) return ip
  if (is6to4(ip)) return ipv4(ip[2] ?? 0, ip[3] ?? 0, ip[4] ?? 0, ip[5] ?? 0)
  for (let i = 0; i < TRANSLATED.length; i++) if (ip[i] !== TRANSLATED[i]) return undefined
  return ipv4(ip[12] ?? 0, ip[13] ?? 0, ip[14] ?? 0, ip[15] ?? 0)
}

/** Could a stranger on the internet reach this address? (wire-protocol 11.2) */
export function isRoutable(ip: IpBytes): boolean {
  // Asked for every address that anybody tells.
  const v4 = reachedIpv4(ip)
  return v4 === undefined
    ? !isLowest(ip) && !isAmong(NOT_ROUTABLE_V6, ip, 0)
    : !isAmong(NOT_ROUTABLE_V4, v4, V4_OFFSET)
}

function isAmong(prefixes: readonly Prefix[], ip: IpBytes, at: number): boolean {
  const high = ((ip[at] ?? 0) << 24) | ((ip[at + 1] ?? 0) << 16)
  const word = high | ((ip[at + 2] ?? 0) << 8) | (ip[at + 3] ?? 0)
  for (const { value, mask } of prefixes) if ((word & mask) === value) return true
  return false
}

function isLowest(ip: IpBytes): boolean {
  for (let i = 0; i < LOWEST_V6_BYTES; i++) if (ip[i] !== 0) return false
  return true
}
