/** Methods that keep coins out of payments, and that tidy a wallet's history up (rpc 4.3, and Bitcoin's). */
import * as v from 'valibot'
import { coinKey } from '../chain/coin.ts'
import { hashKey } from '../chain/header-node.ts'
import type { WalletService } from '../node/wallet-service.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { methodError } from './errors.ts'
import { HASH, hashOf } from './hash-param.ts'
import { method, type RpcMethod } from './method.ts'
import { walletOf } from './wallet-param.ts'

const OUTPUTS_FORM = 'a list of outputs such as [{"txid": "...", "vout": 0}]'
const INDEX = v.pipe(v.number(OUTPUTS_FORM), v.safeInteger(OUTPUTS_FORM), v.minValue(0, OUTPUTS_FORM))
const OUTPUTS = v.array(v.object({ txid: HASH, vout: INDEX }, OUTPUTS_FORM), OUTPUTS_FORM)
const MAX_INDEX = 0xffff_ffff

export const walletCoinMethods: readonly RpcMethod[] = [
  method({
    name: 'lockunspent',
    usage: 'lockunspent <unlock> [transactions]',
    summary:
      'keep coins out of payments (unlock false), or let them be spent again; without a list all of them',
    params: { unlock: v.boolean('true or false'), transactions: v.optional(OUTPUTS) },
    run: async ({ unlock, transactions }, context) => {
      const wallet = walletOf(context)
      if (transactions !== undefined) await setLocks(wallet, unlock, transactions)
      else if (unlock) wallet.locks.clear()
      else throw methodError('lockunspent: which outputs? Give a list of them')
      return true
    },
  }),
  method({
    name: 'listlockunspent',
    usage: 'listlockunspent',
    summary: 'the coins that lockunspent keeps out of payments',
    params: {},
    run: async (_, context) => {
      const wallet = walletOf(context)
      const locked = (await wallet.unspent()).filter(({ coin }) => wallet.locks.has(coin))
      return locked.map(({ entry, output }) => ({ txid: hashToHex(entry.txid), vout: output.index }))
    },
  }),
  method({
    name: 'abandontransaction',
    usage: 'abandontransaction <txid>',
    summary: 'give a payment up that is neither mined nor in the mempool, so that its coins are free',
    params: { txid: HASH },
    run: async ({ txid }, context) => {
      const upkeep = await walletOf(context).upkeep()
      await upkeep.abandon(hashKey(hashOf(txid)))
      return null
    },
  }),
  method({
    name: 'clearwallettxs',
    usage: 'clearwallettxs',
    summary:
      'forget all transactions of the wallet but those in the mempool, and find them in the chain again',
    params: {},
    run: async (_, context) => {
      const upkeep = await walletOf(context).upkeep()
      const { forgotten, found } = await upkeep.clear()
      return {
        success: true,
        transactions_cleared: forgotten,
        message: `${forgotten} transactions forgotten; with the chain read again there are ${found}`,
      }
    },
  }),
]

/** All of them or none. Throws RpcError for one that can't be locked or unlocked. */
async function setLocks(
  wallet: WalletService,
  unlock: boolean,
  outputs: readonly { readonly txid: string; readonly vout: number }[],
): Promise<void> {
  const unspent = new Set((await wallet.unspent()).map(({ coin }) => coin))
  const { locks } = wallet
  locks.keep(unspent)
  const chosen = new Set<string>()
  for (const { txid, vout } of outputs) {
    const coin = vout > MAX_INDEX ? undefined : coinKey(hashOf(txid), vout)
    const wrong =
      coin === undefined || !unspent.has(coin)
        ? 'it is no unspent output of this wallet'
        : chosen.has(coin)
          ? 'it is named twice'
          : locks.has(coin) !== unlock
            ? `it is ${unlock ? 'not' : 'already'} locked`
            : undefined
    if (wrong !== undefined || coin === undefined) throw methodError(`lockunspent: ${txid}:${vout}: ${wrong}`)
    chosen.add(coin)
  }
  if (unlock) locks.unlock(chosen)
  else locks.lock(chosen)
}
