/** What the options want of the wallet when the node starts. */
import type { WalletService } from '../node/wallet-service.ts'
import type { WalletSettings } from '../node/wallet-settings.ts'
import { WALLET_FILE } from '../node/wallet-store.ts'

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
  const stray = await wallet?.strayBackup()
  if (stray !== undefined)
    warn(
      `there is no wallet file, but a backup of one, ${stray}: to have that wallet again, stop the node and copy it to ${WALLET_FILE} beside it`,
    )
  if (rescan) await wallet?.lookAgain()
  if (wallet === undefined && (phrase !== undefined || rescan)) warn('this network has no wallet')
}
