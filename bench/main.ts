/** Runs the benchmarks that were named, or all, and prints one table. See docs/BENCHMARKS.md. */
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { UserError } from '../src/primitives/errors.ts'
import { type BenchContext, bareSubject, loadProgram, nodeSubject, type Suite } from './context.ts'
import type { LoadProgram } from './processes.ts'
import { type Row, renderTable } from './report.ts'
import { chainSuite } from './suites/chain.ts'
import { codecSuite } from './suites/codec.ts'
import { deafSuite, fairnessSuite } from './suites/fairness.ts'
import { memorySuite, startSuite } from './suites/footprint.ts'
import { mempoolSuite } from './suites/mempool.ts'
import { pingsSuite } from './suites/pings.ts'
import { proofOfWorkSuite } from './suites/proof-of-work.ts'
import { relaySuite } from './suites/relay.ts'
import { servingSuite } from './suites/serving.ts'
import { signaturesSuite } from './suites/signatures.ts'
import { storageSuite } from './suites/storage.ts'
import { syncSuite } from './suites/sync.ts'
import { handshakeSuite, pipelineSuite, roundTripSuite } from './suites/traffic.ts'

const suites: readonly Suite[] = [
  codecSuite,
  storageSuite,
  signaturesSuite,
  roundTripSuite,
  pipelineSuite,
  handshakeSuite,
  fairnessSuite,
  deafSuite,
  servingSuite,
  relaySuite,
  memorySuite,
  startSuite,
  proofOfWorkSuite,
  chainSuite,
  mempoolSuite,
  pingsSuite,
  syncSuite,
]

const HELP = `npm run bench -- [options] [names...]

  --rounds N         rounds of each benchmark (5)
  --quick            a tenth of the work in two rounds, to see that all runs
  --node NAME=FILE   measure this dilithion-node.js; repeatable, to compare builds
  --generator c      the load generator in C instead of the one in Node
  --json FILE        also write the results there

Benchmarks:
${suites.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}
`

const ARGUMENTS = {
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    node: { type: 'string', multiple: true },
    generator: { type: 'string', default: 'node' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
} as const

/** Set by scripts/bench.mjs: where the built programs are. */
export interface Programs {
  readonly node: string
  readonly bareServer: string
  readonly load: string
  readonly pinger: string
  readonly signatureWorker: string
  /** The path of the program, or undefined where there is no C compiler. */
  compileLoadInC(): string | undefined
}

/** Returns the exit code: 0 also where goals are missed, since a busy machine misses them too. */
export async function main(argv: readonly string[], programs: Programs): Promise<number> {
  // Servers that are still running end with us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
  try {
    await run(argv, programs)
    return 0
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    process.stderr.write(`bench: ${error.message}\n`)
    return 1
  }
}

async function run(argv: readonly string[], programs: Programs): Promise<void> {
  const { values, positionals } = readArguments(argv)
  if (values.help) return void process.stdout.write(HELP)
  const unknown = positionals.find((name) => !suites.some((suite) => suite.name === name))
  if (unknown !== undefined) throw new UserError(`no benchmark '${unknown}'; see --help`)
  const chosen = suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const command = loadCommand(values.generator, programs)
  const context: BenchContext = {
    rounds: roundsOf(values.rounds ?? (values.quick ? '2' : '5')),
    scale: values.quick ? 0.1 : 1,
    nodes: (values.node ?? [`node=${programs.node}`]).map(parseNode),
    echo: bareSubject('echo', programs.bareServer),
    plain: bareSubject('plain', programs.bareServer),
    load: (flood) => loadProgram(command, flood),
    pinger: programs.pinger,
    signatureWorker: pathToFileURL(programs.signatureWorker),
  }
  const rows = await runAll(chosen, context)
  process.stdout.write(`${describeMachine(values.generator)}\n\n${renderTable(rows)}\n`)
  if (values.json !== undefined) writeFileSync(values.json, jsonOf(values.generator, rows))
}

function readArguments(argv: readonly string[]): ReturnType<typeof parseArgs<typeof ARGUMENTS>> {
  try {
    return parseArgs({ args: [...argv], ...ARGUMENTS })
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error))
  }
}

function roundsOf(text: string): number {
  const rounds = Number(text)
  if (Number.isSafeInteger(rounds) && rounds > 0) return rounds
  throw new UserError(`--rounds takes a number from 1, not '${text}'`)
}

async function runAll(chosen: readonly Suite[], context: BenchContext): Promise<Row[]> {
  const rows: Row[] = []
  for (const suite of chosen) {
    process.stderr.write(`${suite.name}: ${suite.about} ...\n`)
    rows.push(...(await suite.run(context)))
  }
  return rows
}

function parseNode(text: string): BenchContext['nodes'][number] {
  const [name = '', ...path] = text.split('=')
  if (path.length === 0) throw new UserError('--node takes NAME=FILE')
  return nodeSubject(name, path.join('='))
}

function loadCommand(generator: string, programs: Programs): LoadProgram['command'] {
  if (generator === 'node') return [process.execPath, programs.load]
  if (generator !== 'c') throw new UserError("--generator takes 'node' or 'c'")
  const program = programs.compileLoadInC()
  if (program === undefined) throw new UserError('there is no C compiler (cc) here')
  return [program]
}

function describeMachine(generator: string): string {
  const processors = cpus()
  const model = processors[0]?.model ?? 'unknown processor'
  const load = loadavg()[0]?.toFixed(1)
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, Node ${process.versions.node}, ${processors.length} x ${model}, load ${load}, generator in ${generator}`
}

function jsonOf(generator: string, rows: readonly Row[]): string {
  const about = { time: new Date().toISOString(), node: process.versions.node, generator }
  return `${JSON.stringify({ ...about, rows }, undefined, 2)}\n`
}
