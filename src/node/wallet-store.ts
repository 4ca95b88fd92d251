/**
 * The wallet file on disk. Every write leaves the old file or the new one, whole, and the one before as a backup; it has
 * been made to last when the write is done, so nothing is told to anybody before it can be lost no more. A file that
 * can't be read is left as it is. Readable for its owner alone.
 */
import { link, lstat, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { MAX_WALLET_FILE_BYTES } from '../params/wallet-limits.ts'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'
import { writeFileAtomically } from '../storage/atomic-file.ts'
import { ifThere } from '../storage/if-there.ts'
import { formatWalletFile, parseWalletFile, type WalletContent } from '../wallet/wallet-file.ts'

/** Not the name of another program's wallet, which may lie in the same folder. */
export const WALLET_FILE = 'wallet.json'
export const WALLET_BACKUP_SUFFIX = '.bak'

export class WalletStore {
  /** Where it is, links followed; undefined: nothing is kept. */
  #path: string | undefined

  constructor(path: string | undefined) {
    this.#path = path
  }

  get path(): string | undefined {
    return this.#path
  }

  /** Undefined if there is none. Throws UserError if it can't be read or is damaged. */
  async read(): Promise<WalletContent | undefined> {
    if (this.#path === undefined) return undefined
    const text = await this.#readText(this.#path)
    if (text === undefined) return undefined
    const parsed = parseWalletFile(text)
    if (parsed.ok) return parsed.value
    throw new UserError(
      `${this.#path}: ${parsed.error}. Put a copy in its place, such as ${WALLET_FILE}${WALLET_BACKUP_SUFFIX}; or move it away and restore the wallet from its recovery phrase; --wallet=0 runs the node without it`,
    )
  }

  /**
   * Resolves when the content will survive a power failure. `forgetsOld`: the backup shall not have what the file had
   * before, but the same as the file. Throws UserError if it can't be written; then the file is as it was.
   */
  async write(content: WalletContent, forgetsOld = false): Promise<void> {
    const path = this.#path
    if (path === undefined) return
    try {
      const text = formatWalletFile(content)
      // First, so that nobody who finds the new content in the file has the old one in the backup.
      if (forgetsOld) await writeFileAtomically(backupOf(path), text)
      else await keepAsBackup(path)
      await writeFileAtomically(path, text)
    } catch (error) {
      throw new UserError(`can't write the wallet file ${path}: ${errorText(error)}`)
    }
  }

  /** A copy for the owner to put somewhere safe. Throws UserError if there is something, or it can't be written. */
  async copyTo(target: string, content: WalletContent): Promise<void> {
    try {
      const there = await stat(target).catch(() => undefined)
      if (there !== undefined) throw new UserError(`${target} is there already: choose another name`)
      await writeFileAtomically(target, formatWalletFile(content))
    } catch (error) {
      if (error instanceof UserError) throw error
      throw new UserError(`can't write ${target}: ${errorText(error)}`)
    }
  }

  /** The backup of a wallet whose file is not there; undefined if there is none. */
  async strayBackup(): Promise<string | undefined> {
    if (this.#path === undefined) return undefined
    const [file, backup] = [this.#path, backupOf(this.#path)]
    const isThere = async (path: string): Promise<boolean> => (await ifThere(() => stat(path))) !== undefined
    return !(await isThere(file)) && (await isThere(backup)) ? backup : undefined
  }

  async #readText(path: string): Promise<string | undefined> {
    try {
      this.#path = await realpath(path)
      const { size } = await stat(this.#path)
      if (size > MAX_WALLET_FILE_BYTES) throw new UserError(`${path} is too large for a wallet file`)
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if (error instanceof UserError) throw error
      if (errorCode(error) !== 'ENOENT')
        throw new UserError(`can't read the wallet file ${path}: ${errorText(error)}`)
      if ((await ifThere(() => lstat(path))) === undefined) return undefined
      // A disk that is not there now is no reason to begin another wallet in its place.
      throw new UserError(
        `the wallet file ${path} is a link to a file that is not there: bring that back, or move the link away to begin another wallet; --wallet=0 runs the node without it`,
      )
    }
  }
}

function backupOf(path: string): string {
  return `${path}${WALLET_BACKUP_SUFFIX}`
}

/** Gives the file a second name; whoever replaces the first one leaves the second. */
async function keepAsBackup(path: string): Promise<void> {
  const backup = backupOf(path)
  const beside = `${backup}.new`
  await rm(beside, { force: true })
  try {
    await link(path, beside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      // The first file of a wallet: what lies here is of another one, which may be nowhere else.
      await ifThere(() => rename(backup, `${backup}-${Date.now()}`))
      return
    }
    // Not every file system has second names.
    await writeFileAtomically(backup, await readFile(path))
    return
  }
  await rename(beside, backup)
  // Where both names are the same file already, renaming leaves both.
  await rm(beside, { force: true })
}
