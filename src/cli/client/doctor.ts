/**
 * `dilithion-cli doctor`: what keeps the node from having peers, in words; and if the node can't be asked, what
 * keeps us from asking it.
 */
import * as v from 'valibot'
import type { Diagnosis } from '../../node/diagnosis.ts'
import { printable } from '../../primitives/bytes.ts'
import { UserError } from '../../primitives/errors.ts'
import { formatHostPort } from '../../primitives/ip.ts'
import { RpcError } from '../../rpc/errors.ts'
import type { CliIo } from '../dilithion-cli.ts'
import { type CommandLine, usageError } from './command-line.ts'
import { explainNoAnswer } from './doctor-no-answer.ts'
import { renderResult } from './render.ts'
import { QUICK_TIMEOUT_MS } from './rpc-client.ts'
import { type Patience, withClient } from './session.ts'
import { resolveTarget, type Target } from './settings.ts'
import { columnsOf, wantsColor } from './terminal.ts'

const diagnosisSchema = v.looseObject({
  healthy: v.boolean(),
  findings: v.array(
    v.looseObject({
      level: v.picklist(['ok', 'warn', 'problem']),
      code: v.string(),
      title: v.string(),
      explanation: v.string(),
      advice: v.string(),
    }),
  ),
})

const MAX_COLUMNS = 100
const MIN_COLUMNS = 40
const MARK_COLUMNS = 10
const MAX_TEXT_CHARS = 2_000
const MARK_COLORS = { ok: '\x1b[32m', warn: '\x1b[33m', problem: '\x1b[1;31m' } as const
const BOLD = '\x1b[1m'
const RESET = '\x1b[0m'

export function isDoctor({ words, netinfo }: CommandLine): boolean {
  return netinfo === undefined && words[0] === 'doctor'
}

/** Resolves with the exit code: 0 if nothing is a problem. Rejects with UserError for settings that make no sense. */
export async function runDoctor(line: CommandLine, io: CliIo): Promise<number> {
  const extra = line.words.slice(1)
  const isJson = (word: string): boolean => /^--?json$/.test(word)
  const stray = extra.find((word) => !isJson(word))
  if (stray !== undefined) throw usageError(`doctor takes no parameter but --json ('${stray}')`)
  const target = await resolveTarget(line.settings, io.env)
  const diagnosis = await examine(target, { timeoutMs: QUICK_TIMEOUT_MS, waitMs: line.waitMs })
  if (line.json || extra.length > 0) io.stdout.write(renderResult(diagnosis, true))
  else {
    const columns = io.stdout.isTTY === true ? columnsOf(io.stdout) : MAX_COLUMNS
    io.stdout.write(`${render(diagnosis, target, columns, wantsColor(line, io)).join('\n')}\n`)
  }
  return diagnosis.healthy ? 0 : 1
}

async function examine(target: Target, patience: Patience): Promise<Diagnosis> {
  try {
    const answer = await withClient(target, patience, (client) => client.call('getdiagnosis', {}))
    const checked = v.safeParse(diagnosisSchema, answer)
    if (checked.success) return checked.output
    throw new UserError(`The node's diagnosis is not understood: ${checked.issues[0].message}`)
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof RpcError)) throw error
    return { healthy: false, findings: [await explainNoAnswer(error, target)] }
  }
}

/** Pure: lines of text, cut at spaces to fit the columns. */
function render({ findings }: Diagnosis, target: Target, columns: number, color: boolean): string[] {
  const paint = (style: string, text: string): string => (color ? style + text + RESET : text)
  const width = Math.max(MIN_COLUMNS, Math.min(columns, MAX_COLUMNS)) - MARK_COLUMNS
  const indent = ' '.repeat(MARK_COLUMNS)
  const place = `${target.network.name}, RPC at ${formatHostPort(target.host, target.port)}`
  const lines = [paint(BOLD, `Dilithion node (${place})`)]
  for (const { level, title, explanation, advice } of findings) {
    const mark = paint(MARK_COLORS[level], `[${level}]`) + ' '.repeat(MARK_COLUMNS - level.length - 2)
    const body = [...wrap(explanation, width), ...(advice === '' ? [] : wrap(`What to do: ${advice}`, width))]
    lines.push('', mark + paint(BOLD, printable(title)), ...body.map((text) => indent + text))
  }
  return lines
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text, MAX_TEXT_CHARS).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
