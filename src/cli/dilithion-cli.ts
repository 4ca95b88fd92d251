/** The program dilithion-cli: one call to a node, or the table of its peers. */
import { UserError } from '../primitives/errors.ts'
import { REFUSED, RpcError } from '../rpc/errors.ts'
import { paramsFrom } from './client/arguments.ts'
import { type CommandLine, parseCommandLine, UsageExit } from './client/command-line.ts'
import { isDoctor, runDoctor } from './client/doctor.ts'
import { fetchInfo, renderInfo } from './client/getinfo.ts'
import { fetchNetinfo } from './client/netinfo-data.ts'
import { renderNetinfo } from './client/netinfo-table.ts'
import { watchNetinfo } from './client/netinfo-watch.ts'
import { renderResult, renderRpcError } from './client/render.ts'
import { QUICK_TIMEOUT_MS, type RpcClient } from './client/rpc-client.ts'
import { withClient } from './client/session.ts'
import { resolveTarget, type Target } from './client/settings.ts'
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
  try {
    const line = parseCommandLine(argv, io.version)
    if (isDoctor(line)) return await runDoctor(line, io)
    target = await resolveTarget(line.settings, io.env)
    await ask(line, target, io)
    return 0
  } catch (error) {
    return report(error, target, io)
  }
}

async function ask(line: CommandLine, target: Target, io: CliIo): Promise<void> {
  const { netinfo, getinfo, waitMs } = line
  const quick = { timeoutMs: QUICK_TIMEOUT_MS, waitMs }
  if (netinfo !== undefined)
    return await withClient(target, quick, (client) => showNetinfo(line, netinfo.intervalMs, client, io))
  if (getinfo) return await withClient(target, quick, (client) => showInfo(line, client, io))
  const words = line.stdin ? [...line.words, ...(await linesOf(io.stdin))] : line.words
  await withClient(target, line, (client) => callMethod(line, words, client, io))
}

async function callMethod(
  { named, json }: CommandLine,
  [method = '', ...rest]: readonly string[],
  client: RpcClient,
  io: CliIo,
): Promise<void> {
  const result = await client.call(method, paramsFrom(method, rest, named))
  io.stdout.write(renderResult(result, json))
}

async function showInfo(line: CommandLine, client: RpcClient, io: CliIo): Promise<void> {
  const view = { color: wantsColor(line, io), isTerminal: io.stdout.isTTY === true }
  io.stdout.write(`${renderInfo(await fetchInfo(client), view).join('\n')}\n`)
}

/** What is typed or piped in until its end, without the line ends. */
function linesOf(stdin: TerminalInput): Promise<string[]> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    stdin.on('data', (chunk) => chunks.push(chunk))
    stdin.on('end', () => {
      const text = Buffer.concat(chunks)
        .toString()
        .replace(/\r?\n$/, '')
      resolve(text === '' ? [] : text.split(/\r?\n/))
    })
    stdin.resume()
  })
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
