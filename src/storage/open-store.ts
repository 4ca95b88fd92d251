/**
 * Opens a store, or says in one line why it can't be opened and what to do. Layout: `format`, `chainstate/` (rows),
 * `blocks/` (files of blocks). A folder of other contents is left as it is.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreChange } from '../chain/io.ts'
import { errorCode, UserError } from '../primitives/errors.ts'
import { BlockFiles, blockFileBytes, listBlockFiles, syncLastBlockFile } from './block-files.ts'
import type { ChainStore } from './chain-store.ts'
import { checkLogs, checkTables } from './database-check.ts'
import { DiskChainStore } from './disk-store.ts'
import { ifThere } from './if-there.ts'
import { type OpenFile, openSystemFile } from './raw-file.ts'
import { DEFAULT_CACHE_BYTES, RowIndex } from './row-index.ts'
import { DamagedRows, storeErrorText } from './store-error.ts'
import { readFormat, type StoreNetwork, writeFormat } from './store-format.ts'
import { beginReindex, isReindexing } from './store-marks.ts'

const ROWS_DIR = 'chainstate'
const BLOCKS_DIR = 'blocks'

export interface KeptRows {
  /** Of their keys. */
  readonly prefix: string
  isKept(key: string, value: Uint8Array): boolean
}

export interface StoreOptions {
  readonly network: StoreNetwork
  /** Deletes the rows first; the files of blocks stay, to rebuild them from. Then `finishReindex` is to be called. */
  readonly reindex?: boolean
  /** Rows that are not made anew from blocks: kept when the rows are deleted, as far as they can be read. */
  readonly keep?: KeptRows | undefined
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
  const openFile = options.openFile ?? openSystemFile
  try {
    await makeFolders(dir)
    await ensureFormat(dir, options.network)
    const rows = await openRows(dir, options, openFile)
    try {
      // Read again, now that nobody else can make the same store.
      const mark = await readFormat(dir, options.network)
      if (mark === undefined) throw new UserError(`${dir} is being changed by another process`)
      return new DiskChainStore(dir, rows, new BlockFiles(join(dir, BLOCKS_DIR), mark, openFile))
    } catch (error) {
      await rows.close()
      throw error
    }
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`can't use ${dir}: ${openErrorText(error)}`)
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
async function ensureFormat(dir: string, network: StoreNetwork): Promise<void> {
  if ((await readFormat(dir, network)) !== undefined) return
  if ((await stateOfRows(dir)) !== 'none' || (await listBlockFiles(join(dir, BLOCKS_DIR))).length > 0)
    throw new UserError(
      `${dir} holds a chain, but no file that says which one: move it away, or choose another data directory with --datadir=DIR`,
    )
  await writeFormat(dir, network)
}

async function openRows(dir: string, options: StoreOptions, openFile: OpenFile): Promise<RowIndex> {
  const { reindex = false, cacheBytes = DEFAULT_CACHE_BYTES } = options
  const kept: StoreChange[] = []
  if (reindex) {
    kept.push(...(await keptRows(dir, options, openFile)))
    await RowIndex.destroy(join(dir, ROWS_DIR))
    await beginReindex(dir)
  }
  const state = await stateOfRows(dir)
  await checkRows(dir, state, reindex)
  await syncLastBlockFile(join(dir, BLOCKS_DIR), openFile)
  const rows = await RowIndex.open(join(dir, ROWS_DIR), { create: state === 'none', cacheBytes, openFile })
  if (kept.length === 0) return rows
  try {
    await rows.commit(kept, true)
    return rows
  } catch (error) {
    await rows.close()
    throw error
  }
}

/** None where the rows are damaged, which is why they are made anew. */
async function keptRows(
  dir: string,
  { keep, cacheBytes = DEFAULT_CACHE_BYTES }: StoreOptions,
  openFile: OpenFile,
): Promise<StoreChange[]> {
  if (keep === undefined || (await stateOfRows(dir)) !== 'whole') return []
  const kept: StoreChange[] = []
  try {
    await checkLogs(join(dir, ROWS_DIR))
    await checkTables(join(dir, ROWS_DIR))
    const rows = await RowIndex.open(join(dir, ROWS_DIR), { create: false, cacheBytes, openFile })
    try {
      for await (const batch of rows.scan(keep.prefix))
        for (const [key, value] of batch)
          if (keep.isKept(key, value)) kept.push({ key, value: value.slice() })
    } finally {
      await rows.close()
    }
  } catch {
    // What was read before is whole: each row has a check of its own.
  }
  return kept
}

/** Throws where LevelDB would go on and should not. */
async function checkRows(dir: string, state: RowsState, reindex: boolean): Promise<void> {
  // It would make itself anew and forget what is there.
  if (state === 'headless') throw new DamagedRows('CURRENT is missing')
  const again = 'start once with --reindex to rebuild it'
  if (!reindex && (await isReindexing(dir)))
    throw new UserError(`can't use ${dir}: the index of the chain is not complete: ${again}`)
  if (!reindex && state === 'none' && (await blockFileBytes(join(dir, BLOCKS_DIR))) > 0)
    throw new UserError(`can't use ${dir}: the index of its blocks is missing: ${again}`)
  if (state === 'none') return
  await checkLogs(join(dir, ROWS_DIR))
  await checkTables(join(dir, ROWS_DIR))
}

/** `headless`: there are rows, but not the file that says which tables count. */
type RowsState = 'whole' | 'headless' | 'none'

async function stateOfRows(dir: string): Promise<RowsState> {
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
