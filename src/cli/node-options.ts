/** The command line of dilithion-node, read by the table of options. */
import { Command, CommanderError, Option } from 'commander'
import type { RawOptions } from '../node/config.ts'
import {
  acceptedOptions,
  type OptionName,
  type OptionRow,
  optionRows,
  SWITCH_VALUE,
  unsupportedOptions,
} from '../node/options.ts'
import { UserError } from '../primitives/errors.ts'

export type ParsedCommandLine =
  | { readonly kind: 'run'; readonly options: RawOptions }
  /** Help or version: print and end. */
  | { readonly kind: 'print'; readonly text: string }

const HELP_END = `
ADDR is an IPv4 address, an [IPv6] address or a host name, with :PORT where it is not the network's.
All options but datadir may stand in dilithion.conf in the data directory as name=value, and in the
environment as DILITHION_NAME. The command line wins over the environment, and that over the file.`

/** Options that can't stand without a value. */
const valueOptions: ReadonlySet<string> = new Set(
  optionRows.flatMap((row) => (isSwitch(row) ? [] : [row.name])),
)

/** Throws UserError with one line on anything that can't be understood. */
export function parseCommandLine(argv: readonly string[], version: string): ParsedCommandLine {
  const values = new Map<OptionName, string[]>()
  const printed: string[] = []
  const command = buildCommand(version, values, printed)
  try {
    command.parse(normalise(argv), { from: 'user' })
    const [stray] = command.args
    if (stray !== undefined)
      throw new UserError(`unexpected argument '${stray}'. See --help for all options.`)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'print', text: printed.join('') }
    throw new UserError(oneLine(error.message))
  }
  return { kind: 'run', options: values }
}

function buildCommand(version: string, values: Map<OptionName, string[]>, printed: string[]): Command {
  const command = new Command('dilithion-node')
    .description('A node of the Dilithion network.')
    .usage('[options]')
    .version(`Dilithion node v${version}`, '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({ writeOut: (text) => void printed.push(text), writeErr: () => undefined })
    .configureHelp({
      helpWidth: 100,
      optionTerm: termOf,
      optionDescription: ({ description }) => description,
    })
    .addHelpText('after', HELP_END)
  for (const row of optionRows as readonly (OptionRow & { name: OptionName })[]) {
    const option = new Option(flags(row), row.help).helpGroup(`${row.group}:`)
    option.argParser((text: string) => void take(values, row, text))
    // A switch without a value is on.
    if (isSwitch(row)) option.preset('1')
    command.addOption(option)
  }
  return command
}

function isSwitch({ value }: OptionRow): boolean {
  return value === undefined || value === SWITCH_VALUE
}

/** As the help shows an option: with the placeholder of its value. */
function termOf({ flags, long }: Option): string {
  const row: OptionRow | undefined = optionRows.find(({ name }) => long === `--${name}`)
  return `${flags.replace(/ [[<].*$/, '')}${row?.value === undefined ? '' : `=${row.value}`}`
}

function flags(row: OptionRow): string {
  const { name, short, value } = row
  // "--no-color" as an option of its own, not as the negation of "--color".
  const long = isSwitch(row) ? `--${name} [0|1]` : `--${name} <${value}>`
  return short === undefined ? long : `-${short}, ${long}`
}

function take(values: Map<OptionName, string[]>, row: OptionRow & { name: OptionName }, text: string): void {
  const before = row.repeatable ? (values.get(row.name) ?? []) : []
  values.set(row.name, [...before, text])
}

/** Bitcoin's habit of a single dash is understood; options of the C++ node get an answer of their own. */
function normalise(argv: readonly string[]): string[] {
  const normal: string[] = []
  let isValue = false
  for (const argument of argv) {
    const match: RegExpExecArray | null = isValue ? null : /^--?([a-z][a-z0-9-]+)(=.*)?$/s.exec(argument)
    isValue = false
    if (match === null) {
      normal.push(argument)
      continue
    }
    const name: string = match[1] ?? ''
    const value: string | undefined = match[2]
    if (acceptedOptions.get(name)?.includes(value?.slice(1) ?? '1') === true) continue
    if (unsupportedOptions.has(name)) {
      throw new UserError(`--${name} is an option of the C++ node that this node does not support`)
    }
    // Without its value, so that what is unknown can be compared with what is known.
    const isKnown = optionRows.some((row) => row.name === name)
    normal.push(`--${name}${(isKnown ? value : undefined) ?? ''}`)
    // The next argument is its value, even if it begins with a dash.
    isValue = value === undefined && valueOptions.has(name)
  }
  return normal
}

function oneLine(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim()
  return `${text}${/[?).]$/.test(text) ? '' : '.'} See --help for all options.`
}
