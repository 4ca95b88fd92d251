/** Methods about a wallet's keys and addresses (rpc 4.3). */
import * as v from 'valibot'
import { encodeAddress } from '../script/address.ts'
import { pathOf } from '../wallet/keyring.ts'
import { method, type RpcMethod } from './method.ts'
import { TEXT, walletOf } from './wallet-param.ts'

const PHRASE = v.string('the 24 words of a recovery phrase')

export const walletKeyMethods: readonly RpcMethod[] = [
  method({
    name: 'getnewaddress',
    usage: 'getnewaddress',
    summary: 'an address to be paid at, which nobody was told before; makes a wallet if there is none',
    params: {},
    run: async (_, context) => await walletOf(context).newAddress(),
  }),
  method({
    name: 'getaddresses',
    usage: 'getaddresses',
    summary: 'the addresses that the wallet has given out, and those of imported keys',
    params: {},
    run: (_, context) =>
      walletOf(context)
        .addresses()
        .map(({ address }) => address),
  }),
  method({
    name: 'createhdwallet',
    usage: 'createhdwallet [passphrase]',
    summary:
      'make a wallet and show its recovery phrase: write it down. passphrase: a secret beside the words',
    params: { passphrase: v.optional(TEXT) },
    run: async ({ passphrase = '' }, context) => {
      const { phrase, address } = await walletOf(context).create(passphrase)
      return { mnemonic: phrase, address }
    },
  }),
  method({
    name: 'restorehdwallet',
    usage: 'restorehdwallet <mnemonic> [passphrase]',
    summary: 'bring a wallet back from its recovery phrase, and look through the chain for its coins',
    params: { mnemonic: PHRASE, passphrase: v.optional(TEXT) },
    run: async ({ mnemonic, passphrase = '' }, context) => ({
      success: true,
      address: await walletOf(context).restore(mnemonic, passphrase),
    }),
  }),
  method({
    name: 'exportmnemonic',
    usage: 'exportmnemonic',
    summary:
      'the recovery phrase, from which all keys come that were not imported: whoever has it has the coins',
    params: {},
    run: (_, context) => {
      const { phrase, hasPassphrase } = walletOf(context).keys.phrase()
      return { mnemonic: phrase, needs_passphrase: hasPassphrase }
    },
  }),
  method({
    name: 'gethdwalletinfo',
    usage: 'gethdwalletinfo',
    summary: 'how many addresses of the recovery phrase were used, given out and for change',
    params: {},
    run: (_, context) => {
      const { keys } = walletOf(context)
      if (!keys.exists) return { hdwallet: false }
      const { account, receiving, change, birthHeight } = keys.content
      return {
        hdwallet: true,
        account,
        external_index: receiving.told,
        internal_index: change.told,
        birth_height: birthHeight,
      }
    },
  }),
  method({
    name: 'listhdaddresses',
    usage: 'listhdaddresses',
    summary: 'the addresses that were used, with their places in the tree of keys',
    params: {},
    run: (_, context) => {
      const { keys } = walletOf(context)
      if (!keys.exists) return []
      const { account, receiving, change } = keys.content
      return (['receiving', 'change'] as const).flatMap((kind) => {
        const { told, hashes } = kind === 'receiving' ? receiving : change
        return hashes.slice(0, told).map((hash, index) => ({
          address: encodeAddress(hash),
          path: pathOf({ kind, index }, account) ?? '',
        }))
      })
    },
  }),
]
