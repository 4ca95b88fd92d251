/**
 * Results and errors as people read them. Whatever the node says, and whoever told it that: nothing of it moves a
 * terminal's cursor.
 */

import type { RpcError } from '../../rpc/errors.ts'
import { isObject } from '../../rpc/json.ts'

/** Text with its final line end; empty for null. */
export function renderResult(result: unknown, asJson: boolean): string {
  if (asJson) return `${JSON.stringify(result ?? null)}\n`
  if (result === null || result === undefined) return ''
  if (typeof result === 'string') return `${harmless(result)}\n`
  const lines = commandList(result)
  return `${harmless(lines?.join('\n') ?? JSON.stringify(result, undefined, 2))}\n`
}

/** Control characters but line ends become "?". */
function harmless(text: string): string {
  return text.replace(/(?!\n)\p{Cc}/gu, '?')
}

/** What `help` gives is a list to be read. */
function commandList(result: unknown): string[] | undefined {
  if (!isObject(result) || Object.keys(result).length !== 1) return undefined
  const { commands } = result
  if (!Array.isArray(commands)) return undefined
  const lines = commands.filter((line) => typeof line === 'string')
  return lines.length === commands.length ? lines : undefined
}

export function renderRpcError({ code, message, details }: RpcError): string {
  const steps = details?.recoverySteps.map((step) => `- ${step}\n`) ?? []
  return harmless(`error code: ${code}\nerror message:\n${message}\n${steps.join('')}`)
}
