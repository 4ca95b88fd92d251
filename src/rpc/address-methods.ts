/** Methods about addresses of nodes that are known without being connected, after Bitcoin Core's. */
import * as v from 'valibot'
import { formatIp, isIpv4, parseIp } from '../primitives/ip.ts'
import type { TimedAddress } from '../wire/address.ts'
import { methodError } from './errors.ts'
import type { JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'

const COUNT = 'a whole number of addresses, 0 for all'
const NETWORK = "'ipv4' or 'ipv6'"
const PORT = 'a port from 1 to 65535'

export const addressMethods: readonly RpcMethod[] = [
  method({
    name: 'getnodeaddresses',
    usage: 'getnodeaddresses [count] [network]',
    summary: 'known addresses of other nodes, chosen by chance (1 if not told, 0 for all)',
    params: {
      count: v.optional(v.pipe(v.number(COUNT), v.safeInteger(COUNT), v.minValue(0, COUNT))),
      network: v.optional(v.picklist(['ipv4', 'ipv6'], NETWORK)),
    },
    run: ({ count = 1, network }, { control }) => {
      const max = count === 0 ? Number.POSITIVE_INFINITY : count
      // Of one network only: how many must be looked at is not known before.
      const known = control.knownAddresses(network === undefined ? max : Number.POSITIVE_INFINITY)
      const wanted = network === undefined ? known : known.filter((row) => networkOf(row) === network)
      return wanted.slice(0, max).map(describeAddress)
    },
  }),
  method({
    name: 'getaddrmaninfo',
    usage: 'getaddrmaninfo',
    summary: 'how many addresses of other nodes are known, heard of only (new) and found good (tried)',
    params: {},
    run: (_, { control }) => {
      const { total, fresh, tried } = control.addressBook()
      return { all_networks: { new: fresh, tried, total } }
    },
  }),
]

/** Only for networks where tests may put addresses in. */
export const addPeerAddressMethod: RpcMethod = method({
  name: 'addpeeraddress',
  usage: 'addpeeraddress <address> <port> [tried]',
  summary: 'put an address of a node among the known ones, as if a peer had told it',
  params: {
    address: v.string('an IP address'),
    port: v.pipe(v.number(PORT), v.safeInteger(PORT), v.minValue(1, PORT), v.maxValue(65_535, PORT)),
    tried: v.optional(v.boolean('true if it counts as found good')),
  },
  run: ({ address, port, tried = false }, { control }) => {
    const ip = parseIp(address)
    if (ip === undefined) throw methodError('addpeeraddress: the address must be an IP address')
    return { success: control.addKnownAddress({ ip, port }, tried) }
  },
})

function networkOf({ ip }: TimedAddress): 'ipv4' | 'ipv6' {
  return isIpv4(ip) ? 'ipv4' : 'ipv6'
}

function describeAddress(row: TimedAddress): JsonValue {
  const { time, services, ip, port } = row
  return { time, services: Number(services), address: formatIp(ip), port, network: networkOf(row) }
}
