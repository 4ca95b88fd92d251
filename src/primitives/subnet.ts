/** Ranges of IP addresses, as operators ban them: one address, or all that share their first bits. */
import { bytesEqual } from './bytes.ts'
import { formatIp, type IpBytes, is6to4, isIpv4, parseIp, reachedIpv4 } from './ip.ts'

export interface Subnet {
  /** 16 bytes, zero behind the first `bits`. */
  readonly ip: IpBytes
  /** Counted over the 16 bytes: an IPv4 /24 has 120. */
  readonly bits: number
}

const ALL_BITS = 128
/** An IPv4 address stands behind 96 fixed bits. */
const V4_OFFSET = 96

/** The network of an address: its first `bits` of 128, so 96 more than an IPv4 mask says. Left out: the address alone. */
export function subnetOf(ip: IpBytes, bits = ALL_BITS): Subnet {
  return { ip: masked(ip, bits), bits }
}

/**
 * What one host or household has: an IPv4 address, or the /64 of an IPv6 address; by 6to4 the /48 that comes with an
 * IPv4 address. Behind a translator each address is an IPv4 address, and so a host.
 */
export function hostSubnet(ip: IpBytes): Subnet {
  if (reachedIpv4(ip) === undefined) return subnetOf(ip, 64)
  return subnetOf(ip, is6to4(ip) ? 48 : ALL_BITS)
}

/** "1.2.3.4", "1.2.3.0/24", "1.2.3.0/255.255.255.0", "2001:db8::/32"; undefined if it is none of these. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', suffix, ...more] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined || more.length > 0) return undefined
  if (suffix === undefined) return subnetOf(ip)
  const offset = isIpv4(ip) ? V4_OFFSET : 0
  const length = /^\d{1,3}$/.test(suffix) ? Number(suffix) : maskLength(suffix)
  if (length === undefined || length + offset > ALL_BITS) return undefined
  return subnetOf(ip, length + offset)
}

/** With the length always behind it, as in "1.2.3.4/32". */
export function formatSubnet({ ip, bits }: Subnet): string {
  return `${formatIp(ip)}/${isIpv4(ip) && bits >= V4_OFFSET ? bits - V4_OFFSET : bits}`
}

/** Is the address in the range? No IPv4 address is in an IPv6 range, though its 16 bytes may be. */
export function subnetCovers({ ip, bits }: Subnet, address: IpBytes): boolean {
  return (bits >= V4_OFFSET || !isIpv4(address)) && bytesEqual(masked(address, bits), ip)
}

export function masked(ip: IpBytes, bits: number): IpBytes {
  const result = new Uint8Array(16)
  for (const [i, byte] of ip.entries()) {
    const kept = Math.min(8, Math.max(0, bits - 8 * i))
    result[i] = byte & (0xff00 >> kept)
  }
  return result
}

/** Bits of an IPv4 netmask such as 255.255.0.0; undefined if its ones are not all in front. */
function maskLength(text: string): number | undefined {
  const ip = parseIp(text)
  if (ip === undefined || !isIpv4(ip)) return undefined
  const ones = [...ip.subarray(12)].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(ones) ? ones.lastIndexOf('1') + 1 : undefined
}
