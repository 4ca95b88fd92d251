/**
 * Which addresses belong to one network, and so perhaps to one owner: an IPv4 /16, an IPv6 /32. Addresses that no
 * stranger can reach (loopback, private) count one by one: they exist only where somebody set them up by hand.
 */
import { formatIp, type IpBytes, isIpv4, isRoutable } from '../primitives/ip.ts'

const V4_GROUP_END = 14
const V6_GROUP_END = 4

/** Short text that is the same for all addresses of a group, and for no others. */
export function netGroup(ip: IpBytes): string {
  if (!isRoutable(ip)) return formatIp(ip)
  const [first, end, family] = isIpv4(ip) ? [12, V4_GROUP_END, '4'] : [0, V6_GROUP_END, '6']
  let group = family
  for (let i = first; i < end; i++) group += String.fromCharCode(ip[i] ?? 0)
  return group
}
