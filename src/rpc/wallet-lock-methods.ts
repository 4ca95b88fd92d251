/** Methods about the passphrase of a wallet (rpc 4.3). What they are given appears in no message. */
import * as v from 'valibot'
import { MAX_UNLOCK_SECONDS } from '../params/wallet-limits.ts'
import { method, type RpcMethod } from './method.ts'
import { TEXT, walletOf } from './wallet-param.ts'

const DEFAULT_UNLOCK_SECONDS = 60
const SECONDS_FORM = `a number of seconds from 0 to ${MAX_UNLOCK_SECONDS}`
const SECONDS = v.pipe(
  v.number(SECONDS_FORM),
  v.safeInteger(SECONDS_FORM),
  v.minValue(0, SECONDS_FORM),
  v.maxValue(MAX_UNLOCK_SECONDS, SECONDS_FORM),
)

export const walletLockMethods: readonly RpcMethod[] = [
  method({
    name: 'encryptwallet',
    usage: 'encryptwallet <passphrase>',
    summary:
      'seal the keys under a passphrase, which is needed from then on to spend; without it they are lost',
    params: { passphrase: TEXT },
    takesSecrets: true,
    run: async ({ passphrase }, context) => {
      const { keys } = walletOf(context)
      await keys.encrypt(passphrase)
      return 'The wallet is encrypted and locked. Unlock it with walletpassphrase to spend. Older copies of the file are not encrypted: destroy them'
    },
  }),
  method({
    name: 'walletpassphrase',
    usage: 'walletpassphrase <passphrase> [timeout]',
    summary: 'unlock the wallet for so many seconds (60 if not told; 0 until walletlock)',
    params: { passphrase: TEXT, timeout: v.optional(SECONDS) },
    takesSecrets: true,
    run: async ({ passphrase, timeout = DEFAULT_UNLOCK_SECONDS }, context) => {
      await walletOf(context).unlock(passphrase, timeout)
      return timeout === 0
        ? 'The wallet is unlocked until walletlock'
        : `The wallet is unlocked for ${timeout} seconds`
    },
  }),
  method({
    name: 'walletlock',
    usage: 'walletlock',
    summary: 'lock the wallet: its keys are wiped from memory',
    params: {},
    run: (_, context) => {
      const { keys } = walletOf(context)
      keys.lock()
      return keys.isEncrypted
        ? 'The wallet is locked'
        : 'The wallet is not encrypted, so it can not be locked'
    },
  }),
  method({
    name: 'walletpassphrasechange',
    usage: 'walletpassphrasechange <oldpassphrase> <newpassphrase>',
    summary: 'put another passphrase in the place of the one that there is, and lock the wallet',
    params: { oldpassphrase: TEXT, newpassphrase: TEXT },
    takesSecrets: true,
    run: async ({ oldpassphrase, newpassphrase }, context) => {
      await walletOf(context).keys.changePassphrase(oldpassphrase, newpassphrase)
      return 'The passphrase has been changed, and the wallet is locked. Older copies of the file still open with the old one'
    },
  }),
]
