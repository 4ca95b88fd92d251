/** The networks that are built in. Chain files define others (docs/CHAIN-FILE.md). */
import { mainnet } from './mainnet.ts'
import { regtest } from './regtest.ts'
import { testnet } from './testnet.ts'

export type { Dialect, NetworkParams } from './network-params.ts'
export { mainnet, regtest, testnet }

/** By name, as `connect` takes them. */
export const networks = { mainnet, testnet, regtest } as const

export type NetworkName = keyof typeof networks
