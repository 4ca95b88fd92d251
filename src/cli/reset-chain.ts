/** `--reset-chain`: asks, and deletes the chain before the node starts. */
import { createInterface } from 'node:readline'
import { deleteChain, finishDeletion } from '../node/chain-deletion.ts'
import type { NodeConfig } from '../node/config.ts'
import { UserError } from '../primitives/errors.ts'

/** `stopped`: resolves when the question need not be answered any more. Throws UserError if the answer is no. */
export async function resetChainIfAsked(
  { chain: { reset }, network }: NodeConfig,
  dir: string,
  stopped: Promise<unknown>,
): Promise<void> {
  if (reset === undefined) return finishDeletion(dir)
  if (!reset.isAgreed) {
    if (process.stdin.isTTY !== true)
      throw new UserError(`--reset-chain would delete all that is in ${dir}: add --yes if that is meant`)
    const question = `Delete all blocks of ${network.name} in ${dir}, and fetch them anew? [y/N] `
    if (!(await isAgreed(question, stopped))) throw new UserError('--reset-chain: nothing was deleted')
  }
  await deleteChain(dir)
}

async function isAgreed(question: string, stopped: Promise<unknown>): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin })
  try {
    process.stdout.write(question)
    const answer = new Promise<string>((resolve) => {
      terminal.once('line', resolve)
      terminal.once('close', () => resolve(''))
    })
    const text = await Promise.race([answer, stopped.then(() => '')])
    return /^y(es)?$/i.test(text.trim())
  } finally {
    terminal.close()
    // Nobody is asked again, and what waits for input would keep the process alive.
    process.stdin.unref()
  }
}
