/** The file `open` of a store: there from its opening to its close, so that a start knows of a crash before it. */
import { access, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifThere } from './if-there.ts'

const OPEN_FILE = 'open'

export async function hasOpenMark(dir: string): Promise<boolean> {
  return (await ifThere(() => access(join(dir, OPEN_FILE)).then(() => true))) === true
}

export async function setOpenMark(dir: string): Promise<void> {
  await writeFile(join(dir, OPEN_FILE), '', { mode: 0o600 })
}

export async function clearOpenMark(dir: string): Promise<void> {
  await rm(join(dir, OPEN_FILE), { force: true })
}
