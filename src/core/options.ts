/** What a core is made from. */
import type { CreateChain } from '../chain/chain.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import type { Ban } from '../pool/ban-list.ts'
import type { ConnectionLimits } from '../pool/peer-manager.ts'
import type { HostPort, IpBytes } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { AutomaticOptions } from './outbound.ts'
import type { Identity } from './sender.ts'

export interface CoreOptions {
  readonly network: NetworkParams
  readonly identity: Identity
  readonly limits: ConnectionLimits
  readonly random: RandomSource
  /** Peers to be connected to from the start. */
  readonly targets?: readonly HostPort[]
  /** How to find peers by itself; left out: only those that were named. */
  readonly automatic?: AutomaticOptions | undefined
  /** The address book as it was saved. */
  readonly addresses?: SavedAddresses | undefined
  /** Where others reach us, if the operator says so. */
  readonly ownAddress?: IpBytes | undefined
  /** At which port, until a `listening` command says. */
  readonly listenPort?: number | undefined
  /** Who is refused from the start. */
  readonly bans?: Iterable<Ban>
  /** Makes the chain; left out: the node has none, and no use for blocks. */
  readonly chain?: CreateChain | undefined
  /** Memory for transactions that wait to be mined; left out: the usual. */
  readonly mempoolBytes?: number | undefined
  /** Emit `sent`, `received`, `ignored` and `skipped` for every message. Costs throughput. */
  readonly traceMessages?: boolean
  /** Emit `message` events, for an embedding program. */
  readonly deliverMessages?: boolean
}
