/** Asks a node in this process by RPC, without a socket. */
import type { NodeControl } from '../src/node/control.ts'
import { RpcDispatcher } from '../src/rpc/dispatcher.ts'

export interface TestRpc {
  /** The result. Rejects if there is an error instead. */
  call<T = unknown>(method: string, params?: unknown): Promise<T>
  /** The message of the error; 'no error' if there is a result instead. */
  error(method: string, params?: unknown): Promise<string>
}

export function rpcOf(node: NodeControl): TestRpc {
  const dispatcher = new RpcDispatcher(node, () => {})
  const { signal } = new AbortController()
  const reply = async (method: string, params: unknown) =>
    JSON.parse(await dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, signal))
  return {
    call: async (method, params) => {
      const { result, error } = await reply(method, params)
      if (error !== undefined) throw new Error(error.message)
      return result
    },
    error: async (method, params) => (await reply(method, params)).error?.message ?? 'no error',
  }
}
