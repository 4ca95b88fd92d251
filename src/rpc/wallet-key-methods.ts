/** Methods about a wallet's keys and addresses (rpc 4.3). */
import { resolve } from 'node:path'
import * as v from 'valibot'
import { pairOfAddress } from '../node/wallet-key-exchange.ts'
import { encodeAddress } from '../script/address.ts'
import { pathOf } from '../wallet/keyring.ts'
import { method, type RpcMethod } from './method.ts'
import { ADDRESS, hashOfAddress, missingBlocks, TEXT, walletOf } from './wallet-param.ts'

const PHRASE = v.string('the 24 words of a recovery phrase')
const FILE_FORM = 'the name of a file'
/** Systems take no longer ones. */
const MAX_PATH_CHARACTERS = 4_096
const PATH = v.pipe(
  v.string(FILE_FORM),
  v.minLength(1, FILE_FORM),
  v.maxLength(MAX_PATH_CHARACTERS, FILE_FORM),
  v.check((text) => !text.includes('\0'), FILE_FORM),
)
const KEY_FORM = 'a key in base64'
const BASE64 = v.pipe(
  v.string(KEY_FORM),
  v.regex(/^[A-Za-z0-9+/]+={0,2}$/, KEY_FORM),
  v.transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))),
)

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
    takesSecrets: true,
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
    takesSecrets: true,
    run: async ({ mnemonic, passphrase = '' }, context) => ({
      success: true,
      address: await walletOf(context).restore(mnemonic, passphrase),
      ...missingBlocks(context),
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
    name: 'dumpprivkey',
    usage: 'dumpprivkey <address>',
    summary:
      'the private and the public key of an address of this wallet: whoever has the former has its coins',
    params: { address: ADDRESS },
    run: ({ address }, context) => {
      const { secretKey, publicKey } = pairOfAddress(walletOf(context).keys, hashOfAddress(address))
      return { address, privkey: base64(secretKey), pubkey: base64(publicKey) }
    },
  }),
  method({
    name: 'importprivkey',
    usage: 'importprivkey <privkey> [pubkey]',
    summary: 'add a key that dumpprivkey gave, and look through the chain for its coins',
    params: { privkey: BASE64, pubkey: v.optional(BASE64) },
    takesSecrets: true,
    run: async ({ privkey, pubkey }, context) => {
      const hash = await walletOf(context).importKey(privkey, pubkey)
      return { address: encodeAddress(hash), success: true, ...missingBlocks(context) }
    },
  }),
  method({
    name: 'backupwallet',
    usage: 'backupwallet <destination>',
    summary: 'write a copy of the wallet file, under a name that is not taken; paths are those of the node',
    params: { destination: PATH },
    run: async ({ destination }, context) => {
      const filename = resolve(destination)
      await walletOf(context).keys.copyTo(filename)
      return { filename }
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

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
