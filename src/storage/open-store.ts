/**
 * Opens a store, or says in one line why it can't be opened and what to do. Layout: `format`, `chainstate/` (rows),
 * `blocks/` (files of blocks). A folder of other contents is left as it is.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, UserError } from '../primitives/errors.ts'
import { syncFolder } from './atomic-file.ts'
import { BlockFiles } from './block-files.ts'
import type { ChainStore } from './chain-store.ts'
import { checkLogs, checkTables } from './database-check.ts'
import { DiskChainStore } from './disk-store.ts'
import { ifThere } from './if-there.ts'
import { clearOpenMark, hasOpenMark, setOpenMark } from './open-mark.ts'
import { type OpenFile, openSystemFile } from './raw-file.ts'
import { DEFAULT_CACHE_BYTES, RowIndex } from './row-index.ts'
import { DamagedRows, storeErrorText } from './store-error.ts'
import { checkFormat, type StoreNetwork, writeFormat } from './store-format.ts'

const ROWS_DIR = 'chainstate'
const BLOCKS_DIR = 'blocks'

export interface StoreOptions {
  readonly network: StoreNetwork
  /** Deletes the rows first; the files of blocks stay, to rebuild them from. */
  readonly reindex?: boolean
  /** Memory for parts of tables that were read. */
  readonly cacheBytes?: number
  /** For tests: how files are opened, other than by the database itself. */
  readonly openFile?: OpenFile
}

/**
 * Makes the folder where it is missing; its parent must be there. Throws UserError: of another network or a newer
 * version, used by another process, damaged (which `reindex` repairs), or not accessible.
 */
export async function openChainStore(dir: string, options: StoreOptions): Promise<ChainStore> {
  const blocks = new BlockFiles(
    join(dir, BLOCKS_DIR),
    options.network.magic,
    options.openFile ?? openSystemFile,
  )
  try {
    await makeFolders(dir)
    await ensureFormat(dir, options.network, blocks)
    const rows = await openRows(dir, blocks, options)
    return new DiskChainStore(rows, blocks, () => clearOpenMark(dir))
  } catch (error) {
    await blocks.close()
    throw error instanceof UserError ? error : new UserError(`can't use ${dir}: ${openErrorText(error)}`)
  }
}

/** Deletes the rows and keeps the blocks. Nothing happens if there are none. Throws UserError. */
export async function destroyIndex(dir: string): Promise<void> {
  try {
    await RowIndex.destroy(join(dir, ROWS_DIR))
  } catch (error) {
    throw new UserError(`can't delete the index in ${dir}: ${openErrorText(error)}`)
  }
}

async function makeFolders(dir: string): Promise<void> {
  for (const path of [dir, join(dir, BLOCKS_DIR)]) {
    try {
      await mkdir(path, 0o700)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}

/** A store is marked before anything is put into it, so what is not marked is not ours. */
async function ensureFormat(dir: string, network: StoreNetwork, blocks: BlockFiles): Promise<void> {
  if (await checkFormat(dir, network)) return
  const rows = await stateOfRows(dir)
  if (rows !== 'none' || (await blocks.list()).length > 0)
    throw new UserError(
      `${dir} holds a chain, but no file that says which one: move it away, or choose another data directory with --datadir=DIR`,
    )
  await writeFormat(dir, network)
}

async function openRows(dir: string, blocks: BlockFiles, options: StoreOptions): Promise<RowIndex> {
  if (options.reindex === true) await destroyIndex(dir)
  const state = await stateOfRows(dir)
  // The database would make itself anew and forget what is there.
  if (state === 'headless') throw new DamagedRows('CURRENT is missing')
  if (state === 'none' && options.reindex !== true && (await blocks.bytes()) > 0)
    throw new UserError(
      `can't use ${dir}: the index of its blocks is missing: start once with --reindex to rebuild it`,
    )
  const rowsDir = join(dir, ROWS_DIR)
  if (state === 'whole') await checkLogs(rowsDir)
  if (state === 'whole' && (await hasOpenMark(dir))) await checkTables(rowsDir)
  await blocks.syncLast()
  const cacheBytes = options.cacheBytes ?? DEFAULT_CACHE_BYTES
  const openFile = options.openFile ?? openSystemFile
  const rows = await RowIndex.open(rowsDir, { create: state === 'none', cacheBytes, openFile })
  try {
    await setOpenMark(dir)
    await syncFolder(dir)
    return rows
  } catch (error) {
    await rows.close()
    throw error
  }
}

/** `headless`: there are rows, but not the file that says which tables count. */
async function stateOfRows(dir: string): Promise<'whole' | 'headless' | 'none'> {
  const names = (await ifThere(() => readdir(join(dir, ROWS_DIR)))) ?? []
  if (names.includes('CURRENT')) return 'whole'
  return names.some((name) => /\.(ldb|sst|log)$/.test(name)) ? 'headless' : 'none'
}

/** What the database gives as the cause when it could not be opened is what matters. */
function openErrorText(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (errorCode(cause) === 'LEVEL_LOCKED')
    return 'it is used by another process: stop that, or choose another data directory with --datadir=DIR'
  return storeErrorText(cause)
}
