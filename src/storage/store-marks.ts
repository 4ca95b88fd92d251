/**
 * Empty files in a store's folder that say how the process before this one left it. `open`: there from opening to
 * close, so after a crash. `reindex`: there until rows that were deleted have been rebuilt.
 */
import { access, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from './atomic-file.ts'
import { ifThere } from './if-there.ts'

export type StoreMark = 'open' | 'reindex'

export async function hasMark(dir: string, mark: StoreMark): Promise<boolean> {
  return (await ifThere(() => access(join(dir, mark)).then(() => true))) === true
}

export async function setMark(dir: string, mark: StoreMark): Promise<void> {
  await writeFile(join(dir, mark), '', { mode: 0o600 })
  await syncFolder(dir)
}

export async function clearMark(dir: string, mark: StoreMark): Promise<void> {
  await rm(join(dir, mark), { force: true })
  await syncFolder(dir)
}
