/** Where a node keeps its files: the default directory per network, and making sure that one can be used. */
import { access, constants, mkdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { NetworkParams } from '../params/networks.ts'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'

/** Such as ~/.dilithion-testnet. */
export function defaultDataDir(network: NetworkParams): string {
  return join(homedir(), network.dataDirName)
}

/** Creates the directory where it is missing. Throws UserError if it can't be used. */
export async function ensureDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    if (!(await stat(dataDir)).isDirectory())
      throw new UserError(`data directory ${dataDir} is not a directory`)
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof UserError) throw error
    const why = errorCode(error) === 'EEXIST' ? 'there is a file of that name' : errorText(error)
    throw new UserError(`can't use data directory ${dataDir}: ${why}. Choose another with --datadir=DIR`)
  }
}
