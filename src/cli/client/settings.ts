/**
 * Where the node is and how to be let in: from the command line, the environment and dilithion.conf, in this
 * order, as dilithion-node itself reads them (rpc 9).
 */
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readConfigFile } from '../../node/config-file.ts'
import { defaultDataDir } from '../../node/data-dir.ts'
import { chooseNetwork } from '../../node/network-choice.ts'
import type { NetworkParams } from '../../params/networks.ts'
import { errorText, UserError } from '../../primitives/errors.ts'
import { parseHostPort } from '../../primitives/ip.ts'
import { cookiePath, type RpcCredentials } from '../../rpc/cookie.ts'

export const settingNames = [
  'testnet',
  'regtest',
  'chain-file',
  'datadir',
  'rpcconnect',
  'rpcport',
  'rpcuser',
  'rpcpassword',
  'rpccookiefile',
] as const
export type SettingName = (typeof settingNames)[number]

type Values = ReadonlyMap<SettingName, string>

export interface Target {
  readonly network: NetworkParams
  readonly host: string
  readonly port: number
  /** Undefined: the cookie is to be read. */
  readonly login: RpcCredentials | undefined
  readonly cookieFile: string
}

interface Origin {
  readonly values: Values
  /** Names a setting as it was written there. */
  readonly where: (name: SettingName) => string
  /** What paths in it are relative to. */
  readonly directory: string
}

const DEFAULT_HOST = '127.0.0.1'

/** Throws UserError for a setting that makes no sense. */
export async function resolveTarget(line: Values, env: NodeJS.ProcessEnv): Promise<Target> {
  const directory = process.cwd()
  const origins: Origin[] = [
    { values: line, where: (name) => `--${name}`, directory },
    { values: readEnvironment(env), where: envName, directory },
  ]
  const early = new Settings(origins)
  const explicit = early.text('datadir')
  const given = explicit === undefined ? undefined : resolve(explicit)
  const dirForFile = given ?? defaultDataDir(await networkOf(early))
  const settings = new Settings([...origins, await readConfig(join(dirForFile, 'dilithion.conf'))])
  const network = await networkOf(settings)
  const dataDir = given ?? defaultDataDir(network)
  const cookieFile = settings.text('rpccookiefile')
  return {
    network,
    ...chooseEndpoint(settings, network),
    login: chooseLogin(settings),
    cookieFile: cookieFile === undefined ? cookiePath(dataDir) : resolve(dataDir, cookieFile),
  }
}

/** There is no cookie to log in with, perhaps because there is no node. */
export class NoCookieError extends UserError {}

/** The login, or what the cookie file says. Throws UserError if there is none. */
export async function readCredentials({ login, cookieFile }: Target): Promise<RpcCredentials> {
  if (login !== undefined) return login
  let text: string
  try {
    text = (await readFile(cookieFile, 'utf8')).trim()
  } catch (error) {
    throw new NoCookieError(
      `No cookie to log in with: can't read ${cookieFile} (${errorText(error)}). ` +
        'Is dilithion-node running, and with these options (--testnet, --datadir)? ' +
        'If it has an rpcuser and rpcpassword, give them as options.',
    )
  }
  const colon = text.indexOf(':')
  if (colon < 0) throw new UserError(`${cookieFile} is not a cookie file: expected user:password`)
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function networkOf(settings: Settings): Promise<NetworkParams> {
  return chooseNetwork({
    testnet: settings.flag('testnet'),
    regtest: settings.flag('regtest'),
    chainFile: settings.path('chain-file'),
  })
}

/** A port in rpcconnect counts unless rpcport is given. */
function chooseEndpoint(settings: Settings, network: NetworkParams): { host: string; port: number } {
  const port = settings.text('rpcport')
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    throw settings.error('rpcport', 'a port from 1 to 65535')
  }
  const connect = parseHostPort(settings.text('rpcconnect') ?? DEFAULT_HOST, network.defaultRpcPort)
  if (connect === undefined) throw settings.error('rpcconnect', 'an address such as 127.0.0.1')
  return { host: connect.host, port: port === undefined ? connect.port : Number(port) }
}

function chooseLogin(settings: Settings): RpcCredentials | undefined {
  const user = settings.text('rpcuser')
  const password = settings.text('rpcpassword')
  if (user !== undefined && password !== undefined) return { user, password }
  if (user === undefined && password === undefined) return undefined
  throw new UserError('rpcuser and rpcpassword belong together: give both, or neither to use the cookie file')
}

function envName(name: SettingName): string {
  return `DILITHION_${name.replaceAll('-', '_').toUpperCase()}`
}

function readEnvironment(env: NodeJS.ProcessEnv): Values {
  const values = new Map<SettingName, string>()
  for (const name of settingNames) {
    const text = env[envName(name)]
    if (text !== undefined && text !== '') values.set(name, text)
  }
  return values
}

/** The keys that matter here; the file is the node's, and most of it is about other things. */
async function readConfig(path: string): Promise<Origin> {
  const values = new Map<SettingName, string>()
  const where = (name: SettingName): string => `'${name}' in ${path}`
  const origin = { values, where, directory: dirname(path) }
  const file = await readConfigFile(path)
  for (const name of settingNames) {
    const value = file?.get(name)?.at(-1)
    if (value !== undefined && name !== 'datadir') values.set(name, value)
  }
  return origin
}

class Settings {
  readonly #origins: readonly Origin[]

  constructor(origins: readonly Origin[]) {
    this.#origins = origins
  }

  text(name: SettingName): string | undefined {
    const text = this.#origin(name)?.values.get(name)
    if (text === '') throw this.error(name, 'a value')
    return text
  }

  path(name: SettingName): string | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : resolve(this.#origin(name)?.directory ?? '.', text)
  }

  flag(name: SettingName): boolean {
    const text = this.text(name)
    if (text === undefined || text === '0' || text === 'false') return false
    if (text === '1' || text === 'true') return true
    throw this.error(name, '0 or 1')
  }

  error(name: SettingName, expected: string): UserError {
    const origin = this.#origin(name)
    const text = origin?.values.get(name) ?? ''
    return new UserError(`${origin?.where(name) ?? name}: expected ${expected}, got '${text}'`)
  }

  #origin(name: SettingName): Origin | undefined {
    return this.#origins.find(({ values }) => values.has(name))
  }
}
