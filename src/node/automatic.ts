/** How a node of a network finds its peers, unless it is told otherwise. */
import type { AutomaticOptions } from '../core/outbound.ts'
import { BLOCK_RELAY_PEERS, OUTBOUND_PEERS } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import { parseIp } from '../primitives/ip.ts'

/** For {@link NodeOptions.automatic}: eight peers of its own choice, the network's seeds, and what is changed of that. */
export function automaticPeers(
  network: NetworkParams,
  changes: Partial<AutomaticOptions> = {},
): AutomaticOptions {
  const fixedSeeds = network.fixedSeeds.flatMap((text) => {
    const ip = parseIp(text)
    return ip === undefined ? [] : [{ ip, port: network.defaultPort }]
  })
  return {
    outbound: OUTBOUND_PEERS,
    blockRelay: BLOCK_RELAY_PEERS,
    feelers: true,
    dnsSeeds: network.dnsSeeds,
    fixedSeeds,
    seedNodes: [],
    ...changes,
  }
}
