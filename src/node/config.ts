/**
 * What a node is started with, put together from command line, environment and dilithion.conf (in this order
 * of precedence), and checked. Every mistake is a UserError that names the option and where it stood.
 */
import { dirname, join, resolve } from 'node:path'
import type { AutomaticOptions } from '../core/outbound.ts'
import {
  BLOCK_RELAY_PEERS,
  COIN_CACHE_MB,
  MAX_COIN_CACHE_MB,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_OPTION,
  MAX_INBOUND_PER_IP,
  MIN_COIN_CACHE_MB,
  MIN_PRUNE_MB,
  OUTBOUND_PEERS,
} from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { ConnectionLimits } from '../pool/peer-manager.ts'
import { UserError } from '../primitives/errors.ts'
import { type HostPort, type IpBytes, isIpv4, parseHostPort, parseIp } from '../primitives/ip.ts'
import { automaticPeers } from './automatic.ts'
import { readConfigFile } from './config-file.ts'
import { defaultDataDir } from './data-dir.ts'
import { type LogSettings, logSettings } from './log-settings.ts'
import { type MempoolSettings, mempoolSettings } from './mempool-settings.ts'
import { type MiningSettings, miningSettings } from './mining-settings.ts'
import { chooseNetwork } from './network-choice.ts'
import {
  acceptedOptions,
  clientOptions,
  type OptionName,
  type OptionRow,
  optionRows,
  unsupportedOptions,
} from './options.ts'
import { type WalletSettings, walletSettings } from './wallet-settings.ts'

export const CONFIG_FILE = 'dilithion.conf'
/** Of SOCKS proxies. */
const DEFAULT_PROXY_PORT = 1_080
const MEGABYTE = 1_000_000
const MAX_PRUNE_MB = 1_000_000_000
const PROXY_FORM = 'an address such as 127.0.0.1:9050'

export interface NodeConfig {
  readonly network: NetworkParams
  readonly dataDir: string
  readonly listen: boolean
  /** Undefined for all addresses. */
  readonly bind: string | undefined
  readonly port: number
  readonly rpcPort: number
  readonly rpcLogin: { readonly user: string; readonly password: string } | undefined
  /** Peers to be connected to. */
  readonly targets: readonly HostPort[]
  /** `--connect` was given: no peers of our own choice. */
  readonly exclusive: boolean
  /** How to find peers by itself; undefined if it doesn't. */
  readonly automatic: AutomaticOptions | undefined
  /** Where others reach this node, as the operator says; the port if it is not the one listened on. */
  readonly ownAddress: { readonly ip: IpBytes; readonly port: number | undefined } | undefined
  /** SOCKS5 proxy for all dials. */
  readonly proxy: HostPort | undefined
  readonly limits: ConnectionLimits
  readonly chain: ChainSettings
  readonly mempool: MempoolSettings
  readonly mining: MiningSettings
  readonly wallet: WalletSettings
  readonly log: LogSettings
  /** What the operator should know but what does not keep the node from running. */
  readonly warnings: readonly string[]
}

export interface ChainSettings {
  readonly coinCacheBytes: number
  /** Undefined: all blocks are kept. */
  readonly pruneBytes: number | undefined
  readonly reindex: boolean
  /** Delete it first. `isAgreed`: nobody is to be asked. */
  readonly reset: { readonly isAgreed: boolean } | undefined
  readonly txIndex: boolean
  readonly fullDataset: boolean
  readonly randomxLibrary: string | undefined
}

/** Values as they were written, by option name. */
export type RawOptions = ReadonlyMap<OptionName, readonly string[]>

interface Origin {
  readonly values: RawOptions
  /** Says where an option stood, for messages. */
  readonly where: (name: OptionName) => string
  /** What paths in it are relative to. */
  readonly directory: string
}

const byName = new Map<string, OptionRow & { name: OptionName }>(optionRows.map((row) => [row.name, row]))

export async function resolveConfig(commandLine: RawOptions, env: NodeJS.ProcessEnv): Promise<NodeConfig> {
  const directory = process.cwd()
  const fromLine: Origin = { values: commandLine, where: (name) => `--${name}`, directory }
  const warnings: string[] = []
  const fromEnv: Origin = { values: readEnvironment(env, warnings), where: envName, directory }
  const early = new Settings([fromLine, fromEnv])
  const dirOption = early.text('datadir')
  const dirForFile = dirOption === undefined ? defaultDataDir(await networkOf(early)) : resolve(dirOption)
  const fromFile = await readSettings(join(dirForFile, CONFIG_FILE), warnings)
  const settings = new Settings([fromLine, fromEnv, fromFile])
  const network = await networkOf(settings)
  const dataDir = dirOption === undefined ? defaultDataDir(network) : resolve(dirOption)
  return build(settings, network, dataDir, warnings)
}

function build(settings: Settings, network: NetworkParams, dataDir: string, warnings: string[]): NodeConfig {
  const bind = settings.parsed('bind', (text) => parseBind(text))
  const connect = settings.list('connect').filter((text) => text !== '0')
  const address = (text: string): HostPort | undefined => parseHostPort(text, network.defaultPort)
  const targets = [
    ...settings.checkList('connect', connect, address, 'an address such as 1.2.3.4:8444'),
    ...settings.checkList('addnode', settings.list('addnode'), address, 'an address such as 1.2.3.4:8444'),
  ]
  const proxy = settings.parsed('proxy', (text) => parseHostPort(text, DEFAULT_PROXY_PORT), PROXY_FORM)
  const external = settings.parsed('externalip', parseExternalIp)
  const limits = connectionLimits(settings)
  const automatic = choosePeers(settings, network, limits, proxy !== undefined)
  const user = settings.text('rpcuser')
  const password = settings.text('rpcpassword')
  if ((user === undefined) !== (password === undefined)) {
    throw new UserError(
      'rpcuser and rpcpassword belong together: give both, or neither to use the cookie file',
    )
  }
  const wallet = walletSettings(settings)
  return {
    network,
    dataDir,
    // Behind a proxy nobody shall find us, unless the operator says so.
    listen: settings.flag('listen', proxy === undefined),
    bind: bind?.host,
    port: settings.whole('port', 0, 65_535) ?? bind?.port ?? network.defaultPort,
    rpcPort: settings.whole('rpcport', 0, 65_535) ?? network.defaultRpcPort,
    rpcLogin: user === undefined || password === undefined ? undefined : { user, password },
    targets,
    exclusive: settings.list('connect').length > 0,
    automatic,
    ownAddress: external === undefined ? undefined : { ip: external.ip, port: external.port },
    proxy,
    limits,
    chain: chainSettings(settings),
    mempool: mempoolSettings(settings),
    mining: miningSettings(settings, wallet.isOn && network.chain.body === 'transactions'),
    wallet,
    log: logSettings(settings),
    warnings,
  }
}

function connectionLimits(settings: Settings): ConnectionLimits {
  const perIp = settings.whole('max-connections-per-ip', 1, 64)
  return {
    maxConnections: settings.whole('maxconnections', 1, MAX_CONNECTIONS_OPTION) ?? MAX_CONNECTIONS,
    // Peers of our own choice keep their slots by being awaited.
    reservedOutbound: 0,
    maxInboundPerIp:
      perIp === undefined ? { limit: MAX_INBOUND_PER_IP, scope: 'routable' } : { limit: perIp, scope: 'all' },
  }
}

function chainSettings(settings: Settings): ChainSettings {
  const prune = settings.whole('prune', 0, MAX_PRUNE_MB) ?? 0
  if (prune > 0 && prune < MIN_PRUNE_MB)
    throw settings.error('prune', String(prune), `0, or a number from ${MIN_PRUNE_MB} on`)
  const txIndex = settings.flag('txindex', false)
  if (txIndex && prune > 0) throw new UserError('--txindex needs all blocks: leave out --prune, or the index')
  const mode = settings.text('randomx') ?? 'light'
  if (mode !== 'light' && mode !== 'full') throw settings.error('randomx', mode, 'light or full')
  const library = settings.text('randomx-library')
  return {
    coinCacheBytes:
      (settings.whole('dbcache', MIN_COIN_CACHE_MB, MAX_COIN_CACHE_MB) ?? COIN_CACHE_MB) * MEGABYTE,
    pruneBytes: prune === 0 ? undefined : prune * MEGABYTE,
    reindex: settings.flag('reindex', false),
    reset: reset(settings),
    txIndex,
    fullDataset: mode === 'full',
    randomxLibrary: library === undefined ? undefined : resolve(library),
  }
}

function reset(settings: Settings): ChainSettings['reset'] {
  const isAgreed = settings.flag('yes', false)
  if (!settings.flag('reset-chain', false)) return undefined
  // Anywhere else it would delete everything at each start.
  if (!settings.isOnCommandLine('reset-chain'))
    throw new UserError('reset-chain may only be given on the command line: it is meant once')
  return { isAgreed }
}

/** Undefined if the operator, or the network, leaves the choice of peers to nobody. */
function choosePeers(
  settings: Settings,
  network: NetworkParams,
  { maxConnections }: ConnectionLimits,
  isProxied: boolean,
): AutomaticOptions | undefined {
  const seedNodes = settings.checkList(
    'seednode',
    settings.list('seednode'),
    (text) => parseHostPort(text, network.defaultPort),
    'an address such as 1.2.3.4:8444',
  )
  const families = onlyNet(settings)
  const wantsDns = settings.flag('dnsseed', true)
  if (settings.list('connect').length > 0) return undefined
  if (!network.choosesPeers && seedNodes.length === 0) return undefined
  return automaticPeers(network, {
    // As the network's other nodes divide few connections.
    outbound:
      maxConnections <= OUTBOUND_PEERS ? maxConnections : Math.min(OUTBOUND_PEERS, maxConnections >> 1),
    blockRelay: maxConnections > OUTBOUND_PEERS ? BLOCK_RELAY_PEERS : 0,
    // A proxy can't be asked for all addresses of a name, and a lookup past it would tell who we are.
    dnsSeeds: wantsDns && !isProxied ? network.dnsSeeds : [],
    seedNodes,
    ...(families === undefined ? {} : { reachable: (ip) => families.has(isIpv4(ip) ? 'ipv4' : 'ipv6') }),
  })
}

/** Undefined for all. */
function onlyNet(settings: Settings): ReadonlySet<string> | undefined {
  const words = settings.list('onlynet').flatMap((value) => value.split(','))
  for (const word of words) {
    if (word !== 'ipv4' && word !== 'ipv6') throw settings.error('onlynet', word, 'ipv4 or ipv6')
  }
  return words.length === 0 ? undefined : new Set(words)
}

/** "ADDR" or "ADDR:PORT"; the address must be an IP. */
function parseExternalIp(text: string): { ip: IpBytes; port: number | undefined } | undefined {
  const parsed = parseBind(text)
  const ip = parseIp(parsed?.host ?? '')
  return ip === undefined ? undefined : { ip, port: parsed?.port }
}

function networkOf(settings: Settings): Promise<NetworkParams> {
  return chooseNetwork({
    testnet: settings.flag('testnet', false),
    regtest: settings.flag('regtest', false),
    chainFile: settings.path('chain-file'),
  })
}

/** "ADDR" or "ADDR:PORT"; the address must be an IP. */
function parseBind(text: string): { host: string; port: number | undefined } | undefined {
  if (parseIp(text) !== undefined) return { host: text, port: undefined }
  const parsed = parseHostPort(text, 1)
  if (parsed === undefined || parseIp(parsed.host) === undefined) return undefined
  return { host: parsed.host, port: /[^:\]]:\d+$|\]:\d+$/.test(text) ? parsed.port : undefined }
}

function envName(name: string): string {
  return `DILITHION_${name.replaceAll('-', '_').toUpperCase()}`
}

function readEnvironment(env: NodeJS.ProcessEnv, warnings: string[]): RawOptions {
  const values = new Map<OptionName, readonly string[]>()
  for (const { name, ...row } of optionRows) {
    const text = env[envName(name)]
    if (text === undefined || text === '') continue
    const many = 'repeatable' in row && row.repeatable
    values.set(name, many ? text.split(',').map((part) => part.trim()) : [text])
  }
  for (const name of unsupportedOptions) {
    const text = env[envName(name)] ?? ''
    if (text !== '' && !isMetAnyway(name, text))
      warnings.push(`${envName(name)} is not supported by this node: ignored`)
  }
  return values
}

async function readSettings(path: string, warnings: string[]): Promise<Origin> {
  const values = new Map<OptionName, readonly string[]>()
  const where = (name: OptionName): string => `'${name}' in ${path}`
  const origin = { values, where, directory: dirname(path) }
  for (const [key, given] of (await readConfigFile(path)) ?? []) {
    const row = byName.get(key)
    if (row !== undefined && key !== 'datadir') values.set(row.name, given)
    else if (key === 'datadir')
      warnings.push(`'datadir' in ${path} has no effect: the file itself lies there`)
    else if (isMetAnyway(key, given.at(-1) ?? '')) continue
    else if (unsupportedOptions.has(key))
      warnings.push(`'${key}' in ${path} is not supported by this node: ignored`)
    else if (!clientOptions.has(key)) {
      throw unknownKey(key, path)
    }
  }
  return origin
}

/** Does the value of an option of the C++ node ask for what this node does anyway? */
function isMetAnyway(name: string, value: string): boolean {
  return acceptedOptions.get(name)?.includes(value) === true
}

/** Shows the first word only: where a line has no "=", what follows may be a password. */
function unknownKey(key: string, path: string): UserError {
  const [word = ''] = /^[^\s:]*/.exec(key) ?? []
  if (word === key)
    return new UserError(`unknown key '${key}' in ${path}: see --help for the options, which are its keys`)
  return new UserError(
    `expected lines like name=value in ${path}, and there is one that begins with '${word}' and is none`,
  )
}

/** Looks options up by precedence and checks their values. */
export class Settings {
  readonly #origins: readonly Origin[]

  constructor(origins: readonly Origin[]) {
    this.#origins = origins
  }

  list(name: OptionName): readonly string[] {
    return this.#origin(name)?.values.get(name) ?? []
  }

  text(name: OptionName): string | undefined {
    const text = this.list(name).at(-1)
    if (text === '') throw this.error(name, text, 'a value')
    return text
  }

  isOnCommandLine(name: OptionName): boolean {
    return this.#origin(name) === this.#origins[0]
  }

  path(name: OptionName): string | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : resolve(this.#origin(name)?.directory ?? '.', text)
  }

  flag(name: OptionName, otherwise: boolean): boolean {
    const text = this.list(name).at(-1)
    if (text === undefined) return otherwise
    if (text === '1' || text === 'true') return true
    if (text === '0' || text === 'false') return false
    throw this.error(name, text, '0 or 1')
  }

  whole(name: OptionName, min: number, max: number): number | undefined {
    const text = this.list(name).at(-1)
    if (text === undefined) return undefined
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw this.error(name, text, `a whole number from ${min} to ${max}`)
  }

  parsed<T>(
    name: OptionName,
    parse: (text: string) => T | undefined,
    expected = 'an IP address, or an IP address and port',
  ): T | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = parse(text)
    if (value === undefined) throw this.error(name, text, expected)
    return value
  }

  checkList<T>(
    name: OptionName,
    texts: readonly string[],
    parse: (text: string) => T | undefined,
    expected: string,
  ): T[] {
    return texts.map((text) => {
      const value = parse(text)
      if (value === undefined) throw this.error(name, text, expected)
      return value
    })
  }

  error(name: OptionName, text: string, expected: string): UserError {
    const where = this.#origin(name)?.where(name) ?? name
    return new UserError(`${where}: expected ${expected}, got '${text}'`)
  }

  #origin(name: OptionName): Origin | undefined {
    return this.#origins.find(({ values }) => values.has(name))
  }
}
