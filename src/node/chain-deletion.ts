/** Deletes what a node has stored of its chain, so that it is fetched anew. Keys, peers and bans lie elsewhere. */
import { rename, rm } from 'node:fs/promises'
import { errorText, UserError } from '../primitives/errors.ts'
import { ifThere } from '../storage/if-there.ts'

/** Behind the folder's name while it is being deleted. */
const DOOMED_SUFFIX = '.deleted'

/** All or, if it ends before it is done, by {@link finishDeletion}. Throws UserError if the disk refuses. */
export async function deleteChain(dir: string): Promise<void> {
  await finishDeletion(dir)
  try {
    await ifThere(() => rename(dir, dir + DOOMED_SUFFIX))
  } catch (error) {
    throw new UserError(`can't delete ${dir}: ${errorText(error)}`)
  }
  await finishDeletion(dir)
}

/** Deletes what a deletion that did not come to its end has left. */
export async function finishDeletion(dir: string): Promise<void> {
  const doomed = dir + DOOMED_SUFFIX
  try {
    await rm(doomed, { recursive: true, force: true })
  } catch (error) {
    throw new UserError(`can't delete ${doomed}: ${errorText(error)}`)
  }
}
