/** The options about the log, checked. */
import { UserError } from '../primitives/errors.ts'
import type { Settings } from './config.ts'

export const debugCategories = ['net', 'rpc'] as const
export type DebugCategory = (typeof debugCategories)[number]

export interface LogSettings {
  readonly debug: ReadonlySet<DebugCategory>
  /** Warnings and errors only. */
  readonly isQuiet: boolean
  readonly color: boolean
  readonly json: boolean
}

export function logSettings(settings: Settings): LogSettings {
  const isVerbose = settings.flag('verbose', false)
  const isQuiet = settings.flag('quiet', false)
  const debug = isVerbose ? new Set(debugCategories) : debugSet(settings)
  if (isQuiet && debug.size > 0)
    throw new UserError('--quiet leaves out what --verbose and --debug are for: give one of them')
  return {
    debug,
    isQuiet,
    color: !settings.flag('no-color', false),
    json: settings.flag('log-json', false),
  }
}

function debugSet(settings: Settings): ReadonlySet<DebugCategory> {
  const chosen = new Set<DebugCategory>()
  const words = settings.list('debug').flatMap((value) => value.split(','))
  for (const word of words) {
    const category = debugCategories.find((known) => known === (word === 'p2p' ? 'net' : word))
    if (category !== undefined) chosen.add(category)
    else if (word === 'all' || word === '1') for (const known of debugCategories) chosen.add(known)
    else if (word !== '0' && word !== 'none') {
      throw settings.error('debug', word, `one of ${debugCategories.join(', ')}, all`)
    }
  }
  return chosen
}
