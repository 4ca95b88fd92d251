/**
 * Which addresses belong to one network, and so perhaps to one owner: an IPv4 /16, an IPv6 /32. An IPv6 address that
 * leads to an IPv4 one belongs where that does: else its owner would be in two networks. Addresses that no
 * stranger can reach (loopback, private) count one by one: they exist only where somebody set them up by hand.
 */
import { formatIp, type IpBytes, isRoutable, reachedIpv4 } from '../primitives/ip.ts'

const V4_GROUP_END = 14
const V6_GROUP_END = 4

/** Short text that is the same for all addresses of a group, and for no others. */
export function netGroup(ip: IpBytes): string {
  if (!isRoutable(ip)) return formatIp(ip)
  const v4 = reachedIpv4(ip)
  const [first, end, family] = v4 === undefined ? [0, V6_GROUP_END, '6'] : [12, V4_GROUP_END, '4']
  const bytes = v4 ?? ip
  let group = family
  for (let i = first; i < end; i++) group += String.fromCharCode(bytes[i] ?? 0)
  return group
}
