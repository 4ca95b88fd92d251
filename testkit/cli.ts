/** The program dilithion-cli, asked about nodes of tests. */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { NodeProcess } from './process.ts'

const run = promisify(execFile)
/** The program as it is started from a checkout. */
export const CLI = join(resolve(import.meta.dirname, '..'), 'dilithion-cli')
const MAX_OUTPUT_BYTES = 64 * 1_048_576

/**
 * What it prints when it is asked to call a method of this regtest node, without the last line end. Rejects with what
 * it says on standard error.
 */
export async function cli(node: NodeProcess, ...words: string[]): Promise<string> {
  const target = ['-regtest', `-datadir=${node.dataDir}`, `-rpcport=${await node.rpcPort()}`]
  const env = { PATH: process.env['PATH'] ?? '', HOME: node.home }
  const { stdout } = await run(CLI, [...target, ...words], { env, maxBuffer: MAX_OUTPUT_BYTES })
  return stdout.replace(/\n$/, '')
}

/** The same for answers that are JSON. */
export async function cliJson(node: NodeProcess, ...words: string[]): Promise<unknown> {
  return JSON.parse(await cli(node, ...words))
}
