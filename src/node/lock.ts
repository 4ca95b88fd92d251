/**
 * Keeps two nodes out of one data directory. The lock is a file with the process number of its holder and the
 * time that process started; a holder that is gone, even by `kill -9`, holds nothing.
 */
import { constants, copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'

export const LOCK_FILE = '.lock'
const ATTEMPTS = 5

export interface DataDirLock {
  release(): Promise<void>
}

/** What the system says where files can't have second names, as on a memory stick. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Throws UserError if another process holds the directory or it can't be written. `makeLink`: for tests. */
export async function lockDataDir(dataDir: string, makeLink = link): Promise<DataDirLock> {
  const path = join(dataDir, LOCK_FILE)
  const own = join(dataDir, `${LOCK_FILE}.${process.pid}`)
  const content = `${process.pid} ${(await processStatus(process.pid))?.start ?? '-'}\n`
  try {
    await writeFile(own, content)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await putIfFree(own, path, makeLink)) return { release: () => releaseIfOurs(path, content) }
      const holder = await readIfThere(path)
      if (holder === undefined) continue
      if (await isAlive(holder)) {
        const [pid] = holder.split(' ')
        throw new UserError(
          `data directory ${dataDir} is used by another node (process ${pid}): stop it, or choose another with --datadir=DIR`,
        )
      }
      await removeStale(path, holder, makeLink)
    }
    throw new UserError(`can't lock data directory ${dataDir}: other nodes are starting in it`)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`can't lock data directory ${dataDir}: ${errorText(error)}`)
  } finally {
    await rm(own, { force: true })
  }
}

/**
 * A hard link is made whole or not at all, and only where nothing is: no other process sees half a lock. Where there are
 * none a file is made, which is empty for a moment.
 */
async function putIfFree(own: string, path: string, makeLink: typeof link): Promise<boolean> {
  try {
    await makeLink(own, path)
    return true
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (code === 'EEXIST') return false
    if (!NO_LINKS.has(code)) throw error
  }
  try {
    await copyFile(own, path, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Moves the dead holder's lock away; if somebody was faster, what was moved is his and goes back. */
async function removeStale(path: string, expected: string, makeLink: typeof link): Promise<void> {
  const aside = `${path}.stale.${process.pid}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  if ((await readIfThere(aside)) !== expected) await putIfFree(aside, path, makeLink)
  await rm(aside, { force: true })
}

async function releaseIfOurs(path: string, content: string): Promise<void> {
  if ((await readIfThere(path)) === content) await rm(path, { force: true })
}

/** Is the process that wrote this lock still running? A number used again by another process does not count. */
async function isAlive(holder: string): Promise<boolean> {
  const [pidText, start] = holder.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
  const status = await processStatus(pid)
  // It has ended, and only waits to be noticed by whoever started it.
  if (status?.state === 'Z') return false
  return status === undefined || start === '-' || start === status.start
}

/** A process's state, and when it started in the kernel's ticks; undefined where the system doesn't tell. */
async function processStatus(pid: number): Promise<{ state: string; start: string } | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain anything; fields are counted behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, start] = [fields[0], fields[19]]
    return state === undefined || start === undefined ? undefined : { state, start }
  } catch {
    return undefined
  }
}
