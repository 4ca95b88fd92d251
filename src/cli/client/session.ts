/** From the settings to a client that is let in, and what to do while the node does not answer yet. */
import { setTimeout as pause } from 'node:timers/promises'
import { NoAnswerError, RpcClient } from './rpc-client.ts'
import { NoCookieError, readCredentials, type Target } from './settings.ts'

/** How often a node that is to be waited for is asked. */
const RETRY_MS = 250

export interface Patience {
  /** See {@link RpcClient}. */
  readonly timeoutMs: number
  /** Wait for a node that is only starting, so long at most; undefined: don't. */
  readonly waitMs: number | undefined
}

/** Does something with a client, which is closed at the end. */
export async function withClient<T>(
  target: Target,
  { timeoutMs, waitMs = 0 }: Patience,
  use: (client: RpcClient) => Promise<T>,
): Promise<T> {
  const endAt = performance.now() + waitMs
  for (;;) {
    let client: RpcClient | undefined
    try {
      client = new RpcClient(target, await readCredentials(target), timeoutMs)
      return await use(client)
    } catch (error) {
      if (!isNotThereYet(error) || performance.now() >= endAt) throw error
    } finally {
      client?.close()
    }
    await pause(RETRY_MS)
  }
}

/** Nothing can have been asked of the node then. */
function isNotThereYet(error: unknown): boolean {
  return error instanceof NoCookieError || (error instanceof NoAnswerError && error.why === 'refused')
}
