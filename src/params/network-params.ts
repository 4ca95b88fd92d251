/** What distinguishes one Dilithion network from another: numbers that must agree with everybody else on it. */
import { fromHex, hashFromHex } from '../primitives/bytes.ts'
import type { ChainParams } from './chain-params.ts'

/**
 * Form of the `version` message that a network's nodes write. `v1`: protocol 70001, no addresses, no genesis
 * hash. `current`: protocol 70011, both. Either is understood everywhere.
 */
export type Dialect = 'v1' | 'current'

export interface NetworkParams {
  readonly name: string
  /** First four bytes of each frame, as a little-endian u32. */
  readonly magic: number
  readonly defaultPort: number
  readonly defaultRpcPort: number
  /** Name of the default data directory, below the user's home. */
  readonly dataDirName: string
  readonly dialect: Dialect
  /** Announced in our `version`. */
  readonly protocolVersion: number
  /** Peers that announce less are refused. */
  readonly minPeerVersion: number
  /** 32 bytes in wire order. */
  readonly genesisHash: Uint8Array
  /** Are loopback and private addresses worth telling to others? Only where all peers are on one machine. */
  readonly sharesPrivateAddresses: boolean
  /** Names behind which seeds publish addresses of nodes (wire-protocol 11.1). */
  readonly dnsSeeds: readonly string[]
  /** Nodes that have been there for long, for a start when names lead nowhere. At the default port. */
  readonly fixedSeeds: readonly string[]
  /** Does a node look for peers by itself, unless told otherwise? */
  readonly choosesPeers: boolean
  /** May RPC set the node's clock? */
  readonly allowsMockTime: boolean
  /** Rules of the chain. */
  readonly chain: ChainParams
}

/** The 32 bytes of a hash in display order. Throws RangeError if it is none: for constants. */
export function hashConstant(display: string): Uint8Array {
  const bytes = hashFromHex(display)
  if (bytes === undefined) throw new RangeError(`not a hash: ${display}`)
  return bytes
}

/** The bytes of hex text. Throws RangeError if it is none: for constants. */
export function hexConstant(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === undefined) throw new RangeError(`not hex: ${text}`)
  return bytes
}
