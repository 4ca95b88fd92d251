/** Files that may be missing, or go while we look at them. */
import { readFile } from 'node:fs/promises'
import { errorCode } from '../primitives/errors.ts'

/** What `work` gives; undefined if there is no such file or folder. */
export async function ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

export function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return ifThere(() => readFile(path))
}
