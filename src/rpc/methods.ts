/** The one table of methods. */
import type { NetworkParams } from '../params/networks.ts'
import { banMethods } from './ban-methods.ts'
import { controlMethods, mockTimeMethod } from './control-methods.ts'
import type { RpcMethod } from './method.ts'
import { networkMethods } from './network-methods.ts'

/** The methods of a node on this network, by name, in alphabetic order. */
export function methodsFor(network: NetworkParams): ReadonlyMap<string, RpcMethod> {
  const methods = [
    ...networkMethods,
    ...banMethods,
    ...controlMethods,
    ...(network.allowsMockTime ? [mockTimeMethod] : []),
  ]
  methods.sort((a, b) => (a.name < b.name ? -1 : 1))
  return new Map(methods.map((method) => [method.name, method]))
}
