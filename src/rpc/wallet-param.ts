/** Parameters of the wallet's methods, and the wallet they are about. */
import * as v from 'valibot'
import type { WalletService } from '../node/wallet-service.ts'
import { decodeAddress, describeAddressError } from '../script/address.ts'
import { ionsOf } from '../wallet/amount.ts'
import { methodError } from './errors.ts'
import { chainOf } from './hash-param.ts'
import type { RpcContext } from './method.ts'

export const AMOUNT_FORM = 'an amount in DIL, at most 21000000 and with at most eight decimals, such as 12.5'
export const ADDRESS = v.string('an address such as DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq')
export const TEXT = v.string('a text')

/** Ions. Written as text or as a number; neither is rounded. */
export const AMOUNT = v.pipe(
  v.union([v.string(), v.number()], AMOUNT_FORM),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ions = ionsOf(dataset.value)
    if (ions !== undefined) return ions
    addIssue({ message: AMOUNT_FORM })
    return NEVER
  }),
)

/** Throws RpcError on a node without a wallet. */
export function walletOf({ control }: RpcContext): WalletService {
  if (control.wallet === undefined)
    throw methodError('this node keeps no wallet: it was started without one, or its chain has no coins')
  return control.wallet
}

/** HASH160 of an address. Throws RpcError if it is none; `name`: of the parameter, if there are several of the kind. */
export function hashOfAddress(address: string, name?: string): Uint8Array {
  const decoded = decodeAddress(address)
  if (!decoded.ok)
    throw methodError(
      `${name === undefined ? '' : `${name} is `}not an address: ${describeAddressError(decoded.error)}`,
    )
  return decoded.value
}

/** For those who look for payments on a node that has deleted blocks; nothing where all are there. */
export function missingBlocks(context: RpcContext): { readonly warning?: string } {
  const { pruneHeight } = chainOf(context).engine.maintenance
  if (pruneHeight === 0) return {}
  return {
    warning: `payments below block ${pruneHeight} can not be found, because those blocks have been deleted (--prune)`,
  }
}
