/** Where a node keeps its files: the default directory per network, and making sure that one can be used. */
import { access, constants, mkdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { NetworkParams } from '../params/networks.ts'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'

/** Such as ~/.dilithion-testnet. Throws UserError for a user without a home. */
export function defaultDataDir(network: NetworkParams): string {
  return join(home(), network.dataDirName)
}

function home(): string {
  let path = ''
  try {
    path = homedir()
  } catch {
    // The system knows none either.
  }
  if (path !== '') return path
  throw new UserError('no home directory to keep files in: choose a data directory with --datadir=DIR')
}

/** Creates the directory where it is missing. Throws UserError if it can't be used. */
export async function ensureDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolders(dataDir)
    if (!(await stat(dataDir)).isDirectory()) throw unusable(dataDir, 'there is a file of that name')
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw unusable(dataDir, errorText(error))
  }
}

function unusable(dataDir: string, why: string): UserError {
  return new UserError(`can't use data directory ${dataDir}: ${why}. Choose another with --datadir=DIR`)
}

/** What mkdir's own `recursive` does, but it ends where nothing can be made, such as below /proc. */
async function makeFolders(path: string): Promise<void> {
  try {
    await makeFolder(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolders(dirname(path))
    await makeFolder(path)
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700)
  } catch (error) {
    // Also when it is a file; who uses the folder will notice.
    if (errorCode(error) !== 'EEXIST') throw error
  }
}
