/**
 * The empty file `reindex` in a store's folder: there from when the rows are deleted until they have been rebuilt.
 */
import { access, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from './atomic-file.ts'
import { ifThere } from './if-there.ts'

const REINDEX_MARK = 'reindex'

export async function isReindexing(dir: string): Promise<boolean> {
  return (await ifThere(() => access(join(dir, REINDEX_MARK)).then(() => true))) === true
}

export async function beginReindex(dir: string): Promise<void> {
  await writeFile(join(dir, REINDEX_MARK), '', { mode: 0o600 })
  await syncFolder(dir)
}

export async function endReindex(dir: string): Promise<void> {
  await rm(join(dir, REINDEX_MARK), { force: true })
  await syncFolder(dir)
}
