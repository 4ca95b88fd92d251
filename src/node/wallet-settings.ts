/** The options about the wallet, checked. */
import { UserError } from '../primitives/errors.ts'
import { describePhraseError, entropyOf } from '../wallet/mnemonic.ts'
import type { Settings } from './config.ts'

export interface WalletSettings {
  /** Keep one? */
  readonly isOn: boolean
  /** Look through the whole chain for its payments when the node starts. */
  readonly rescan: boolean
  /** Words of the wallet to be made if there is none. Never to be shown. */
  readonly phrase: string | undefined
  readonly rotatesMiningAddress: boolean
}

export function walletSettings(settings: Settings): WalletSettings {
  const isOff = settings.flag('disablewallet', false) || settings.flag('relay-only', false)
  const isOn = settings.flag('wallet', !isOff) && !isOff
  const wishes = {
    rescan: settings.flag('rescan', false),
    phrase: phraseOf(settings),
    rotatesMiningAddress: settings.flag('rotate-mining-address', false),
  }
  if (!isOn && (wishes.rescan || wishes.phrase !== undefined || wishes.rotatesMiningAddress))
    throw new UserError('rescan, restore-mnemonic and rotate-mining-address need the wallet, which is off')
  if (wishes.rotatesMiningAddress && settings.text('mining-address') !== undefined)
    throw new UserError('rotate-mining-address takes addresses of the wallet: leave out mining-address')
  return { isOn, ...wishes }
}

/** What is said about wrong words does not repeat them: it may end up in a log. */
function phraseOf(settings: Settings): string | undefined {
  const phrase = settings.text('restore-mnemonic')
  if (phrase === undefined) return undefined
  const entropy = entropyOf(phrase)
  if (!entropy.ok) throw new UserError(`restore-mnemonic: ${describePhraseError(entropy.error)}`)
  return phrase
}
