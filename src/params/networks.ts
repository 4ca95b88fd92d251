/**
 * What distinguishes one Dilithion network from another: numbers that must agree with everybody else on it.
 * Sources: wire-protocol 1 and 15, v1-testnet 1 and 2, regtest.
 */
import { hashFromHex } from '../primitives/bytes.ts'

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
}

export const mainnet: NetworkParams = {
  name: 'mainnet',
  magic: 0xd171_4102,
  defaultPort: 8444,
  defaultRpcPort: 8332,
  dataDirName: '.dilithion',
  dialect: 'current',
  protocolVersion: 70011,
  minPeerVersion: 70005,
  genesisHash: hash('0000009eaa5e7781ba6d14525c3f75c35444045b21ddafbbea61090db99b0bc3'),
  sharesPrivateAddresses: false,
  dnsSeeds: ['seed.dilithion.org', 'seed1.dilithion.org', 'seed2.dilithion.org'],
  fixedSeeds: ['138.197.68.128', '167.172.56.119', '165.22.103.114', '134.199.159.83'],
  choosesPeers: true,
  allowsMockTime: false,
}

/** The v1.0 testnet: another chain than the one that later programs call testnet, on the same magic and ports. */
export const testnet: NetworkParams = {
  name: 'testnet',
  magic: 0xdab5_bffa,
  defaultPort: 18444,
  defaultRpcPort: 18332,
  dataDirName: '.dilithion-testnet',
  dialect: 'v1',
  protocolVersion: 70001,
  minPeerVersion: 70001,
  genesisHash: hash('924bdb80469e1185814407147bc763a62425cc400bc902ce37d73ffbc3524475'),
  sharesPrivateAddresses: false,
  dnsSeeds: ['seed-testnet.dilithion.org', 'seed-testnet1.dilithion.org', 'seed-testnet2.dilithion.org'],
  fixedSeeds: ['134.122.4.164', '209.97.177.197', '188.166.255.63'],
  choosesPeers: true,
  allowsMockTime: false,
}

export const regtest: NetworkParams = {
  name: 'regtest',
  magic: 0xfabf_b5da,
  defaultPort: 28444,
  defaultRpcPort: 28332,
  dataDirName: '.dilithion-regtest',
  dialect: 'current',
  protocolVersion: 70011,
  minPeerVersion: 70005,
  genesisHash: hash('3cd528f674b236a3db9a27235471c0f1624b39e344d54c4f5c2fc3f66e2997ed'),
  sharesPrivateAddresses: true,
  dnsSeeds: [],
  fixedSeeds: [],
  choosesPeers: false,
  allowsMockTime: true,
}

export const networks = { mainnet, testnet, regtest } as const

export type NetworkName = keyof typeof networks

function hash(display: string): Uint8Array {
  const bytes = hashFromHex(display)
  if (bytes === undefined) throw new RangeError(`not a hash: ${display}`)
  return bytes
}
