/** The program dilithion-cli: one call to a node, or the table of its peers. */
import { UserError } from '../primitives/errors.ts'
import { REFUSED, RpcError } from '../rpc/errors.ts'
import { paramsFrom } from './client/arguments.ts'
import { type CommandLine, parseCommandLine, UsageExit } from './client/command-line.ts'
import { isDoctor, runDoctor } from './client/doctor.ts'
import { fetchNetinfo } from './client/netinfo-data.ts'
import { renderNetinfo } from './client/netinfo-table.ts'
import { watchNetinfo } from './client/netinfo-watch.ts'
import { renderResult, renderRpcError } from './client/render.ts'
import { RpcClient } from './client/rpc-client.ts'
import { readCredentials, resolveTarget, type Target } from './client/settings.ts'
import {
  columnsOf,
  openScreen,
  type TerminalInput,
  type TerminalOutput,
  wantsColor,
} from './client/terminal.ts'

/** What the program has of its surroundings. */
export interface CliIo {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: TerminalInput
  readonly stdout: TerminalOutput
  readonly stderr: { write(text: string): unknown }
  /** Unix milliseconds. */
  readonly now: () => number
  /** Has a function called when the process is asked to end; returns how to undo that. */
  readonly onSignal: (listener: () => void) => () => void
  /** Such as "1.0.0". */
  readonly version: string
}

/** `argv` without the names of interpreter and program. Resolves with the exit code: 0, or 1 for any failure. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let target: Target | undefined
  let client: RpcClient | undefined
  try {
    const line = parseCommandLine(argv, io.version)
    if (isDoctor(line)) return await runDoctor(line, io)
    target = await resolveTarget(line.settings, io.env)
    client = new RpcClient(target, await readCredentials(target))
    if (line.netinfo === undefined) await callMethod(line, client, io)
    else await showNetinfo(line, line.netinfo.intervalMs, client, io)
    return 0
  } catch (error) {
    return report(error, target, io)
  } finally {
    client?.close()
  }
}

async function callMethod({ words, named, json }: CommandLine, client: RpcClient, io: CliIo): Promise<void> {
  const [method = '', ...rest] = words
  const result = await client.call(method, paramsFrom(method, rest, named))
  io.stdout.write(renderResult(result, json))
}

async function showNetinfo(
  line: CommandLine,
  intervalMs: number,
  client: RpcClient,
  io: CliIo,
): Promise<void> {
  const { stdin, stdout } = io
  const isTerminal = stdout.isTTY === true
  const color = wantsColor(line, io)
  const fetch = () => fetchNetinfo(client, io.now)
  const first = await fetch()
  if (line.once || !isTerminal || stdin.isTTY !== true) {
    const columns = isTerminal ? columnsOf(stdout) : undefined
    stdout.write(`${renderNetinfo(first, { columns, color }).join('\n')}\n`)
    return
  }
  const screen = openScreen(stdin, stdout, io.onSignal, () => client.close())
  try {
    await watchNetinfo(first, fetch, screen, { intervalMs, color })
  } finally {
    screen.close()
  }
}

function report(error: unknown, target: Target | undefined, { stdout, stderr }: CliIo): number {
  if (error instanceof UsageExit) {
    const out = error.exitCode === 0 ? stdout : stderr
    out.write(error.text)
    return error.exitCode
  }
  if (error instanceof RpcError) {
    stderr.write(renderRpcError(error))
    if (error.code === REFUSED && target !== undefined) stderr.write(`${loginUsed(target)}\n`)
  } else if (error instanceof UserError) stderr.write(`error: ${error.message}\n`)
  else throw error
  return 1
}

function loginUsed({ login, cookieFile }: Target): string {
  return login === undefined
    ? `The login came from ${cookieFile}`
    : 'The login came from rpcuser and rpcpassword'
}
