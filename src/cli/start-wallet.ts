/** What the options want of the wallet when the node starts. */
import type { WalletService } from '../node/wallet-service.ts'
import type { WalletSettings } from '../node/wallet-settings.ts'

/** `wallet` is undefined where the network has none. Throws UserError if its file can't be used, or is another wallet's. */
export async function startWallet(
  { phrase, rescan }: WalletSettings,
  wallet: WalletService | undefined,
  warn: (text: string) => void,
): Promise<void> {
  await wallet?.start()
  if (phrase !== undefined) {
    warn(
      'others may see --restore-mnemonic in the list of processes: restorehdwallet keeps the words from them',
    )
    await wallet?.ensure(phrase)
  }
  if (rescan) await wallet?.lookAgain()
  if (wallet === undefined && (phrase !== undefined || rescan)) warn('this network has no wallet')
}
