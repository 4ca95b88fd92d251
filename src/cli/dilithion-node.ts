/**
 * The program dilithion-node: reads its options, takes the data directory, starts node and RPC, writes the log,
 * and ends cleanly on a signal. Whatever the user can put right is one line on standard error and exit code 1.
 */
import { join } from 'node:path'
import { loadAddresses } from '../node/address-file.ts'
import { loadBans } from '../node/ban-file.ts'
import { openChain } from '../node/chain-backend.ts'
import { type NodeConfig, resolveConfig } from '../node/config.ts'
import { ensureDataDir } from '../node/data-dir.ts'
import { DiagnosisWatch } from '../node/diagnosis-watch.ts'
import { NodeFiles } from '../node/files.ts'
import { describeHealth, type HealthListener } from '../node/health.ts'
import { lockDataDir } from '../node/lock.ts'
import { MempoolFile } from '../node/mempool-file.ts'
import { DilithionNode } from '../node/node.ts'
import type { NodeOptions } from '../node/node-options.ts'
import { VERSION } from '../node/version.ts'
import { WALLET_FILE } from '../node/wallet-store.ts'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'
import { formatHostPort } from '../primitives/ip.ts'
import { createCookie, type RpcCredentials, removeCookie } from '../rpc/cookie.ts'
import { RpcServer } from '../rpc/server.ts'
import { EventLog } from '../telemetry/event-log.ts'
import { Logger } from '../telemetry/logger.ts'
import { boundedWriter } from '../telemetry/output.ts'
import { parseCommandLine } from './node-options.ts'
import { resetChainIfAsked } from './reset-chain.ts'
import { startWallet } from './start-wallet.ts'
import { type StopSwitch, stopOnSignals, stopSwitch } from './stop-switch.ts'

const RPC_HOST = '127.0.0.1'
/** Below the data directory, apart from what the C++ node keeps there. */
const CHAIN_DIR = 'chain'

/** Runs a node until it is told to stop. Returns the exit code. */
export async function runNode(argv: readonly string[]): Promise<number> {
  // Whoever read our output has gone, or its disk is full; that ends neither the node nor its help text.
  process.stdout.on('error', () => undefined)
  try {
    const parsed = parseCommandLine(argv, VERSION)
    if (parsed.kind === 'print') {
      process.stdout.write(parsed.text)
      return 0
    }
    // From here on a signal ends the node in good order, however far its start has come.
    // With the code that trouble has left.
    const stop = stopSwitch({ exit: () => process.exit() })
    stopOnSignals(stop)
    const config = await resolveConfig(parsed.options, process.env)
    await ensureDataDir(config.dataDir)
    const lock = await lockDataDir(config.dataDir)
    try {
      await resetChainIfAsked(config, join(config.dataDir, CHAIN_DIR), stop.requested)
      await serve(config, stop)
    } finally {
      await lock.release()
    }
    return 0
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    process.stderr.write(`dilithion-node: ${error.message.replace(/\p{Cc}+/gu, ' ')}\n`)
    return 1
  }
}

async function serve(config: NodeConfig, stop: StopSwitch): Promise<void> {
  const logger = createLogger(config)
  void stop.requested.then((why) => {
    const fields = { event: 'stopping', why }
    logger.status('')
    logger.log({ level: 'info', category: 'Node', text: `Stopping (${why})`, fields })
  })
  void stop.putOff.then(() => {
    const text = 'Still writing to the disk; another signal ends the node at once'
    logger.log({ level: 'info', category: 'Node', text, fields: { event: 'stillWriting' } })
  })
  const warn = (text: string): void =>
    logger.log({ level: 'warn', category: 'Node', text, fields: { event: 'warning' } })
  const bans = await loadBans(config.dataDir, warn)
  const addresses = await loadAddresses(config.dataDir, warn)
  const files = new NodeFiles(config.dataDir, warn)
  const chain = await openChain({
    network: config.network,
    dir: join(config.dataDir, CHAIN_DIR),
    ...config.chain,
    notice: (text) =>
      logger.log({ level: 'info', category: 'Chain', text, fields: { event: 'chainNotice' } }),
  })
  const trouble = new Trouble()
  const saved = { bans, addresses, chain }
  const node = createNode(config, logger, saved, files, {
    onStopRequest: () => stop.request('RPC'),
    onDiskFailure: (error) => {
      trouble.note(storageTrouble(error))
      stop.request('disk failure')
    },
  })
  files.keep(node)
  const mempoolFile = createMempoolFile(config, logger, warn)
  if (node.chain !== undefined) mempoolFile?.announce(node.chain)
  let rpc: RpcServer | undefined
  try {
    const { name } = config.network
    const text = `Dilithion node v${VERSION}, ${name}, data in ${config.dataDir}`
    logger.log({
      level: 'info',
      category: 'Node',
      text,
      fields: { event: 'started', network: name, pid: process.pid },
    })
    for (const warning of config.warnings) warn(warning)
    await startWallet(config.wallet, node.wallet, warn)
    rpc = await startRpc(config, node, logger)
    await startNode(config, node, logger)
    if (node.chain !== undefined) mempoolFile?.follow(node.chain)
    startMining(config, node, warn)
    await stop.requested
  } finally {
    await Promise.all([node.stop(), rpc?.close()])
    await stop.whileWriting(Promise.all([files.close(), chain.close(), mempoolFile?.close()]))
    if (rpc !== undefined && config.rpcLogin === undefined) await removeCookie(config.dataDir)
  }
  logger.log({ level: 'info', category: 'Node', text: 'Stopped', fields: { event: 'stopped' } })
  trouble.raise()
}

function createMempoolFile(
  { dataDir, mempool, network }: NodeConfig,
  logger: Logger,
  warn: (text: string) => void,
): MempoolFile | undefined {
  if (!mempool.isKept) return undefined
  return new MempoolFile({
    dataDir,
    genesisHash: network.genesisHash,
    warn,
    restored: (count) => {
      const text = `${count} ${count === 1 ? 'transaction waits' : 'transactions wait'} to be mined as before`
      logger.log({ level: 'info', category: 'Chain', text, fields: { event: 'mempoolRestored', count } })
    },
  })
}

/** What ended the node although nobody asked for it. */
class Trouble {
  #text: string | undefined

  note(text: string): void {
    this.#text ??= text
    // Also if the end has to be forced.
    process.exitCode = 1
  }

  /** Throws UserError if there was any. */
  raise(): void {
    if (this.#text !== undefined) throw new UserError(this.#text)
  }
}

/** Where the error does not say itself what to do. */
function storageTrouble(error: string): string {
  if (error.includes('--reindex')) return error
  return `the disk failed: ${error}. What was stored before is safe; start again when that is put right`
}

interface NodeCallbacks {
  readonly onStopRequest: () => void
  readonly onDiskFailure: (error: string) => void
}

function createLogger({ log }: NodeConfig): Logger {
  const terminal = process.stdout.isTTY === true && !log.json && !log.isQuiet
  const color = log.color && process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === ''
  const write = boundedWriter(process.stdout, (lines) => {
    const text = `${lines} lines were left out here: nobody read the log`
    logger.log({ level: 'warn', category: 'Node', text, fields: { event: 'logGap', lines } })
  })
  const logger = new Logger({ write, nowMs: Date.now, color, json: log.json, terminal, isQuiet: log.isQuiet })
  return logger
}

function createNode(
  config: NodeConfig,
  logger: Logger,
  saved: Pick<NodeOptions, 'bans' | 'addresses' | 'chain'>,
  files: NodeFiles,
  { onStopRequest, onDiskFailure }: NodeCallbacks,
): DilithionNode {
  const debug = config.log.debug.has('net')
  const eventLog = new EventLog({ logger, nowMs: Date.now, debug })
  const node: DilithionNode = new DilithionNode({
    network: config.network,
    listen: config.listen ? { port: config.port, host: config.bind } : undefined,
    targets: config.targets,
    limits: config.limits,
    automatic: config.automatic,
    exclusive: config.exclusive,
    ownAddress: config.ownAddress,
    proxy: config.proxy,
    traceMessages: debug,
    wallet: config.wallet.isOn ? walletOptions(config, logger) : undefined,
    ...saved,
    mempoolBytes: config.mempool.budgetBytes,
    mining: {
      ...config.mining,
      onNotice: ({ level, text, fields }) => logger.log({ level, category: 'Mining', text, fields }),
    },
    onEvent: (event) => {
      eventLog.write(event)
      files.note(event)
      if (event.type === 'chain' && event.outcome.type === 'storageFailed') onDiskFailure(event.outcome.error)
    },
    onListenerError: (error) => {
      const text = `Can't accept connections: ${error}`
      logger.log({ level: 'warn', category: 'P2P', text, fields: { event: 'listenerError', error } })
    },
    onStopRequest,
    health: healthListener(config, logger, () => node),
  })
  return node
}

function walletOptions({ dataDir, wallet }: NodeConfig, logger: Logger): NodeOptions['wallet'] {
  return {
    path: join(dataDir, WALLET_FILE),
    rotatesMiningAddress: wallet.rotatesMiningAddress,
    onNotice: (text) =>
      logger.log({ level: 'info', category: 'Wallet', text, fields: { event: 'walletNotice' } }),
  }
}

/** A line a minute is for machines only. */
function healthListener({ log }: NodeConfig, logger: Logger, node: () => DilithionNode): HealthListener {
  const watch = new DiagnosisWatch()
  return {
    onSample: (report) => {
      const fields = { event: 'health', ...report }
      if (log.json) logger.log({ level: 'info', category: 'Node', text: describeHealth(report), fields })
      const notice = watch.check(node())
      if (notice === undefined) return
      const { level, text, code } = notice
      logger.log({ level, category: 'Node', text, fields: { event: 'diagnosis', code } })
    },
    onWarning: ({ kind, text }) =>
      logger.log({ level: 'warn', category: 'Node', text, fields: { event: 'healthWarning', kind } }),
  }
}

async function startRpc(config: NodeConfig, node: DilithionNode, logger: Logger): Promise<RpcServer> {
  const credentials = config.rpcLogin ?? (await makeCookie(config.dataDir))
  const debug = config.log.debug.has('rpc')
  const rpc = new RpcServer({
    control: node,
    credentials,
    log: (level, text) => {
      if (level !== 'debug' || debug) logger.log({ level, category: 'RPC', text, fields: { event: 'rpc' } })
    },
  })
  try {
    const port = await rpc.listen(config.rpcPort, RPC_HOST)
    const text = `Listening on ${formatHostPort(RPC_HOST, port)}`
    logger.log({ level: 'info', category: 'RPC', text, fields: { event: 'rpcListening', port } })
  } catch (error) {
    if (config.rpcLogin === undefined) await removeCookie(config.dataDir)
    throw portError(error, 'RPC', config.rpcPort, '--rpcport=N')
  }
  return rpc
}

async function makeCookie(dataDir: string): Promise<RpcCredentials> {
  try {
    return await createCookie(dataDir)
  } catch (error) {
    throw new UserError(`can't write the cookie file for RPC in ${dataDir}: ${errorText(error)}`)
  }
}

async function startNode(config: NodeConfig, node: DilithionNode, logger: Logger): Promise<void> {
  try {
    await node.listen()
  } catch (error) {
    const isOurs = errorCode(error) !== 'EADDRNOTAVAIL'
    throw portError(error, 'P2P', config.port, isOurs ? '--port=N' : '--bind=ADDR')
  }
  const port = node.listenPort
  const where = config.bind === undefined ? `port ${port}` : formatHostPort(config.bind, port ?? 0)
  const text = port === undefined ? 'Not listening' : `Listening on ${where}`
  const event = port === undefined ? 'notListening' : 'listening'
  logger.log({ level: 'info', category: 'P2P', text, fields: { event, port } })
  await node.start()
}

function startMining({ mining }: NodeConfig, { miner }: DilithionNode, warn: (text: string) => void): void {
  if (!mining.isOn || miner === undefined) return
  const refusal = miner.start()
  if (refusal !== undefined) warn(refusal)
  else if ((mining.threads ?? 0) > miner.threads)
    warn(
      `--threads=${mining.threads}: this node makes ${miner.threads} hashes at once, so mining does not use more`,
    )
}

function portError(error: unknown, what: string, port: number, option: string): UserError {
  const inUse = errorCode(error) === 'EADDRINUSE'
  const why = inUse ? 'it is in use, perhaps by another node' : errorText(error)
  return new UserError(`can't listen on ${what} port ${port}: ${why}. Choose another with ${option}`)
}
