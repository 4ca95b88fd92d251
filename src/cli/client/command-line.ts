/**
 * The command line of dilithion-cli. Options may be written with one dash or two; they end at the method's name,
 * so that whatever follows it, negative numbers too, belongs to the method.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type SettingName, settingNames } from './settings.ts'

export interface CommandLine {
  /** Where and as whom to connect, as written. */
  readonly settings: ReadonlyMap<SettingName, string>
  readonly named: boolean
  readonly json: boolean
  readonly color: boolean
  /** Show the table of peers, on a terminal anew every so often; undefined: call a method. */
  readonly netinfo: { readonly intervalMs: number } | undefined
  readonly once: boolean
  /** Show in some lines how the node is doing, instead of calling a method. */
  readonly getinfo: boolean
  /** More parameters come by the standard input, one a line. */
  readonly stdin: boolean
  /** An answer that takes longer is given up; 0: never. */
  readonly timeoutMs: number
  /** Wait for a node that does not answer yet, so long at most; undefined: don't. Infinity: for ever. */
  readonly waitMs: number | undefined
  /** The method and its parameters. */
  readonly words: readonly string[]
}

/** The command line asked for something that is done once it has been said, or can't be understood. */
export class UsageExit extends Error {
  override readonly name = 'UsageExit'
  readonly text: string
  readonly exitCode: number

  constructor(text: string, exitCode: number) {
    super(text)
    this.text = text
    this.exitCode = exitCode
  }
}

const SWITCH = ' [0|1]'
/** As with Bitcoin's client. */
const DEFAULT_TIMEOUT_SECONDS = 900
type OptionRow = readonly [flags: string, help: string]

const NODE_OPTIONS: readonly OptionRow[] = [
  [`--testnet${SWITCH}`, 'a node of the test network (mainnet is the default)'],
  [`--regtest${SWITCH}`, 'a node of a private network for tests'],
  ['--chain-file <FILE>', 'a node of the network that this file defines'],
  ['--datadir <DIR>', "the node's data directory (~/.dilithion, ~/.dilithion-testnet, ~/.dilithion-regtest)"],
  ['--rpcconnect <HOST>', 'the machine it runs on (127.0.0.1)'],
  ['--rpcport <N>', 'its RPC port (8332, testnet 18332, regtest 28332)'],
  ['--rpcuser <NAME>', 'user name (from the cookie file in the data directory)'],
  ['--rpcpassword <WORD>', 'password'],
  ['--rpccookiefile <FILE>', 'cookie file, relative to the data directory (.cookie)'],
  ['--rpcclienttimeout <SECONDS>', `how long an answer may take (${DEFAULT_TIMEOUT_SECONDS}; 0: for ever)`],
  [`--rpcwait${SWITCH}`, 'wait until the node answers, if it is only starting'],
  ['--rpcwaittimeout <SECONDS>', 'how long to wait then (0: for ever)'],
]

const INPUT_OPTIONS: readonly OptionRow[] = [
  [`--named${SWITCH}`, 'parameters are written as name=value'],
  [`--stdin${SWITCH}`, 'more parameters come by the standard input, one a line'],
]

const OUTPUT_OPTIONS: readonly OptionRow[] = [
  [`--json${SWITCH}`, 'print results as JSON on one line'],
  [`--getinfo${SWITCH}`, 'how the node and its chain are doing, in some lines'],
  [`--once${SWITCH}`, 'with -netinfo: print the table once'],
  ['--no-color', 'no colours, also on a terminal'],
]

const MAX_SECONDS = 1_000_000
const DEFAULT_INTERVAL_SECONDS = 1
const MIN_INTERVAL_SECONDS = 0.1
const MAX_INTERVAL_SECONDS = 3_600

const AFTER_HELP = `
Examples:
  dilithion-cli doctor                (what keeps the node from having peers?)
  dilithion-cli getpeerinfo
  dilithion-cli -testnet addnode 127.0.0.1:18444 add
  dilithion-cli -named addnode node=127.0.0.1:18444 command=add
  dilithion-cli -getinfo              (how does the node do?)
  dilithion-cli getblock HASH 0 | dilithion-cli -regtest -stdin submitblock
  dilithion-cli help addnode

A parameter that is JSON (a number, true, null, an object, an array) is sent as such, anything else as text;
quotes make text of a number: '"12345"'. Options that say where the node is may also stand in the environment,
as DILITHION_TESTNET and so on, and all but datadir in dilithion.conf in the data directory. The command line
wins over the environment, and that over the file.`

/** `argv` without the program's name. Throws UsageExit with the help, the version, or what is wrong. */
export function parseCommandLine(argv: readonly string[], version: string): CommandLine {
  const command = build(version)
  let text = ''
  const collect = (part: string): void => {
    text += part
  }
  command.configureOutput({ writeOut: collect, writeErr: collect })
  try {
    command.parse(normalise(argv, command.options), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw new UsageExit(text, error.exitCode === 0 ? 0 : 1)
    throw error
  }
  return interpret(command)
}

function build(version: string): Command {
  const command = new Command('dilithion-cli')
    .description('Asks a running Dilithion node, by RPC.')
    .usage(
      '[options] <method> [params...]\n       dilithion-cli [options] doctor\n       dilithion-cli [options] -getinfo\n       dilithion-cli [options] -netinfo [seconds]',
    )
    .argument('[words...]')
    .passThroughOptions()
    .exitOverride()
    .version(`dilithion-cli v${version}`, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .configureHelp({
      helpWidth: 110,
      optionTerm: ({ flags }) => flags.replace(SWITCH, ''),
      visibleArguments: () => [],
    })
    .addHelpText('after', AFTER_HELP)
  for (const [flags, help] of NODE_OPTIONS)
    command.addOption(new Option(flags, help).helpGroup('Where the node is:'))
  for (const [flags, help] of INPUT_OPTIONS)
    command.addOption(new Option(flags, help).helpGroup('What is asked:'))
  for (const [flags, help] of OUTPUT_OPTIONS)
    command.addOption(new Option(flags, help).helpGroup('What is shown:'))
  command.addOption(
    new Option(
      '--netinfo [seconds]',
      'a table of peers; on a terminal renewed every second until q is pressed',
    )
      .helpGroup('What is shown:')
      .argParser(parseInterval),
  )
  return command
}

function parseInterval(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds >= MIN_INTERVAL_SECONDS && seconds <= MAX_INTERVAL_SECONDS) return seconds
  throw new InvalidArgumentError(
    `Expected seconds from ${MIN_INTERVAL_SECONDS} to ${MAX_INTERVAL_SECONDS}. --once prints the table once.`,
  )
}

/** Two dashes for each long option, and a value for each switch, up to the first word that is no option. */
function normalise(argv: readonly string[], options: readonly Option[]): string[] {
  const out: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? ''
    if (!/^-./.test(arg) || arg === '--') return [...out, ...argv.slice(i)]
    const long = arg === '-?' ? '--help' : arg.replace(/^-(?=[^-].)/, '--')
    const [name = long] = long.split('=', 1)
    const option = options.find((known) => known.long === name)
    const next = argv[i + 1]
    // What is unknown is shown without its value, which may be a password.
    if (option === undefined) out.push(name)
    else if (name !== long) out.push(long.replace(/^(--[^=]+=)(?:true|false)$/, shortBoolean))
    else if (option.flags.endsWith(SWITCH)) out.push(`${long}=1`)
    else if (next !== undefined && (option.required || (option.optional && /^[\d.]+$/.test(next)))) {
      out.push(`${long}=${next}`)
      i++
    } else out.push(long)
  }
  return out
}

function shortBoolean(text: string, start: string): string {
  return start + (text.endsWith('true') ? '1' : '0')
}

function interpret(command: Command): CommandLine {
  const values = new Map(Object.entries(command.opts<Record<string, unknown>>()))
  const settings = new Map<SettingName, string>()
  for (const name of settingNames) {
    const value = values.get(name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()))
    if (typeof value === 'string') settings.set(name, value)
  }
  const on = (name: string): boolean => {
    const value = values.get(name)
    if (value === undefined || value === '0') return false
    if (value === '1') return true
    throw usageError(`--${name}: expected 0 or 1, got '${String(value)}'`)
  }
  const interval = values.get('netinfo')
  const seconds = typeof interval === 'number' ? interval : DEFAULT_INTERVAL_SECONDS
  const words = command.args
  const getinfo = on('getinfo')
  const view = getinfo ? '-getinfo' : interval === undefined ? undefined : '-netinfo'
  if (getinfo && interval !== undefined) throw usageError('-getinfo and -netinfo exclude each other')
  if (view === undefined && words.length === 0) throw usageError('which method? help lists them')
  if (view !== undefined && words.length > 0) throw usageError(`${view} takes no method ('${words[0]}')`)
  const timeoutMs = secondsOf(values, 'rpcclienttimeout', DEFAULT_TIMEOUT_SECONDS)
  const longestWaitMs = secondsOf(values, 'rpcwaittimeout', 0)
  return {
    settings,
    named: on('named'),
    json: on('json'),
    color: values.get('color') !== false,
    netinfo: interval === undefined ? undefined : { intervalMs: seconds * 1_000 },
    once: on('once'),
    getinfo,
    stdin: on('stdin'),
    timeoutMs,
    waitMs: on('rpcwait') ? longestWaitMs || Number.POSITIVE_INFINITY : undefined,
    words,
  }
}

/** In milliseconds. */
function secondsOf(values: ReadonlyMap<string, unknown>, name: string, fallback: number): number {
  const text = String(values.get(name) ?? fallback)
  if (!/^\d{1,7}$/.test(text) || Number(text) > MAX_SECONDS)
    throw usageError(`--${name}: expected whole seconds from 0 to ${MAX_SECONDS}, got '${text}'`)
  return Number(text) * 1_000
}

export function usageError(what: string): UsageExit {
  return new UsageExit(`error: ${what}\nSee dilithion-cli --help\n`, 1)
}
