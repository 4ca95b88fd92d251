/** The one table of methods. */
import type { NetworkParams } from '../params/networks.ts'
import { addPeerAddressMethod, addressMethods } from './address-methods.ts'
import { banMethods } from './ban-methods.ts'
import { chainAdminMethods } from './chain-admin-methods.ts'
import { chainMethods } from './chain-methods.ts'
import { coinMethods } from './coin-methods.ts'
import { controlMethods, mockTimeMethod } from './control-methods.ts'
import { insightMethods } from './insight-methods.ts'
import { mempoolMethods } from './mempool-methods.ts'
import type { RpcMethod } from './method.ts'
import { generateMethod, miningMethods } from './mining-methods.ts'
import { networkMethods } from './network-methods.ts'
import { proofMethods } from './proof-methods.ts'
import { rawTransactionMethods } from './raw-transaction-methods.ts'
import { statisticsMethods } from './statistics-methods.ts'
import { syncMethods } from './sync-methods.ts'
import { templateMethods } from './template-methods.ts'
import { waitMethods } from './wait-methods.ts'
import { walletCoinMethods } from './wallet-coin-methods.ts'
import { walletKeyMethods } from './wallet-key-methods.ts'
import { walletLockMethods } from './wallet-lock-methods.ts'
import { walletMethods } from './wallet-methods.ts'
import { walletSendMethods } from './wallet-send-methods.ts'

/** The methods of a node on this network, by name, in alphabetic order. */
export function methodsFor(network: NetworkParams): ReadonlyMap<string, RpcMethod> {
  const methods = [
    ...networkMethods,
    ...banMethods,
    ...addressMethods,
    ...insightMethods,
    ...controlMethods,
    ...chainMethods,
    ...coinMethods,
    ...proofMethods,
    ...statisticsMethods,
    ...chainAdminMethods,
    ...waitMethods,
    ...syncMethods,
    ...miningMethods,
    ...templateMethods,
    ...mempoolMethods,
    ...rawTransactionMethods,
    ...walletMethods,
    ...walletCoinMethods,
    ...walletKeyMethods,
    ...walletLockMethods,
    ...walletSendMethods,
    // What only tests may do is allowed where they may set the clock.
    ...(network.allowsMockTime ? [mockTimeMethod, addPeerAddressMethod, generateMethod] : []),
  ]
  methods.sort((a, b) => (a.name < b.name ? -1 : 1))
  return new Map(methods.map((method) => [method.name, method]))
}
